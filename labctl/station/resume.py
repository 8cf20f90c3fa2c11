"""Taking up a run that was interrupted: what is stored, who answers, what passed unseen, and going on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from labctl.clock import Clock, VirtualClock
from labctl.engine.choice import RESUMABLE
from labctl.engine.control import RunControl
from labctl.engine.outcome import RunEnd, RunState
from labctl.engine.past import rebuild
from labctl.engine.run import Run
from labctl.engine.safe import open_circuit
from labctl.engine.surroundings import Surroundings
from labctl.engine.taken_up import Past, TakenUp
from labctl.errors import UserError, WrongInstrument
from labctl.instrument.channel import Channel, Identity, TellsWhatItFound
from labctl.keeper.journal import journal_beside
from labctl.keeper.pairs import KeeperPairs
from labctl.protocol.plan import IfInterrupted, Plan
from labctl.rules import RuleSet
from labctl.station.connect import ChannelSpec, clock_for, open_channel
from labctl.station.guards import note_guards
from labctl.station.keeper_record import KeeperRecord
from labctl.station.launch import execute, identify, refuse_what_cannot_be_held
from labctl.station.opening import opened_by_keeper
from labctl.station.rehearsal import lived
from labctl.station.thermometers import Beside, beside
from labctl.station.unseen import Witnesses, gap_after
from labctl.store.progress import Opening, Progress
from labctl.store.reader import Reader
from labctl.store.records import Checkpoint, RunRecord
from labctl.store.store import Store
from labctl.store.writer import RunWriter

_SIMULATED = "simulated:"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A run that can be taken up.

    Attributes:
        database: URL or path.
        run: the run.
        plan: its plan, as it was bound when the run was begun.
        progress: how far it had come, stored times.
    """

    database: str
    run: RunRecord
    plan: Plan
    progress: Progress

    def channel(self) -> ChannelSpec:
        """What it ran on."""
        run = self.run
        if run.resource.startswith(_SIMULATED):
            return ChannelSpec(run.channel, run.driver, cell=run.resource.removeprefix(_SIMULATED))
        return ChannelSpec(run.channel, run.driver, run.resource)


@dataclass(frozen=True, slots=True)
class Resume:
    """How a run is to be taken up.

    Attributes:
        interrupted: the run.
        channel: where.
        choice: CONTINUE, RESTART or ABORT.
        by: who decided that: ``person`` or ``plan``.
        speed: experiment seconds per second on the wall; None: as fast as can be.
        any_voltage: go on whatever the open-circuit voltage is, as long as it lies within the safety window.
        opened_within_s: the circuit is known to have opened so soon after the last sample (a power cut, a relay), in
            seconds on the wall; None: it is not.
    """

    interrupted: Interrupted
    channel: ChannelSpec
    choice: IfInterrupted
    by: str
    speed: float | None
    any_voltage: bool = False
    opened_within_s: float | None = None


def find(database: str, reference: str) -> Interrupted:
    """A run that can be taken up.

    Raises:
        UserError: it is over, goes on, or its records are damaged.
    """
    reader = Reader(database)
    run = reader.run(reference)
    if run.state is RunState.RUNNING:
        raise UserError(f"run {run.run_id} goes on, in process {run.process_id} on {run.host}")
    if run.state not in RESUMABLE:
        raise UserError(
            f"run {run.run_id} is over ({run.state}: {run.end_reason}): it is not taken up; begin a new one"
        )
    checkpoint = reader.checkpoint(run.run_id)
    return Interrupted(database, run, checkpoint.plan, checkpoint.progress)


def refuse_other_text(interrupted: Interrupted, plan: Plan) -> None:
    """Compare a protocol's text with the one that the run was begun with.

    Raises:
        UserError: it was edited.
    """
    run = interrupted.run
    if plan.text != interrupted.plan.text:
        raise UserError(
            f"run {run.run_id} was begun with another text of {run.protocol} (SHA-256 {run.protocol_sha256[:12]}, "
            f"this one has {plan.sha256[:12]}): a run goes on as it was begun; begin a new one"
        )


