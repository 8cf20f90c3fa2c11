"""Solartron 1287 with a 1260 frequency response analyser wired to it: one channel that cycles and measures impedance.

Verified on hardware: no; on a simulated pair, and no client of others accepted that. Manuals: SI 1287 User Guide, Issue
CSB; 1260 operating manual, of which only some pages and what other programs send were at hand. Lines: as of the 1287;
the 1260 at a GPIB address of its own (4 in others' programs), named by ``analyser_port``.
Cables: the 1260's generator to the 1287's external input; the 1287's outputs RE and I to the 1260's V1 and V2 inputs.
A 1255B in place of the 1260 is believed the same below 1 MHz.

Quirks:

1. The 1287 has to be on while the 1260 measures: the generator's signal is added to what the 1287 holds. ``PI1`` is
   armed with each step, a gain of 0.01, so 3 V of the generator are 30 mV at the cell (1287 manual p. 91).
2. Z is V1/V2 times the resistor of the 1287's current range. The outputs' gains of 10 (``VX``, ``IX``) would falsify
   it: both are set to 1 with each step.
3. Of a galvanostat the input is a voltage across that resistor (Assumed), so the range scales the amplitude too.
4. The generator stays on after a measurement: it is set to 0 V after a spectrum, and the 1287 to standby.
5. A result comes by itself (``OP2,1``) and begins with its frequency: one of another frequency is no answer.
6. Levels are rms; labctl's amplitudes are zero-to-peak. One digit in an exponent.
"""

import math
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace

from labctl.clock import Clock
from labctl.errors import (
    CannotHold,
    InvalidReading,
    LabctlError,
    LinkError,
    LinkLost,
    SpectrumLost,
    WrongInstrument,
)
from labctl.instrument.channel import Identity, ImpedanceTraits
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec
from labctl.instrument.pacing import begin
from labctl.instrument.step import Control, Cutoff, Quantity, Sampling, Side, Step
from labctl.link import Deadline, Link
from labctl.link.port import HasSecond
from labctl.units import show
from labctl_drivers.smu_setup import Setup, setup_for
from labctl_drivers.smu_step import Execution
from labctl_drivers.solartron_1287 import DRIVER as INTERFACE
from labctl_drivers.solartron_1287 import MODELS as INTERFACE_MODELS
from labctl_drivers.solartron_1287 import TRAITS as INTERFACE_TRAITS
from labctl_drivers.solartron_1287 import Solartron1287, number

_MODEL = "1287 + 1260"
_RANGES = INTERFACE_MODELS["1287"]
MODELS = {_MODEL: _RANGES}

_GENERATOR_V = 3.0  # rms, below 10 MHz
_GAIN = 0.01  # PI1
_FULL_SCALE_V = 0.2  # across the resistor of a range
_ROOT_2 = math.sqrt(2.0)
_LARGEST_V = _ROOT_2 * _GENERATOR_V * _GAIN
_LARGEST_PART = _LARGEST_V / _FULL_SCALE_V  # of a current range
_HIGH_HZ, _LOW_HZ = 1e6, 1e-3  # Assumed: what the 1287 passes on; what a person waits for
_SAME_FREQUENCY = 1e-4
_PERIODS, _LEAST_S = 2.0, 0.2
_ANSWER = Deadline("the answer of the analyser")
_SETUP = (
    *("OS0", "OT0", "OP2,1", "GT0", "VB0", "SW0", "AU0", "UW0", "CV0", "SO1,2"),
    *("RA1,0", "RA2,0", "DC1,0", "DC2,0", "IP1,0", "IP2,0", "OU1,0", "OU2,0"),
)

TRAITS = replace(
    INTERFACE_TRAITS,
    model=_MODEL,
    impedance=ImpedanceTraits(
        modes=frozenset(ImpedanceMode),
        high_Hz=_HIGH_HZ,
        low_Hz=_LOW_HZ,
        amplitude_max_V=_LARGEST_V,
        amplitude_max_A=_LARGEST_PART * _RANGES.largest_A,
    ),
)


class Modulated(Execution):
    """A hold that is modulated meanwhile: a reading may be off by what the modulation adds."""

    def _take_level(self, value: float) -> None:
        super()._take_level(value)
        added = _LARGEST_PART * self._setup.source_range if self._galvanostatic else _LARGEST_V
        self._lowest, self._highest = self._lowest - added, self._highest + added


