"""Simulated Keithley 2450 (and 2460, 2461, 2470) source-measure unit in SCPI mode, with one cell connected.

Theory of operation. Each connection (port) has a line buffer and runs one message at a time, command by command;
all connections share one instrument. (The real instrument serves one raw-socket client at a time; several are
allowed here, so that a guard can act beside a driver.) A reading takes its aperture's time: the port is busy until
then, the reply leaves when the reading is done, and what arrived meanwhile waits. The trigger model runs beside
the ports. Everything due happens at its own time, in order, whenever a time is given (``receive``, ``wake``); the
cell is advanced up to the moment that needs it.

Time 0 is power-on: output off in the NORMal off state, which is a 0 V source across the cell (see ``Source``).

Sources: 2461 Reference Manual 2461-901-01 A, 2450 Reference Manual 2450-901-01 B, 2470 Reference Manual
2470-901-01 A, SPEC-2450 Rev. A. What they leave open is marked ``Assumed:`` where it is decided. Not simulated:
the TSP and SCPI2400 languages, configuration lists, digital lines, pulses, lead resistance, self-heating.
"""

import math
from collections.abc import Callable
from random import Random

from labctl_simulators.cells import Cell
from labctl_simulators.firmware import (  # noqa: F401  (these fill TREE)
    keithley_2450_data_commands,
    keithley_2450_sense_commands,
    keithley_2450_source_commands,
    keithley_2450_status_commands,
    keithley_2450_trigger_commands,
)
from labctl_simulators.firmware.keithley_2450_buffer import (
    DEFAULT_SIZE,
    Reading,
    ReadingBuffer,
    check_elements,
    row_writer,
)
from labctl_simulators.firmware.keithley_2450_circuit import Circuit
from labctl_simulators.firmware.keithley_2450_meter import (
    FRONT_TERMINALS,
    SOURCE_LIMITED,
    SOURCE_ON,
    SOURCE_PROTECTED,
    SOURCE_READ_BACK,
    SOURCE_SENSED,
    UNITS,
    Meter,
)
from labctl_simulators.firmware.keithley_2450_models import MODELS, Model
from labctl_simulators.firmware.keithley_2450_port import Busy, Port
from labctl_simulators.firmware.keithley_2450_settings import TREE
from labctl_simulators.firmware.keithley_2450_source import AUTO_DELAY_s, RELAY_SETTLING_s, Source
from labctl_simulators.firmware.keithley_2450_status import ERROR, INFORMATION, WARNING, Status
from labctl_simulators.firmware.keithley_2450_trigger import TriggerModel
from labctl_simulators.firmware.scpi import Program
from labctl_simulators.firmware.scpi_parameters import ScpiError

FIRMWARE_REVISION = "1.7.12b"
_CACHED_PROGRAMS = 512
_LONGEST_CACHED_LINE = 1024

FIRST_IN_GROUP = 256
BUFFER_EMPTY, BUFFER_FULL, INTERLOCK_LIMITED = 4916, 4917, 5074