def refuse_other_plan(interrupted: Interrupted, plan: Plan) -> None:
    """Compare a plan with the run's own.

    Raises:
        UserError: another text, cell, other steps left out or other stop rules.
    """
    refuse_other_text(interrupted, plan)
    if plan != interrupted.plan:
        raise UserError(
            f"run {interrupted.run.run_id} was begun with another cell, other steps left out or other stop rules than "
            "this plan has: a run goes on as it was begun; begin a new one"
        )


def refuse_other_channel(interrupted: Interrupted, channel: ChannelSpec) -> None:
    """Compare a channel with the one the run was begun on, as far as that is known before anybody answers.

    Raises:
        UserError: it cannot be the same.
    """
    run, before = interrupted.run, interrupted.channel()
    if channel.driver != before.driver:
        raise UserError(f"run {run.run_id} was begun on {before.driver}, not on {channel.driver}")
    if bool(channel.resource) != bool(before.resource) or channel.cell != before.cell:
        raise UserError(
            f"run {run.run_id} was begun on {run.resource}, not on {channel.resource or _SIMULATED + channel.cell}"
        )


async def resume(
    request: Resume,
    control: RunControl,
    started: Callable[[Run, int, Identity], None] = lambda run, run_id, identity: None,
    tell: Callable[[str, str], None] = lambda kind, sentence: None,
) -> tuple[int, RunEnd]:
    """Take a run up; returns its number and how it ended, with the circuit open.

    Raises:
        LabctlError: as ``take_up``.
    """
    database, seed = request.interrupted.database, request.interrupted.run.seed or 0
    instruments, journal = request.channel.instruments(), journal_beside(database)
    with Store(database) as store, KeeperPairs(instruments, journal) as keepers:
        KeeperRecord(store, database, journal).enter()
        known = partial(beside, seed=seed)
        end = await take_up(request, store, keepers, control, started, tell, known)
    return request.interrupted.run.run_id, end


async def take_up(
    request: Resume,
    store: Store,
    keepers: KeeperPairs,
    control: RunControl,
    started: Callable[[Run, int, Identity], None],
    tell: Callable[[str, str], None],
    temperature: Beside,
) -> RunEnd:
    """Take a run up, and carry it out; the circuit is open when this returns.

    Whatever the instrument still does is ended first: the circuit is opened and read back. The run's rows stay as
    they are until the same instrument has answered.

    Args:
        request: what to do.
        store: the run's database, open for writing.
        control: what a person asks for meanwhile.
        started: called with the run, its number and who answered, right before it goes on.
        tell: called with (kind, sentence) whenever something worth a line happens.
        temperature: what is known of it beside the channel.

    Raises:
        UserError: it cannot be taken up; no byte was sent.
        WrongInstrument: another instrument answers; nothing was switched.
        CellStateUnknown: the circuit could not be confirmed open.
        LabctlError: the instrument does not answer.
    """
    known, spec = request.interrupted, request.channel
    refuse_other_channel(known, spec)
    refuse_what_cannot_be_held(known.plan, spec)
    clock = clock_for(spec, request.speed)
    async with temperature(spec.thermometer, known.plan, clock) as surroundings:
        return await _take_up(request, store, keepers, control, started, tell, clock, surroundings)


