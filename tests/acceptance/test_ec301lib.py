"""ec301lib at commit 08dc348, unmodified, drives the simulated EC301 over TCP.

It is written in Python 2 and in no package registry. EC301LIB names the ``src`` folder of a checkout of
lib-maxiv-ec301, EC301LIB_PYTHON an interpreter of Python 2.7 that has numpy; without them a
person has tried it by hand.
"""

import os
from pathlib import Path

import pytest

from labctl_simulators.attach import tcp
from labctl_simulators.firmware.srs_ec301 import SrsEc301
from tests.acceptance.environments import run_client
from tests.acceptance.served import Served
from tests.simulators.firmware.keithley_bench import Battery

SOURCE, PYTHON = os.environ.get("EC301LIB", ""), os.environ.get("EC301LIB_PYTHON", "")


@pytest.mark.skipif(
    not (SOURCE and PYTHON), reason="EC301LIB and EC301LIB_PYTHON name no client for Python 2"
)
def test_it_charges_to_a_cutoff_streams_scans_and_stops() -> None:
    device = SrsEc301(Battery(0.0, capacitance_F=0.01, resistance_ohm=10.0))
    with Served(device, tcp.serve, port=0) as server:
        found = run_client(Path(PYTHON), "drive_ec301lib.py", server.resource.split("::")[2], SOURCE)
    assert "EC301" in found["id"]
    assert found["error"] == "No error"
    assert not found["on_at_first"]
    assert found["rest_V"] == pytest.approx(0.0, abs=0.01)
    volts = [volt for volt, _ in found["charge"]]
    assert volts == sorted(volts), "a negative current of the instrument charges"
    assert len(volts) > 3
    assert all(ampere == pytest.approx(-1e-3, rel=1e-2) for _, ampere in found["charge"])
    assert 0.2 <= found["end_V"] < 0.4
    assert found["held"][0] == pytest.approx(0.25, abs=2e-3)
    assert found["complaint"] == "Bad remote command"
    assert len(found["acquired"]) == 293
    assert found["stepped"][10] == pytest.approx(0.2, abs=2e-3)
    assert found["stepped"][400] == pytest.approx(0.3, abs=2e-3)
    assert max(found["cycled"]) == pytest.approx(0.4, abs=2e-3)
    assert min(found["cycled"]) == pytest.approx(0.1, abs=2e-3)
    assert len(found["aborted"]) < 1000, "60 s were asked for"
    assert not found["on_at_last"]
    assert not device.circuit_closed