class Solartron1260(Solartron1287):
    """A 1287 and a 1260 at one cell, as a channel.

    Args:
        link: to the 1287; lines end with LF.
        clock: the time it lives in.
        model: the model to expect; there is one.
        working_at: as of the 1287.
        analyser_port: resource of the 1260; empty: at the next TCP port.
    """

    models = MODELS
    own_model = _MODEL
    own_traits = TRAITS

    def __init__(
        self,
        link: Link,
        clock: Clock,
        model: str | None = None,
        working_at: str = "WE",
        analyser_port: str = "",
    ) -> None:
        super().__init__(link, clock, model, working_at)
        self._analyser_port = analyser_port
        self._analyser: Link | None = None

    async def connect(self) -> Identity:
        """Identify both.

        Raises:
            WrongInstrument: one of the two is not what it should be.
            LinkError: nothing sensible answers.
        """
        identity = await super().connect()
        if self._analyser is None:
            if not isinstance(self.link.port, HasSecond):
                raise LinkLost("a second instrument cannot be reached this way", self.link.name)
            port = self.link.port.beside(self._analyser_port)
            self._analyser = Link(port, self.clock, DRIVER.terminator, self.link.fence)
        await self._analyser.open()
        await self._identify_analyser(self._analyser)
        return identity

    async def _identify_analyser(self, analyser: Link) -> None:
        reply = (await analyser.ask(b"*IDN?", _ANSWER)).decode("ascii", "replace")
        if "SOLARTRON" not in reply.upper() or not reply.strip().startswith(("1260", "1255")):
            raise WrongInstrument("a Solartron 1260 or 1255 was expected", analyser.name, "*IDN?", reply)

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Measure a spectrum about open circuit or a bias; the circuit is open afterwards.

        Raises:
            CannotHold: at once, before a byte has left.
            SpectrumLost: the analyser could not; the cell is at open circuit.
        """
        refuse_sweep(spec, self.link.name)
        return self._sweep(spec, self.link.fence.epoch)

    async def _sweep(self, spec: ImpedanceSpec, epoch: int) -> AsyncGenerator[ImpedancePoint, None]:
        hold = hold_for(spec, 0.0)
        if spec.mode is ImpedanceMode.POTENTIOSTATIC and spec.bias is None:
            hold = replace(hold, value=await self._open_circuit_V(hold, epoch))
        setup = modulated_setup(spec, hold, self.link.name)
        try:
            analyser = await self._prepare(spec, setup)
        except LabctlError as error:
            await self._lose(error)
        self._full_A = setup.source_range if setup.source == "CURR" else setup.sense_range
        execution = Modulated(self, setup, epoch, hold.value)
        await begin(hold, execution)
        for frequency_Hz in spec.frequencies_Hz():
            try:
                ratio = await self._ratio(analyser, frequency_Hz, epoch)
            except LabctlError as error:
                await self._lose(error)
            found_ohm = ratio * sense_ohm(self._full_A)
            reading = await execution.measure()
            if left := spec.safety.left_by(reading.voltage_V, reading.current_A):
                raise InvalidReading(f"during a spectrum {left}", self.link.name)
            yield ImpedancePoint(self.clock.now(), frequency_Hz, found_ohm.real, found_ohm.imag)
        await self._quiet()
        self.armed = None
        await self.switch_off()
        if not await self.is_open():
            raise InvalidReading("a current flows after a spectrum", self.link.name)

    async def _prepare(self, spec: ImpedanceSpec, setup: Setup) -> Link:
        """The analyser with its generator at the level; nothing of it reaches the cell before the 1287 is on."""
        analyser = self._analyser
        if analyser is None:
            raise LinkLost("the analyser is not connected", self.link.name)
        await analyser.resynchronise()  # the 1287's line may have been opened anew, and a gateway with it
        for code in (*_SETUP, f"VA{number(generator_V(spec, setup))}"):
            await analyser.send(code.encode("ascii"))
        await self._identify_analyser(analyser)  # all of it has been taken in
        return analyser

    async def _ratio(self, analyser: Link, frequency_Hz: float, epoch: int) -> complex:
        """V1/V2 at a frequency."""
        integrates_s = max(_LEAST_S, _PERIODS / frequency_Hz)
        settles_s = 1.0 / frequency_Hz if frequency_Hz < 1.0 / _LEAST_S else _LEAST_S
        for code in (
            f"FR{frequency_text(frequency_Hz)}",
            f"IS{number(integrates_s)}",
            f"MS{number(settles_s)}",
        ):
            await analyser.send(code.encode("ascii"), epoch=epoch)
        due = Deadline("a result of the analyser", takes_s=2.0 * (integrates_s + settles_s), slack_s=5.0)
        reply = (await analyser.ask(b"SI", due, epoch=epoch)).decode("ascii", "replace")
        try:
            made_Hz, real, imaginary, error = map(float, reply.split(",")[:4])
        except ValueError:
            made_Hz, real, imaginary, error = math.nan, math.nan, math.nan, 0.0
        if not abs(made_Hz - frequency_Hz) <= _SAME_FREQUENCY * frequency_Hz:
            analyser.poison()
            raise InvalidReading(f"no result at {show(frequency_Hz, 'Hz')}", analyser.name, "SI", reply)
        if error or not (math.isfinite(real) and math.isfinite(imaginary)):
            raise InvalidReading(
                f"error {error:g} with the result at {show(frequency_Hz, 'Hz')}", analyser.name, "SI", reply
            )
        return complex(real, imaginary)

    async def _lose(self, error: LabctlError) -> None:
        """The analyser failed: open the circuit, and tell that only the spectrum is lost.

        Raises:
            SpectrumLost: the circuit is confirmed open.
            LabctlError: what had failed, if it is not.
        """
        await self._quiet()
        self.armed = None
        await self.switch_off()
        if not await self.is_open():
            raise error
        raise SpectrumLost(str(error), cell="at open circuit, confirmed by a current of zero") from error

    async def _quiet(self) -> None:
        """No signal; whether it is heard does not matter, for the 1287 passes nothing on in standby."""
        if self._analyser is not None:
            with suppress(LinkError):
                await self._analyser.send_anyway(b"VA0")

    async def make_safe(self) -> None:
        """The 1287 to standby, confirmed; then no signal.

        Raises:
            CellStateUnknown: three attempts did not show it open.
        """
        await super().make_safe()
        await self._quiet()

    async def close(self) -> None:
        """Give both ports back."""
        if self._analyser is not None:
            await self._analyser.close()
        await super().close()


def sense_ohm(full_scale_A: float) -> float:
    """The resistor of a current range."""
    return _FULL_SCALE_V / full_scale_A


def frequency_text(frequency_Hz: float) -> str:
    """Eight digits, one in the exponent."""
    mantissa, _, exponent = f"{frequency_Hz:.7E}".partition("E")
    return f"{mantissa}E{int(exponent):+d}"


def hold_for(spec: ImpedanceSpec, open_circuit_V: float) -> Step:
    """What the 1287 holds meanwhile."""
    galvanostatic = spec.mode is ImpedanceMode.GALVANOSTATIC
    control = Control.CURRENT if galvanostatic else Control.VOLTAGE
    value = spec.bias if spec.bias is not None else 0.0 if galvanostatic else open_circuit_V
    end = Cutoff(Quantity.TIME, Side.ABOVE, math.inf)
    return Step(control, value, (end,), spec.safety, Sampling(1.0))


def modulated_setup(spec: ImpedanceSpec, hold: Step, name: str) -> Setup:
    """The 1287's setup; of a galvanostat, a range that holds bias and amplitude, and that can be modulated so."""
    setup = setup_for(hold, _RANGES, name)
    if setup.source == "VOLT":
        return setup
    needed_A = max(abs(hold.value) + spec.amplitude, spec.amplitude / _LARGEST_PART)
    return replace(setup, source_range=_RANGES.current_range_A(needed_A))


