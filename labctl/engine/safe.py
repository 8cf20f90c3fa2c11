"""Opening the circuit in a way that no cancellation can cut in half."""

import asyncio

from labctl.errors import LabctlError
from labctl.instrument.channel import Channel


async def open_circuit(channel: Channel) -> None:
    """Make the channel safe; return or raise only when that is over, however often this task is cancelled.

    A cancellation that arrives meanwhile is delivered afterwards.

    Raises:
        CellStateUnknown: the circuit could not be confirmed open.
    """
    opening = asyncio.ensure_future(channel.make_safe())
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
