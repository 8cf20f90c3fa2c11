"""One step on a Maccor channel in direct mode: arm, energise, read, and pick up again after a lost connection."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from labctl.clock import Clock
from labctl.errors import InstrumentError, InvalidReading, LinkError
from labctl.instrument.channel import Sample
from labctl.instrument.step import Step
from labctl.link import Link
from labctl_drivers.maccor_4000_macnet import ACTIVE, AVAILABLE, SIGNS, SUSPENDED, MacNet, Status, same_limits
from labctl_drivers.maccor_4000_setup import Setup

T = TypeVar("T")

LIMITED = 1  # status of a sample: the armed limit, not the set point, held the output

_BETWEEN_OUTPUTS_S = 0.1  # p. 48
_UNWATCHED_S = 10.0  # on the wall: how long a lost tester is looked for while its output may be on
_PAUSE_S = 0.3
_LOOKS, _AGAIN_AFTER_S = 40, 0.1  # until a channel has started, has stopped, takes an output
_SETTLES_S = 1.0  # Assumed: so soon after an output the state shows it
_DOUBTS = 3  # readings in a row that neither the set point nor a limit explains
_STANDS_STILL_S = 5.0
_LEAST_RECORD_S, _MOST_RECORD_S = 0.1, 3600.0


class Tester(Protocol):
    """The channel that a step belongs to.

    Attributes:
        armed: what its direct mode runs with; None: it does not run, or nobody knows.
        test: the name of the test that we have begun.
        watchdog_s: after which the tester suspends a channel that is left alone; None: not relied on.
    """

    link: Link
    clock: Clock
    macnet: MacNet
    armed: Setup | None
    test: str
    step_began_s: float
    watchdog_s: float | None

    async def prove(self) -> None:
        """Show that question and answer belong together, and that it is the tester it was."""

    async def open_circuit(self) -> None:
        """Suspend, and read back that the circuit is open."""

    def new_test(self) -> str:
        """A name that no test has had."""

    def may_feed(self) -> bool:
        """Whether a control tick has been completed since the last time."""


class Execution:
    """One step: arms, energises, reads, and picks up again after a lost connection.

    Args:
        tester: the channel.
        setup: what is armed for the whole step.
        epoch: what it sends belongs to.
        first: the set point that the step begins with.
    """

    def __init__(self, tester: Tester, setup: Setup, epoch: int, first: float) -> None:
        self._tester = tester
        self._setup = setup
        self._epoch = epoch
        self._value = first
        self._output = setup.output(0.0 if setup.holds_V else first)
        self._outputs_s = -_BETWEEN_OUTPUTS_S
        self._test_time_s = -1.0
        self._moved_on_s = 0.0
        self._doubts = 0

    async def begin(self, step: Step) -> float:
        """Arm and verify everything with the circuit open, or only change the output if that has been done."""
        tester = self._tester
        status = await tester.macnet.status()
        armed = tester.armed
        if armed is None or armed.limits != self._setup.limits or status.state != ACTIVE:
            await self._arm(step.sampling.every_s)
            status = await tester.macnet.status()
        flowing = SIGNS.get(status.doing, 0.0)
        self._output = self._setup.output(self._value, flowing, status.voltage_V)
        tester.step_began_s = self._moved_on_s = tester.clock.now()
        await self._put_out()
        return tester.step_began_s

    async def move(self, value: float) -> None:
        """Change the output while the step goes on."""
        self._value = value
        self._output = self._setup.output(value)
        await self._put_out()

    async def measure(self) -> Sample:
        """One question: state, voltage, current, and the tester's own time, which has to move on."""
        tester = self._tester
        time_s, status = await self._look()
        self._refuse_standstill(status.test_time_s, time_s)
        if tester.watchdog_s is not None and tester.may_feed():
            await self._put_out()
        sample = Sample(time_s, status.voltage_V, status.current_A)
        if self._is_held(status):
            self._doubts = 0
            return sample
        if self._is_limited(status):
            self._doubts = 0
            return sample._replace(status=LIMITED)
        self._doubts += 1
        if self._doubts > _DOUBTS:
            raise InstrumentError(
                f"{status.voltage_V:g} V, {status.current_A:g} A: it does not hold {self._told()}, and no limit does",
                tester.link.name,
            )
        return sample

    async def recover(self) -> Sequence[Sample]:
        """Reopen, prove, and compare what is armed; MacNet gives no readings that were missed.

        Tried for as long as the step may go on unwatched.
        """

        async def find_again() -> None:
            await self._tester.prove()
            await self._compare()

        await regain(self._tester, find_again)
        return ()

    async def reconnect(self) -> None:
        """Suspend at once, for the step before may be past its cut-off; then the line in order again, and proven."""
        tester = self._tester
        tester.armed = None
        with suppress(LinkError):
            await tester.macnet.suspend_anyway()
        await regain(tester, tester.prove)

    async def _arm(self, every_s: float) -> None:
        """Circuit open and verified; then the safety limits; then direct mode at rest. Nothing energises yet."""
        tester, macnet = self._tester, self._tester.macnet
        tester.armed = None
        await self._make_available()
        await macnet.set_limits(self._setup.limits, self._epoch)
        if tester.watchdog_s is not None:
            await self._prove_watchdog(tester.watchdog_s)
            await self._make_available()
        await self._start(every_s)
        tester.armed = self._setup

    async def _make_available(self) -> None:
        tester, macnet = self._tester, self._tester.macnet
        if (await macnet.status()).state == AVAILABLE:
            return
        await tester.open_circuit()
        await macnet.reset()
        await self._until(AVAILABLE, "is not available")

    async def _start(self, every_s: float) -> None:
        """Direct mode, at rest."""
        tester = self._tester
        tester.test = tester.new_test()
        record_s = min(max(every_s, _LEAST_RECORD_S), _MOST_RECORD_S)
        await tester.macnet.start_direct(tester.test, record_s, self._epoch)
        await self._until(ACTIVE, "does not start")

    async def _prove_watchdog(self, watchdog_s: float) -> None:
        """Let it bite once, at rest: nothing else tells whether the tester has one.

        Raises:
            InstrumentError: it does not.
        """
        clock = self._tester.clock
        await self._start(_MOST_RECORD_S)
        await clock.sleep_until(clock.now() + watchdog_s + 1.0)
        status = await self._tester.macnet.status()
        if status.state != SUSPENDED:
            raise InstrumentError(
                f"the tester has no watchdog of {watchdog_s:g} s: a channel at rest that was left alone for so long is "
                f"{status.in_words}; write MacNetDirectModeWD={watchdog_s:g} into [Misc_Options] of its System.ini and "
                "restart MacTest32",
                self._tester.link.name,
                cell="open",
            )

    async def _until(self, state: int, problem: str) -> Status:
        clock = self._tester.clock
        for _ in range(_LOOKS):
            status = await self._tester.macnet.status()
            if status.state == state:
                return status
            await clock.sleep_until(clock.now() + _AGAIN_AFTER_S)
        raise InstrumentError(f"the channel {problem}: it is {status.in_words}", self._tester.link.name)

    async def _put_out(self) -> None:
        """Let the output take effect; the tester takes one every 100 ms."""
        tester = self._tester
        for _ in range(_LOOKS):
            await tester.clock.sleep_until(self._outputs_s + _BETWEEN_OUTPUTS_S)
            result = await tester.macnet.output(self._output, self._epoch)
            self._outputs_s = tester.clock.now()
            if not result:
                return
        raise InstrumentError(
            "the tester takes no output although it is asked every 100 ms", tester.link.name
        )

    async def _compare(self) -> None:
        """What was armed must still be so; else it was restarted or somebody changed it.

        Raises:
            InstrumentError: it is not.
        """
        tester = self._tester
        await self._look()
        if (name := await tester.macnet.test_name()) != tester.test:
            raise InstrumentError(
                f"test {name!r} runs where {tester.test!r} was begun: somebody else uses the channel",
                tester.link.name,
            )
        limits = (await tester.macnet.specification()).limits
        if not same_limits(limits, self._setup.limits):
            raise InstrumentError("its safety limits are no longer those of the step", tester.link.name)

    async def _look(self) -> tuple[float, Status]:
        """When it was asked, and the state: that of the output that was set, which may take a moment to show.

        Sooner than the tester takes outputs it is not asked: it would tell what was before.

        Raises:
            InstrumentError: the channel does something else.
        """
        clock = self._tester.clock
        await clock.sleep_until(self._outputs_s + _BETWEEN_OUTPUTS_S)
        while True:
            time_s = clock.now()
            status = await self._tester.macnet.status()
            shows = SIGNS.get(status.doing) == self._output.sign
            if shows or status.state != ACTIVE or time_s - self._outputs_s > _SETTLES_S * clock.speed:
                self._refuse_another_state(status)
                return time_s, status
            await clock.sleep_until(time_s + _AGAIN_AFTER_S)

    def _refuse_another_state(self, status: Status) -> None:
        if status.state != ACTIVE:
            unfed = status.state == SUSPENDED and self._tester.watchdog_s is None
            raise InstrumentError(
                f"the channel is {status.in_words}, not by labctl"
                + (
                    "; if MacNetDirectModeWD stands in System.ini, give the channel a `watchdog`"
                    if unfed
                    else ""
                ),
                self._tester.link.name,
                cell="open" if status.is_open else "unknown",
            )
        if SIGNS.get(status.doing) != self._output.sign:
            raise InstrumentError(
                f"the channel does something else (RF1 {status.doing}) than {self._told()}",
                self._tester.link.name,
            )

    def _refuse_standstill(self, test_time_s: float, now_s: float) -> None:
        if test_time_s < self._test_time_s:
            raise InstrumentError("its test time runs back: another test was begun", self._tester.link.name)
        if test_time_s > self._test_time_s:
            self._test_time_s, self._moved_on_s = test_time_s, now_s
        elif now_s - self._moved_on_s > _STANDS_STILL_S:
            raise InvalidReading("its test time stands still", self._tester.link.name)

    def _is_held(self, status: Status) -> bool:
        output, ranges = self._output, self._setup.ranges
        if self._setup.holds_V:
            return abs(status.voltage_V - output.voltage_V) <= 0.002 * ranges.largest_V
        off_A = abs(status.current_A - output.sign * output.current_A)
        return off_A <= 0.02 * output.current_A + 0.01 * ranges.currents_A[output.range_number - 1]

    def _is_limited(self, status: Status) -> bool:
        """At constant voltage by its current, else by the voltage ahead."""
        output, doubtful_V = self._output, 0.001 * self._setup.ranges.largest_V
        if self._setup.holds_V:
            return abs(status.current_A) >= 0.98 * output.current_A
        return output.mode != "R" and output.sign * (status.voltage_V - output.voltage_V) >= -doubtful_V

    def _told(self) -> str:
        output = self._output
        if self._setup.holds_V:
            return f"{output.voltage_V:g} V"
        return f"{output.sign * output.current_A:g} A"


async def regain(tester: Tester, proof: Callable[[], Awaitable[T]]) -> T:
    """Reopen the line until ``proof`` succeeds on it, for as long as a step may go on unwatched.

    Raises:
        LinkError: it did not in that time.
    """
    clock = tester.clock
    until_s = clock.now() + _UNWATCHED_S * clock.speed
    while True:
        try:
            await tester.link.resynchronise(0.0)
            return await proof()
        except LinkError:
            if clock.now() >= until_s:
                raise
        await clock.sleep_until(clock.now() + _PAUSE_S * clock.speed)