def generator_V(spec: ImpedanceSpec, setup: Setup) -> float:
    """Level of the generator, rms."""
    across_V = spec.amplitude * (sense_ohm(setup.source_range) if setup.source == "CURR" else 1.0)
    return across_V / _ROOT_2 / _GAIN


def refuse_sweep(spec: ImpedanceSpec, name: str) -> None:
    """What the pair cannot measure.

    Raises:
        CannotHold: frequencies or amplitude are beyond it.
    """
    if spec.high_Hz > _HIGH_HZ or spec.low_Hz < _LOW_HZ:
        raise CannotHold(
            f"{show(spec.high_Hz, 'Hz')} to {show(spec.low_Hz, 'Hz')}: "
            f"it measures from {show(_HIGH_HZ, 'Hz')} to {show(_LOW_HZ, 'Hz')}",
            name,
        )
    galvanostatic = spec.mode is ImpedanceMode.GALVANOSTATIC
    bias_A = abs(spec.bias or 0.0)
    largest = _LARGEST_PART * _RANGES.largest_A if galvanostatic else _LARGEST_V
    if not 0.0 < spec.amplitude <= largest:
        unit = "A" if galvanostatic else "V"
        raise CannotHold(
            f"it modulates by up to {show(largest, unit)}, not by {show(spec.amplitude, unit)}", name
        )
    if galvanostatic and bias_A + spec.amplitude > spec.safety.current_max_A:
        raise CannotHold("bias and amplitude together are beyond the safety limit", name)


DRIVER = replace(
    INTERFACE,
    name="solartron-1260",
    summary="Solartron 1287 with a 1260 (or 1255B) wired to it: cycles and measures impedance through the 1287",
    traits={_MODEL: TRAITS},
    open=Solartron1260,
    serial={},
    wire="two-letter codes: GPIB (also by a gateway), an address for each of the two",
    answered=(b"RU1", b"SI"),
    settings={
        **INTERFACE.settings,
        "analyser_port": "resource of the 1260: GPIB0::4::INSTR, at the gateway of the 1287 if that is behind one",
    },
    ports=("analyser_port",),
)
