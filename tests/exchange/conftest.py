import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from labctl.engine.control import RunControl
from labctl.exchange.export import FORMATS, export_run
from labctl.protocol import load
from labctl.station.connect import ChannelSpec
from labctl.station.launch import Launch, launch
from labctl.store.reader import Reader

PROTOCOL = """\
protocol: cycles-and-spectra
cell: {name: "=cmd|' /C calc'!A0", electrode_diameter: 6 mm, nominal_capacity: 0.3 mAh, equilibrium_voltage: 0 V}
safety: {voltage: [-1.0 V, 1.0 V], current: 5 mA}
record: {every: 10 s}
steps:
  - rest: {until: {time: 1 min}}
  - loop: 3
    steps:
      - constant_current: {current: +1 mA, until: {time: 5 min, voltage: 0.9 V}}
      - constant_current: {current: -1 mA, until: {time: 4 min, voltage: -0.9 V}}
      - impedance: {mode: galvanostatic, amplitude: 10 uA, from: 1 kHz, to: 1 Hz}
"""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "foreign: installs other people's tools; run by hand, pytest -m foreign"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "foreign" not in str(config.getoption("-m")):
        by_hand = pytest.mark.skip(reason="installs other people's tools: pytest -m foreign")
        for item in items:
            if item.get_closest_marker("foreign"):
                item.add_marker(by_hand)


@dataclass(frozen=True, slots=True)
class Exported:
    """A run in virtual time, and every file that was made of it."""

    database: Path
    directory: Path

    @property
    def reader(self) -> Reader:
        return Reader(self.database)

    def file(self, ending: str) -> Path:
        (found,) = self.directory.glob(f"*{ending}")
        return found


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    directory = tmp_path_factory.mktemp("exchange")
    (directory / "p.yaml").write_text(PROTOCOL)
    database = directory / "runs.sqlite"
    plan = load(str(directory / "p.yaml"))
    spec = ChannelSpec("simulated", "palmsens-emstat4", cell="rc:R0=10,R1=100,C1=1e-3,C=5")
    asyncio.run(launch(Launch(plan, spec, str(database), None, 0, 0.0), RunControl()))
    reader = Reader(database)
    export_run(reader, reader.run(), directory / "out", [*FORMATS, "ro-crate"], "CC-BY-4.0")
    return Exported(database, directory / "out")
