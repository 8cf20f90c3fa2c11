"""Other people's tools load what labctl exports, each in an environment of its own and with one line.

``pytest -m foreign tests/exchange`` installs them, which takes some minutes; with FOREIGN_ENVIRONMENTS they are kept in
that directory.
"""

import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from labctl.exchange.protocols.translate import export_protocol
from labctl.protocol import load
from tests.exchange.test_export import PASSED_Ah

pytestmark = [pytest.mark.foreign, pytest.mark.timeout(1800)]

TOOLS = {
    "eis": ("impedance==1.7.1", "pandas", "pyimpspec==5.1.3", "rocrate==0.16.0"),
    "cellpy": ("cellpy==1.0.3",),
    "pyprobe": ("PyProBE-Data==2.6.1",),
    "pybamm": ("pybamm==26.10.1.1",),
}


@dataclass(frozen=True, slots=True)
class Environment:
    """A tool's own Python."""

    directory: Path

    def __call__(self, program: str, *arguments: object) -> object:
        """What a program prints last, as JSON."""
        done = subprocess.run(
            [self.directory / "bin" / "python", "-c", f"import json, sys\n{program}", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=self.directory,
            env=os.environ | {"HOME": str(self.directory)},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def environments(tmp_path_factory):
    kept = os.environ.get("FOREIGN_ENVIRONMENTS")
    return Path(kept) if kept else tmp_path_factory.mktemp("foreign")


@pytest.fixture
def tool(request, environments):
    directory = environments / request.param
    if not directory.exists():
        venv.create(directory, with_pip=True)
        pip = [directory / "bin" / "python", "-m", "pip", "install", "--quiet", *TOOLS[request.param]]
        subprocess.run(pip, check=True, stdout=sys.stderr)
    return Environment(directory)


@pytest.mark.parametrize("tool", ["pyprobe"], indirect=True)
def test_pyprobe(tool, exported):
    rows, net_Ah, cycles, first_charge_Ah = tool(
        """
import pyprobe
from pyprobe.analysis import cycling
cell = pyprobe.Cell(info={"Name": "x"})
cell.import_data("run", sys.argv[1])
data = cell.procedure["run"].data
summary = cycling.summary(cell.procedure["run"]).data
print(json.dumps([len(data), data["Capacity [Ah]"][-1], len(summary), summary["Charge Capacity [Ah]"][0]]))
""",
        exported.file(".pyprobe.parquet"),
    )
    assert rows == exported.reader.run().sample_count
    assert net_Ah == pytest.approx(PASSED_Ah[+1] - PASSED_Ah[-1], rel=1e-3)
    assert cycles == 3
    assert first_charge_Ah == pytest.approx(PASSED_Ah[+1] / 3, rel=1e-3)


@pytest.mark.parametrize("tool", ["cellpy"], indirect=True)
def test_cellpy(tool, exported):
    rows, charges_Ah, discharges_Ah = tool(
        """
import cellpy
cell = cellpy.get(sys.argv[1], instrument="custom", instrument_file=sys.argv[2], cycle_mode="cathode")
summary = cell.data.summary
print(json.dumps([len(cell.data.raw), list(summary["charge_capacity"]), list(summary["discharge_capacity"])]))
""",
        exported.file(".cellpy.csv"),
        exported.file("labctl-cellpy.yml"),
    )
    assert rows == exported.reader.run().sample_count
    assert charges_Ah == pytest.approx([PASSED_Ah[+1] / 3] * 3, rel=1e-3)
    assert discharges_Ah == pytest.approx([PASSED_Ah[-1] / 3] * 3, rel=1e-3)


@pytest.mark.parametrize("tool", ["eis"], indirect=True)
@pytest.mark.parametrize(
    "line",
    [
        "from impedance.preprocessing import readBioLogic; f, z = readBioLogic(sys.argv[1])",
        "import pyimpspec; (d,) = pyimpspec.parse_data(sys.argv[1]); f, z = d.get_frequencies(), d.get_impedances()",
    ],
)
def test_spectra(tool, exported, line):
    (path, *_) = sorted(exported.directory.glob("*.mpt"))
    found = tool(
        f"{line}\nprint(json.dumps([list(map(float, f)), [c.real for c in z], [c.imag for c in z]]))", path
    )
    points = exported.reader.spectra(1)[0].spectrum.points
    for column, ours in zip(found, list(zip(*points, strict=True))[1:4], strict=True):
        assert column == pytest.approx(list(ours), rel=1e-6)


@pytest.mark.parametrize("tool", ["eis"], indirect=True)
def test_ro_crate(tool, exported):
    files, licence = tool(
        """
from rocrate.rocrate import ROCrate
crate = ROCrate(sys.argv[1])
print(json.dumps([len(crate.data_entities), crate.root_dataset["license"].id]))
""",
        exported.directory,
    )
    assert files == len(list(exported.directory.iterdir())) - 1
    assert licence == "https://spdx.org/licenses/CC-BY-4.0"


@pytest.mark.parametrize("tool", ["pybamm"], indirect=True)
def test_pybamm(tool, tmp_path):
    (tmp_path / "p.json").write_text(export_protocol(load("na50k50-symmetric"), "pybamm").text)
    cycles, value_A, duration_s = tool(
        """
import pybamm
items = json.load(open(sys.argv[1]))
experiment = pybamm.Experiment([tuple(x) if isinstance(x, list) else x for x in items])
step = pybamm.step.string(items[1][0])
print(json.dumps([len(experiment.cycles), step.value, step.duration]))
""",
        tmp_path / "p.json",
    )
    assert cycles == 201
    assert value_A == pytest.approx(-113.097e-6, rel=1e-5)  # PyBaMM counts a discharge positive
    assert duration_s == 9000.0
