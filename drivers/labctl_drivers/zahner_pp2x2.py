"""Drives Zahner PP212, PP222, PP242 and XPOT2 over their two USB ports: each step is one primitive that ends by itself.

Written for firmware 1.1.0; not verified on hardware.
Line: two USB-CDC ports of one device. The command port takes text, a line each; the data port sends packets.

Quirks:
 1. A primitive is answered when it ends. Until then nothing but ``ABOR`` and ``*RST`` is carried out: what a step does
    meanwhile is told by the data port only, and so both ports are needed.
 2. ``ABOR`` is answered with ``ok``, what it aborts with ``error 1005``, in either order, or both with ``ok``.
 3. After an abort or a global limit nothing can be measured until ``*CLS``.
 4. With the potentiostat merely switched on no limit is looked at: it is never left on between two primitives.
 5. Nothing that is set can be asked for: what is armed is known by its acknowledgement alone.
 6. Data that nobody reads make the instrument hang.
 7. A point comes after each sampling period, the first one period after the start.

Source: zahner_potentiostat 1.1.2 and Zahner's examples for it (Zahner-Remote-Python).
"""

from collections.abc import AsyncGenerator

from labctl.clock import Clock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InvalidReading,
    LinkError,
    LinkTimeout,
    WrongInstrument,
)
from labctl.instrument.channel import Driver, Identity, Sample, Traits
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Step
from labctl.link import Deadline, Link
from labctl_drivers.zahner_pp2x2_data import Reading, State
from labctl_drivers.zahner_pp2x2_lines import Lines
from labctl_drivers.zahner_pp2x2_models import MODELS, REFUSED
from labctl_drivers.zahner_pp2x2_step import Keeping, Primitive, check_step, primitive_for, why_ended

STATUS_SAMPLES_MISSED = 0x1

_BEYOND_RANGE = 1.05
_SETTLES_S = 1.0  # up to 50 ms to switch on, some more for a range
_OFF_PART = 1e-4  # of the largest current: more is no current of an open circuit


