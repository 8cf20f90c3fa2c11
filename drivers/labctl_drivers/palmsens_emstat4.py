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

import contextlib
import math
from collections.abc import AsyncGenerator, Callable
from typing import NoReturn

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
    Superseded,
    WrongInstrument,
)
from labctl.instrument.channel import Driver, Identity, Sample, Traits
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Cutoff, Step
from labctl.link import Deadline, Link
from labctl_drivers.methodscript import Refusal, parse_package, parse_reading, parse_refusal
from labctl_drivers.methodscript_errors import OPTION_UNKNOWN
from labctl_drivers.methodscript_step import StepScript, compile_step
from labctl_drivers.methodscript_sweep import OPEN_CIRCUIT, PROVE_OPEN, compile_sweep
from labctl_drivers.palmsens_models import MODELS, REFUSED

#: Added to the instrument's own status bits: its clock and the host's disagree; samples before this one are missing.
STATUS_CLOCKS_DISAGREE, STATUS_SAMPLES_MISSED = 0x10, 0x20

_ANSWER = Deadline("an answer to a command")
_SHORT_SCRIPT = Deadline("the end of a short script", takes_s=1.0)
_NEEDED = {
    32: "set_autoranging",
    30: "meas_loop_ocp",
    28: "meas_loop_ca",
    67: "meas_loop_cp",
    70: "meas_loop_geis",
}
_DEAF_S = 0.15  # of the instrument's own time
_QUIET_S = 0.02  # on the wall
_IDLE = 0x0006
_MOST_LINES = 10_000
_STRUCTURE = b"MLC*+-T"


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
        self._serial = ""
        self._identity_proven = False
        self._script_runs = False
        self._measures_current = True

    # --- connecting ----------------------------------------------------------------------------------------

    async def connect(self) -> Identity:
        """Identify the instrument. A script that was left running is aborted, which opens its circuit.

        Raises:
            WrongInstrument: not a model with a galvanostat, or firmware without the loops that are needed.
            LinkError: nothing sensible answers.
        """
        await self._link.open()
        await self._abort_script()
        model, firmware = await self._ask_model()
        if model not in MODELS:
            reason = REFUSED.get(model, f"unknown model {model!r}")
            raise WrongInstrument(reason, self._link.name, "t", model)
        self.traits = MODELS[model]
        await self._refuse_without_galvanostat()
        self._serial = await self._ask(b"i")
        self._identity_proven = True
        language = await self._ask(b"v")
        return Identity("PalmSens", self.traits.model, self._serial, f"{firmware}, MethodSCRIPT {language}")

    async def _ask_model(self) -> tuple[str, str]:
        """Model and firmware: ``tes4_hr1400#Oct  1 2026 12:00:00`` and ``R*``."""
        first = (await self._query(b"t")).decode("ascii", "replace")
        second = (await self._link.receive(_ANSWER)).decode("ascii", "replace")
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
            mask = int(await self._ask(b"CM"), 16)
        except InstrumentRefused:  # older firmware does not tell
            return
        except ValueError:
            raise LinkNonsense("capabilities are not a number", self._link.name, "CM") from None
        missing = [name for bit, name in _NEEDED.items() if not mask >> bit & 1]
        if missing:
            raise WrongInstrument(f"its firmware has no {', '.join(missing)}", self._link.name, "CM")

    async def _ask(self, command: bytes) -> str:
        """The value that answers a command; the command itself is echoed in front of it."""
        answer = await self._query(command)
        return answer[len(command) :].decode("ascii", "replace").strip()

    async def _query(self, command: bytes) -> bytes:
        answer = await self._link.query(command, _ANSWER)
        if refusal := parse_refusal(answer):
            await self._wait_until_it_listens()
            raise InstrumentRefused(str(refusal), self._link.name, command.decode(), answer.decode())
        if not answer.startswith(command):
            self._link.poison()
            raise LinkNonsense(
                "not an answer", self._link.name, command.decode(), answer.decode("ascii", "replace")
            )
        return answer

    # --- steps ---------------------------------------------------------------------------------------------

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; see ``Channel.run``. The circuit is open when the last sample is handed over."""
        return self._run(step, self._link.fence.epoch)

    async def _run(self, step: Step, epoch: int) -> AsyncGenerator[Sample, None]:
        script = await self._start_step(step, epoch)
        link, now, receive = self._link, self._clock.now, self._link.receive
        reading_due = Deadline("the next reading of a step", takes_s=script.interval_s)
        voltage_max_V, current_max_A = 1.05 * self.traits.voltage_max_V, 1.05 * self.traits.current_max_A
        longest_gap_s = 1.1 * script.interval_s
        line = await receive(reading_due)  # a loop begins: the script's timer was started right before
        self.step_began_s = start_s = now()
        last_s, last_line = 0.0, b""
        mark = 0
        while True:
            if line[:1] != b"P":
                await self._expect_structure(line)
            elif line != last_line:  # the same line again is the same reading again
                time_s, voltage_V, current_A, status, mark = parse_reading(line)
                if not (
                    -voltage_max_V < voltage_V < voltage_max_V and -current_max_A < current_A < current_max_A
                ):
                    raise InvalidReading("out of the instrument's range", link.name, received=_text(line))
                if not self._agrees(now() - start_s, time_s):
                    status |= STATUS_CLOCKS_DISAGREE
                if time_s - last_s > longest_gap_s:
                    status |= STATUS_SAMPLES_MISSED
                elif time_s < last_s:
                    raise InvalidReading("older than the reading before", link.name, received=_text(line))
                if mark:
                    break
                last_s, last_line = time_s, line
                yield Sample(start_s + time_s, voltage_V, current_A, status)
            try:
                line = await receive(reading_due)
            except (LinkTimeout, LinkLost) as error:
                line = await self._pick_up(error, reading_due, start_s)
        await self._finish_script()
        end = (
            script.ends[mark - 1] if mark <= len(script.ends) else f"condition {mark}, which it does not have"
        )
        cutoff = end if isinstance(end, Cutoff) else None
        yield Sample(start_s + time_s, voltage_V, current_A, status, cutoff)
        if cutoff is None:
            raise InstrumentError(f"the step was ended by {end}", link.name, cell="open")

    async def _start_step(self, step: Step, epoch: int) -> StepScript:
        script = compile_step(step, self.traits, measured_current=self._measures_current)
        await self._become_ready()
        refusal = await self._upload(script.text, epoch)
        if refusal and refusal.code in OPTION_UNKNOWN and self._measures_current:
            self._measures_current = False  # then the set current has to do
            script = compile_step(step, self.traits, measured_current=False)
            refusal = await self._upload(script.text, epoch)
        if refusal:
            raise InstrumentRefused(str(refusal), self._link.name, "a step's script", cell="open")
        return script

    def _agrees(self, host_s: float, instrument_s: float) -> bool:
        """Whether a package came when its own time says: within 2 s on the wall and a part in a thousand."""
        allowed_s = 2.0 * self._clock.speed + 1e-3 * instrument_s
        return -allowed_s < host_s - instrument_s < allowed_s

    async def _expect_structure(self, line: bytes) -> None:
        """Let pass the lines that only say where in its script the instrument is.

        Raises:
            InstrumentRefused: a run-time error; the circuit has been opened by a script of its own.
            LinkNonsense: not such a line.
        """
        if refusal := parse_refusal(line):
            await self._open_after_error(refusal, line)
        if not line:
            self._script_runs = False
            raise InstrumentError("the script ended without saying why", self._link.name, cell="open")
        if line[:1] not in _STRUCTURE:
            self._link.poison()
            raise LinkNonsense("not a line of a running script", self._link.name, received=_text(line))

    async def _open_after_error(self, refusal: Refusal, line: bytes) -> NoReturn:
        """Open the circuit after a run-time error, for ``on_finished`` is not run then."""
        self._script_runs = False
        error = InstrumentRefused(str(refusal), self._link.name, received=_text(line), cell="open")
        try:
            await self._wait_until_it_listens()
            await self._run_script(OPEN_CIRCUIT)
        except (LinkError, InstrumentError) as failure:
            raise CellStateUnknown(
                f"{error}; and then cell_off failed", self._link.name, received=str(failure), cell="unknown"
            ) from failure
        raise error

    async def _pick_up(self, error: LinkError, due: Deadline, start_s: float) -> bytes:
        """After a lost connection: the script goes on inside the instrument, so find its packages again.

        A running instrument does not tell its serial number. Until it can be asked, at the end of the step, a package
        whose time fits the start of this step is taken as proof.

        Raises:
            LinkError: the same as before, if nothing that fits comes.
        """
        for _ in range(3):
            try:
                await self._link.resynchronise(0.0)
                line = await self._link.receive(due)
                if line[:1] != b"P":  # what was left of a line, or a loop's end
                    line = await self._link.receive(due)
                if self._agrees(self._clock.now() - start_s, parse_reading(line).time_s):
                    self._identity_proven = False
                    return line
            except LinkLost:
                await self._clock.sleep_until(self._clock.now() + self._clock.speed)
            except (LinkError, InvalidReading):
                break
        self._link.poison()
        raise error

    async def _finish_script(self) -> None:
        """Read to the empty line that ends a script: ``on_finished`` has been run, the cell is off."""
        while line := await self._link.receive(_SHORT_SCRIPT):
            await self._expect_structure(line)
        self._script_runs = False
        if not self._identity_proven:
            await self._prove_identity()

    # --- sweeps --------------------------------------------------------------------------------------------

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Measure a spectrum from high to low frequency; the circuit is open afterwards."""
        return self._sweep(spec, self._link.fence.epoch)

    async def _sweep(self, spec: ImpedanceSpec, epoch: int) -> AsyncGenerator[ImpedancePoint, None]:
        script = compile_sweep(spec, self.traits)
        await self._become_ready()
        if refusal := await self._upload(script, epoch):
            raise InstrumentRefused(str(refusal), self._link.name, "a sweep's script", cell="open")
        line = await self._link.receive(_SHORT_SCRIPT)
        start_s = self._clock.now()
        frequencies_Hz = spec.frequencies_Hz()
        count = 0
        while line:
            if line[:1] != b"P":
                await self._expect_structure(line)
            elif line[1:3] == b"ab":
                self._check_open_circuit(line, spec)
            else:
                count += 1
                yield self._point(line, start_s)
            next_Hz = frequencies_Hz[min(count, len(frequencies_Hz) - 1)]
            # Assumed: a point takes 20 periods at most, and 10 s for settling and ranging.
            line = await self._link.receive(Deadline("a point of a sweep", takes_s=10.0 + 20.0 / next_Hz))
        self._script_runs = False
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
            raise LinkNonsense("not a point of a sweep", self._link.name, received=_text(line)) from None
        if not all(map(math.isfinite, values.values())):
            raise InvalidReading("the instrument sent nan", self._link.name, received=_text(line))
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

    # --- scripts -------------------------------------------------------------------------------------------

    async def _become_ready(self) -> None:
        """Make sure that nothing runs and that answers belong to questions."""
        if self._link.poisoned:
            await self._resynchronise()
            await self._prove_identity()
        elif self._script_runs:
            await self._abort_script()

    async def _upload(self, script: bytes, epoch: int | None) -> Refusal | None:
        """Send a script in one piece; None if it runs."""
        self._script_runs = True
        try:
            answer = await self._link.query(script, _ANSWER, epoch=epoch)
        except Superseded:
            self._script_runs = False
            raise
        if answer == b"e":
            return None
        refusal = parse_refusal(answer)
        if refusal is None:
            self._link.poison()
            raise LinkNonsense("not an answer to a script", self._link.name, received=_text(answer))
        self._script_runs = False
        await self._wait_until_it_listens()
        return refusal

    async def _run_script(self, script: bytes) -> list[bytes]:
        """Run a short script to its end; returns its packages."""
        refusal = await self._upload(script, None)
        packages: list[bytes] = []
        while refusal is None and (line := await self._link.receive(_SHORT_SCRIPT)):
            refusal = parse_refusal(line)
            if line[:1] == b"P":
                packages.append(line)
        self._script_runs = False
        if refusal:
            await self._wait_until_it_listens()
            raise InstrumentRefused(str(refusal), self._link.name, _text(script))
        return packages

    async def _abort_script(self) -> None:
        """Abort whatever runs; ``on_finished`` opens the circuit then. Idle instruments answer ``Z!0006``."""
        await self._link.send_anyway(b"")  # ends a command that was left half sent
        await self._link.send_anyway(b"Z")
        line = await self._skip_to(lambda line: line[:1] == b"Z")
        if line == b"Z":
            await self._skip_to(lambda line: not line)
        else:
            await self._wait_until_it_listens()
            if (refusal := parse_refusal(line)) is None or refusal.code != _IDLE:
                raise InstrumentRefused(str(refusal), self._link.name, "Z", _text(line))
        self._script_runs = False

    async def _wait_until_it_listens(self) -> None:
        """Let the deafness after an error pass, and drop what the error leaves on the line."""
        await self._clock.sleep_until(self._clock.now() + _DEAF_S)
        await self._link.resynchronise(_QUIET_S, reopen=False)

    async def _skip_to(self, wanted: Callable[[bytes], bool]) -> bytes:
        for _ in range(_MOST_LINES):
            line = await self._link.receive(_ANSWER)
            if wanted(line):
                return line
        self._link.poison()
        raise LinkNonsense("it goes on sending after an abort", self._link.name, "Z")

    async def _resynchronise(self) -> None:
        """Silence the instrument, then the line."""
        with contextlib.suppress(LinkError):
            await self._link.send_anyway(b"Z")
        await self._link.resynchronise()
        await self._abort_script()

    async def _prove_identity(self) -> None:
        serial = await self._ask(b"i")
        if serial != self._serial:
            self._link.poison()
            raise WrongInstrument(f"serial {serial} answers instead of {self._serial}", self._link.name, "i")
        self._identity_proven = True

    # --- opening the circuit -------------------------------------------------------------------------------

    async def make_safe(self) -> None:
        """Open the circuit: abort, ``cell_off``, and a measurement that is refused while the cell is on.

        Raises:
            CellStateUnknown: not confirmed after three tries.
        """
        self._link.fence.advance()
        failure: Exception | None = None
        for attempt in range(3):
            try:
                if attempt or self._link.poisoned:
                    await self._resynchronise()
                else:
                    await self._abort_script()
                await self._run_script(OPEN_CIRCUIT)
                if await self._run_script(PROVE_OPEN):
                    return
            except (LinkError, InstrumentError) as error:
                failure = error
        raise CellStateUnknown(
            f"the circuit could not be confirmed open: {failure or 'no reading came'}",
            self._link.name,
            cell="unknown",
        ) from failure

    async def close(self) -> None:
        """Give the port back; a script that runs goes on."""
        await self._link.close()


def _text(line: bytes) -> str:
    return line.decode("ascii", "replace")


DRIVER = Driver(
    name="palmsens-emstat4",
    summary="PalmSens EmStat4S, EmStat4X, MultiEmStat4, Nexus: runs steps by itself; PEIS and GEIS",
    traits=MODELS,
    terminator=b"\n",
    open=PalmSensEmStat4,
    serial={"baudrate": 921600, "rtscts": True},
)
