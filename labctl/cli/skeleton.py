"""The example driver package, copied under another name, with a mark wherever it is still the example's."""

import re
from pathlib import Path

from labctl.errors import UserError

MARK = "FILL IN"
_PACKAGE = Path(__file__).resolve().parent.parent
_IN_WHEEL = _PACKAGE / "_skeleton"
_IN_CHECKOUT = _PACKAGE.parent / "examples" / "labctl-driver-example"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")

_TO_FILL_IN = {
    "facts.md": "what the manual says on the wire, with pages; every line below is of an imaginary instrument",
    "README.md": "how it is connected, what holds without the computer, what it cannot do",
    "tests/transcript.txt": "exchanges from the manual, letter by letter",
    "labctl_example_ex1/codec.py": "the ranges and limits, and how values are written and read",
    "labctl_example_ex1/driver.py": "the order in which it arms, energises and measures; its quirks; its summary",
    "labctl_example_ex1/firmware.py": "what the instrument does, from facts.md and without looking at the driver",
}
_TEST = '''"""This package says what is left of the example in it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [path for path in ROOT.rglob("*") if path.suffix in (".md", ".py", ".txt") and path != Path(__file__)]


@pytest.mark.xfail(strict=True, reason="FILL IN: this is an imaginary instrument; remove this mark with the last one")
def test_nothing_is_left_to_fill_in() -> None:
    left = [str(path.relative_to(ROOT)) for path in FILES if "FILL " + "IN" in path.read_text(encoding="utf-8")]
    assert not left, f"fill in: {', '.join(sorted(left))}"
'''


def write_skeleton(name: str, into: Path) -> Path:
    """Make the package ``labctl-VENDOR-MODEL``; returns its directory.

    Args:
        name: as a module is named: ``vendor_model``.
        into: an existing directory.

    Raises:
        UserError: no such name, no such directory, or the package is there already.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"{ascii(name)[1:-1]}: write vendor_model in small letters, for example acme_gx1")
    written = name.replace("_", "-")
    directory = into / f"labctl-{written}"
    source = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT
    files = {path: path.relative_to(source).as_posix() for path in _files(source)}
    try:
        directory.mkdir()
        for path, place in files.items():
            target = directory / _renamed(place, name)
            target.parent.mkdir(exist_ok=True)
            target.write_text(
                _marked(_renamed(path.read_text(encoding="utf-8"), name), place), encoding="utf-8"
            )
        (directory / "tests" / "test_filled_in.py").write_text(_TEST, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{directory} cannot be made: {error.strerror}") from error
    return directory


def _files(source: Path) -> list[Path]:
    kinds = (".md", ".py", ".txt", ".toml", ".typed")
    return [path for path in sorted(source.rglob("*")) if path.is_file() and path.suffix in kinds]


def _renamed(text: str, name: str) -> str:
    vendor, _, model = name.partition("_")
    return (
        text.replace("example_ex1", name)
        .replace("example-ex1", name.replace("_", "-"))
        .replace("ExampleEx1", "".join(part.capitalize() for part in name.split("_")))
        .replace("EX-1", model.replace("_", "-").upper())
        .replace("EXAMPLE", vendor.upper())
    )


def _marked(text: str, place: str) -> str:
    if (what := _TO_FILL_IN.get(place)) is None:
        return text
    if place.endswith(".md"):
        title, _, rest = text.partition("\n")
        return f"{title}\n\n> {MARK}: {what}.\n{rest}"
    if place.endswith(".txt"):
        return f"# {MARK}: {what}.\n{text}"
    docstring, _, rest = text.partition('"""\n')
    return f'{docstring}"""\n# {MARK}: {what}.\n{rest}'
