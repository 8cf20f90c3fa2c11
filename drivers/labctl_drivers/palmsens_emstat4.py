"""Drives PalmSens EmStat4S, EmStat4X, MultiEmStat4 and Nexus: each step is one MethodSCRIPT that ends by itself.

Written for MethodSCRIPT 1.8 (newest seen: 1.9); not verified on hardware.
Line: USB-CDC (any baud rate) or UART at 921600 8N1 with RTS/CTS; every line ends with a line feed.

Quirks:
 1. The first character of a command is echoed at once. ``e`` stands alone on the line that accepts a script.
 2. After an error the instrument is deaf for 50 to 100 ms and swallows what is left of a script.
 3. After a run-time error ``on_finished`` is not run and the cell can stay on: a script of its own opens it.
 4. A run-time error may or may not be followed by an empty line.
 5. While a script runs only ``Z`` (abort) and its like are understood; when idle ``Z`` is answered ``Z!0006``.
 6. Each step ends with the cell off, so between two steps the circuit is open for some tens of milliseconds.
 7. Beyond 134217 s (37 h) in one step a package tells the time to the second.

Source: "Communication protocol for EmStat4" v1.3; MethodSCRIPT manual v1.8; PalmSens' MethodSCRIPT examples.
"""

import math
from collections.abc import AsyncGenerator

from labctl.clock import Clock
from labctl.errors import (
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    LinkLost,
    LinkNonsense,
    LinkTimeout,
    WrongInstrument,
)
from labctl.instrument.channel import Driver, Identity, Sample, Traits
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Cutoff, Step
from labctl.link import Deadline, Link
from labctl_drivers.methodscript import parse_package, parse_reading
from labctl_drivers.methodscript_compile import compile_step
from labctl_drivers.methodscript_errors import OPTION_UNKNOWN
from labctl_drivers.methodscript_step import StepScript
from labctl_drivers.methodscript_sweep import compile_sweep
from labctl_drivers.palmsens_models import MODELS, REFUSED
from labctl_drivers.palmsens_session import ANSWER, SHORT_SCRIPT, MethodScriptSession, text_of

#: Added to the instrument's own status bits: its clock and the host's disagree; samples before this one are missing.
STATUS_CLOCKS_DISAGREE, STATUS_SAMPLES_MISSED = 0x10, 0x20

_PICK_UPS = 10  # a second apart: a port that went away is usually back by then

_NEEDED = {
    32: "set_autoranging",
    30: "meas_loop_ocp",
    28: "meas_loop_ca",
    67: "meas_loop_cp",
    70: "meas_loop_geis",
}


