"""Drives one channel of an Arbin cycler through MITS Pro's Console TCP/IP Interface (CTI).

Written for the CTI protocol v1.1 and CTI Instructions v4.5, MITS Pro 8; not verified on hardware.
Line: TCP, port 9031, on the cycler's computer, with MITS Pro's Monitor and Control window open and CTI enabled.

A channel runs schedules, which CTI cannot write: one that a person has made, labctl-1.sdx, waits at open circuit, takes
the step from the variables MV_UD1 to MV_UD16 (arbin_mitspro_step), carries it out, keeps its end in three of them, and
waits again. All steps of a run are one test.

Quirks:
 1. Variables can be set only while a test runs, and a batch of them once in 200 ms.
 2. They are read back in the data for a resumption, the schedule's steps in those before a start. Assumed: both are
    up to date; where they are not, nothing begins.
 3. A reading is as old as the last that the schedule kept, or 3 s.
 4. CTI gives the present reading only: what a lost connection missed stays in MITS Pro's database.
 5. Success is told with channel -1 or with the channel's number.
 6. ArbinSpoofer of pycti-arbin does not count the checksum in the length that it tells: both lengths are accepted.
 7. The current of a step that has just ended is no longer shown: the schedule keeps it with its voltage and time.

Source: "Arbin CTI Protocol Commands" v1.1; "Arbin CTI Instructions" v4.5; "Application Examples of User-Defined
MetaVariables" and "Arbin APIs Performance Test Results", arbin.com.
"""

import uuid
from collections.abc import AsyncGenerator

from labctl.clock import Clock
from labctl.errors import (
    CannotHold,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LinkNonsense,
)
from labctl.instrument.channel import Driver, Identity, Sample, Traits
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Cutoff, Step
from labctl.link import Link
from labctl_drivers.arbin_mitspro_cti import Info
from labctl_drivers.arbin_mitspro_models import MODELS
from labctl_drivers.arbin_mitspro_server import CtiServer
from labctl_drivers.arbin_mitspro_step import (
    ENTRIES,
    KEPT,
    LABELS,
    SCHEDULE,
    WAITING,
    check_step,
    mark,
    variables_of,
    why_ended,
)
from labctl_drivers.programmed_step import End
from labctl_drivers.server_found_again import ServerFoundAgain

_OPEN = ("Idle", "Finished", "Idle from MCU", "Empty", "Unsafe", "Error")
_AT_REST = (*_OPEN, "Rest", "Wait", "Pause")
_QUIET_PART = 1e-3  # of full scale: a current that may be read at open circuit
_BEYOND_RANGE = 1.05
_SHORTEST_POLL_S, _LONGEST_POLL_S = 0.25, 10.0
_BETWEEN_UPDATES_S = 0.2
_SILENT_INTERVALS, _SILENT_S = 3.0, 30.0
_LOOKS, _AGAIN_AFTER_S = 100, 0.1
_LEAST_APART_S = 1e-3