class Keithley2450:
    """The instrument: settings, cell, buffers, trigger model, event log; ``port()`` opens a connection."""

    model: Model
    now_s: float
    due_s: float
    """When something is due: a reading ends, or the trigger model has something to do."""
    source: Source
    meter: Meter
    status: Status
    trigger: TriggerModel
    terminals: str
    access: str
    precision: int
    data_format: str
    byte_order: str

    def __init__(self, cell: Cell, seed: int = 0, *, model: str = "2450", serial: str = "04412345") -> None:
        self.model = MODELS[model]
        self.identity = f"KEITHLEY INSTRUMENTS,MODEL {model},{serial},{FIRMWARE_REVISION}"
        self.now_s = 0.0
        self.due_s = math.inf
        self.cell = cell
        self.circuit = Circuit(cell)
        self.source = Source(self.model)
        self.meter = Meter(self.model, Random(seed))
        self.status = Status()
        self.trigger = TriggerModel(self)
        self.access = "FULL"
        self.power_on_setup = "RST"
        self.completion_asked = False
        self._ports: list[Port] = []
        self.programs: dict[bytes, Program] = {}
        self.reset()

    def port(self) -> "Port":
        """A further connection."""
        port = Port(self)
        self._ports.append(port)
        return port

    @property
    def circuit_closed(self) -> bool:
        """True while the output relay connects the cell: always, except with the output off in HIMPedance."""
        return self.circuit.drive is not None

    @property
    def output_on(self) -> bool:
        """What :OUTP? answers."""
        return self.source.output_on

    def reset(self) -> None:
        """*RST: defaults, empty buffers, no user buffers, nothing pending."""
        self.trigger.clear()
        self.source.reset()
        self.meter.reset()
        self.terminals = "FRON"
        self.precision = 0
        self.data_format = "ASC"
        self.byte_order = "SWAP"
        self.buffers = {
            name: ReadingBuffer(DEFAULT_SIZE, continuous=True, logs=True)
            for name in ("defbuffer1", "defbuffer2")
        }
        self._writers: dict[tuple[str, ...], Callable[[Reading], str]] = {}
        self.settled_s = self.now_s
        self.source_changed()
        self.reschedule()

    # ---- time ----

    def run_until(self, now_s: float) -> None:
        """Do everything that is due up to ``now_s``, each at its own time and in order."""
        while self.due_s <= now_s:
            if self.due_s > self.now_s:
                self.now_s = self.due_s
            if self.trigger.due_s <= self.now_s:
                self.trigger.run()
            for port in tuple(self._ports):
                due_s = port.due_s
                if not self.trigger.running if due_s is None else due_s <= self.now_s:
                    port.resume()
            self.reschedule()
        if now_s > self.now_s:
            self.now_s = now_s

    def reschedule(self) -> None:
        """Find the next thing that is due."""
        due_s = self.trigger.due_s
        for port in self._ports:
            port_s = port.due_s
            if port_s is None:  # it waits for the trigger model to end
                port_s = math.inf if self.trigger.running else self.now_s
            if port_s < due_s:
                due_s = port_s
        self.due_s = due_s

    def forget(self, port: "Port") -> None:
        """A connection is closed."""
        if port in self._ports:
            self._ports.remove(port)
            self.reschedule()

    # ---- source ----

    @property
    def source_limited(self) -> bool:
        """True while the output is on and holds its limit instead of its level."""
        self.circuit.advance_to(self.now_s)
        return self.output_on and self.circuit.limited

    def source_changed(self) -> None:
        """Apply the source's settings to the cell, from this moment."""
        self.circuit.advance_to(self.now_s)
        self._source_range = self.source.range_in_use(self.source.function)
        drive = self.source.drive()
        if drive == self.circuit.drive:
            return
        settling_s = RELAY_SETTLING_s if self.circuit.drive is None else 0.0
        self.circuit.apply(drive)
        if self.output_on:
            active = self.source.active
            self.settled_s = self.now_s + settling_s + (AUTO_DELAY_s if active.auto_delay else active.delay_s)

    def set_output(self, on: bool) -> None:
        """:OUTP; without interlock a source above 21 V is reported (event 5074)."""
        self.source.output_on = on
        self.source_changed()
        active = self.source.active
        voltage_V = active.limit if self.source.function == "CURR" else abs(active.level)
        if on and not self.source.interlock_closed and voltage_V > 21.0:
            self.log(INTERLOCK_LIMITED, "Output voltage limited by interlock", WARNING)

    def set_source_level(self, level: float) -> None:
        """Step of a sweep; the level was checked when the sweep was made."""
        self.source.set_level(self.source.function, level)
        self.source_changed()

    def select_source(self, function: str) -> None:
        """Change of the source function: the output goes off, in the off state of the new function."""
        if function != self.source.function:
            self.source.output_on = False
            self.source.function = function
            self.source_changed()

    def select_sense(self, function: str, remote: bool) -> None:
        """:RSENse; on the 2470 a change with the output on turns it off (2470 Reference Manual p. 12-58)."""
        settings = self.meter.settings[function]
        if self.model.name == "2470" and self.output_on and settings.remote_sense is not remote:
            self.set_output(False)
        settings.remote_sense = remote

    def select_terminals(self, terminals: str) -> None:
        """:ROUT:TERM; Assumed: the cell is wired to both, and changing them turns the output off."""
        if terminals != self.terminals:
            self.terminals = terminals
            self.set_output(False)

    # ---- readings ----

    def buffer(self, name: str) -> ReadingBuffer:
        """A buffer by its name; case matters."""
        found = self.buffers.get(name)
        if found is None:
            raise ScpiError(1115, "Parameter error: reading buffer name is not valid")
        return found

    def clear_buffer(self, buffer: str) -> None:
        """Empty a buffer and, where it logs, say so."""
        self.buffer(buffer).clear()
        self._log_filling(self.buffer(buffer), BUFFER_EMPTY, f"Reading buffer {buffer} is 0% filled")

    def _log_filling(self, buffer: ReadingBuffer, code: int, message: str) -> None:
        if buffer.logs:
            self.log(code, message, INFORMATION)

    def next_reading_s(self) -> float:
        """Time from now to the end of one reading, source delay included."""
        source = self.source
        reading_s = self.meter.reading_time_s(source.settings[source.function].read_back)
        settling_s = self.settled_s - self.now_s
        return reading_s + settling_s if settling_s > 0.0 else reading_s

    def store_reading(self, buffer: str, *, first: bool) -> float:
        """A reading of the trigger model; a buffer deleted meanwhile loses it."""
        target = self.buffers.get(buffer)
        if target is None:
            return math.nan
        return self.take_reading(target, first=first).reading

    def take_reading(self, buffer: ReadingBuffer, *, first: bool) -> Reading:
        """Measure now and store."""
        now_s, source, meter, circuit = self.now_s, self.source, self.meter, self.circuit
        circuit.advance_to(now_s)
        function = source.function
        active = source.settings[function]
        value, status = meter.measure(circuit, function if source.output_on else None, self._source_range)
        if self.terminals == "REAR":
            status &= ~FRONT_TERMINALS
        if first:
            status |= FIRST_IN_GROUP
        sourced = meter.read_back(circuit, function, self._source_range) if active.read_back else active.level
        row = Reading(
            value,
            sourced,
            buffer.relative_s(now_s),
            now_s,
            status,
            UNITS[meter.function],
            self._source_status(active.read_back),
            UNITS[function],
        )
        if buffer.store(row):
            self._log_filling(buffer, BUFFER_FULL, "Reading buffer is 100% filled")
        return row

    def _source_status(self, read_back: bool) -> int:
        """Bits of the SOURSTATus element."""
        status = SOURCE_READ_BACK if read_back else 0
        if self.source.output_on:
            status |= SOURCE_ON
            if self.circuit.limited:
                status |= SOURCE_LIMITED
            if self.meter.active.remote_sense:
                status |= SOURCE_SENSED
            if self.source.protection_V is not None and self.source.protection_tripped:
                status |= SOURCE_PROTECTED
        return status

    def read(self, buffer: ReadingBuffer, write: Callable[[Reading], str | None]) -> Busy:
        """Take :SENS:COUN readings, one after the other; ``write`` makes the reply from the last."""
        return self._read_on(buffer, write, self.meter.count, first=True)

    def _read_on(
        self, buffer: ReadingBuffer, write: Callable[[Reading], str | None], left: int, *, first: bool
    ) -> Busy:
        # The quotes spare the making of a union type with each reading.
        def finish() -> "str | Busy | None":
            row = self.take_reading(buffer, first=first)
            return write(row) if left == 1 else self._read_on(buffer, write, left - 1, first=False)

        return Busy(self.now_s + self.next_reading_s(), finish)

    def when_idle(self, reply: str | None) -> "Busy | str | None":
        """The reply, at once or when the trigger model has ended (*OPC?, *WAI)."""
        return Busy(None, lambda: reply) if self.trigger.running else reply

    def writer(self, elements: tuple[str, ...]) -> Callable[[Reading], str]:
        """What writes the elements of a reading as ASCII at the present precision; READing if none is named."""
        write = self._writers.get(elements)
        if write is None:
            named = check_elements(elements, binary=False)
            write = self._writers[elements] = row_writer(named, self.precision)
        return write

    def set_precision(self, digits: int) -> None:
        """:FORM:ASC:PREC."""
        self.precision = digits
        self._writers.clear()

    # ---- events and programs ----

    def log(self, code: int, message: str, severity: int) -> None:
        """Add to the event log."""
        self.status.add(code, message, severity, self.now_s)

    def log_block_event(self, number: int, message: str) -> None:
        """A LOG:EVENt block of the trigger model."""
        self.log(2730 + number, message, INFORMATION)

    def report(self, error: ScpiError) -> None:
        """Queue an error."""
        self.log(error.code, error.message, ERROR)

    def refuse_while_triggered(self) -> None:
        """Raise if the trigger model is running."""
        if self.trigger.running:
            raise ScpiError(-221, "Settings conflict: trigger model is running")

    def program(self, line: bytes) -> Program:
        """A compiled message; what was sent lately is remembered in ``programs``."""
        program = self.programs.get(line)
        if program is None:
            program = TREE.compile(line.decode("latin-1"))
            if len(line) <= _LONGEST_CACHED_LINE:
                if len(self.programs) >= _CACHED_PROGRAMS:
                    self.programs.clear()
                self.programs[line] = program
        return program