class PalmSensEmStat4:
    """One cell on one PalmSens instrument.

    Attributes:
        traits: of the model that was chosen, and of the one that answered once connected.
        step_began_s: experiment time at which the present step's timer was started.
    """

    def __init__(self, link: Link, clock: Clock, model: str = "es4_hr") -> None:
        self.traits: Traits = MODELS[model]
        self.step_began_s = 0.0
        self._link = link
        self._clock = clock
        self._session = MethodScriptSession(link, clock)
        self._measures_current = True
        self._found_running = False
        self._last_s = 0.0

    async def connect(self) -> Identity:
        """Identify the instrument. A script that was left running is aborted, which opens its circuit.

        Raises:
            WrongInstrument: not a model with a galvanostat, or firmware without the loops that are needed.
            LinkError: nothing sensible answers.
        """
        await self._link.open()
        self._found_running = await self._session.abort()
        model, firmware = await self._ask_model()
        if model not in MODELS:
            reason = REFUSED.get(model, f"unknown model {model!r}")
            raise WrongInstrument(reason, self._link.name, "t", model)
        self.traits = MODELS[model]
        await self._refuse_without_galvanostat()
        self._session.serial = await self._session.ask(b"i")
        self._session.identity_proven = True
        language = await self._session.ask(b"v")
        return Identity(
            "PalmSens", self.traits.model, self._session.serial, f"{firmware}, MethodSCRIPT {language}"
        )

    async def _ask_model(self) -> tuple[str, str]:
        """Model and firmware: ``tes4_hr1400#Oct  1 2026 12:00:00`` and ``R*``."""
        first = (await self._session.query(b"t")).decode("ascii", "replace")
        second = (await self._link.receive(ANSWER)).decode("ascii", "replace")
        model, (version, _, built) = first[1:7], first[7:].partition("#")
        if first[:1] != "t" or not second.endswith("*") or not version.isdigit():
            self._link.poison()
            raise WrongInstrument(
                "this is not how a PalmSens instrument answers", self._link.name, "t", first
            )
        dotted = ".".join(part for part in (version[0], version[1:2], version[2:]) if part)
        return model, f"{dotted} {second[:-1]} ({built.strip()})"

    async def _refuse_without_galvanostat(self) -> None:
        try:
            mask = int(await self._session.ask(b"CM"), 16)
        except InstrumentRefused:  # older firmware does not tell
            return
        except ValueError:
            raise LinkNonsense("capabilities are not a number", self._link.name, "CM") from None
        missing = [name for bit, name in _NEEDED.items() if not mask >> bit & 1]
        if missing:
            raise WrongInstrument(f"its firmware has no {', '.join(missing)}", self._link.name, "CM")

    async def found_closed(self) -> bool:
        """Whether a script was running, which ``connect`` has aborted."""
        return self._found_running

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; see ``Channel.run``. The circuit is open when the last sample is handed over."""
        return self._run(step, self._link.fence.epoch)

    async def _run(self, step: Step, epoch: int) -> AsyncGenerator[Sample, None]:
        script = await self._start_step(step, epoch)
        link, now, receive = self._link, self._clock.now, self._link.receive
        reading_due = Deadline("the next reading of a step", takes_s=script.interval_s)
        voltage_max_V, current_max_A = 1.05 * self.traits.voltage_max_V, 1.05 * self.traits.current_max_A
        longest_gap_s = 1.1 * script.interval_s
        if script.open_circuit_V is not None:
            await self._await_open_circuit(*script.open_circuit_V)
        line = await receive(reading_due)  # a loop begins: the script's timer was started right before
        start_s = now()
        # Its clock may run ahead of ours: this step's samples still come after those of the step before.
        began_s = self.step_began_s = max(start_s, self._last_s)
        last_s, last_line = 0.0, b""
        mark = 0
        while True:
            if line[:1] != b"P":
                await self._session.expect_structure(line)
            elif line != last_line:  # the same line again is the same reading again
                time_s, voltage_V, current_A, status, mark = parse_reading(line)
                if not (
                    -voltage_max_V < voltage_V < voltage_max_V and -current_max_A < current_A < current_max_A
                ):
                    raise InvalidReading("out of the instrument's range", link.name, received=text_of(line))
                if not self._agrees(now() - start_s, time_s):
                    status |= STATUS_CLOCKS_DISAGREE
                if time_s - last_s > longest_gap_s:
                    status |= STATUS_SAMPLES_MISSED
                elif time_s < last_s:
                    raise InvalidReading("older than the reading before", link.name, received=text_of(line))
                if mark:
                    break
                last_s, last_line = time_s, line
                self._last_s = began_s + time_s
                yield Sample(self._last_s, voltage_V, current_A, status)
            try:
                line = await receive(reading_due)
            except (LinkTimeout, LinkLost, LinkNonsense) as error:
                line = await self._pick_up(error, reading_due, start_s)
        await self._session.finish()
        end = (
            script.ends[mark - 1] if mark <= len(script.ends) else f"condition {mark}, which it does not have"
        )
        cutoff = end if isinstance(end, Cutoff) else None
        self._last_s = began_s + time_s
        yield Sample(self._last_s, voltage_V, current_A, status, cutoff)
        if cutoff is None:
            raise InstrumentError(f"the step was ended by {end}", link.name, cell="open")

    async def _start_step(self, step: Step, epoch: int) -> StepScript:
        script = compile_step(step, self.traits, measured_current=self._measures_current)
        await self._session.become_ready()
        refusal = await self._session.upload(script.text, epoch)
        if refusal and refusal.code in OPTION_UNKNOWN and self._measures_current:
            self._measures_current = False  # then the set current has to do
            script = compile_step(step, self.traits, measured_current=False)
            refusal = await self._session.upload(script.text, epoch)
        if refusal:
            raise InstrumentRefused(str(refusal), self._link.name, "a step's script", cell="open")
        return script

    async def _await_open_circuit(self, low_V: float, high_V: float) -> None:
        """Read what a script measures before it closes the circuit; beyond these voltages it ends itself.

        Raises:
            InvalidReading: it does.
        """
        while (line := await self._link.receive(SHORT_SCRIPT))[:3] != b"Pab":
            await self._session.expect_structure(line)
        voltage_V = parse_package(line)[0]["ab"]
        if not low_V <= voltage_V <= high_V:
            raise InvalidReading(
                f"open circuit at {voltage_V:g} V, which is not between {low_V:g} V and {high_V:g} V",
                self._link.name,
                cell="open",
            )

    def _agrees(self, host_s: float, instrument_s: float) -> bool:
        """Whether a package came when its own time says: within 2 s on the wall and a part in a thousand."""
        allowed_s = 2.0 * self._clock.speed + 1e-3 * instrument_s
        return -allowed_s < host_s - instrument_s < allowed_s

    async def _pick_up(self, error: LinkError, due: Deadline, start_s: float) -> bytes:
        """After a lost connection: the script goes on inside the instrument, so find its packages again.

        A running instrument does not tell its serial number. Until it can be asked, at the end of the step, a package
        whose time fits the start of this step is taken as proof.

        Raises:
            LinkError: the same as before, if nothing that fits comes.
        """
        for _ in range(_PICK_UPS):
            try:
                await self._link.resynchronise(0.0)
                line = await self._link.receive(due)
                if line[:1] != b"P":  # what was left of a line, or a loop's end
                    line = await self._link.receive(due)
                if self._agrees(self._clock.now() - start_s, parse_reading(line).time_s):
                    self._session.identity_proven = False
                    return line
            except (LinkLost, LinkNonsense, InvalidReading):
                await self._clock.sleep_until(self._clock.now() + self._clock.speed)
            except LinkError:
                break
        self._link.poison()
        raise error

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Measure a spectrum from high to low frequency; the circuit is open afterwards."""
        return self._sweep(spec, self._link.fence.epoch)

    async def _sweep(self, spec: ImpedanceSpec, epoch: int) -> AsyncGenerator[ImpedancePoint, None]:
        script = compile_sweep(spec, self.traits)
        await self._session.become_ready()
        if refusal := await self._session.upload(script, epoch):
            raise InstrumentRefused(str(refusal), self._link.name, "a sweep's script", cell="open")
        line = await self._link.receive(SHORT_SCRIPT)
        start_s = self._clock.now()
        frequencies_Hz = spec.frequencies_Hz()
        count = 0
        while line:
            if line[:1] != b"P":
                await self._session.expect_structure(line)
            elif line[1:3] == b"ab":
                self._check_open_circuit(line, spec)
            else:
                count += 1
                yield self._point(line, start_s)
            next_Hz = frequencies_Hz[min(count, len(frequencies_Hz) - 1)]
            # Assumed: a point takes 20 periods at most, and 10 s for settling and ranging.
            line = await self._link.receive(Deadline("a point of a sweep", takes_s=10.0 + 20.0 / next_Hz))
        self._session.script_runs = False
        if count != len(frequencies_Hz):
            raise InvalidReading(
                f"{count} points came instead of {len(frequencies_Hz)}", self._link.name, cell="open"
            )

    def _point(self, line: bytes, start_s: float) -> ImpedancePoint:
        values, status = parse_package(line)
        try:
            frequency_Hz, real_ohm, imaginary_ohm, time_s = (
                values[name] for name in ("dc", "cc", "cd", "eb")
            )
        except KeyError:
            raise LinkNonsense("not a point of a sweep", self._link.name, received=text_of(line)) from None
        if not all(map(math.isfinite, values.values())):
            raise InvalidReading("the instrument sent nan", self._link.name, received=text_of(line))
        return ImpedancePoint(start_s + time_s, frequency_Hz, real_ohm, imaginary_ohm, status)

    def _check_open_circuit(self, line: bytes, spec: ImpedanceSpec) -> None:
        voltage_V = parse_package(line)[0]["ab"]
        low_V, high_V = spec.safety.voltage_min_V + spec.amplitude, spec.safety.voltage_max_V - spec.amplitude
        if not low_V <= voltage_V <= high_V:
            raise InvalidReading(
                f"open circuit at {voltage_V:g} V: with the amplitude that leaves the safety window",
                self._link.name,
                cell="open",
            )

    async def make_safe(self) -> None:
        """Open the circuit: abort, ``cell_off``, and a measurement that is refused while the cell is on.

        Raises:
            CellStateUnknown: not confirmed after three tries.
        """
        self._link.fence.advance()
        problem = "no reading came"
        for _ in range(3):
            try:
                if await self._session.prove_open():
                    return
            except (LinkError, InstrumentError) as error:
                problem = error.words
            self._link.poison()
        raise CellStateUnknown(problem, self._link.name, cell="unknown, look at the instrument")

    async def close(self) -> None:
        """Give the port back; a script that runs goes on."""
        await self._link.close()


DRIVER = Driver(
    name="palmsens-emstat4",
    summary="PalmSens EmStat4S, EmStat4X, MultiEmStat4, Nexus: runs steps by itself; PEIS and GEIS",
    traits=MODELS,
    terminator=b"\n",
    open=PalmSensEmStat4,
    serial={"baudrate": 921600, "rtscts": True},
    wire="MethodSCRIPT: USB-CDC, UART",
    usb=("EmStat4", "MultiEmStat4", "Nexus"),
)
