"""The stations that come with labctl: simulated benches, found by name beside the bundled protocols."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_IN_WHEEL = _PACKAGE / "_stations"
_IN_CHECKOUT = _PACKAGE.parent / "stations"


def bundled_stations() -> dict[str, Path]:
    """Their files by name."""
    folder = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
