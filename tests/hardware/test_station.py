"""Hardware in the loop, run by ``pytest --station FILE``: conformance and a main job on each channel of a station.

No cells may be connected: at each channel is the resistor that ``--load`` names.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labctl import plugins
from labctl.clock import LoopClock
from labctl.station.conformance import Load, Place, conform, current_for
from labctl.station.connect import ChannelSpec
from labctl.station.file import load_station

PROTOCOL = """\
protocol: three-cycles-of-a-resistor
cell: {{electrode_area: 1 cm2, equilibrium_voltage: 0 V}}
safety: {{voltage: [{low_V} V, {high_V} V], current: {most_mA} mA}}
record: {{every: {every_s} s}}
steps:
  - rest: {{until: {{time: {half_s} s}}}}
  - loop: 3
    steps:
      - constant_current: {{current: +{current_mA} mA, until: {{time: {half_s} s, voltage: {end_V} V}}}}
      - constant_current: {{current: -{current_mA} mA, until: {{time: {half_s} s, voltage: -{end_V} V}}}}
"""
HALF_S = 10.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    station = load_station(metafunc.config.getoption("--station"))
    wanted = metafunc.config.getoption("--channel") or list(station.channels)
    channels = [station.channel(name) for name in wanted]
    metafunc.parametrize("spec", channels, ids=lambda spec: spec.name)


@pytest.fixture
def load(spec: ChannelSpec, pytestconfig: pytest.Config) -> Load:
    """The resistor, and a current that the station's limits and the instrument's ranges allow twice."""
    resistance_ohm = float(pytestconfig.getoption("--load").removeprefix("resistor:"))
    current_A = current_for(resistance_ohm, spec.traits())
    if spec.limits is not None:
        narrow_V = min(-spec.limits.voltage_min_V, spec.limits.voltage_max_V)
        current_A = min(current_A, 0.5 * spec.limits.current_max_A, 0.5 * narrow_V / resistance_ohm)
    return Load(resistance_ohm, current_A)


@pytest.mark.timeout(600)
async def test_it_conforms(spec: ChannelSpec, load: Load, pytestconfig: pytest.Config) -> None:
    if not spec.resource:
        pytest.skip("simulated in this process: the ordinary tests see to it")
    place = Place(plugins.driver(spec.driver), spec.resource, dict(spec.options()))
    found = await conform(place, load, LoopClock(pytestconfig.getoption("--station-speed")))
    assert found.conforms, "\n".join(f"{f.outcome}: {f.promise}: {f.found}" for f in found.findings)


@pytest.mark.timeout(600)
def test_a_main_job(spec: ChannelSpec, load: Load, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    speed = pytestconfig.getoption("--station-speed")
    done = run_main_job(spec, load, pytestconfig.getoption("--station"), speed, tmp_path)
    assert (done["state"], len(done["half_cycles"])) == ("finished", 6)
    half_s = HALF_S * speed**0.5
    for half_cycle in done["half_cycles"]:
        late = 0.02 + 0.05 * speed / half_s
        assert abs(half_cycle["charge_C"]) == pytest.approx(load.current_A * half_s, rel=load.accuracy + late)
        across_V = load.current_A * load.resistance_ohm
        assert half_cycle["overpotential_median_V"] == pytest.approx(
            across_V, rel=2.0 * load.accuracy, abs=2e-3
        )


def run_main_job(
    spec: ChannelSpec, load: Load, station: str, speed: float, directory: Path
) -> dict[str, Any]:
    """Three cycles, as a person runs them."""
    across_V, half_s = load.current_A * load.resistance_ohm, HALF_S * speed**0.5
    figures = {
        "low_V": -2.0 * across_V,
        "high_V": 2.0 * across_V,
        "most_mA": 2e3 * load.current_A,
        "current_mA": 1e3 * load.current_A,
        "end_V": 1.8 * across_V,
        "half_s": half_s,
        "every_s": half_s / 10.0,
    }
    protocol = directory / "resistor.yaml"
    protocol.write_text(PROTOCOL.format(**{name: f"{value:.6g}" for name, value in figures.items()}))
    words = ["run", str(protocol), "--json", "--station", os.path.abspath(station), "--channel", spec.name]
    words += ["--speed", f"{speed:g}"] if speed != 1.0 else []
    done = subprocess.run(
        [sys.executable, "-m", "labctl.cli.main", *words, "--db", str(directory / "main-job.sqlite")],
        capture_output=True,
        text=True,
        timeout=500.0,
        check=False,
    )
    assert done.stdout.startswith("{"), done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]
