"""IO Rodeo's own client, unmodified, drives the simulated Rodeostat over a pty: all tests, by hand, cut off, mux."""

import pytest

from labctl_simulators.attach import pty
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.firmware.iorodeo_rodeostat import Rodeostat
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first

PINS = ("iorodeo-potentiostat==0.0.9", "progressbar33==2.4", "pyserial==3.5")
SPEED = 5.0
SERIES_ohm = 1000.0


def test_every_test_by_hand_cut_off_and_multiplexed() -> None:
    python = client_environment(*PINS)
    device = Rodeostat(RcCell(SERIES_ohm, 1.0, 1e-9, 0.01))  # a time constant of 10 s
    with Served(device, pty.serve, SPEED) as server:
        path = server.resource.removeprefix("ASRL").removesuffix("::INSTR")
        found = run_client(python, "drive_iorodeo_potentiostat.py", path)
    assert (found["variant"], found["firmware"], found["hardware"]) == ("10V_microAmpV0.2", "FW0.1.0", "V0.2")
    assert found["ranges"] == found["reference_ranges"] == ["1V", "2V", "5V", "10V"]
    assert found["current_ranges"] == ["1uA", "10uA", "100uA", "1000uA"]
    assert (found["id"], device.device_id, found["rate"]) == (42, 42, 10)
    assert sorted(found["names"]) == sorted(found["tests"])
    assert all(found["parameters"].values()), found["parameters"]
    for name, (times_s, volts, currents_uA, done_s) in found["tests"].items():
        assert times_s[-1] == pytest.approx(done_s, abs=0.011), name
        assert max(map(abs, volts)) >= 0.1, name
        assert max(map(abs, currents_uA)) > 50.0, name
    times_s, volts, currents_uA, _ = found["tests"]["cyclic"]
    assert max(volts) == pytest.approx(0.4, abs=1e-3)
    assert min(volts[5:]) == pytest.approx(-0.2, abs=1e-3)
    set_V, current_uA, read_V, connected = found["by_hand"]
    assert connected
    assert set_V == pytest.approx(0.25, abs=5e-4)
    assert read_V == pytest.approx(set_V, abs=1e-3)
    assert current_uA == pytest.approx(1e6 * (set_V - found["open_circuit_V"]) / SERIES_ohm, abs=10.0)
    charge = found["charge"]
    passed = [current_uA for _, current_uA in charge if current_uA >= 200.0]
    assert len(passed) > 100
    assert passed[0] > passed[len(passed) // 2] > passed[-1]
    assert charge[-1][0] < 60.0, "it was cut off, not run to its end"
    assert not found["connected_after"]
    assert found["after_an_idle_stop"] == "{}"
    assert found["mux"] == [
        True,
        [1, 3],
        ["cyclic", "sinusoid", "constant", "linearSweep", "chronoamp", "multiStep"],
    ]
    assert found["mux_counts"] == {"1": 10, "3": 10}
    assert found["mux_working"] == [3, 3]
    assert found["mux_open"] == [False, False, False, False]
    assert "unable to convert volt to float" in found["refused"]
    assert not device.circuit_closed
