"""Drives one channel of a Maccor Series 4000 tester through MacNet, in direct mode: the computer paces each step.

Written from Maccor's help, "Remote Control - MacNet" (94 pages, 2022-05-18, in the repository of pymacnet); not
verified on hardware. Line: TCP, port 57560 (binary MacNet) on the computer that runs MacTest32; lab systems (type 0).

Quirks:
 1. Safety limits, (6, 10), are the channel's own: beyond them it opens. They are read back twice before a step: from
    the answer, and from the specification, (3, 1). It rounds them to single precision.
 2. In direct mode current and voltage limit each other, so the voltage ahead of a current is given with it.
 3. Direct mode is begun at rest; one output is taken every 100 ms (p. 48), none before it is ready.
 4. Nothing tells the output that is set: each reading is held against it, its direction (RF1) too.
 5. When the computer falls silent the output stays as it is, unless ``MacNetDirectModeWD`` stands in System.ini
    (p. 47). MacNet does not tell whether it does: a watchdog that is asked for is proven, it must bite once, at rest.
 6. Assumed: a current is told without sign, so its direction is taken from RF1.
 7. MacNet gives no records: what a lost connection missed is only in the tester's own data file.
 8. A test that has ended keeps its channel until it is reset, (6, 5).

Source: Maccor help, "Remote Control - MacNet"; pymacnet 1.1.3 for what its users have found.
"""

import uuid
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace

from labctl.clock import Clock
from labctl.errors import CannotHold, CellStateUnknown, InstrumentError, LinkError, WrongInstrument
from labctl.instrument.channel import Driver, Identity, Sample, Traits
from labctl.instrument.step import Step
from labctl.link import Link
from labctl_drivers.maccor_4000_macnet import MacNet
from labctl_drivers.maccor_4000_models import MODELS, Ranges, traits_of
from labctl_drivers.maccor_4000_setup import Output, Setup, check_step, setup_for
from labctl_drivers.maccor_4000_step import Execution
from labctl_drivers.smu_steps import Stepped

_LOOKS, _AGAIN_AFTER_S = 20, 0.1  # whether it has stopped
_SHORTEST_WATCHDOG_S = 3.0
_PART = 3.0  # a reading, and with it an output, is due at least this many times within the watchdog's time