class ZahnerPP2x2:
    """One cell on one Zahner power potentiostat.

    Args:
        link: to the command port.
        clock: the time of the driver.
        model: PP212, PP222, PP242 or XPOT2, until the instrument has been asked.
        data_port: the other port; empty: the other serial line of the same USB device, or the next TCP port.

    Attributes:
        traits: of the model that was chosen, and of the one that answered once connected.
        step_began_s: experiment time at which the present step's primitive has begun.
    """

    def __init__(self, link: Link, clock: Clock, model: str = "PP212", data_port: str = "") -> None:
        self.traits: Traits = MODELS[model]
        self.step_began_s = 0.0
        self._link = link
        self._clock = clock
        self._lines = Lines(link, clock, data_port)
        self._found_closed: bool | None = None
        self._last_s = 0.0

    async def connect(self) -> Identity:
        """Identify the instrument at both ports. A primitive that was left running is aborted, which switches off.

        Raises:
            WrongInstrument: another model or instrument, an old firmware, or the ports exchanged.
            LinkError: nothing sensible answers.
        """
        lines = self._lines
        await lines.open()
        try:
            identity = await lines.identify()
            aborted = False
        except LinkTimeout:  # it answers nothing while a primitive runs
            await lines.stop(reopen=True)
            identity = await lines.identify()
            aborted = True
        if identity.model not in MODELS:
            reason = REFUSED.get(identity.model, f"unknown model {identity.model!r}")
            raise WrongInstrument(reason, self._link.name, "*IDN?", identity.model)
        await lines.check_data_port(identity.serial)
        self.traits = MODELS[identity.model]
        self._found_closed = (
            aborted or await self._current_flows() or None
        )  # 0 A may flow in a closed circuit
        return identity

    async def _current_flows(self) -> bool:
        return abs(await self._lines.number(":MEAS:CURR?")) > _OFF_PART * self.traits.current_max_A

    async def found_closed(self) -> bool | None:
        """Whether ``connect`` found a primitive or a current; None: neither, which proves nothing."""
        return self._found_closed

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; see ``Channel.run``. The circuit is open when the last sample is handed over."""
        return self._run(step, self._link.fence.epoch)

    async def _run(self, step: Step, epoch: int) -> AsyncGenerator[Sample, None]:
        check_step(step, self.traits)
        primitive = await self._start(step, epoch)
        keeping = Keeping(step.sampling, primitive.period_s)
        due = Deadline("the next reading of a step", takes_s=primitive.period_s + _SETTLES_S)
        last: Reading | None = None
        charge_C, status = 0.0, 0
        while True:
            self._link.fence.check(epoch)
            told = await self._lines.told(due)
            if told is State.FINISHING:
                break
            if isinstance(told, State):
                continue
            for reading in told:
                before_s = 0.0 if last is None else last.time_s
                if last is not None and reading.time_s <= before_s:
                    continue  # told once more at the end
                if last is not None and keeping.keeps(last):
                    yield self._sample(last, status)
                    status = 0
                self._refuse_nonsense(reading)
                if reading.time_s - before_s > 1.5 * primitive.period_s:
                    status = STATUS_SAMPLES_MISSED
                charge_C += reading.current_A * (reading.time_s - before_s)
                last = reading
        await self._lines.finish()
        if last is None:
            raise InvalidReading("a primitive without a reading", self._link.name, cell="open")
        cutoff = why_ended(step, last, abs(charge_C), primitive.period_s)
        if cutoff is None:
            raise InstrumentError(
                f"the step ended at {last.voltage_V:g} V, {last.current_A:g} A after {last.time_s:g} s, "
                "which is none of its cut-offs",
                self._link.name,
                cell="open",
            )
        yield self._sample(last, status, cutoff)

    async def _start(self, step: Step, epoch: int) -> Primitive:
        """Arm everything, each acknowledged, and let the primitive begin."""
        lines = self._lines
        if lines.running or self._link.poisoned:
            await lines.stop(reopen=False)
        await lines.order("*CLS")
        await lines.order(":SESO:STAT OFF")  # what the primitive goes back to at its end
        open_circuit_V = await lines.number(":MEAS:VOLT?") if step.control is Control.VOLTAGE else 0.0
        primitive = primitive_for(step, self.traits, open_circuit_V)
        await lines.arm(primitive.parameters)
        await lines.start(primitive.question, epoch)
        self.step_began_s = max(self._clock.now(), self._last_s)
        return primitive

    def _sample(self, reading: Reading, status: int, cutoff: Cutoff | None = None) -> Sample:
        self._last_s = self.step_began_s + reading.time_s
        return Sample(self._last_s, reading.voltage_V, reading.current_A, status, cutoff)

    def _refuse_nonsense(self, reading: Reading) -> None:
        """A comparison with NaN is False.

        Raises:
            InvalidReading: it is beyond what the instrument measures.
        """
        most_V, most_A = _BEYOND_RANGE * self.traits.voltage_max_V, _BEYOND_RANGE * self.traits.current_max_A
        if not (
            reading.time_s >= 0.0 and abs(reading.voltage_V) <= most_V and abs(reading.current_A) <= most_A
        ):
            raise InvalidReading(
                f"{reading.voltage_V:g} V, {reading.current_A:g} A at {reading.time_s:g} s is not a reading",
                self._link.name,
            )

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Refused: over USB these instruments have no alternating current."""
        raise CannotHold(
            f"{self.traits.model} cannot measure impedance by itself: that takes a Zennium, or another analyser"
        )

    async def make_safe(self) -> None:
        """Abort and switch off; confirmed by the acknowledgement, and by no current being read.

        Raises:
            CellStateUnknown: not confirmed after three tries.
        """
        self._link.fence.advance()
        lines, problem = self._lines, ""
        for attempt in range(3):
            try:
                if lines.running or self._link.poisoned:
                    await lines.stop(reopen=attempt > 0)
                await lines.order(":SESO:STAT OFF")
                if not await self._current_flows():
                    return
                problem = "a current is read although the potentiostat says that it is off"
            except (LinkError, InstrumentError) as error:
                problem = error.words
            self._link.poison()
        raise CellStateUnknown(problem, self._link.name, cell="unknown, look at the instrument")

    async def close(self) -> None:
        """Give the ports back; a primitive that runs goes on."""
        await self._lines.close()


DRIVER = Driver(
    name="zahner-pp2x2",
    summary="Zahner PP212, PP222, PP242, XPOT2 over USB: runs steps by itself; no impedance",
    traits=MODELS,
    terminator=b"\n",
    open=ZahnerPP2x2,
    wire="SCPI-like text and binary packets: two USB-CDC ports",
    usb=("0483:a3ad",),
    check_step=check_step,
    settings={"data_port": "the instrument's other port, where it is not found by itself: /dev/ttyACM1"},
    ports=("data_port",),
)
