"""What the processes beside a station ask of it: to listen, to note what was delivered, to pass a command on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Connection

from labctl.errors import LabctlError, UserError
from labctl.keeper.values import error_to_plain
from labctl.station.broadcast import Broadcast
from labctl.station.local_socket import Answer, Question
from labctl.station.questions import text
from labctl.station.remote import RemoteCommands
from labctl.store import outbox
from labctl.store.store import Store

Verb = Callable[[Question], Awaitable[Any]]


class Delivery:
    """Answers those who carry telemetry on, and passes on what anybody else asks.

    Args:
        station: its name.
        database: where its runs are written, without a password.
        store: the same, open.
        broadcast: what the station says.
        otherwise: answers every other question.
        remote: takes commands from elsewhere.
    """

    def __init__(
        self,
        station: str,
        database: str,
        store: Store,
        broadcast: Broadcast,
        otherwise: Callable[[Question], Awaitable[Answer]],
        remote: RemoteCommands,
    ) -> None:
        self._station = station
        self._database = database
        self._store = store
        self._broadcast = broadcast
        self._otherwise = otherwise
        self._delivered = 0
        self._verbs: dict[object, Verb] = {
            "watch": self._watch,
            "published": self._published,
            "report": self._report,
            "command": remote.command,
            "refused": remote.refused,
        }

    async def answer(self, question: Question) -> Answer:
        """The answer to a question."""
        verb = self._verbs.get(str(question["do"]))
        if verb is None:
            return await self._otherwise(question)
        try:
            return {"ok": await verb(question)}
        except LabctlError as error:
            return {"error": error_to_plain(error)}

    async def _watch(self, _: Question) -> Any:
        """The lines that follow are ``Broadcast``'s."""
        return {"station": self._station, "database": self._database}

    async def _published(self, question: Question) -> Any:
        """Events of this station up to a place in the chain have been delivered."""
        upto = question.get("up_to")
        if not isinstance(upto, int) or isinstance(upto, bool) or not 0 < upto < 1 << 62:
            raise UserError("'published' needs 'up_to', the place of an event in the chain")
        before, self._delivered = self._delivered, upto

        def mark(connection: Connection) -> None:
            outbox.mark_published(connection, self._station, before, upto)

        await asyncio.wrap_future(self._store.submit(mark))
        return upto

    async def _report(self, question: Question) -> Any:
        """How a companion is; what is not well is said as an event, too."""
        name, state = text(question, "service"), str(question.get("state", ""))
        self._broadcast.service(name, state)
        if state:
            self._broadcast.event("service", f"{name}: {state}", name, "warning")
        return name
