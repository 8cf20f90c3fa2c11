"""QCoDeS, unmodified, drives the simulated B2901A over TCP with its driver of the B2962A, whose commands it shares."""

import pytest

from labctl_simulators.attach import tcp
from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served
from tests.simulators.firmware.keithley_bench import Battery

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first


def test_qcodes_charges_to_a_cutoff() -> None:
    python = client_environment("qcodes==0.58.0", "pyvisa-py==0.8.1")
    device = KeysightB2900(Battery(3.0, capacitance_F=0.01, resistance_ohm=10.0))
    device.port().receive(b":OUTP:OFF:MODE HIZ\n", 0.0)  # or it drains the cell while the client starts
    with Served(device, tcp.serve, port=0) as server:
        found = run_client(python, "drive_qcodes_b2900.py", server.resource)
    assert found["model"] == "B2901A"
    assert len(found["charge"]) > 3
    assert all(current_A == pytest.approx(1e-3, rel=1e-2) for _, current_A in found["charge"])
    assert found["charge"][0][0] < 3.1 < 3.2 <= found["end_V"] < 3.4
    assert (found["limit_V"], found["remote"], found["on_at_last"]) == (5.0, True, False)
    assert found["errors"] == '+0,"No error"'
    assert not device.circuit_closed