class Maccor4000(Stepped[Setup]):
    """One channel of a tester.

    Args:
        link: to MacTest32.
        clock: the time it lives in.
        model: the ranges to expect; None takes what the channel tells.
        address: the channel as MacTest32 counts it, from 1; None: the only one there is.
        watchdog_s: of the tester's System.ini, to be proven; None: it is not relied on.

    Attributes:
        macnet: asks and commands the channel.
        test: the name of the test that we have begun; empty: none.
    """

    def __init__(
        self,
        link: Link,
        clock: Clock,
        model: str | None = None,
        address: str | None = None,
        watchdog_s: float | None = None,
    ) -> None:
        self.link = link
        self.clock = clock
        self.macnet = MacNet(link)
        self.armed: Setup | None = None
        self.test = ""
        self.step_began_s = 0.0
        self.stranger = False
        self.watchdog_s = watchdog_s
        self._expected = model
        self._address = address
        self._identity: Identity | None = None
        self._found_closed = False
        self._fed: int | None = None
        self._beaten: int | None = None
        self._take_ranges(model or next(iter(MODELS)), MODELS[model or next(iter(MODELS))])

    def _take_ranges(self, model: str, ranges: Ranges) -> None:
        self._ranges = ranges
        traits = traits_of(model, ranges)
        self.traits: Traits = traits if self.watchdog_s is None else with_watchdog(traits, self.watchdog_s)

    async def connect(self) -> Identity:
        """Find the tester and the channel, and what it can do; what it does goes on.

        Raises:
            WrongInstrument: there is no such channel, or it has other ranges than the model.
            LinkError: no MacTest32 answers.
        """
        await self.link.open()
        self.armed = None
        await self.macnet.prove()
        self._identity = await self._identify()
        ranges = (await self.macnet.specification()).ranges
        model = next((name for name, known in MODELS.items() if known.is_like(ranges)), None)
        if self._expected is not None and model != self._expected:
            known = f"write `model: {model}`" if model else "leave `model` out"
            raise WrongInstrument(
                f"the channel goes from {ranges}; {self._expected} goes from {MODELS[self._expected]}: {known}",
                self.link.name,
            )
        self._take_ranges(model or f"channel of {ranges.low_V:g} V to {ranges.high_V:g} V", ranges)
        status = await self.macnet.status()
        self._found_closed = not status.is_open
        return self._identity

    async def _identify(self) -> Identity:
        name, version, channels = await self.macnet.tester()
        number = self._address or "1"
        if self._address is None and channels != 1:
            raise WrongInstrument(
                f"the tester has {channels} channels, write an `address`: 1 to {channels}", self.link.name
            )
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= channels):
            raise WrongInstrument(
                f"there is no channel {number}; the tester has 1 to {channels}", self.link.name
            )
        self.macnet.channel = int(number) - 1
        return Identity("Maccor", "Series 4000", f"{name}, channel {number}", f"MacTest32 {version}")

    async def found_closed(self) -> bool:
        """Whether ``connect`` found a test running."""
        return self._found_closed

    async def prove(self) -> None:
        """Show that question and answer belong together, and that it is the tester it was.

        Raises:
            LinkNonsense: the answer belongs to another question.
            WrongInstrument: another tester answers.
        """
        await self.macnet.prove()
        identity = await self._identify()
        self.stranger = self._identity is not None and identity != self._identity
        if self.stranger:
            self.link.poison()
            raise WrongInstrument(f"{identity} answers where {self._identity} was", self.link.name)

    # --- steps -----------------------------------------------------------------------------------------------

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; what it sends belongs to the epoch of this call.

        Raises:
            CannotHold: at once, before a byte has left.
        """
        if self.watchdog_s is not None and step.sampling.every_s > self.watchdog_s / _PART:
            raise CannotHold(
                f"a sample every {step.sampling.every_s:g} s feeds a watchdog of {self.watchdog_s:g} s late: record "
                f"at least every {self.watchdog_s / _PART:g} s, or give it {_PART * step.sampling.every_s:g} s",
                self.link.name,
            )
        return super().run(step)

    def setup_for(self, step: Step) -> Setup:
        """What to arm for a step."""
        return setup_for(step, self._ranges, self.link.name)

    def execution(self, step: Step, setup: Setup, epoch: int, first: float) -> Execution:
        """How a step is executed that begins with a set point."""
        return Execution(self, setup, epoch, first)

    def new_test(self) -> str:
        """A name that no test has had; a tester refuses one twice."""
        return f"labctl-{uuid.uuid4().hex[:16]}"

    def feed(self) -> None:
        """A control tick has been completed, so the watchdog may be fed again; may be called from any thread.

        Until it is called for the first time whoever asks for a reading feeds the watchdog by that.
        """
        self._fed = (self._fed or 0) + 1

    def may_feed(self) -> bool:
        """Whether a tick has been completed since the last time."""
        if self._fed is not None and self._fed == self._beaten:
            return False
        self._beaten = self._fed
        return True

    # --- what it is set to, and off --------------------------------------------------------------------------

    async def inspect(self) -> tuple[str, ...]:
        """What the channel does and what limits it, as read back."""
        status, limits = await self.macnet.status(), (await self.macnet.specification()).limits
        return (
            f"channel {status.in_words}, {status.voltage_V:g} V, {status.current_A:g} A",
            f"safety limits {limits.low_V:g} V to {limits.high_V:g} V, {limits.charge_A:g} A charging, "
            f"{limits.discharge_A:g} A discharging",
            f"its latest test is {await self.macnet.test_name() or 'none'}",
        )

    async def switch_off(self) -> None:
        """Suspend, even on a line that is not in order."""
        if self.link.poisoned:
            await self.macnet.suspend_anyway()
        else:
            await self.macnet.suspend()

    async def is_open(self) -> bool:
        """Whether the channel reads back as one that does nothing; it may need a moment."""
        for _ in range(_LOOKS):
            if (await self.macnet.status()).is_open:
                return True
            await self.clock.sleep_until(self.clock.now() + _AGAIN_AFTER_S)
        return False

    async def open_circuit(self) -> None:
        """Suspend, and read back that the circuit is open.

        Raises:
            InstrumentError: it is not.
        """
        await self.switch_off()
        if not await self.is_open():
            status = await self.macnet.status()
            raise InstrumentError(f"the channel does not stop, it is {status.in_words}", self.link.name)

    async def trip(self) -> None:
        """When it does not suspend: to rest, then the test is ended.

        Raises:
            CellStateUnknown: the channel goes on all the same.
        """
        self.link.fence.advance()
        try:
            with suppress(InstrumentError):
                await self.macnet.output(Output("R", 0.0, 0.0, 4), self.link.fence.epoch)
            await self.macnet.reset()
            open_now = await self.is_open()
        except (LinkError, InstrumentError) as problem:
            raise CellStateUnknown(
                f"not even its test could be ended: {problem.words}", self.link.name
            ) from problem
        if not open_now:
            raise CellStateUnknown("its test has been ended, but the channel goes on", self.link.name)

    async def make_safe(self) -> None:
        """Suspend the channel and read back that it has stopped; then end the test that was ours.

        Raises:
            CellStateUnknown: three attempts did not show it open.
        """
        ours = self.test
        await super().make_safe()
        with suppress(LinkError, InstrumentError):  # the circuit is open, whatever becomes of the test
            if ours and await self.macnet.test_name() == ours:
                await self.macnet.reset()
                self.test = ""


def with_watchdog(traits: Traits, watchdog_s: float) -> Traits:
    """What a channel holds whose tester has a watchdog.

    Raises:
        CannotHold: a time too short to be fed in.
    """
    if not _SHORTEST_WATCHDOG_S <= watchdog_s <= 3600.0:
        raise CannotHold(
            f"a watchdog of {watchdog_s:g} s; from {_SHORTEST_WATCHDOG_S:g} s to 3600 s is possible"
        )
    return replace(
        traits,
        host_silence=f"the tester's watchdog of direct mode (MacNetDirectModeWD), within {watchdog_s:g} s; proven at "
        "rest before each run",
    )


DRIVER = Driver(
    name="maccor-4000",
    summary="Maccor Series 4000 testers through MacNet, in direct mode; no impedance",
    traits={name: traits_of(name, ranges) for name, ranges in MODELS.items()},
    terminator=b"",
    open=Maccor4000,
    watchdog=with_watchdog,
    wire="MacNet: binary over a LAN socket, port 57560",
    check_step=check_step,
    settings={"address": "the channel as MacTest32 counts it, from 1"},
)
