"""The locked requirements: all that the project names, in versions that it allows, with hashes and no addresses."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {
    "use": ("export", "broker", "notices"),
    "test": ("export", "dev"),
}


def _locked(name: str) -> dict[str, list[Requirement]]:
    """Requirements by name; a version for each range of Pythons that needs one of its own."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    locked: dict[str, list[Requirement]] = {}
    for line in re.findall(r"^([a-z0-9][^\\\n]*?) \\$", text, re.MULTILINE | re.IGNORECASE):
        requirement = Requirement(line)
        locked.setdefault(_plain(requirement.name), []).append(requirement)
    return locked


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(name: str) -> None:
    locked = _locked(name)
    asked = list(PROJECT["dependencies"])
    for extra in LOCKS[name]:
        asked += PROJECT["optional-dependencies"][extra]
    for text in asked:
        wanted = Requirement(text)
        assert _plain(wanted.name) in locked, f"{text} is not locked: ./run lock"
        for found in locked[_plain(wanted.name)]:
            (version,) = found.specifier
            assert wanted.specifier.contains(version.version, prereleases=True), (
                f"{text}: {found}: ./run lock"
            )


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    entries = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
