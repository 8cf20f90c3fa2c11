"""The unmodified pycti-arbin drives the simulated MITS Pro; and the driver meets that package's own ArbinSpoofer.

The spoofer answers login, channel information, assign, start, stop and single variables, and shows what it is told to
show. It knows neither batches of variables nor jumps: there a step of the driver ends, before anything is energised.
"""

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from labctl.clock import LoopClock
from labctl.errors import CellStateUnknown, LinkTimeout, WrongInstrument
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Deadline
from labctl_drivers import arbin_mitspro, arbin_mitspro_server
from labctl_drivers.arbin_mitspro import DRIVER
from labctl_simulators.attach import tcp
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.arbin_mitspro import ArbinMitsPro
from tests.acceptance.environments import CLIENTS, client_environment, run_client
from tests.acceptance.served import Served

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first

CHARGE = Step(
    Control.CURRENT,
    1e-3,
    (Cutoff(Quantity.TIME, Side.ABOVE, 10.0),),
    SafetyLimits(-1.0, 1.0, 5e-3),
    Sampling(1.0),
)


@pytest.fixture(scope="module")
def python() -> Path:
    return client_environment("pycti-arbin==0.0.13")


@pytest.fixture(scope="module")
def found(python: Path) -> dict[str, Any]:
    """0.1 V at once and 1 mV/s from then on at 1 mA; and 100 ohm."""
    device = ArbinMitsPro(RcCell(90.0, 10.0, 1e-3, 1.0), 1, further=[Resistor(100.0)])
    with Served(device, tcp.serve, 200.0, port=0) as server:
        host, port = server.resource.split("::")[1:3]
        return run_client(python, "drive_pycti_arbin.py", host, port)


def test_it_logs_in_and_is_refused_with_a_wrong_password(found: dict[str, Any]) -> None:
    assert (found["channels"], found["name"], found["control"]) == (2, "Simulated Arbin", 1)
    assert found["serial"].isdigit()
    assert found["refused"]
    assert found["first"][:3] == ["Idle", "", 0.0]
    assert found["none"] == {}


def test_it_charges_to_a_cut_off_and_holds_until_the_current_has_fallen(found: dict[str, Any]) -> None:
    assert (found["started"], found["again"], found["assigned_again"]) == (True, False, False)
    steps = list(dict.fromkeys(place for _, place, *_ in found["seen"]))
    assert steps == [
        "[1] 1: Step_A, Rest",
        "[1] 2: Charge, Current(A)",
        "[1] 3: Hold, CCCV",
        "[1] 4: Look, Pause",
    ]
    charge = [row for row in found["seen"] if "Charge," in row[1]]
    hold = [row for row in found["seen"] if "Hold," in row[1]]
    assert {row[0] for row in charge + hold} == {"Charge"}
    assert all(row[4] == pytest.approx(1e-3, rel=1e-4) for row in charge)
    assert all(row[3] == pytest.approx(0.1 + 1e-3 * (row[2] - 5.0), abs=2e-3) for row in charge[1:])
    assert all(row[3] == pytest.approx(0.2, abs=1e-4) for row in hold)
    assert hold[0][4] > hold[-1][4] > 0.9e-4
    status, _, test_s, voltage_V, current_A, charge_Ah = found["seen"][-1]
    assert (status, current_A) == ("Pause", 0.0)
    assert test_s > 300.0
    assert charge_Ah == pytest.approx(voltage_V / 3600.0, rel=2e-2)  # 1 F
    assert found["by_number"][:2] == ["Pause", "[1] 4: Look, Pause"]


def test_a_meta_variable_sets_the_current_and_a_stop_ends_it(found: dict[str, Any]) -> None:
    assert not found["before"]  # nothing runs yet
    assert found["load"]
    assert found["set"]
    assert found["flows"][0] == "Charge"
    assert found["flows"][3:5] == [pytest.approx(0.2, rel=1e-3), pytest.approx(2e-3, rel=1e-3)]
    assert found["turned"][0] == "Discharge"
    assert found["turned"][4] == pytest.approx(-1e-3, rel=1e-3)
    assert (found["aborted"], found["idle"][0], found["idle"][4], found["twice"]) == (True, "Idle", 0.0, True)


def test_what_is_not_there_is_refused(found: dict[str, Any]) -> None:
    assert (found["missing"], found["nobody"]) == (False, False)


# --- the driver and ArbinSpoofer ----------------------------------------------------------------------------------


class Spoofer:
    """The process in which it runs."""

    def __init__(self, python: Path) -> None:
        command = [str(python), str(CLIENTS / "serve_arbin_spoofer.py")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line())

    def show(self, **readings: object) -> None:
        """Let the first channel show this."""
        assert self.process.stdin is not None
        print(json.dumps(readings), file=self.process.stdin, flush=True)
        assert self._line() == "shown"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@asynccontextmanager
async def meeting(python: Path, **options: str) -> AsyncIterator[tuple[Spoofer, ThreadedChannel]]:
    spoofer = Spoofer(python)
    resource = f"TCPIP::127.0.0.1::{spoofer.port}::SOCKET"
    channel = ThreadedChannel(DRIVER, resource, LoopClock(1.0), options=options)
    try:
        yield spoofer, channel
    finally:
        await channel.close()
        spoofer.process.communicate(timeout=10)


async def test_the_driver_believes_what_a_channel_shows_not_that_a_stop_was_accepted(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arbin_mitspro, "_LOOKS", 3)
    async with meeting(python, address="1") as (spoofer, channel):
        spoofer.show(status=3, voltage_v=3.2, current_a=-0.5)
        identity = await channel.connect()
        assert str(identity) == "Arbin MSTAT-10V1A, serial 00000000 channel 1"
        with pytest.raises(CellStateUnknown, match="its status is Discharge"):
            await channel.make_safe()
        spoofer.show(status=0, current_a=0.0)
        await channel.make_safe()


async def test_the_driver_ends_where_the_spoofer_does_before_anything_is_energised(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Known:
        hex = "0123456789abcdef"

    monkeypatch.setattr(arbin_mitspro.uuid, "uuid4", Known)
    monkeypatch.setattr(arbin_mitspro_server, "_FEEDBACK", Deadline("feedback of MITS Pro", slack_s=1.0))
    async with meeting(python, address="1", read_back="no") as (spoofer, channel):
        await channel.connect()
        spoofer.show(testname="labctl-0123456789ab", step_and_cycle_format="[1] 1: Wait, Rest")
        samples = channel.run(CHARGE)
        with pytest.raises(LinkTimeout, match="feedback of MITS Pro"):
            await anext(samples)
        await channel.make_safe()


async def test_a_channel_that_the_spoofer_does_not_have_is_refused(python: Path) -> None:
    async with meeting(python, address="3") as (_, channel):
        with pytest.raises(WrongInstrument, match="the cycler has channels 1 to 2"):
            await channel.connect()
