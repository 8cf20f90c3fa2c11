"""One channel of a station: carries out what is first in its queue, and waits where a person must decide."""

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from labctl.clock import Clock
from labctl.engine.choice import choose, question
from labctl.engine.control import OPENED_AT_ONCE, RunControl
from labctl.engine.outcome import RunEnd
from labctl.engine.run import Run
from labctl.engine.surroundings import Surroundings
from labctl.errors import DataError, LabctlError, StationError, StoreError, UserError
from labctl.instrument.channel import Channel, Identity, Sample
from labctl.keeper.pairs import KeeperPairs
from labctl.protocol.plan import IfInterrupted
from labctl.rules import RuleSet
from labctl.station.connect import ChannelSpec, clock_for, open_channel
from labctl.station.guards import note_guards
from labctl.station.keeper_record import KeeperRecord
from labctl.station.launch import execute, identify, refuse_what_cannot_be_held
from labctl.station.outage import Outage
from labctl.station.queue import Entry, Queue, settled
from labctl.station.resume import Resume, find, take_up
from labctl.station.status import ChannelStatus, figures
from labctl.station.thermometers import Auxiliaries
from labctl.store.queue import EntryState
from labctl.store.records import RunState
from labctl.store.store import Store
from labctl.store.writer import RunWriter


@dataclass(frozen=True, slots=True)
class Bench:
    """What the channels of a station share.

    Attributes:
        store: where runs are written; ``database``: its URL or path.
        queue: what is to be run.
        keepers: who keeps instruments at ports; ``journal``: the file in which they note what they do.
        kept: enters that into the audit log.
        speed: experiment seconds per second on the wall.
        seed: of everything simulated.
        tell: called with a channel's name and a sentence whenever something worth a line happens.
        outage: knows whether anything can be recorded.
        auxiliaries: thermometers and chambers.
    """

    store: Store
    database: str
    queue: Queue
    keepers: KeeperPairs
    kept: KeeperRecord
    journal: Path | None
    speed: float
    seed: int
    tell: Callable[[str, str], None]
    outage: Outage
    auxiliaries: Auxiliaries


class Wishes(NamedTuple):
    """What a person says when a run is to be taken up; as in ``labctl resume``."""

    policy: IfInterrupted = IfInterrupted.ASK
    any_voltage: bool = False
    opened_within_s: float | None = None


