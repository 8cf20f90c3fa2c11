"""espec-pr3j, unmodified, drives the simulated PR-3J over a TCP socket: limits, a condition, modes, a refusal."""

import pytest

from labctl_simulators.attach import tcp
from labctl_simulators.firmware.espec_pr3j import EspecPr3j
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first


def test_espec_pr3j_waits_for_a_condition() -> None:
    python = client_environment("espec-pr3j==0.5.0", "pyvisa-py==0.8.1")
    device = EspecPr3j(None, 1)
    with Served(device, tcp.serve, 200.0, port=0) as server:
        found = run_client(python, "drive_espec_pr3j.py", server.resource)
    assert found["mode_at_first"] == "STANDBY"
    assert (found["mode"], found["alarms"]) == ("CONSTANT", 0)
    assert found["at_C"] == pytest.approx(27.0, abs=0.3)
    assert (found["set_C"], found["limits_C"], found["humidity"]) == (27.0, [5.0, 60.0], 50.0)
    assert found["refused"]
    assert found["humidity_off"]
    assert found["mode_at_last"] == "STANDBY"
    assert device.air.goal_C is None
