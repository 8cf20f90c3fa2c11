"""Acknowledgements: a person says that he looks after an event; recorded with the run that it belongs to."""

import asyncio
import os
import pwd
import re
from collections.abc import Mapping

from sqlalchemy import Connection, select

from labctl.errors import UserError
from labctl.station.broadcast import Broadcast
from labctl.station.local_socket import Question
from labctl.station.questions import text
from labctl.station.worker import Worker
from labctl.store import chain, tables, trail
from labctl.store.liveness import unix_time_s
from labctl.store.store import Store

KIND = "acknowledged"

_RECORDED = re.compile(r"([1-9][0-9]{0,9})\.[1-9][0-9]{0,9}")
_LONGEST = 200


class Acknowledgements:
    """Takes what persons acknowledge.

    Args:
        store: where runs are written.
        workers: the channels by name.
        broadcast: says what is no part of a run.
    """

    def __init__(self, store: Store, workers: Mapping[str, Worker], broadcast: Broadcast) -> None:
        self._store = store
        self._workers = workers
        self._broadcast = broadcast
        self._author = pwd.getpwuid(os.getuid()).pw_name  # the socket lets in nobody else

    async def acknowledge(self, question: Question) -> str:
        """Note that somebody looks after the event whose ``id`` is given as ``event``.

        Raises:
            UserError: there is no such run.
        """
        event = text(question, "event")[:_LONGEST]
        words = f"{self._author} looks after event {event}"
        data: dict[str, object] = {"id": event}
        recorded = _RECORDED.fullmatch(event)
        if recorded is None:
            self._broadcast.event(KIND, words, self._author, "notice", data)
            return words
        run_id = int(recorded[1])
        for worker in self._workers.values():
            if worker.run is not None and worker.run_id == run_id:
                worker.run.note(KIND, words, self._author, data)
                return words
        if not await asyncio.wrap_future(self._store.submit(lambda c: self._write(c, run_id, words, data))):
            raise UserError(f"there is no run {run_id} here whose event could be acknowledged")
        return words

    def _write(self, connection: Connection, run_id: int, words: str, data: dict[str, object]) -> bool:
        run = tables.run.c
        if connection.scalar(select(run.run_id).where(run.run_id == run_id)) is None:
            return False
        number, last_s = trail.last_event(connection, run_id)
        times_s = (last_s, unix_time_s())
        row = trail.event_row(run_id, number + 1, KIND, times_s, self._author, words, data)
        chain.append(connection, [row])
        return True
