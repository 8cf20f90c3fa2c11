"""dcps, labmcp-bench-psu and instro, unmodified, drive the simulated DP832 and DL3021 over TCP."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from labctl_simulators.attach import tcp
from labctl_simulators.firmware.rigol_pair import RigolPair
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served
from tests.simulators.firmware.keithley_bench import Battery

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first

SPEED = 40.0


@pytest.fixture
def pair() -> RigolPair:
    """1 A into 60 F: 17 mV/s."""
    return RigolPair(Battery(3.0, capacitance_F=60.0, resistance_ohm=0.02))


@pytest.fixture
def places(pair: RigolPair) -> Iterator[list[str]]:
    """Where the supply and the load are."""
    with Served(pair, tcp.serve, SPEED, lines=2, port=0) as server:
        yield server.resources


def charged(found: dict[str, Any]) -> None:
    assert len(found["charge"]) > 2
    assert all(current_A == pytest.approx(1.0, abs=3e-3) for _, current_A, *_ in found["charge"])
    volts = [reading[0] for reading in found["charge"]]
    assert all(later_V > earlier_V - 0.02 for earlier_V, later_V in pairwise(volts))
    assert volts[-1] > volts[0] + 0.1
    assert 3.3 <= found["end_V"] <= 3.42
    assert found["tripped"]


def discharged(found: dict[str, Any]) -> None:
    assert len(found["discharge"]) > 2
    settled = [current_A for _, current_A in found["discharge"][1:]]
    assert settled == pytest.approx([2.0] * len(settled), abs=3e-3)


def test_dcps_charges_and_discharges(pair: RigolPair, places: list[str]) -> None:
    found = run_client(client_environment("dcps==0.9.3", "pyvisa-py==0.8.1"), "drive_dcps_rigol.py", *places)
    charged(found)
    discharged(found)
    assert [who.split(",")[1] for who in found["who"]] == ["DP832", "DL3021"]
    assert not found["on_at_first"]
    assert found["set"] == [3.4, 1.0]
    assert found["protected"] == [True, 3.6]
    assert found["off"]
    assert found["functions"] == ["CR", "CV", "CP", "CC"]
    assert found["modes"] == "FIX"
    assert found["sense"]
    assert found["errors"] == ['0,"No error"', '0,"No error"']
    assert not found["on_at_last"]
    assert not pair.circuit_closed


def test_labmcp_charges_trips_and_switches_all_off(pair: RigolPair, places: list[str]) -> None:
    _, host, port, _ = places[0].split("::")
    python = client_environment("labmcp-bench-psu==0.1.3")
    found = run_client(python, "drive_labmcp_bench_psu.py", f"tcp://{host}:{port}")
    charged(found)
    assert found["who"]["model"] == "DP832"
    assert found["on_at_first"] == [False] * 3
    assert found["set"] == [3.4, 1.0]
    assert {mode for _, _, mode in found["charge"]} == {"CC"}
    assert (found["protection"]["ovp_v"], found["protection"]["ocp_a"]) == (3.6, 1.2)
    assert found["protection"]["ovp_enabled"]
    assert found["cleared"]
    assert found["beside"] == [pytest.approx(12.0, abs=0.02), pytest.approx(0.0, abs=2e-3)]
    assert "-222" in found["refused"]
    assert found["not_off"] == []
    assert found["errors"] == []
    assert not pair.circuit_closed


def test_instro_charges_discharges_and_the_battery_test_ends_by_itself(
    pair: RigolPair, places: list[str]
) -> None:
    python = client_environment("instro==1.22.0", "pyvisa-py==0.8.1")
    found = run_client(python, "drive_instro_rigol.py", *places)
    charged(found)
    discharged(found)
    assert "DP832" in found["who"]
    assert found["set"] == [3.4, 1.0]
    assert found["protected"] == [3.6, 1.2]
    assert found["modes"] == ["OFF", "CONSTANT_CURRENT"]
    assert "out of range" in found["refused"]
    assert found["after_A"] == 0.0
    assert found["by_itself_A"] == 0.0
    assert found["by_itself_V"] == pytest.approx(2.84, abs=0.02)
    assert not pair.circuit_closed
