"""Commands on the raw connection: one that comes twice or late takes effect once or not at all."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from labctl.clock import LoopClock
from labctl.keeper.frames import Frame, Frames
from labctl.keeper.terms import Terms, software_version
from labctl.keeper.values import to_plain
from tests.keeper.bench import Instruments, SharedKeeper
from tests.keeper.engine import current


class Raw:
    """A client that says whatever it likes."""

    def __init__(self) -> None:
        self.frames = Frames(self._take, lambda: None)
        self.got: list[Frame] = []

    def _take(self, frame: Frame) -> None:
        self.got.append(frame)
        if "tick" in frame:
            self.frames.send({"done": frame["tick"]})

    def send(self, number: int, verb: str, value: Any = None, **more: Any) -> None:
        self.frames.send({"id": number, "do": verb, "with": value, **more})

    async def answer(self, number: int, times: int = 1) -> Frame:
        """The answer to a command, or the end of its stream."""
        async with asyncio.timeout(10.0):
            while True:
                found = [f for f in self.got if number in (f.get("re"), f.get("late"))]
                found += [f for f in self.got if f.get("of") == number and "item" not in f]
                if len(found) >= times:
                    return found[times - 1]
                await asyncio.sleep(0.01)

    async def error(self, number: int) -> str:
        return str((await self.answer(number))["error"][0])


@pytest.fixture
async def raw(bench: Instruments, keeper: SharedKeeper) -> AsyncIterator[Raw]:
    async with connected(keeper) as client:
        client.send(1, "attach", to_plain(terms(bench)))
        client.send(2, "connect")
        await client.answer(2)
        yield client


@asynccontextmanager
async def connected(keeper: SharedKeeper) -> AsyncIterator[Raw]:
    client = Raw()
    connection, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(keeper.process.control, [b"c"], [theirs.fileno()])
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: client.frames, sock=connection)
    try:
        yield client
    finally:
        transport.close()
        await asyncio.sleep(0.01)


def terms(bench: Instruments, software: str = "") -> Terms:
    clock = LoopClock()
    return Terms(
        channel="cell",
        driver="keithley-2450",
        resource=bench.resources[0],
        model=None,
        options=(),
        speed=clock.speed,
        start=clock.start,
        lease_s=1.0,
        idle_s=5.0,
        engine_pid=1,
        software=software or software_version(),
    )


STEP = to_plain(current(5e-4, 0.3))


@pytest.mark.parametrize(("second", "times_on"), [(3, 1), (4, 2)])
async def test_a_step_that_comes_twice_is_carried_out_once(
    raw: Raw, bench: Instruments, second: int, times_on: int
) -> None:
    """With a number of its own, as the planted fault, it is carried out again."""
    raw.send(3, "run", STEP, epoch=1)
    await raw.answer(3)
    items = len(raw.got)
    raw.send(second, "run", STEP, epoch=1)
    again = await raw.answer(second, times=2 if second == 3 else 1)
    assert "error" not in again
    more = sum("item" in frame for frame in raw.got[items:])
    assert (more > 0) is (times_on == 2)
    assert bench.wire().count(":OUTP ON") + (times_on - 1) == times_on  # the second step only moves the level


async def test_a_step_that_comes_again_while_it_runs_changes_nothing(raw: Raw, bench: Instruments) -> None:
    raw.send(3, "run", STEP, epoch=1)
    await asyncio.sleep(0.1)
    raw.send(3, "run", STEP, epoch=1)
    assert await raw.error(3) == "Superseded"
    assert "error" not in await raw.answer(3, times=2), "the step itself has ended as it should"
    assert bench.wire().count(":OUTP ON") == 1


async def test_a_step_that_was_overtaken_by_the_opening_does_not_begin(raw: Raw, bench: Instruments) -> None:
    raw.send(8, "safe", "a person asks")
    await raw.answer(8)
    raw.send(7, "run", STEP, epoch=2)
    assert await raw.error(7) == "Superseded"
    assert ":OUTP ON" not in bench.wire()


async def test_a_step_of_an_earlier_epoch_does_not_begin(raw: Raw, bench: Instruments) -> None:
    raw.send(3, "safe", "a person asks")
    assert (await raw.answer(3))["epoch"] == 2
    raw.send(4, "run", STEP, epoch=1)
    assert await raw.error(4) == "Superseded"
    assert ":OUTP ON" not in bench.wire()


async def test_opening_goes_before_a_step_in_progress(raw: Raw, bench: Instruments) -> None:
    raw.send(3, "run", to_plain(current(5e-4, 60.0)), epoch=1)
    while not any("item" in frame for frame in raw.got):
        await asyncio.sleep(0.01)
    raw.send(4, "safe", "a person asks")
    assert "error" not in await raw.answer(4)
    assert not bench.closed()
    assert await raw.error(3) == "Superseded"


async def test_another_version_is_refused(bench: Instruments, keeper: SharedKeeper) -> None:
    async with connected(keeper) as client:
        client.send(1, "attach", to_plain(terms(bench, software="0.0.1")))
        assert await client.error(1) == "StationError"
    assert bench.wire() == ""


@pytest.mark.parametrize(
    "nonsense",
    [b"not json\n", b"[]\n", b'{"id":"x"}\n', b'{"id":9,"do":"run","with":[1]}\n', b"x" * 2_000_000],
)
async def test_nonsense_ends_the_connection_and_opens_the_circuit(
    raw: Raw, bench: Instruments, nonsense: bytes
) -> None:
    raw.send(3, "run", to_plain(current(5e-4, 60.0)), epoch=1)
    while not bench.closed() or ":OUTP ON" not in bench.wire():
        await asyncio.sleep(0.01)
    transport = raw.frames._transport
    assert transport is not None
    transport.write(nonsense)
    async with asyncio.timeout(3.0):
        while bench.closed():
            await asyncio.sleep(0.01)


def test_few_things_are_imported_into_a_keeper() -> None:
    """No database, broker, web server or parser of files: what is not there cannot fail or hang there."""
    code = (
        "import sys, labctl.keeper.__main__, labctl.link.visa, labctl.link.serial; from labctl import plugins; "
        "[plugins.driver(name) for name in plugins.names('drivers')]; print(*{m.split('.')[0] for m in sys.modules})"
        "; print(*(m for m in sys.modules if m.startswith('labctl.')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(ran.stdout.split())
    assert not imported & {"sqlalchemy", "pydantic", "aiomqtt", "ruamel", "typer", "rich", "matplotlib"}
    assert {"pyvisa", "serial", "labctl_drivers"} <= imported
    ours = {name.split(".")[1] for name in imported if name.startswith("labctl.")}
    assert ours <= {"clock", "errors", "instrument", "keeper", "link", "plugins", "units"}
