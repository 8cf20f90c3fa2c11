"""Opening the circuit in a way that no cancellation can cut in half, and that does not give up at once."""

import asyncio
from collections.abc import Callable

from labctl.clock import Clock
from labctl.errors import CellStateUnknown, LabctlError
from labctl.instrument.channel import Channel

PERSISTENCE_S = 30.0
"""On the wall: a port that went away (a switch or an instrument that restarts) is usually back by then."""

_AGAIN_AFTER_S = 1.0


async def open_circuit(
    channel: Channel, clock: Clock, tell: Callable[[str, str], None] = lambda kind, sentence: None
) -> None:
    """Make the channel safe; return or raise only when that is over, however often this task is cancelled.

    What is not confirmed is tried again for ``PERSISTENCE_S``. A cancellation that arrives meanwhile is delivered
    afterwards.

    Args:
        channel: whose circuit.
        clock: the time it lives in.
        tell: called with (kind, sentence) as soon as it takes longer than it should.

    Raises:
        CellStateUnknown: the circuit could not be confirmed open.
    """
    opening = asyncio.ensure_future(_persistently(channel, clock, tell))
    cancelled: asyncio.CancelledError | None = None
    while not opening.done():
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError as error:
            if opening.cancelled():
                raise
            cancelled = error
        except LabctlError:
            break
    opening.result()
    if cancelled is not None:
        raise cancelled


async def _persistently(channel: Channel, clock: Clock, tell: Callable[[str, str], None]) -> None:
    until_s = clock.now() + PERSISTENCE_S * clock.speed
    told = False
    while True:
        try:
            return await channel.make_safe()
        except CellStateUnknown as error:
            if clock.now() >= until_s:
                raise
            if not told:
                tell(
                    "circuit",
                    f"NOT CONFIRMED OPEN, trying for {PERSISTENCE_S:g} s; look at the cell: {error}",
                )
                told = True
        await clock.sleep_until(clock.now() + _AGAIN_AFTER_S * clock.speed)
