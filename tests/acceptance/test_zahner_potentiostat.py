"""Zahner's own zahner_potentiostat, unmodified, drives the simulated PP212 over two pseudo-terminals."""

from itertools import pairwise
from typing import Any

import pytest

from labctl_simulators.attach import pty
from labctl_simulators.firmware.zahner_pp2x2 import ZahnerPP2x2
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served
from tests.simulators.firmware.keithley_bench import Battery

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first

SPEED = 100.0
RESISTANCE_OHM, CAPACITANCE_F = 0.05, 500.0


class Ports:
    """Both resources of a device with two lines, in their order."""

    def __init__(self) -> None:
        self.devices: list[str] = []

    async def serve(self, device: Any, *, ready: Any, **where: Any) -> None:
        def listening(resource: str) -> None:
            self.devices.append(resource.removeprefix("ASRL").removesuffix("::INSTR"))
            if len(self.devices) == 2:
                ready(resource)

        await pty.serve(device, ready=listening, **where)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    python = client_environment("zahner-potentiostat==1.1.2")
    ports = Ports()
    device = ZahnerPP2x2(Battery(3.5, CAPACITANCE_F, RESISTANCE_OHM), 1)
    with Served(device, ports.serve, SPEED):
        told = run_client(python, "drive_zahner_potentiostat.py", *ports.devices)
        assert not device.circuit_closed
    return told | {"ports": ports.devices}


def ended(found: dict[str, Any], name: str) -> tuple[float, float, float]:
    """The last point of a primitive that was answered with ``ok``; its points follow each other."""
    told = found[name]
    assert told["reply"] == "ok"
    assert all(0.0 < b - a < 1.01 for a, b in pairwise(told["time_s"]))
    return told["time_s"][-1], told["voltage_V"][-1], told["current_A"][-1]


def test_its_searcher_tells_the_two_ports_apart(found: dict[str, Any]) -> None:
    assert found["search"] == {"serials": ["33000"], "command": found["ports"][0], "data": found["ports"][1]}
    assert found["identity"] == "ZAHNER-ELEKTRIK,PP212,33000,1.1.0"
    assert (found["line_Hz"], found["calibrated"]) == (50.0, "ok")
    assert found["date"].startswith("2026-11-22T12:00")


def test_open_circuit(found: dict[str, Any]) -> None:
    assert ended(found, "rest") == (pytest.approx(20.0), pytest.approx(3.5, abs=1e-4), 0.0)
    assert found["rest"]["time_s"][0] == pytest.approx(0.1)
    assert found["open_circuit_V"] == pytest.approx(3.5, abs=1e-4)


def test_a_charge_and_a_discharge_to_their_cut_offs(found: dict[str, Any]) -> None:
    time_s, voltage_V, current_A = ended(found, "charge")
    assert time_s == pytest.approx((3.6 - 3.5 - RESISTANCE_OHM) * CAPACITANCE_F, abs=0.2)
    assert 3.6 <= voltage_V < 3.6 + 1e-3
    assert current_A == pytest.approx(1.0, rel=1e-4)
    time_s, voltage_V, current_A = ended(found, "discharge")
    assert time_s == pytest.approx((3.55 - RESISTANCE_OHM - 3.4) * CAPACITANCE_F, abs=0.3)
    assert 3.4 - 1e-3 < voltage_V <= 3.4
    assert current_A == pytest.approx(-1.0, rel=1e-4)
    assert ended(found, "too_short")[0] == pytest.approx(5.0)
    assert ended(found, "by_charge")[0] == pytest.approx(20.0 / 2.0)


def test_a_voltage_is_held_until_the_current_has_fallen_or_settled(found: dict[str, Any]) -> None:
    _, voltage_V, current_A = ended(found, "hold")
    assert found["hold"]["current_A"][0] == pytest.approx(1.0, rel=1e-2)
    assert voltage_V == pytest.approx(found["hold"]["voltage_V"][0], abs=1e-4)
    assert 0.19 < current_A <= 0.2
    time_s, voltage_V, _ = ended(found, "settled")
    assert voltage_V == pytest.approx(3.5, abs=1e-4)
    assert 2.0 < time_s < 1000.0


def test_ramps_stairs_and_a_profile(found: dict[str, Any]) -> None:
    begin_V = found["ramp"]["voltage_V"][0]
    time_s, voltage_V, _ = ended(found, "ramp")
    assert (time_s, voltage_V - begin_V) == (pytest.approx(10.0), pytest.approx(0.099, abs=1e-4))
    assert ended(found, "ramp_back")[1] == pytest.approx(begin_V - 1e-3, abs=1e-4)
    assert ended(found, "ramp_for")[1] == pytest.approx(begin_V - 1e-3 - 0.05, abs=1e-4)
    stairs = found["stairs"]
    assert [round(b - a, 4) for a, b in pairwise(stairs["voltage_V"])] == [0.02] * 4
    assert stairs["time_s"] == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0])
    profile = found["profile"]["current_A"]
    assert [profile[0], profile[30], profile[50]] == pytest.approx([0.2, 0.8, -0.6], rel=1e-3)


def test_titrations(found: dict[str, Any]) -> None:
    pitt, gitt = found["pitt"], found["gitt"]
    held = {
        round(v - pitt["voltage_V"][0], 2)
        for v, i in zip(pitt["voltage_V"], pitt["current_A"], strict=True)
        if i
    }
    assert {0.05, 0.1} <= held
    assert min(held) < -0.04
    assert {round(current_A, 2) for current_A in gitt["current_A"]} == {-1.0, 0.0, 1.0}
    begin_V = gitt["voltage_V"][0] - RESISTANCE_OHM
    assert max(gitt["voltage_V"]) - begin_V == pytest.approx(0.1, abs=0.02)
    assert min(gitt["voltage_V"]) - begin_V == pytest.approx(-0.1, abs=0.02)


def test_an_abort_and_the_error_numbers(found: dict[str, Any]) -> None:
    abort = found["abort"]
    assert abort["online_A"] == pytest.approx([0.5] * 3, rel=1e-4)
    assert (abort["acknowledged"], abort["replied"], abort["refused"]) == ("ok", "error 1005", "error 1006")
    assert (abort["state"], abort["cleared"]) == ("1005", "0")
    assert abort["kept"] >= 3
    assert found["errors"] == {"global_limit": 1003, "after_it": 1006, "range": 100, "unknown": 27}
    assert found["on_A"] == pytest.approx(0.5, rel=1e-3)
    assert found["off_A"] == 0.0
