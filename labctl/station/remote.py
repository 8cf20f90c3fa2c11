"""Commands from elsewhere, once whoever brings them has made sure who sent them: each once, and on record."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection

from labctl.errors import StationError, UserError
from labctl.keeper.values import error_from_plain
from labctl.station.broker import COMMANDS
from labctl.station.local_socket import Answer, Question
from labctl.station.questions import text
from labctl.station.worker import Worker
from labctl.store import remote_commands
from labctl.store.liveness import unix_time_s
from labctl.store.store import Store

T = TypeVar("T")

_LONGEST_TEXT = 200
NOTE = "remote_command"


class RemoteCommands:
    """Carries out what was commanded from elsewhere.

    Args:
        station: its name.
        store: where each command is kept before anything follows from it.
        workers: the channels by name.
        obey: does what a person at the station could ask.
    """

    def __init__(
        self,
        station: str,
        store: Store,
        workers: Mapping[str, Worker],
        obey: Callable[[Question], Awaitable[Answer]],
    ) -> None:
        self._station = station
        self._store = store
        self._workers = workers
        self._obey = obey

    async def command(self, question: Question) -> Any:
        """Carry a command out, unless it was already; returns a sentence.

        Raises:
            LabctlError: it was not carried out, and why.
        """
        number, verb, run = text(question, "command"), text(question, "verb"), text(question, "run")
        expires_s = question.get("expires_unix_second")
        if verb not in COMMANDS or not (run.isascii() and run.isdecimal()):
            raise UserError(
                f"{verb[:40]} {run[:40]}: a command is one of {', '.join(COMMANDS)} and a run's number"
            )
        before = await self._write(
            lambda connection: remote_commands.accept(connection, number, self._station, verb, run)
        )
        if before is not None:
            raise StationError(f"this command was carried out before: {before or 'its outcome is not known'}")
        if not isinstance(expires_s, float) or unix_time_s() > expires_s:
            answer: Answer = {"error": ["StationError", f"{verb} {run}: the command has expired"]}
        else:
            self._note(run, verb, number)
            answer = await self._obey({"id": f"{NOTE} {number}", "do": verb, "target": run})
        sentence = str(answer["ok"] if "ok" in answer else error_from_plain(answer["error"]))
        await self._write(lambda connection: remote_commands.answered(connection, number, sentence))
        if "error" in answer:
            raise error_from_plain(answer["error"])
        return sentence

    async def refused(self, question: Question) -> Any:
        """Put on record what was not even passed on."""
        times = question.get("times")
        if not isinstance(times, int) or isinstance(times, bool) or not 0 < times < 1 << 31:
            raise UserError("'refused' needs 'times', how often")
        reason = text(question, "reason")[:_LONGEST_TEXT]
        verb, run = (str(question.get(name, ""))[:_LONGEST_TEXT] for name in ("verb", "run"))
        await self._write(
            lambda connection: remote_commands.refuse(connection, self._station, verb, run, reason, times)
        )
        return times

    def _note(self, run: str, verb: str, number: str) -> None:
        """Write it into the record of the run, too, before anything follows from it."""
        for worker in self._workers.values():
            if worker.run is not None and str(worker.run_id) == run:
                worker.run.note(NOTE, f"{verb}, commanded over MQTT", "mqtt", {"command_id": number})

    async def _write(self, write: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._store.submit(write))