async def _take_up(
    request: Resume,
    store: Store,
    keepers: KeeperPairs,
    control: RunControl,
    started: Callable[[Run, int, Identity], None],
    tell: Callable[[str, str], None],
    clock: Clock,
    surroundings: Surroundings | None,
) -> RunEnd:
    known, spec = request.interrupted, request.channel
    run_id = known.run.run_id
    # In threads, since the past of a long run takes seconds, and other channels of this process must not wait.
    prepared = await asyncio.to_thread(_prepare, request, store, clock)
    with prepared.record as record:
        checkpoint, past, journal = prepared.checkpoint, prepared.past, journal_beside(known.database)
        seed = known.run.seed or 0
        channel = await asyncio.to_thread(open_channel, spec, clock, seed, keepers, prepared.history)
        try:
            asked_s = clock.now()
            identity = await _same_instrument(channel, request)
            found_closed = await channel.found_closed() if isinstance(channel, TellsWhatItFound) else None
            await open_circuit(channel, clock, tell)
            progress = checkpoint.progress.shifted(record.origin_s)
            witnesses = Witnesses(
                asked_s=asked_s,
                opened_s=clock.now(),
                found_closed=found_closed,
                engine=progress.opening,
                keeper=await asyncio.to_thread(_opened_by_keeper, known, checkpoint, clock),
                within_s=None if request.opened_within_s is None else request.opened_within_s * clock.speed,
                rebuilt=not spec.resource,
                autonomous=channel.traits.autonomous,
            )
            reason = known.run.end_reason or str(known.run.state)
            gap = gap_after(known.plan, progress, past.sample, witnesses, reason)
            taken_up = TakenUp(progress, past, gap, request.choice, request.by, request.any_voltage)
            rules = prepared.rules
            run = Run(known.plan, channel, record, rules, clock, control, tell, taken_up, surroundings)
            note_guards(record, clock.now(), channel, known.plan.cell, journal, unattended=False)
            started(run, run_id, identity)
            end = await execute(run, record)
            await record.flush()  # so that leaving the record has nothing to wait for
            return end
        finally:
            await channel.close()


class _Prepared(NamedTuple):
    """What is known of a run before its instrument is asked; ``history`` is that of a cell to be rebuilt."""

    checkpoint: Checkpoint
    record: RunWriter
    rules: RuleSet
    past: Past
    history: list[tuple[float, float]]


def _prepare(request: Resume, store: Store, clock: Clock) -> _Prepared:
    known, run_id = request.interrupted, request.interrupted.run.run_id
    reader = Reader(known.database)
    checkpoint = reader.checkpoint(run_id)
    now_s = _test_time_s(checkpoint, clock)
    record = store.reopen_run(run_id, origin_s=clock.now() - now_s)
    try:
        rules = RuleSet.of(known.plan.rules)
        past = rebuild(known.plan, reader, run_id, checkpoint.progress, rules, record.origin_s)
        history = [] if request.channel.resource else list(lived(reader, run_id, now_s))
    except BaseException:
        record.close()
        raise
    return _Prepared(checkpoint, record, rules, past, history)


async def _same_instrument(channel: Channel, request: Resume) -> Identity:
    """Who answers, if that is who answered when the run was begun."""
    identity, run = await identify(channel, request.channel), request.interrupted.run
    if (identity.model, identity.serial) != (run.identity.model, run.identity.serial):
        raise WrongInstrument(
            f"{identity} answers, run {run.run_id} was begun on {run.identity}",
            instrument=request.channel.resource,
            cell="nothing was switched on",
        )
    return identity


def _test_time_s(checkpoint: Checkpoint, clock: Clock) -> float:
    """The run's own time by now: it goes on while nobody looks, except in virtual time."""
    if isinstance(clock, VirtualClock):
        return checkpoint.progress.time_s
    return checkpoint.progress.time_s + checkpoint.silent_s * clock.speed


def _opened_by_keeper(known: Interrupted, checkpoint: Checkpoint, clock: Clock) -> Opening | None:
    """What the keeper's journal says, in experiment time."""
    ages = opened_by_keeper(
        journal_beside(known.database),
        known.run.process_id,
        known.run.channel,
        checkpoint.silent_s,
        rebooted=checkpoint.rebooted,
    )
    if ages is None:
        return None
    now_s = clock.now()
    return Opening(now_s - ages.begun_s * clock.speed, now_s - ages.confirmed_s * clock.speed)
