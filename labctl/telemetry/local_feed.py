"""The feed of a station on this computer: its socket, and what it records in its database."""

import asyncio
import json
from asyncio import StreamReader, TaskGroup
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

from labctl.errors import DataError, LabctlError, StationError
from labctl.keeper.values import error_from_plain
from labctl.station.local_socket import LONGEST_bytes, socket_path
from labctl.station.mailbox import Mailbox
from labctl.store.liveness import unix_time_s
from labctl.telemetry.feed import collected, put, unknown
from labctl.telemetry.messages import Message, StationStatus, decode
from labctl.telemetry.recorded import Outbox

SILENCE_S = 30.0
"""A station says something every ten seconds: after this long it hangs, or is gone."""

_ANSWER_S = 10.0
_SHORTEST_S, _LONGEST_S = 0.2, 5.0
_TAIL_S = 0.5
_AT_ONCE = 200


@asynccontextmanager
async def said_by(station: str) -> AsyncIterator[tuple[StreamReader, str]]:
    """A connection to a station that is served: what it says, line by line, and its database.

    Raises:
        StationError: nobody serves it, or it does not let us listen.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket_path(station)), limit=LONGEST_bytes)
    except OSError as error:
        raise StationError(f"station {station} does not answer: {error.strerror or error}") from error
    try:
        writer.write(json.dumps({"id": uuid4().hex, "do": "watch"}).encode() + b"\n")
        answer = json.loads(await _line(reader, station, _ANSWER_S))
        if "error" in answer:
            raise error_from_plain(answer["error"])
        yield reader, answer["ok"]["database"]
    finally:
        writer.close()


async def live(station: str, reader: StreamReader) -> AsyncGenerator[Message, None]:
    """What a station says until it falls silent.

    Raises:
        StationError: it has fallen silent.
    """
    while True:
        yield decode(await _line(reader, station, SILENCE_S))


async def _line(reader: StreamReader, station: str, within_s: float) -> bytes:
    try:
        async with asyncio.timeout(within_s):
            line = await reader.readline()
    except (TimeoutError, OSError, ValueError) as error:
        raise StationError(
            f"station {station} says nothing that can be read: {error or 'it may hang'}"
        ) from error
    if not line:
        raise StationError(f"the process that served station {station} is gone")
    return line


class LocalFeed:
    """What a station of this computer says and records.

    Args:
        station: its name.
        database: URL or path of its database; None: the one that it says, which works unless that needs a password.
        after: begin with what was recorded after this ``seq``; None: with what is recorded from now on.
    """

    def __init__(self, station: str, database: str | None = None, after: int | None = None) -> None:
        self._station = station
        self._database = database
        self._after = after

    def messages(self) -> AsyncGenerator[Message, None]:
        """As ``Feed`` promises."""
        mailbox: Mailbox[Message] = Mailbox()
        return collected(mailbox, _Ear(self._station, self._database, mailbox, self._after).listen)


class _Ear:
    """Listens to a station, again and again."""

    def __init__(
        self, station: str, database: str | None, mailbox: Mailbox[Message], after: int | None
    ) -> None:
        self._station = station
        self._database = database
        self._mailbox = mailbox
        self._place = after
        self._last: StationStatus | None = None

    async def listen(self) -> None:
        wait_s = _SHORTEST_S
        while True:
            try:
                async with said_by(self._station) as (reader, database):
                    wait_s = _SHORTEST_S
                    await self._hear(reader, self._database or database)
            except* LabctlError as several:
                self._lose(str(several.exceptions[0]))
            await asyncio.sleep(wait_s)
            wait_s = min(2.0 * wait_s, _LONGEST_S)

    async def _hear(self, reader: StreamReader, database: str) -> None:
        async with TaskGroup() as group:
            tail = group.create_task(self._follow(Outbox(database, self._station)))
            try:
                async with aclosing(live(self._station, reader)) as said:
                    async for message in said:
                        if isinstance(message, StationStatus):
                            self._last = message
                        put(self._mailbox, message)
            finally:
                tail.cancel()

    async def _follow(self, outbox: Outbox) -> None:
        """What is recorded, also while the station did not answer."""
        while True:
            try:
                if self._place is None:
                    self._place = await outbox.head()
                for message in await outbox.after(self._place, _AT_ONCE):
                    self._place = message.seq
                    put(self._mailbox, message)
            except DataError:
                pass  # locked or moved just now: what was recorded is still there afterwards
            await asyncio.sleep(_TAIL_S)

    def _lose(self, reason: str) -> None:
        """Say once that the station is not there."""
        if self._last is not None and not self._last.online:
            return
        last = self._last or unknown(self._station)
        self._last = replace(last, online=False, reason=reason, updated_unix_second=unix_time_s())
        put(self._mailbox, self._last)
