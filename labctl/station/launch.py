"""One run from start to end: channel, store, rules and engine brought together, and taken apart again."""

import asyncio
from asyncio import TaskGroup
from collections.abc import Callable
from dataclasses import dataclass

from labctl.clock import Clock, VirtualClock
from labctl.engine.control import RunControl
from labctl.engine.outcome import RunEnd, RunState
from labctl.engine.run import Run
from labctl.errors import CannotHold, StoreError, WrongInstrument
from labctl.instrument.channel import Channel, Identity
from labctl.keeper.journal import journal_beside
from labctl.keeper.pairs import KeeperPairs
from labctl.protocol.plan import Plan
from labctl.protocol.refusals import refusals
from labctl.rules import RuleSet
from labctl.station.connect import ChannelSpec, clock_for, open_channel
from labctl.station.guards import note_guards, refuse_unattended
from labctl.station.keeper_record import KeeperRecord
from labctl.station.limits import beyond_channel
from labctl.station.thermometers import beside, beyond_thermometer
from labctl.store.store import Store
from labctl.store.writer import RunWriter

_LOOK_S = 0.5
_GRID_S = 0.1  # so that the samples of many runs become durable together


@dataclass(frozen=True, slots=True)
class Launch:
    """What a run is to be.

    Attributes:
        plan: the plan.
        channel: where.
        database: URL or path.
        speed: experiment seconds per second on the wall; None: as fast as can be.
        seed: of everything simulated.
        started_unix_s: the wall's time at the run's start.
        unattended: nobody will be there, so something besides this computer has to be able to open the circuit.
    """

    plan: Plan
    channel: ChannelSpec
    database: str
    speed: float | None
    seed: int
    started_unix_s: float
    unattended: bool = False


async def launch(
    request: Launch,
    control: RunControl,
    started: Callable[[Run, int, Identity], None] = lambda run, run_id, identity: None,
    tell: Callable[[str, str], None] = lambda kind, sentence: None,
) -> tuple[int, RunEnd]:
    """Execute one run; returns its number and how it ended, with the circuit open.

    Args:
        request: what to do.
        control: what a person asks for meanwhile.
        started: called with the run, its number and who answered, right before the first step.
        tell: called with (kind, sentence) whenever something worth a line happens.

    Raises:
        CannotHold: the instrument cannot hold the plan; no byte was sent.
        LabctlError: the run could not be begun.
    """
    refuse_what_cannot_be_held(request.plan, request.channel)
    if request.unattended:
        refuse_unattended(request.channel)
    clock = clock_for(request.channel, request.speed)
    journal = journal_beside(request.database)
    with KeeperPairs(request.channel.instruments(), journal) as keepers:
        channel = open_channel(request.channel, clock, request.seed, keepers)
        try:
            identity = await identify(channel, request.channel)
            async with beside(request.channel.thermometer, request.plan, clock, request.seed) as surroundings:
                with Store(request.database) as store:
                    KeeperRecord(store, request.database, journal).enter()
                    record = store.open_run(
                        request.plan,
                        identity=identity,
                        driver=request.channel.driver,
                        resource=request.channel.resource or f"simulated:{request.channel.cell}",
                        channel=request.channel.name,
                        seed=request.seed,
                        speed=_speed(clock),
                        started_unix_s=request.started_unix_s,
                    )
                    rules = RuleSet.of(request.plan.rules)
                    run = Run(
                        *(request.plan, channel, record, rules, clock, control, tell),
                        surroundings=surroundings,
                    )
                    note_guards(
                        *(record, clock.now(), channel, request.plan.cell, journal),
                        unattended=request.unattended,
                    )
                    await record.flush()  # so that it is known even of a run that is killed at once
                    started(run, record.run_id, identity)
                    return record.run_id, await execute(run, record)
        finally:
            await channel.close()


def refuse_what_cannot_be_held(plan: Plan, spec: ChannelSpec) -> None:
    """Compare a plan with the instrument's traits, and with what the station allows on the channel.

    Raises:
        CannotHold: with everything that does not fit, one sentence each.
    """
    sentences = [
        *refusals(plan, spec.traits(), spec.check_step()),
        *beyond_channel(plan, spec.limits, spec.name),
        *beyond_thermometer(plan, spec.thermometer, spec.name),
    ]
    if sentences:
        raise CannotHold(" | ".join(sentences), instrument=f"{spec.driver} ({spec.traits().model})")


async def execute(run: Run, record: RunWriter) -> RunEnd:
    """Carry a run out, its samples handed over at least once a second."""
    try:
        async with TaskGroup() as group:
            ticking = group.create_task(hand_over_each_second(record, run.control))
            end = await run.execute()
            ticking.cancel()
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return end


async def identify(channel: Channel, spec: ChannelSpec) -> Identity:
    """Connect, and see that it is the instrument which the station file names.

    Raises:
        WrongInstrument: it is another one; nothing was switched.
    """
    identity = await channel.connect()
    if spec.serial is not None and identity.serial != spec.serial:
        raise WrongInstrument(
            f"serial number {identity.serial} answers, the station file names {spec.serial}",
            instrument=spec.resource,
            cell="untouched, nothing was switched",
        )
    return identity


async def hand_over_each_second(record: RunWriter, control: RunControl) -> None:
    """Samples that come slowly are durable within a second too; if they cannot be, the circuit is opened at once.

    In virtual time samples come too fast to need it.
    """
    loop = asyncio.get_running_loop()
    try:
        while True:
            await asyncio.sleep(_LOOK_S - loop.time() % _GRID_S)
            record.tick()
    except StoreError as error:
        control.request_open(RunEnd(RunState.FAILED, str(error)))


def _speed(clock: Clock) -> float | None:
    return None if isinstance(clock, VirtualClock) else clock.speed
