"""Hears a feed, asks the desk who is to be told, and posts it; one task for each recipient."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime

from labctl.notices.courier import Courier
from labctl.notices.desk import Desk
from labctl.notices.settings import Settings
from labctl.telemetry.feed import Feed

_LOOK_S = 1.0


async def serve_notices(feed: Feed, settings: Settings, tell: Callable[[str], None]) -> None:
    """Tell people until cancelled.

    Args:
        feed: what happens.
        settings: who is told what.
        tell: called with a sentence about delivery.

    Raises:
        UserError: an address cannot be used.
    """
    desk = Desk(settings)
    couriers = {name: Courier(recipient, tell) for name, recipient in settings.recipients.items()}
    async with asyncio.TaskGroup() as group:
        for courier in couriers.values():
            group.create_task(courier.live())
        group.create_task(_hear(feed, desk))
        while True:
            for letter in desk.due(_local_time()):
                couriers[letter.recipient.name].post(letter)
            await asyncio.sleep(_LOOK_S)


async def _hear(feed: Feed, desk: Desk) -> None:
    async with aclosing(feed.messages()) as messages:
        async for message in messages:
            desk.hear(message, _local_time())


def _local_time() -> datetime:
    return datetime.now().astimezone()
