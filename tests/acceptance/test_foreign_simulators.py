"""Our drivers on the simulators that labmcp ships for its own clients, unchanged and served over TCP.

They know what their own client sends: neither an output-off state nor a proof of identity. So our drivers identify
them, see what their output does, find what another program left on, and never switch them on. What each lacks stands on
the pages of the instruments.
"""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from labctl.clock import LoopClock
from labctl.errors import CellStateUnknown, LabctlError, WrongInstrument
from labctl.instrument.channel import Sample
from labctl.instrument.looped import LoopedChannel
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.plugins import driver
from tests.acceptance.environments import CLIENTS, client_environment

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first

PINS = ("labmcp-keithley-smu==0.1.2", "labmcp-palmsens==0.1.3", "labmcp==0.1.2")
STEP = Step(
    Control.CURRENT,
    1e-4,
    (Cutoff(Quantity.TIME, Side.ABOVE, 5.0),),
    SafetyLimits(-1.0, 1.0, 1e-3),
    Sampling(1.0),
)
LONG_ENOUGH_TO_ARM_S = 5.0
SOURCE_METERS = {
    "2400": ("2400", ":OUTP ON", ":OUTP OFF", ":OUTP?", "0"),
    "2450": ("2450", ":OUTP ON", ":OUTP OFF", ":OUTP?", "0"),
    "2600": ("2602B", "smua.source.output = 1", "smua.source.output = 0", "print(smua.source.output)", "0.0"),
}


@contextmanager
def served(name: str) -> Iterator[str]:
    python = client_environment(*PINS)
    command = [str(python), str(CLIENTS / "serve_labmcp.py"), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready, resource = process.stdout.readline().split()
            assert ready == "ready"
            yield resource
        finally:
            process.terminate()


def place(resource: str) -> tuple[str, int]:
    _, host, port, _ = resource.split("::")
    return host, int(port)


def channel_at(resource: str, name: str) -> LoopedChannel:
    return LoopedChannel(driver(name), place(resource), resource, LoopClock())


def say(resource: str, *lines: str) -> str:
    """Another program talks to it, and goes; what it hears last."""
    with socket.create_connection(place(resource), timeout=10.0) as connection:
        for line in lines:
            connection.sendall(line.encode() + b"\n")
        heard = connection.makefile().readline() if lines[-1].endswith(("?", ")")) else ""
    return heard.strip()


async def first_reading(channel: LoopedChannel) -> Sample:
    async with asyncio.timeout(LONG_ENOUGH_TO_ARM_S):
        return await anext(channel.run(STEP))


@pytest.mark.parametrize("kind", SOURCE_METERS)
async def test_a_source_meter_is_identified_and_what_was_left_on_is_found(kind: str) -> None:
    model, on, off, ask, is_off = SOURCE_METERS[kind]
    with served(kind) as resource:
        for words, closed in ((off, False), (on, True)):
            await asyncio.to_thread(say, resource, words)
            channel = channel_at(resource, f"keithley-{kind}")
            assert (await channel.connect()).model == model
            assert await channel.found_closed() is closed
            await channel.close()
        assert not (await asyncio.to_thread(say, resource, ask)).startswith(is_off), (
            "nobody has switched it off"
        )


async def test_what_cannot_be_confirmed_is_never_switched_on() -> None:
    """All at once, for each waits for answers that do not come."""

    async def attempt(kind: str) -> None:
        _, on, _, ask, is_off = SOURCE_METERS[kind]
        with served(kind) as resource:
            await asyncio.to_thread(say, resource, on)  # so that it is seen who switched it off
            channel = channel_at(resource, f"keithley-{kind}")
            await channel.connect()
            with pytest.raises((LabctlError, TimeoutError)):
                await first_reading(channel)
            await channel.close()
            assert (await asyncio.to_thread(say, resource, ask)).startswith(is_off)

    async with asyncio.TaskGroup() as group:
        for kind in SOURCE_METERS:
            group.create_task(attempt(kind))


async def test_a_pico_that_runs_a_script_is_stopped_and_refused_for_its_lack_of_a_galvanostat() -> None:
    script = (
        "e", "var p", "var c", "set_pgstat_mode 2", "cell_on", "meas_loop_ca p c 100m 100m 600", "pck_start",
        "pck_add p", "pck_add c", "pck_end", "endloop", "on_finished:", "cell_off", "",
    )  # fmt: skip
    with served("palmsens") as resource:
        await asyncio.to_thread(say, resource, *script)
        channel = channel_at(resource, "palmsens-emstat4")
        with pytest.raises(WrongInstrument, match="EmStat Pico has no galvanostat"):
            await channel.connect()
        assert await channel.found_closed() is True
        with pytest.raises(CellStateUnknown, match="not known"):  # it has no meas_loop_ocp to prove it with
            await channel.make_safe()
        await channel.close()
        assert await asyncio.to_thread(say, resource, "Z?") == "Z!0003", "it is idle: nothing runs"
