"""What a person asks of a station, and the answers: each says what the cell is doing now.

A command carries an id of its own and takes effect once: when it comes again, because its answer was lost, it is
answered again and does nothing.
"""

import asyncio
import os
import pwd
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from labctl.engine.control import Phase
from labctl.engine.outcome import RunState
from labctl.errors import LabctlError, StationError
from labctl.keeper.values import error_to_plain
from labctl.protocol import estimate
from labctl.protocol.plan_text import plan_from_text
from labctl.station.acknowledgement import Acknowledgements
from labctl.station.file import Station
from labctl.station.guards import refuse_unattended
from labctl.station.launch import refuse_what_cannot_be_held
from labctl.station.local_socket import Answer, Question
from labctl.station.outage import Outage
from labctl.station.questions import text, wishes
from labctl.station.queue import Entry, Queue
from labctl.station.status import of_the_cell
from labctl.station.worker import Worker
from labctl.store.queue import EntryState

_REMEMBERED = 1000
_LOOK_S = 0.02
_PATIENCE_S = 8.0
"""How long a command waits for what it asked for before it says that it is still under way."""


class Commands:
    """Answers questions about a station, and does what is asked.

    Args:
        station: the station.
        queue: its queue.
        workers: its channels by name.
        database: where its runs are written.
        outage: knows whether anything can be recorded.
        acknowledgements: takes what is acknowledged; None: nothing can be.
    """

    def __init__(
        self,
        station: Station,
        queue: Queue,
        workers: dict[str, Worker],
        database: str,
        outage: Outage,
        acknowledgements: Acknowledgements | None = None,
    ) -> None:
        self._station = station
        self._database = database
        self._outage = outage
        self._queue = queue
        self._workers = workers
        self._author = pwd.getpwuid(os.getuid()).pw_name
        self._given: dict[str, asyncio.Future[Answer]] = {}
        self._verbs: dict[str, Callable[[Question], Awaitable[Any]]] = {
            "status": self._status,
            "queue": self._list,
            "submit": self._submit,
            "pause": self._pause,
            "resume": self._resume,
            "skip": self._skip,
            "stop": self._stop,
            "abort": self._abort,
        }
        if acknowledgements is not None:
            self._verbs["acknowledge"] = acknowledgements.acknowledge

    async def answer(self, question: Question) -> Answer:
        """The answer to a question; to one that was asked before, the same."""
        verb = self._verbs.get(str(question["do"]))
        if verb is None:
            unknown = StationError(
                f"a station knows no {question['do']!r}; it knows {', '.join(self._verbs)}"
            )
            return {"error": error_to_plain(unknown)}
        if question["do"] in ("status", "queue"):
            return await self._obey(verb, question)
        number = question["id"]
        if number not in self._given:
            self._given[number] = asyncio.get_running_loop().create_future()
            self._given[number].set_result(await self._obey(verb, question))
            if len(self._given) > _REMEMBERED:
                del self._given[next(iter(self._given))]
        return await asyncio.shield(self._given[number])

    async def _obey(self, verb: Callable[[Question], Awaitable[Any]], question: Question) -> Answer:
        try:
            if verb not in (self._status, self._list) and self._outage.problem:
                self._outage.refuse()
            return {"ok": await verb(question)}
        except LabctlError as error:
            return {"error": error_to_plain(error)}
        except Exception as error:  # noqa: BLE001  a bug met in one answer must not end the station
            traceback.print_exc()
            return {"error": ["LabctlError", f"a bug in labctl: {type(error).__name__}: {error}"]}

    # --- looking -----------------------------------------------------------------------------------------------

    async def _status(self, _: Question) -> Any:
        channels = [asdict(worker.status()) for worker in self._workers.values()]
        return {
            "station": self._station.name,
            "file": self._station.file,
            "database": self._database,
            "pid": os.getpid(),
            "notice": self._outage.notice,
            "channels": channels,
        }

    async def _list(self, _: Question) -> Any:
        return [_place(entry) for entry in self._queue.of()]

    # --- the queue ---------------------------------------------------------------------------------------------

    async def _submit(self, question: Question) -> Any:
        worker = self._channel(text(question, "channel"))
        plan = plan_from_text(text(question, "plan"))
        refuse_what_cannot_be_held(plan, worker.spec)
        unattended = question.get("unattended") is True
        if unattended:
            refuse_unattended(worker.spec)
        before = len(self._queue.of(worker.spec.name))
        entry = await self._queue.submit(
            question["id"], worker.spec.name, plan, self._author, unattended=unattended
        )
        return {
            **_place(entry),
            "before": before,
            "expected_s": estimate(plan).duration_s,
            "channel_state": worker.state,
        }

    # --- runs --------------------------------------------------------------------------------------------------

    async def _pause(self, question: Question) -> str:
        worker, name = self._running(question, "paused")
        if worker.control.phase is Phase.PAUSED:
            return f"{name} is paused already: the circuit is open"
        worker.control.request_pause()
        if await self._within(lambda: worker.run is None or worker.control.phase is Phase.PAUSED):
            if worker.run is None:
                return f"{name} was over before it could be paused: {_outcome(worker)}"
            return f"{name} is paused: the circuit is open, confirmed by read-back; labctl resume goes on"
        return f"{name} is going to be paused after its next sample; {of_the_cell(worker.sample)}"

    async def _resume(self, question: Question) -> str:
        worker, entry = self._present(question)
        if worker.run is not None:
            if not worker.control.request_resume():
                return f"{_name(worker)} is not paused; {of_the_cell(worker.sample)}"
            return f"{_name(worker)} goes on, after a look at the open-circuit voltage"
        if entry is None or entry.state is not EntryState.HELD:
            raise StationError(f"channel {worker.spec.name} waits for nobody: it is {worker.state}")
        return await worker.go_on(entry, wishes(question))

    async def _skip(self, question: Question) -> str:
        worker, entry = self._present(question)
        if worker.run is not None:
            if not worker.control.request_skip():
                raise StationError(f"{_name(worker)} is {worker.state}: there is no step to skip")
            step = worker.status().doing
            return f"{_name(worker)}: {step} is over after its next sample, and the plan goes on"
        if entry is None or entry.state is not EntryState.HELD:
            raise StationError(
                f"channel {worker.spec.name} holds nothing that could be skipped: it is {worker.state}"
            )
        return await self._give_up(worker, entry)

    async def _stop(self, question: Question) -> str:
        worker, entry = self._find(question)
        if _waits_behind(entry, worker.entry) or (worker.run is None and not worker.is_between):
            return await self._take_off(worker, entry)
        name, doing = _name(worker), worker.status().doing
        if worker.control.phase is Phase.LAST_STEP:
            return f"{name} ends after its present step already ({doing}); labctl abort opens the circuit at once"
        worker.control.request_stop()
        if worker.control.open_now or worker.is_between:
            return await self._ended(worker, name)
        return f"{name} ends after its present step: {doing}; {of_the_cell(worker.sample)}"

    async def _abort(self, question: Question) -> str:
        worker, entry = self._find(question)
        if _waits_behind(entry, worker.entry) or (worker.run is None and not worker.is_between):
            return await self._take_off(worker, entry)
        name = _name(worker)
        worker.control.request_open()
        return await self._ended(worker, name)

    async def _ended(self, worker: Worker, name: str) -> str:
        entry = worker.entry
        if await self._within(lambda: _is_over(entry, worker)):
            return f"{name}: {_outcome(worker)}"
        return (
            f"{name}: the circuit is being opened, which is not confirmed yet; labctl watch shows when it is"
        )

    async def _take_off(self, worker: Worker, entry: Entry | None) -> str:
        """What is not running is taken off the queue."""
        if entry is None:
            raise StationError(f"channel {worker.spec.name} is {worker.state}: there is nothing to end")
        if entry.state is EntryState.HELD:
            return await self._give_up(worker, entry)
        await self._queue.change(entry, EntryState.REMOVED, f"by {self._author}")
        return f"{entry} ({entry.protocol}) is taken off the queue of {worker.spec.name}; it had not begun"

    async def _give_up(self, worker: Worker, entry: Entry) -> str:
        state = EntryState.REMOVED if entry.row.run_id is None else EntryState.DONE
        reason = f"given up by {self._author}: {entry.row.reason}"
        await self._queue.change(entry, state, reason)
        what = f"{entry} ({entry.protocol})" if entry.row.run_id is None else f"run {entry.row.run_id}"
        left = len(self._queue.of(worker.spec.name))
        then = f"{left} more in its queue, the next begins" if left else "its queue is empty"
        return f"{what} is given up; channel {worker.spec.name} is free, {then}"

    # --- which is meant ----------------------------------------------------------------------------------------

    def _present(self, question: Question) -> tuple[Worker, Entry | None]:
        """As ``_find``, for what is asked of the entry that the channel has to do with."""
        worker, entry = self._find(question)
        if _waits_behind(entry, worker.entry):
            raise StationError(f"{entry} has not begun: it waits behind {worker.entry}")
        return worker, entry

    def _find(self, question: Question) -> tuple[Worker, Entry | None]:
        """The channel that is meant by a run's number, a place in the queue, or its own name; and the entry."""
        target = text(question, "target")
        if target in self._workers:
            worker = self._workers[target]
            return worker, worker.entry
        for entry in self._queue.of():
            if target in (str(entry), str(entry.row.run_id)):
                worker = self._channel(entry.row.channel)
                return worker, entry
        raise StationError(
            f"{target[:40]!r} is neither a run nor an entry of station {self._station.name} that is not over, "
            f"nor one of its channels, {', '.join(self._workers)}; labctl queue lists them"
        )

    def _running(self, question: Question, wanted: str) -> tuple[Worker, str]:
        worker, _ = self._present(question)
        if worker.run is None:
            raise StationError(
                f"channel {worker.spec.name} is {worker.state}: nothing that can be {wanted} runs on it"
            )
        return worker, _name(worker)

    def _channel(self, name: str) -> Worker:
        if name not in self._workers:
            raise StationError(
                f"station {self._station.name} has no channel {name[:40]!r}; it has {', '.join(self._workers)}"
            )
        return self._workers[name]

    async def _within(self, reached: Callable[[], bool]) -> bool:
        """Whether something comes true before patience ends."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _PATIENCE_S
        while not reached():
            if loop.time() > until_s:
                return False
            await asyncio.sleep(_LOOK_S)
        return True


def _waits_behind(entry: Entry | None, first: Entry | None) -> bool:
    return entry is not None and first is not None and entry.row.entry_id != first.row.entry_id


def _is_over(entry: Entry | None, worker: Worker) -> bool:
    """Whether a channel has done with an entry, or waits for a person about it."""
    first = worker.entry
    return first is None or first.state is EntryState.HELD or _waits_behind(first, entry)


def _name(worker: Worker) -> str:
    entry = worker.entry
    what = "" if entry is None else f"{entry}" if entry.row.run_id is None else f"run {entry.row.run_id}"
    return f"{what} on channel {worker.spec.name}"


def _outcome(worker: Worker) -> str:
    end = worker.end
    if end is None:
        return worker.status().reason or "it is over"
    if end.state is RunState.UNSAFE:
        return f"{end.state}: {end.reason}"
    return f"{end.state}, {end.reason}; the circuit is open, confirmed by read-back"


def _place(entry: Entry) -> dict[str, Any]:
    row = entry.row
    return {
        "entry": str(entry),
        "channel": row.channel,
        "state": row.state,
        "run_id": row.run_id,
        "cell": entry.cell,
        "protocol": entry.protocol,
        "unattended": row.unattended,
        "author": row.author,
        "submitted_unix_second": row.submitted_unix_s,
        "reason": row.reason,
    }
