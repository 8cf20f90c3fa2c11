"""pymacnet, unmodified, drives the simulated Maccor at both its TCP ports: a charge, a cut-off, a hold, aborts."""

from collections.abc import Callable
from typing import Any

import pytest

from labctl_simulators.attach import tcp
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.maccor_4000 import Maccor4000
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first

SPEED = 50.0


async def _both_ports(device: Maccor4000, *, ready: Callable[[str], None], **where: Any) -> None:
    places: list[str] = []

    def listening(resource: str) -> None:
        places.append(resource.split("::")[2])
        if len(places) == 2:
            ready(" ".join(places))

    await tcp.serve(device, ready=listening, **where)


def test_every_method_a_charge_a_cutoff_a_hold_and_aborts() -> None:
    python = client_environment("pymacnet==1.1.3")
    device = Maccor4000(RcCell(90.0, 10.0, 1e-3, 1.0), 1, further=[Resistor(100.0), Resistor(100.0)])
    with Served(device, _both_ports, SPEED, port=0) as server:
        binary, text = map(int, server.resource.split())
        assert text - binary == 10  # as 57560 and 57570
        found = run_client(python, "drive_pymacnet.py", *server.resource.split())
    assert (found["channels"], found["number"], found["system"], found["id"]) == (3, 3, 3, "labctl twin")
    assert (found["statuses"], found["aux"], found["variable"]) == ([0, 0, 0], 1, [True, True])
    assert (found["too_early"], found["started"], found["again"]) == (False, True, False)
    assert found["charging"]
    assert found["at_cutoff"]["Chan"] == 1
    assert 0.2 <= found["at_cutoff"]["Voltage"] < 0.3
    assert found["at_cutoff"]["Current"] == pytest.approx(1e-3, rel=1e-3)
    assert 0.09 < found["at_cutoff"]["Capacity"] * 3600.0 < 0.21
    assert found["at_cutoff"]["LastRecNum"] > 20
    assert found["discharging"]
    assert (found["below"]["RF1"], found["at_cutoff"]["RF1"]) == (2, 1)
    assert found["holding"]
    assert found["held"]["Voltage"] == pytest.approx(0.15, abs=1e-3)
    assert (found["third"], found["rest"]) == (True, True)
    assert (found["rested"]["Chan"], found["rested"]["Current"], found["rested"]["Stat"]) == (3, 0, 2)
    assert found["aborted"]
    assert (found["after"]["Stat"], found["after"]["Current"]) == (0, 0)
    assert found["procedure"]
    assert found["charged"]["Current"] == pytest.approx(1e-4, rel=1e-3)
    assert (found["ended"]["RF1"], found["ended"]["RF2"], found["ended"]["Current"]) == (31, 193, 0)
    assert (found["next"], found["next_aborted"], found["no_procedure"]) == (True, True, False)
    assert found["named"] == [True, True, False]  # a name is used once
    assert (found["tight"], found["tripped"]["Stat"], found["tripped"]["RF2"]) == (True, 5, 253)
    assert not device.circuit_closed