class ArbinMitsPro:
    """One channel of an Arbin cycler.

    Args:
        link: to MITS Pro.
        clock: the time of the driver.
        model: the channel's ranges.
        address: the channel as MITS Pro shows it, from 1; None: the only channel there is.
        user, password: of a client that MITS Pro knows and lets control.
        schedule: the name under which labctl-1.sdx was saved.
        read_back: ``yes``; ``no`` believes that schedule and variables are as asked, and loses a step's last reading.

    Attributes:
        traits: of the model.
        step_began_s: experiment time at which the present step had begun.
    """

    def __init__(
        self,
        link: Link,
        clock: Clock,
        model: str = "MSTAT-10V1A",
        address: str | None = None,
        user: str = "admin",
        password: str = "000000",
        schedule: str = SCHEDULE,
        read_back: str = "yes",
    ) -> None:
        self.traits: Traits = MODELS[model]
        self.step_began_s = 0.0
        self._link = link
        self._clock = clock
        self._server = CtiServer(link, user, password)
        self._way = ServerFoundAgain(link, clock, self._greet)
        self._address = address
        self._schedule = schedule
        self._reads_back = read_back.strip().lower() != "no"
        self._serial = ""
        self._test = ""
        self._updates = 0
        self._updated_s = float("-inf")
        self._found_closed = False
        self._last_s = 0.0

    async def connect(self) -> Identity:
        """Log in and find the channel; what it does goes on.

        Raises:
            InstrumentRefused: the user is not known.
            WrongInstrument: the cycler has no such channel.
            LinkError: no MITS Pro answers.
        """
        await self._link.open()
        await self._server.log_in(self._address)
        present = await self._server.info()
        self._found_closed = present.status not in _AT_REST
        server = self._server
        self._serial = server.serial
        serial = f"{server.serial} channel {server.channel + 1}"
        return Identity("Arbin", self.traits.model, serial, f"CTI version {server.version}")

    async def found_closed(self) -> bool:
        """Whether ``connect`` found a test that lets a current flow."""
        return self._found_closed

    # --- a step ----------------------------------------------------------------------------------------------

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; see ``Channel.run``. The circuit is open when the last sample is handed over."""
        return self._run(step, self._link.fence.epoch)

    async def _run(self, step: Step, epoch: int) -> AsyncGenerator[Sample, None]:
        check_step(step, self.traits)
        self._link.fence.check(epoch)
        waited_from_s = await self._begin(step, epoch)
        label = ENTRIES[step.control][1]
        kept: Sample | None = None
        last: Info | None = None
        fresh_s = self._clock.now()
        while True:
            info = await self._way.persistently(self._own_info)
            if info.label == label and (last is None or info.test_s > last.test_s):
                last, fresh_s = info, self._clock.now()
                sample = self._sample(info.step_s, info.voltage_V, info.current_A)
                if kept is None or _is_due(step, kept, sample):
                    kept = sample
                    yield sample
            elif info.label == WAITING and info.test_s - info.step_s > waited_from_s + 1e-6:
                break
            self._refuse_standstill(step, fresh_s)
            await self._clock.sleep_until(self._next_look_s(step, label, info.label))
        ended = await self._end_of(info, last)
        cutoff = self._why_it_ended(step, ended)
        yield self._sample(ended.time_s, ended.voltage_V, ended.current_A)._replace(cutoff=cutoff)

    async def _begin(self, step: Step, epoch: int) -> float:
        """Arm a step, read it back and let it begin; the test time at which the schedule had begun to wait."""
        await self._way.meet_again_if_lost()
        info = await self._waiting(epoch)
        await self._clock.sleep_until(self._updated_s + _BETWEEN_UPDATES_S)
        self._updates += 1
        variables = variables_of(step, info.voltage_V, self._updates)
        await self._server.update(variables, epoch)
        self._updated_s = self._clock.now()
        if self._reads_back:
            await self._read_back(variables)
        await self._server.jump(ENTRIES[step.control][0], epoch)
        self.step_began_s = max(self._clock.now(), self._last_s)
        return info.test_s - info.step_s

    async def _waiting(self, epoch: int) -> Info:
        """The channel with our test waiting at open circuit; another is stopped."""
        info = await self._server.info()
        if self._is_ours(info) and info.label == WAITING and info.status == "Rest":
            return info
        if info.status not in _OPEN:
            await self._stop()
        await self._server.assign(self._schedule, epoch)
        if self._reads_back and not await self._server.has_steps(LABELS):
            raise self._another_schedule("has other steps")
        self._test = f"labctl-{uuid.uuid4().hex[:12]}"
        await self._server.start(self._test, epoch)
        for _ in range(_LOOKS):
            info = await self._server.info()
            if self._is_ours(info) and info.label == WAITING:
                return info
            if self._is_ours(info) and info.label and info.label not in LABELS:
                break
            await self._clock.sleep_until(self._clock.now() + _AGAIN_AFTER_S * self._clock.speed)
        await self._stop()
        raise self._another_schedule(
            f"does not wait in its step {WAITING}, the channel showed {info.status!r} in step {info.label!r}"
        )

    def _another_schedule(self, found: str) -> InstrumentRefused:
        return InstrumentRefused(
            f"the schedule {self._schedule} {found}: it is not that of docs/instruments/arbin-mitspro.md",
            self._link.name,
            cell="open",
        )

    async def _read_back(self, variables: tuple[float, ...]) -> None:
        """See in the test's state that the variables are what was sent.

        Raises:
            InstrumentRefused: they are not.
        """
        for _ in range(_LOOKS):
            state = await self._server.state()
            if state.code == 0 and state.test == self._test and state.variables == variables:
                return
            await self._clock.sleep_until(self._clock.now() + _AGAIN_AFTER_S * self._clock.speed)
        raise InstrumentRefused(
            "MITS Pro does not show the variables that it has acknowledged; `read_back: no` believes the "
            "acknowledgement",
            self._link.name,
            cell="open",
        )

    async def _end_of(self, waiting: Info, last: Info | None) -> End:
        """What the step had come to, from what the schedule has kept and what the channel shows while it waits."""
        charge_C = max(waiting.charge_C, waiting.discharge_C)
        if not self._reads_back:
            if last is None:
                raise InvalidReading("a step without a reading", self._link.name, cell="open")
            began_s = last.test_s - last.step_s
            lasted_s = waiting.test_s - waiting.step_s - began_s
            return End(lasted_s, waiting.voltage_V, waiting.current_A, charge_C)
        for _ in range(_LOOKS):
            state = await self._way.persistently(self._server.state)
            voltage_V, current_A, lasted_s = kept = state.variables[KEPT]
            if state.test == self._test and mark(self._updates) not in kept:
                return End(lasted_s, voltage_V, current_A, charge_C)
            await self._clock.sleep_until(self._clock.now() + _AGAIN_AFTER_S * self._clock.speed)
        raise InvalidReading("the schedule has not kept the end of the step", self._link.name, cell="open")

    async def _own_info(self) -> Info:
        """What the channel does, while our test runs.

        Raises:
            InstrumentError: another test, or none, runs.
            InvalidReading: MITS Pro has lost its cycler.
        """
        info = await self._server.info()
        if info.lost:
            raise InvalidReading("MITS Pro cannot reach its cycler", self._link.name, cell="unknown")
        if not self._is_ours(info):
            raise InstrumentError(
                f"test {info.test!r} of schedule {info.schedule!r} is on the channel where {self._test!r} was started: "
                "somebody else uses it",
                self._link.name,
            )
        if info.status == "Finished":
            raise InstrumentError("the cycler has protected the cell", self._link.name, cell="open")
        if info.status in _OPEN or info.status == "Pause":
            raise InstrumentError(
                f"the step was stopped ({info.status}, {info.exit})", self._link.name, cell="open"
            )
        return info

    def _is_ours(self, info: Info) -> bool:
        return bool(self._test) and info.test == self._test

    def _sample(self, step_s: float, voltage_V: float, current_A: float) -> Sample:
        """A reading in experiment time, which never stands still.

        Raises:
            InvalidReading: it is beyond what the channel measures.
        """
        most_V, most_A = _BEYOND_RANGE * self.traits.voltage_max_V, _BEYOND_RANGE * self.traits.current_max_A
        if not (abs(voltage_V) <= most_V and abs(current_A) <= most_A and step_s >= 0.0):
            raise InvalidReading(f"{voltage_V:g} V, {current_A:g} A is not a reading", self._link.name)
        self._last_s = max(self.step_began_s + step_s, self._last_s + _LEAST_APART_S)
        return Sample(self._last_s, voltage_V, current_A)

    def _next_look_s(self, step: Step, label: str, shown: str) -> float:
        """Soon where the step is about to begin or end; else twice in an interval, and at the step's end."""
        now_s = self._clock.now()
        if shown != label:
            return now_s + _AGAIN_AFTER_S * self._clock.speed
        next_s = now_s + min(max(0.5 * step.sampling.every_s, _SHORTEST_POLL_S), _LONGEST_POLL_S)
        limit_s = step.time_limit_s()
        end_s = next_s if limit_s is None else self.step_began_s + limit_s
        return min(next_s, end_s if end_s > now_s else now_s + _AGAIN_AFTER_S)

    def _refuse_standstill(self, step: Step, fresh_s: float) -> None:
        silent_s = self._clock.now() - fresh_s
        if silent_s > _SILENT_INTERVALS * step.sampling.every_s + _SILENT_S * self._clock.speed:
            raise InvalidReading(f"no new reading for {silent_s:g} s", self._link.name)

    def _why_it_ended(self, step: Step, end: End) -> Cutoff:
        """The cut-off that the step had reached.

        Raises:
            InstrumentError: it was none.
        """
        cutoff = why_ended(step, end, kept=self._reads_back)
        if cutoff is None:
            raise InstrumentError(
                f"the step ended at {end.voltage_V:g} V, {end.current_A:g} A after {end.time_s:g} s, which is "
                "none of its cut-offs",
                self._link.name,
                cell="open",
            )
        return cutoff

    async def _greet(self) -> None:
        """The same cycler at the other end of a new connection."""
        await self._server.log_in(self._address)
        if self._serial and self._server.serial != self._serial:
            self._link.poison()
            raise LinkNonsense(
                f"cycler {self._server.serial} answers in place of {self._serial}", self._link.name
            )

    # --- besides ---------------------------------------------------------------------------------------------

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Refused: CTI starts no impedance measurement."""
        raise CannotHold(f"{self.traits.model} cannot measure impedance")

    async def make_safe(self) -> None:
        """Stop the channel, and read back that it has stopped.

        Raises:
            CellStateUnknown: not confirmed after three tries.
        """
        await self._way.make_safe(self._stop)

    async def _stop(self) -> None:
        """Stop whatever runs, until neither status nor current tell of it.

        Raises:
            InstrumentError: it goes on.
        """
        await self._server.stop()
        quiet_A = _QUIET_PART * self.traits.current_max_A
        for _ in range(_LOOKS):
            info = await self._server.info()
            if info.status in _OPEN and abs(info.current_A) <= quiet_A and not info.lost:
                return
            await self._clock.sleep_until(self._clock.now() + _AGAIN_AFTER_S * self._clock.speed)
        reach = ", and MITS Pro cannot reach its cycler" if info.lost else ""
        raise InstrumentError(
            f"the channel does not stop, its status is {info.status}, its current {info.current_A:g} A{reach}",
            self._link.name,
        )

    async def close(self) -> None:
        """Give the port back; what runs goes on."""
        await self._link.close()


def _is_due(step: Step, kept: Sample, sample: Sample) -> bool:
    """Whether a reading is to be kept: an interval has passed, or it has moved."""
    sampling = step.sampling
    moved_V, moved_A = sampling.voltage_change_V, sampling.current_change_A
    return (
        sample.time_s - kept.time_s >= sampling.every_s - 2.0 * _LEAST_APART_S
        or (moved_V is not None and abs(sample.voltage_V - kept.voltage_V) >= moved_V)
        or (moved_A is not None and abs(sample.current_A - kept.current_A) >= moved_A)
    )


DRIVER = Driver(
    name="arbin-mitspro",
    summary="Arbin cyclers through MITS Pro (CTI): a schedule with variables runs each step on the cycler; no EIS",
    traits=MODELS,
    terminator=b"",
    open=ArbinMitsPro,
    wire="CTI: binary frames over a LAN socket, port 9031",
    check_step=check_step,
    settings={
        "address": "the channel as MITS Pro shows it, from 1",
        "user": "a client of MITS Pro's client management that may control",
        "password": "its password",
        "schedule": "the name under which labctl-1.sdx was saved in MITS Pro",
        "read_back": "no: believe the acknowledgement of the variables, where MITS Pro does not show them",
    },
)
