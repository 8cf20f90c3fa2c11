"""Hears a feed, asks the desk who is to be told, and posts it; one task for each recipient.

Theory of operation. Whoever is to be told of an event is told at least once, although this process may die: the place
of an event in the station's record is kept in a file once everything heard so far has been delivered, and the next
process begins after that place.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from datetime import datetime
from pathlib import Path

from labctl.notices.courier import Courier
from labctl.notices.desk import Desk
from labctl.notices.settings import Settings
from labctl.telemetry.feed import Feed
from labctl.telemetry.messages import Event

_LOOK_S = 1.0


class Bookmark:
    """The place in a station's record up to which people have been told.

    Args:
        path: of the file that keeps it; None: it is not kept.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.heard: int | None = None

    def read(self) -> int | None:
        """The place; None if there is none."""
        if self._path is None:
            return None
        try:
            return int(self._path.read_text())
        except (OSError, ValueError):
            return None

    def keep(self) -> None:
        """Everything that was heard has been delivered."""
        if self._path is None or self.heard is None:
            return
        with suppress(OSError):  # a full disk: somebody is told twice after a restart
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(".new")
            beside.write_text(str(self.heard))
            beside.replace(self._path)
        self.heard = None


async def serve_notices(
    feed: Feed, settings: Settings, tell: Callable[[str], None], bookmark: Bookmark | None = None
) -> None:
    """Tell people until cancelled.

    Args:
        feed: what happens.
        settings: who is told what.
        tell: called with a sentence about delivery.
        bookmark: where the place in the record is kept.

    Raises:
        UserError: an address cannot be used.
    """
    desk = Desk(settings)
    bookmark = bookmark or Bookmark(None)
    couriers = {name: Courier(recipient, tell) for name, recipient in settings.recipients.items()}
    async with asyncio.TaskGroup() as group:
        for courier in couriers.values():
            group.create_task(courier.live())
        group.create_task(_hear(feed, desk, bookmark))
        while True:
            for letter in desk.due(_local_time()):
                couriers[letter.recipient.name].post(letter)
            if not desk.is_waiting and all(courier.is_idle for courier in couriers.values()):
                bookmark.keep()
            await asyncio.sleep(_LOOK_S)


async def _hear(feed: Feed, desk: Desk, bookmark: Bookmark) -> None:
    async with aclosing(feed.messages()) as messages:
        async for message in messages:
            desk.hear(message, _local_time())
            if isinstance(message, Event) and message.seq is not None:
                bookmark.heard = message.seq


def _local_time() -> datetime:
    return datetime.now().astimezone()