class Worker:
    """Lives as long as the station is served. Whatever happens on its channel ends here.

    Args:
        spec: the channel.
        bench: what it shares with the others.

    Attributes:
        run: the run in progress, for whoever looks; None between runs.
        control: what a person may ask of it.
        identity: who answered last.
        started_unix_s: when the present run was begun, on the calendar; None before the first.
    """

    def __init__(self, spec: ChannelSpec, bench: Bench) -> None:
        self.spec = spec
        self.run: Run | None = None
        self.control = RunControl()
        self.identity: Identity | None = None
        self.started_unix_s: float | None = None
        self.end: RunEnd | None = None
        self._resume: Resume | None = None
        self._alarm = ""  # while a circuit is not confirmed open that should be
        self._bench = bench
        self._between = ""
        self._lost = ""  # why nothing can be recorded, while this channel waits until it can

    @property
    def entry(self) -> Entry | None:
        """What the channel has to do with."""
        return self._bench.queue.first(self.spec.name)

    @property
    def state(self) -> str:
        """In one word or two."""
        if self._alarm or (self._lost and self.end is not None and self.end.state is RunState.UNSAFE):
            return "unsafe"
        if self._lost:
            return "held"
        if self.run is not None:
            return self.control.phase
        if self._between:
            return self._between
        return "idle" if self.entry is None else str(self.entry.state)

    @property
    def run_id(self) -> int | None:
        """The number of the run that the channel has to do with."""
        return None if self.entry is None else self.entry.row.run_id

    @property
    def is_between(self) -> bool:
        """Whether a run is being begun, or its end being written, so that it can be asked to end only."""
        return self.run is None and bool(self._between)

    @property
    def sample(self) -> Sample | None:
        """The latest of the run in progress."""
        return None if self.run is None else self.run.sample

    def status(self) -> ChannelStatus:
        """What the channel does right now."""
        entry, run = self.entry, self.run
        return ChannelStatus(
            channel=self.spec.name,
            instrument=str(self.identity or f"{self.spec.driver} at {self.spec.resource or self.spec.cell}"),
            state=self.state,
            reason=self._alarm or self._in_outage() or (entry is not None and entry.row.reason) or "",
            entry=str(entry) if entry is not None else "",
            run_id=entry.row.run_id if entry is not None else None,
            cell=entry.cell if entry is not None else "",
            protocol=entry.protocol if entry is not None else "",
            queued=max(len(self._bench.queue.of(self.spec.name)) - 1, 0),
            temperature_K=self._bench.auxiliaries.now_K(self.spec.thermometer),
            **({} if run is None else figures(run, self.control.phase)),
        )

    def warn(self, sentence: str) -> None:
        """Write something into the record of the run in progress, if there is one."""
        if self.run is not None:
            self.run.note("warning", sentence)

    async def live(self) -> None:
        """Carry out one entry after the other until cancelled; then the circuit is open and the run paused."""
        changed = self._bench.queue.changed[self.spec.name] = asyncio.Event()
        while True:
            changed.clear()
            entry = self.entry
            if entry is None or entry.state is EntryState.HELD:
                await changed.wait()
            else:
                await self._carry_out(entry)

    async def go_on(self, entry: Entry, wishes: Wishes) -> str:
        """A person lets an entry go on that was held; returns a sentence.

        Raises:
            UserError: its run cannot go on, or not without a further word.
            StationError: nothing could be recorded.
        """
        self._bench.outage.refuse()
        if entry.row.run_id is None:
            await self._bench.queue.change(entry, EntryState.QUEUED)
            return f"{entry} ({entry.protocol}) begins on channel {self.spec.name}"
        self._resume = await asyncio.to_thread(self._to_resume, entry.row.run_id, wishes)
        await self._bench.queue.change(entry, EntryState.RUNNING)
        return (
            f"run {entry.row.run_id} is taken up on channel {self.spec.name} ({self._resume.choice}), "
            "after a look at the open-circuit voltage"
        )

    def _to_resume(self, run_id: int, wishes: Wishes) -> Resume:
        found = find(self._bench.database, str(run_id))
        choice = choose(found.run.state, found.plan, found.progress, wishes.policy)
        if choice is IfInterrupted.ASK:
            raise UserError(question(run_id, found.plan, found.progress))
        return Resume(
            interrupted=found,
            channel=self.spec,
            choice=choice,
            by="person",
            speed=self._bench.speed,
            any_voltage=wishes.any_voltage,
            opened_within_s=wishes.opened_within_s,
        )

    async def _carry_out(self, entry: Entry) -> None:
        self.control, self.end = RunControl(), None
        reason = ""
        try:
            self.end = await (self._begin(entry) if entry.row.run_id is None else self._take_up())
        except StoreError as error:
            reason = str(error)
            await self._wait_until_recorded(reason)
        except LabctlError as error:
            self.end, reason = None, str(error)
        except Exception as error:  # noqa: BLE001  a bug met on this channel must not end the others
            self.end, reason = None, f"a bug in labctl: {type(error).__name__}: {error}"
            self._tell(traceback.format_exc())
        try:
            await self._note(entry, reason)
        finally:
            self._between = self._alarm = ""

    async def _note(self, entry: Entry, reason: str) -> None:
        """Write down how an entry stands, as soon as that can be written."""
        while True:
            try:
                if self.end is None:
                    return await self._hold(entry, reason)
                return await self._settle(entry, self.end)
            except StoreError as error:
                await self._wait_until_recorded(str(error))

    async def _wait_until_recorded(self, problem: str) -> None:
        self._lost, self._between = problem, ""
        await self._bench.outage.over()
        self._lost = ""
        if self.end is not None:
            self.end = RunEnd(self.end.state, f"{self.end.reason}; all of it has been written since")

    def _in_outage(self) -> str:
        """What happened to this channel's cell, and what to do; empty while everything is recorded."""
        if not self._lost:
            return ""
        circuit = "the circuit is open, confirmed by read-back"
        if self.end is None:
            circuit = "nothing was switched on"
        elif self.end.state is RunState.UNSAFE:
            circuit = self.end.reason
        return f"{self._lost}; {circuit}; {self._bench.outage.remedy or 'being written again'}"

    async def _begin(self, entry: Entry) -> RunEnd:
        """From a place in the queue to a run, to its end."""
        self._bench.outage.refuse()
        if entry.plan is None:
            raise DataError(f"{entry}: its plan was written by a labctl that understood it differently")
        refuse_what_cannot_be_held(entry.plan, self.spec)
        bench = self._bench
        clock = clock_for(self.spec, bench.speed)
        channel = open_channel(self.spec, clock, bench.seed, bench.keepers)
        try:
            self._between = "connecting"
            self.identity = await identify(channel, self.spec)
            async with bench.auxiliaries.beside(self.spec.thermometer, entry.plan, clock) as surroundings:
                record = await self._record(entry, clock)
                try:
                    await bench.queue.change(entry, EntryState.RUNNING, run_id=record.run_id)
                    return await self._execute(entry, channel, record, clock, surroundings)
                finally:
                    await asyncio.to_thread(record.close)
        finally:
            await channel.close()

    async def _record(self, entry: Entry, clock: Clock) -> RunWriter:
        """Begin to write the run, in a thread, since that waits for the disk."""
        assert entry.plan is not None
        assert self.identity is not None
        plan, identity = entry.plan, self.identity
        started_unix_s = self.started_unix_s = datetime.now(UTC).timestamp()
        return await asyncio.to_thread(
            lambda: self._bench.store.open_run(
                plan,
                identity=identity,
                driver=self.spec.driver,
                resource=self.spec.resource or f"simulated:{self.spec.cell}",
                channel=self.spec.name,
                seed=self._bench.seed,
                speed=clock.speed,
                started_unix_s=started_unix_s,
                origin_s=clock.now(),
            )
        )

    async def _execute(
        self,
        entry: Entry,
        channel: Channel,
        record: RunWriter,
        clock: Clock,
        surroundings: Surroundings | None,
    ) -> RunEnd:
        assert entry.plan is not None
        plan, rules = entry.plan, RuleSet.of(entry.plan.rules)
        run = Run(*(plan, channel, record, rules, clock, self.control, self._told), surroundings=surroundings)
        unattended = entry.row.unattended
        self._refuse_if_ended()
        note_guards(record, clock.now(), channel, plan.cell, self._bench.journal, unattended=unattended)
        self._tell(f"run {record.run_id} begins: {plan.protocol} on {self.identity}")
        self.run = run
        try:
            return await execute(run, record)
        finally:
            self._leave(run)

    async def _take_up(self) -> RunEnd:
        """Go on with a run that was cut off, paused or failed."""
        resume, self._resume = self._resume, None
        assert resume is not None
        self.started_unix_s = resume.interrupted.run.started_unix_s

        def started(run: Run, run_id: int, identity: Identity) -> None:
            self._refuse_if_ended()
            self.run, self.identity = run, identity
            self._tell(f"run {run_id} goes on ({resume.choice}) on {identity}")

        self._between = "connecting"
        try:
            bench = self._bench
            return await take_up(
                *(resume, bench.store, bench.keepers, self.control, started, self._told),
                bench.auxiliaries.beside,
            )
        finally:
            self._leave(self.run)

    def _leave(self, run: Run | None) -> None:
        """Its end is known, whether or not it can be written."""
        self.end = None if run is None else run.end
        self.run, self._between = None, "closing"

    def _refuse_if_ended(self) -> None:
        """What was ended while the instrument was being connected does not begin."""
        if self.control.open_now and self.control.opening is not OPENED_AT_ONCE:
            raise StationError(f"{self.control.opening.reason}; nothing was energised")
        if self.control.open_now or self.control.stop_after_step:
            raise StationError("ended by a person before anything was energised")

    async def _settle(self, entry: Entry, end: RunEnd) -> None:
        """A run is over: go on with the queue only if all of it was done as planned."""
        queue = self._bench.queue
        if self.spec.resource:
            await asyncio.to_thread(self._bench.kept.enter)
        if (now := queue.find(entry.row.entry_id)) is not None:
            sentence = f"run {now.row.run_id} {end.state}: {end.reason}"
            self._tell(sentence)
            await queue.change(now, settled(end.state, others=len(queue.of(self.spec.name)) > 1), sentence)

    async def _hold(self, entry: Entry, reason: str) -> None:
        self._tell(f"{reason}; the channel waits for a person")
        if (now := self._bench.queue.find(entry.row.entry_id)) is not None:
            await self._bench.queue.change(now, EntryState.HELD, reason)

    def _told(self, kind: str, sentence: str) -> None:
        if kind == "circuit":
            self._alarm = sentence
        if kind != "half_cycle":
            self._tell(sentence)

    def _tell(self, sentence: str) -> None:
        self._bench.tell(self.spec.name, sentence)
