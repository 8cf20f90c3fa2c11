"""Processes that accompany a station and read what it says: for a broker, for browsers.

They hold no cell and are not waited for. One that dies is started again, after a while that doubles up to a minute;
the station says so. Each learns of the station's death from its standard input, which ends then.
"""

import asyncio
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from labctl.station.broadcast import Broadcast

_SHORTEST_S, _LONGEST_S = 1.0, 60.0
_STEADY_S = 60.0
"""One that lived so long is started again at once when it dies."""

_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Companion:
    """A process to be kept alive.

    Attributes:
        name: in a word: ``mqtt``, ``dashboard``.
        command: program and arguments; nothing secret, since everybody on the computer can read them. Its
            environment is the station's.
    """

    name: str
    command: tuple[str, ...]


async def accompany(companion: Companion, broadcast: Broadcast, tell: Callable[[str, str], None]) -> None:
    """Keep a companion alive until cancelled; then it is told to end, and killed if it does not."""
    loop = asyncio.get_running_loop()
    wait_s = _SHORTEST_S
    while True:
        began_s = loop.time()
        broadcast.service(companion.name, "")
        try:
            end = await _one_life(companion)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not end the station
            end = f"cannot be started: {error}"
        if loop.time() - began_s > _STEADY_S:
            wait_s = _SHORTEST_S
        sentence = f"{companion.name} {end}; it is started again in {wait_s:g} s"
        tell("", sentence)
        broadcast.service(companion.name, sentence)
        broadcast.event("companion", sentence, "station", "warning")
        await asyncio.sleep(wait_s)
        wait_s = min(2.0 * wait_s, _LONGEST_S)


async def _one_life(companion: Companion) -> str:
    """Run it to its end; says how it ended."""
    process = await asyncio.create_subprocess_exec(
        *companion.command, stdin=PIPE, stdout=DEVNULL, start_new_session=True
    )
    try:
        code = await process.wait()
    finally:
        await _end(process)
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


async def _end(process: Process) -> None:
    """Tell it to end; kill it if it does not."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
