"""A database with a finished run, made by the command line in virtual time."""

from pathlib import Path

import pytest

from tests.system.command_line import CommandLine

PROTOCOL = """\
protocol: three-cycles
cell: {name: "NaK <b>17</b>", electrode_diameter: 6 mm, equilibrium_voltage: 0 V, simulate_as: na50k50}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 30 s}
steps:
  - rest: {until: {time: 10 min}}
  - loop: 3
    steps:
      - constant_current: {current: +0.4 mA/cm2, until: {capacity: 0.2 mAh/cm2, voltage: 0.9 V}}
      - constant_current: {current: -0.4 mA/cm2, until: {capacity: 0.2 mAh/cm2, voltage: -0.9 V}}
      - impedance:
          {mode: galvanostatic, amplitude: 10 uA, from: 100 kHz, to: 0.1 Hz, points_per_decade: 10, on_cycles: [1, 3]}
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its path; the run is number 1."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "three.yaml").write_text(PROTOCOL, "utf-8")
    command = CommandLine(folder)
    ran = command("run", "three.yaml", "--db", str(folder / "runs.db"))
    assert ran.code == 0, ran.err
    return folder / "runs.db"
