"""The table of the instruments that have a driver: docs/instruments/index.md, made of the drivers and of records.

   python bench/instruments.py [--write]

What an instrument is comes from its driver, who accepted its twin from ``tests/acceptance/accepted.toml``, and whether
it was verified from the reports of ``labctl conformance`` in ``docs/instruments/conformance``: a report counts if it is
of an instrument that is not simulated and says that it conforms.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from labctl import plugins
from labctl.errors import CannotHold
from labctl.instrument.auxiliary import AuxiliaryDriver
from labctl.instrument.channel import Driver, Traits
from labctl.instrument.conformance import lasting
from labctl.instrument.impedance import ImpedanceMode
from labctl.instrument.step import Control, SafetyLimits, Sampling, Step

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "instruments" / "index.md"
REPORTS = ROOT / "docs" / "instruments" / "conformance"
ACCEPTED = ROOT / "tests" / "acceptance" / "accepted.toml"
OURS = "labctl_drivers"
COLUMNS = (
    *("driver", "models", "wire", "runs a step by itself", "impedance", "when off", "if the computer dies"),
    *("clients that accepted its twin", "verified on hardware"),
)
BESIDE = ("driver", "what it is", "wire", "holds", "clients that accepted its twin", "verified on hardware")
_ZERO_C_K = 273.15
_MODEST = ((1e-5, SafetyLimits(-1.0, 1.0, 1e-3)), (0.5, SafetyLimits(1.0, 5.0, 1.0)))
"""What most can hold: of a coin cell, and of one of amperes."""
_EIS = {ImpedanceMode.POTENTIOSTATIC: "PEIS", ImpedanceMode.GALVANOSTATIC: "GEIS"}


class Accepted(NamedTuple):
    """A client of somebody else's that drove a twin as it is.

    Attributes:
        test: the file of the ordinary tests in which it does so; empty: by hand.
    """

    twin: str
    client: str
    version: str = ""
    test: str = ""

    def __str__(self) -> str:
        return f"{self.client} {self.version}".strip()


def accepted() -> list[Accepted]:
    """All that are recorded."""
    return [Accepted(**entry) for entry in tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))["accepted"]]


def drivers() -> list[Driver]:
    """Those of this project; drivers of other packages have pages of their own."""
    return _loaded("drivers")


def auxiliaries() -> list[AuxiliaryDriver]:
    """Thermometers and chambers of this project."""
    return _loaded("auxiliaries")


def table(found: Iterable[Driver]) -> str:
    """In Markdown, a row for each driver."""
    return _markdown(COLUMNS, (_row(driver, _records(driver.name)) for driver in found))


def table_beside(found: Iterable[AuxiliaryDriver]) -> str:
    """In Markdown, a row for each thermometer or chamber."""
    return _markdown(BESIDE, (_row_beside(driver) for driver in found))


def document(found: Iterable[Driver]) -> str:
    """The whole page."""
    return (
        "# Instruments\n\n"
        "Made by `python bench/instruments.py --write` of the drivers, of `tests/acceptance/accepted.toml`\n"
        "and of the reports in `docs/instruments/conformance`. A box that is not here: [drivers.md](../drivers.md).\n\n"
        f"{table(found)}\n\n"
        "Beside the channels, for the temperature of a run ([temperature.md](../temperature.md)):\n\n"
        f"{table_beside(auxiliaries())}\n\n"
        "The twin is the simulated instrument of the same name (`labctl simulate NAME`), written from the published "
        "facts and sharing no code with\nthe driver. `labctl conformance RESOURCE --driver NAME --load resistor:100` "
        "verifies one on your bench: [conformance.md](../conformance.md).\n"
    )


def _loaded(kind: str) -> list[Any]:
    points = (point for point in plugins.entries(kind) if point.value.startswith(OURS))
    return [point.load() for point in sorted(points, key=lambda point: point.name)]


def _records(name: str) -> list[Accepted]:
    return [record for record in accepted() if record.twin == name]


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [columns, ["---"] * len(columns), *rows])


def _row_beside(driver: AuxiliaryDriver) -> list[str]:
    held = "it only measures"
    if driver.range_K is not None:
        low_C, high_C = (temperature_K - _ZERO_C_K for temperature_K in driver.range_K)
        held = f"{low_C:g} to {high_C:g} degC"
    name = driver.name
    clients, verified = _clients(_records(name)), _verified(name)
    return [f"[{name}]({name}.md)", driver.summary, driver.wire, held, clients, verified]


def _row(driver: Driver, records: list[Accepted]) -> list[str]:
    traits = next(iter(driver.traits.values()))
    return [
        f"[{driver.name}]({driver.name}.md)",
        ", ".join(driver.traits),
        driver.wire,
        _autonomy(driver, traits),
        _impedance(driver),
        traits.off_mode,
        _silence(driver, traits),
        _clients(records),
        _verified(driver.name),
    ]


def _autonomy(driver: Driver, traits: Traits) -> str:
    """An analyser refuses a current of any size."""
    if not any(_takes(driver, traits, *modest) for modest in _MODEST):
        return "it cannot cycle"
    return "yes" if traits.autonomous else "no, paced by the computer"


def _takes(driver: Driver, traits: Traits, current_A: float, safety: SafetyLimits) -> bool:
    step = Step(Control.CURRENT, current_A, (lasting(600.0),), safety, Sampling(10.0))
    try:
        if driver.check_step is not None:
            driver.check_step(step, traits)
    except CannotHold:
        return False
    return True


def _impedance(driver: Driver) -> str:
    measuring = [traits.impedance for traits in driver.traits.values() if traits.impedance is not None]
    if not measuring:
        return "no"
    modes = sorted({_EIS[mode] for traits in measuring for mode in traits.modes}, reverse=True)
    low_Hz, high_Hz = min(t.low_Hz for t in measuring), max(t.high_Hz for t in measuring)
    return f"{', '.join(modes)}: {low_Hz:g} Hz to {high_Hz:g} Hz"


def _silence(driver: Driver, traits: Traits) -> str:
    if traits.host_silence is not None:
        return traits.host_silence
    return "a watchdog opens the circuit, if armed" if driver.watchdog is not None else "it goes on"


def _clients(records: list[Accepted]) -> str:
    tested = ", ".join(str(record) for record in records if record.test)
    by_hand = ", ".join(str(record) for record in records if not record.test)
    told = [f"{tested} (in the tests)"] * bool(tested) + [f"{by_hand} (by hand)"] * bool(by_hand)
    return "; ".join(told) or "none"


def _verified(name: str) -> str:
    links = []
    for report in sorted(REPORTS.glob(f"{name}_*.md")):
        text = report.read_text(encoding="utf-8")
        if "\n- Simulated: no\n" in text and "\n- Outcome: conforms\n" in text:
            links.append(f"[{report.stem.removeprefix(name + '_')}](conformance/{report.name})")
    return ", ".join(links) or "**no**"


def main() -> int:
    """Print the table, or write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write docs/instruments/index.md")
    if parser.parse_args().write:
        DOCUMENT.write_text(document(drivers()), encoding="utf-8")
    else:
        print(table(drivers()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
