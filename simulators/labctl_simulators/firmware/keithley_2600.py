"""Simulated Keithley 2601B, 2611B, 2635B source-measure units (TSP) with one cell connected to channel A.

Theory of operation. Each line is a chunk of Lua, run to its end before the next; a measurement within it lets time
pass. Attributes refuse what they do not hold with error 1101 or 1102; only a run-time error ends a chunk.

Time 0 is power-on: output off in the NORMAL off mode, a 0 V source with 1 mA as its limit, which drains a cell.

Sources: 2600BS-901-01 Rev. F section 9, as cited by labmcp-keithley-smu, and the exchanges of pymeasure's and cyckei's
drivers. Assumed: full scales as in the data sheet; numbers read back as they were set; a measurement of current and
voltage takes one aperture for both and one for auto-zero. Left out: channel B, the trigger model, pulses,
TSP-Link, digital lines; the display shows nothing. Of the factory scripts there are the linear sweeps.
"""

import math
import re
import struct
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from labctl_simulators.cells import Cell
from labctl_simulators.firmware.in_turn import TurnPort
from labctl_simulators.firmware.keithley_2450_circuit import Circuit, Drive
from labctl_simulators.firmware.keithley_2450_models import Model, Range, smallest_range
from labctl_simulators.firmware.keithley_2450_source import Source
from labctl_simulators.firmware.scpi_parameters import ScpiError
from labctl_simulators.firmware.tsp import Group, Tsp, TspError

LINE_FREQUENCY_Hz = 60.0
OVERFLOW = 9.91e37
FIRMWARE_REVISION = "3.0.4"
TOO_BIG, TOO_SMALL = (1101, "Parameter too big"), (1102, "Parameter too small")
NORMAL, ZERO, HIGH_Z = 0, 1, 2
_OFF_STATES = {NORMAL: "NORM", ZERO: "ZERO", HIGH_Z: "HIMP"}
_FUNCTIONS = ("CURR", "VOLT")  # 0 = OUTPUT_DCAMPS, 1 = OUTPUT_DCVOLTS
_LETTERS = {"i": "CURR", "v": "VOLT"}
_QUEUE_LENGTH = 1000
_BUFFER_SIZE = 60_000
_LONGEST_DELAY_s = 100e3
_ASCII, _REAL32, _REAL64 = 1, 2, 3
_OPERATION_COMPLETE, _ERRORS, _EVENTS, _MASTER = 1, 4, 32, 64
_FACTORY_SCRIPTS = """
local function sweep(smu, func, set, measure, start, stop, settling, points)
  smu.nvbuffer1.clear()
  smu.nvbuffer1.appendmode = 1
  smu.source.func = func
  smu.source.output = smu.OUTPUT_ON
  for point = 1, points do
    set(smu, start + (stop - start) * (point - 1) / math.max(points - 1, 1))
    delay(settling)
    measure(smu)
  end
  smu.source.output = smu.OUTPUT_OFF
end
function SweepVLinMeasureI(smu, start, stop, settling, points)
  sweep(smu, smu.OUTPUT_DCVOLTS, function(s, v) s.source.levelv = v end,
    function(s) s.measure.i(s.nvbuffer1) end, start, stop, settling, points)
end
function SweepILinMeasureV(smu, start, stop, settling, points)
  sweep(smu, smu.OUTPUT_DCAMPS, function(s, i) s.source.leveli = i end,
    function(s) s.measure.v(s.nvbuffer1) end, start, stop, settling, points)
end
"""


def _unseen(*_: Any) -> None:
    """Shown or heard, by nobody."""


def _ranges(*full_scales: float) -> tuple[Range, ...]:
    """101 % of full scale, six digits."""
    return tuple(
        Range(full, 1.01 * full, 10.0 ** (math.floor(math.log10(full)) - 6), 0.0) for full in full_scales
    )


def _model(name: str, volts: tuple[float, ...], amperes: tuple[float, ...], default_V: float) -> Model:
    most_V, most_A = 1.01 * volts[-1], 1.01 * amperes[-1]
    limits_V, limits_A = (1e-3, most_V, default_V), (1e-9, most_A, 0.1)
    return Model(name, _ranges(*volts), _ranges(*amperes), most_V, most_A, limits_V, limits_A, ())


_DECADES = tuple(float(f"1e{decade}") for decade in range(-7, 1))
MODELS = {
    "2601B": _model("2601B", (0.1, 1.0, 6.0, 40.0), (*_DECADES, 3.0), 40.0),
    "2611B": _model("2611B", (0.2, 2.0, 20.0, 200.0), (*_DECADES, 1.5), 20.0),
    "2635B": _model("2635B", (0.2, 2.0, 20.0, 200.0), (1e-9, 1e-8, *_DECADES, 1.5), 20.0),
}


class _Source(Source):
    """The output stage; NORMal off is a 0 V source limited to ``off_limit_A``."""

    off_limit_A = 1e-3

    def _drive_off(self) -> Drive | None:
        if self.active.off_state == "NORM":
            return Drive(False, 0.0, self.off_limit_A)
        return super()._drive_off()


class Buffer:
    """One nonvolatile buffer."""

    def __init__(self) -> None:
        self.readings: list[float] = []
        self.times: list[float] = []
        self.append = False

    def store(self, reading: float, time_s: float) -> None:
        """Add a reading; a full buffer takes no more."""
        if len(self.readings) < _BUFFER_SIZE:
            self.readings.append(reading)
            self.times.append(time_s)

    def clear(self) -> None:
        """Empty it."""
        self.readings.clear()
        self.times.clear()


class Keithley2600:
    """The instrument: one channel, its cell, buffers, error queue; ``port()`` opens a connection."""

    def __init__(self, cell: Cell, seed: int = 0, *, model: str = "2601B", serial: str = "4388888") -> None:
        self.model = MODELS[model]
        self.identity = f"Keithley Instruments Inc., Model {model}, {serial}, {FIRMWARE_REVISION}"
        self.now_s = 0.0
        self.circuit = Circuit(cell)
        self.source = _Source(self.model)
        self.errors: list[tuple[int, str]] = []
        self.precision = 6
        self.data_format, self.byte_order = _ASCII, 1
        self._random = Random(seed)
        self._loading: list[str] | None = None
        self._then = ""
        self._event = 128  # power on
        self._enables = {"ESE": 0, "SRE": 0}
        self._buffers = Buffer(), Buffer()
        self._reset_channel()
        further: dict[str, Callable[..., Any]] = {
            "reset": self.reset,
            "delay": self._delay,
            "waitcomplete": lambda *_: None,
        }
        self._tsp = Tsp(self._groups(), further, self._numeral, self._numerals, self._report)
        self._tsp.run(_FACTORY_SCRIPTS)

    def port(self) -> TurnPort:
        """A further connection."""
        return TurnPort(self)

    @property
    def circuit_closed(self) -> bool:
        """True while the output relay connects the cell: always, except with the output off in HIGH_Z."""
        return self.circuit.drive is not None

    def reset(self) -> None:
        """Defaults."""
        self.precision = 6
        self.data_format, self.byte_order = _ASCII, 1
        self._reset_channel()

    def _reset_channel(self) -> None:
        self.source.reset()
        self.sense_ranges: dict[str, Range | None] = {"VOLT": None, "CURR": None}
        self.power_line_cycles = 1.0
        self.remote_sense = 0
        self.auto_zero = 2
        self.count = 1
        self.interval_s = 0.0
        self.apply()

    # ---- an interpreter that takes its time ----

    def run_until(self, now_s: float) -> None:
        """Nothing happens by itself."""
        self.now_s = max(self.now_s, now_s)

    def waits_until(self, line: bytes) -> float:
        """It is ready when it has done what it was told."""
        return self.now_s

    def overrun(self) -> None:
        """A line was too long."""
        self._report(TspError(-363, "Input buffer overrun"))

    def execute(self, line: bytes) -> str:
        """Run one line: a common command, a part of a script, or Lua."""
        text = line.decode("latin-1").strip()
        if self._loading is not None or text.startswith(("loadscript", "loadandrunscript")):
            return self._load(text)
        if text.startswith("*"):
            return "".join(f"{reply}\n" for part in text.split(";") if (reply := self._common(part.strip())))
        if not text or text == "abort":
            return ""
        return self._run(text)

    def _run(self, chunk: str) -> str:
        try:
            self._tsp.run(chunk)
        except TspError as error:
            self._report(error)
        return "".join(f"{line}\n" for line in self._tsp.said)

    def _load(self, line: str) -> str:
        """Loadscript NAME ... endscript: the lines become a function of that name; loadandrunscript runs it, too."""
        if self._loading is None:
            command, _, name = line.partition(" ")
            name = name.strip() or "anonymous"
            self._loading = [f"function {name}()"]
            self._then = f"{name}()" if command == "loadandrunscript" else ""
        elif line == "endscript":
            chunk, self._loading = "\n".join([*self._loading, "end", self._then]), None
            return self._run(chunk)
        else:
            self._loading.append(line)
        return ""

    def _common(self, command: str) -> str:
        if command == "*IDN?":
            return self.identity
        if command in ("*OPC?", "*TST?"):
            return "1" if command == "*OPC?" else "0"
        if command == "*RST":
            self.reset()
        elif command == "*CLS":
            self.errors.clear()
            self._event = 0
        elif command == "*OPC":
            self._event |= _OPERATION_COMPLETE
        elif command == "*ESR?":
            return str(self._take_event())
        elif command == "*STB?":
            return str(self._status_byte())
        elif found := re.fullmatch(r"\*(ESE|SRE) (\d{1,5})", command):
            self._enables[found[1]] = int(found[2]) & 255
        elif command in ("*ESE?", "*SRE?"):
            return str(self._enables[command[1:4]])
        elif command not in ("*WAI", "*TRG"):
            self._report(TspError(-113, "Undefined header"))
        return ""

    def _take_event(self) -> int:
        event, self._event = self._event, 0
        return event

    def _status_byte(self) -> int:
        """Errors available, and the events that are let through."""
        byte = (_ERRORS if self.errors else 0) | (_EVENTS if self._event & self._enables["ESE"] else 0)
        return byte | (_MASTER if byte & self._enables["SRE"] else 0)

    def _report(self, error: TspError) -> None:
        self._event |= 32 if -200 < error.code <= -100 or error.code == -285 else 16 if error.code < 0 else 8
        if len(self.errors) < _QUEUE_LENGTH:
            self.errors.append((error.code, error.message))

    def _numeral(self, value: float) -> str:
        return f"{value:.{self.precision - 1}e}"

    def _numerals(self, values: list[float]) -> str:
        """A buffer in ASCII, or in binary behind ``#0`` (2600BS-901-01 p. 7-94, as QCoDeS cites it)."""
        if self.data_format == _ASCII:
            return ", ".join(map(self._numeral, values))
        kind = ("<" if self.byte_order else ">") + ("f" if self.data_format == _REAL32 else "d")
        return "#0" + b"".join(struct.pack(kind, value) for value in values).decode("latin-1")

    def _delay(self, duration_s: float) -> None:
        if duration_s > _LONGEST_DELAY_s:
            raise TspError(*TOO_BIG)
        self.now_s += max(0.0, duration_s)

    # ---- source ----

    def apply(self) -> None:
        """Apply the source's settings to the cell, from this moment."""
        self.circuit.advance_to(self.now_s)
        self.circuit.apply(self.source.drive())

    @property
    def limited(self) -> bool:
        """True while the output is held by its limit."""
        self.circuit.advance_to(self.now_s)
        return self.source.output_on and self.circuit.limited

    def _put_output(self, state: float) -> None:
        self._one_of(state, (0, 1, 2))
        self.source.output_on = state == 1
        if state == HIGH_Z:
            self._put_off_mode(HIGH_Z)
        self.apply()

    def _put_function(self, function: float) -> None:
        """A change of function turns the output off (Assumed)."""
        chosen = _FUNCTIONS[self._one_of(function, (0, 1))]
        if chosen != self.source.function:
            self.source.function, self.source.output_on = chosen, False
        self.apply()

    def _put_off_mode(self, mode: float) -> None:
        for settings in self.source.settings.values():
            settings.off_state = _OFF_STATES[self._one_of(mode, (NORMAL, ZERO, HIGH_Z))]
        self.apply()

    def _off_mode(self) -> int:
        return next(mode for mode, state in _OFF_STATES.items() if state == self.source.active.off_state)

    def _level(self, function: str) -> float:
        return self.source.settings[function].level

    def _limit(self, source: str) -> float:
        return self.source.settings[source].limit

    def _source_range(self, function: str) -> float:
        return self.source.range_in_use(function).full_scale

    def _source_auto(self, function: str) -> int:
        return int(self.source.settings[function].fixed_range is None)

    def _sense_auto(self, function: str) -> int:
        return int(self.sense_ranges[function] is None)

    def _put_level(self, function: str, level: float) -> None:
        self._refused(self.source.set_level, function, level)

    def _put_limit(self, source: str, limit: float) -> None:
        self._refused(self.source.set_limit, source, limit, None)

    def _put_source_range(self, function: str, value: float) -> None:
        self._refused(self.source.set_range, function, value)

    def _put_source_auto(self, function: str, on: float) -> None:
        fixed = None if on else self.source.range_in_use(function)
        self.source.settings[function].fixed_range = fixed
        self.apply()

    def _put_sense_range(self, function: str, value: float) -> None:
        chosen = smallest_range(self.source.ranges(function), value)
        if chosen is None:
            raise TspError(*TOO_BIG)
        self.sense_ranges[function] = chosen

    def _put_sense_auto(self, function: str, on: float) -> None:
        self.sense_ranges[function] = None if on else self._range_for_reading(function)

    def _refused(self, put: Callable[..., None], *arguments: Any) -> None:
        try:
            put(*arguments)
        except ScpiError:
            raise TspError(*(TOO_BIG if abs(arguments[1]) > 1e-3 else TOO_SMALL)) from None
        self.apply()

    def _one_of(self, value: float, allowed: tuple[int, ...]) -> int:
        if value not in allowed:
            raise TspError(*(TOO_BIG if value > allowed[-1] else TOO_SMALL))
        return int(value)

    # ---- readings ----

    def _range_for_reading(self, function: str) -> Range | None:
        """What is sourced is measured on the source's range; a limit may drive it beyond."""
        true = self._true(function)
        ranges = self.source.ranges(function)
        if self.source.function != function:
            return self.sense_ranges[function] or smallest_range(ranges, true)
        fixed = self.source.range_in_use(function)
        return fixed if abs(true) <= fixed.maximum else smallest_range(ranges, true)

    def _true(self, function: str) -> float:
        self.circuit.advance_to(self.now_s)
        return self.circuit.voltage_V if function == "VOLT" else self.circuit.current_A

    def _aperture(self) -> None:
        """A reading takes its time."""
        self.now_s += (2.0 if self.auto_zero == 2 else 1.0) * self.power_line_cycles / LINE_FREQUENCY_Hz

    def _reading(self, function: str) -> float:
        true, scale = self._true(function), self._range_for_reading(function)
        if scale is None or abs(true) > scale.maximum * (1.0 + 1e-9):
            return OVERFLOW
        noise = 0.3 * scale.resolution / math.sqrt(self.power_line_cycles)
        return round(self._random.gauss(true, noise) / scale.resolution) * scale.resolution

    def _measure(self, letters: str, *buffers: Any) -> tuple[float, ...]:
        """measure.i(), .v(), .iv(): ``count`` readings, the last is returned; all are stored in the buffers named."""
        stores = [self._buffers[int(buffer["number"]) - 1] for buffer in buffers if buffer is not None]
        for store in stores:
            if not store.append:
                store.clear()
        values: tuple[float, ...] = ()
        began_s = self.now_s
        for number in range(self.count):
            self.now_s = max(self.now_s, began_s + number * self.interval_s)
            self._aperture()
            values = tuple(self._reading(_LETTERS[letter]) for letter in letters)
            for store, value in zip(stores, values, strict=False):
                store.store(value, self.now_s)
        return values

    def _resistance(self, *_: Any) -> float:
        current_A, voltage_V = self._measure("iv")
        return voltage_V / current_A if current_A else OVERFLOW

    def _power(self, *_: Any) -> float:
        current_A, voltage_V = self._measure("iv")
        return voltage_V * current_A

    def _overlapped(self, letters: str, *buffers: Any) -> None:
        """Assumed: done at once, while ``waitcomplete`` has nothing to wait for."""
        self._measure(letters, *buffers)

    # ---- what a script sees ----

    def _groups(self) -> dict[str, Group]:
        buffers = {f"nvbuffer{n}": self._buffer_group(n) for n in (1, 2)}
        channel = Group(
            getters={"sense": lambda: self.remote_sense},
            setters={"sense": lambda value: setattr(self, "remote_sense", self._one_of(value, (0, 1)))},
            functions={"reset": self._reset_channel, "abort": lambda *_: None},
            constants={
                "OUTPUT_DCAMPS": 0,
                "OUTPUT_DCVOLTS": 1,
                "OUTPUT_OFF": 0,
                "OUTPUT_ON": 1,
                "OUTPUT_NORMAL": NORMAL,
                "OUTPUT_ZERO": ZERO,
                "OUTPUT_HIGH_Z": HIGH_Z,
                "SENSE_LOCAL": 0,
                "SENSE_REMOTE": 1,
                "AUTORANGE_OFF": 0,
                "AUTORANGE_ON": 1,
                "AUTOZERO_OFF": 0,
                "AUTOZERO_ONCE": 1,
                "AUTOZERO_AUTO": 2,
            },
            objects={"source": self._source_group(), "measure": self._measure_group(), **buffers},
        )
        queue = Group(
            getters={"count": lambda: len(self.errors)},
            functions={"next": self._next_error, "clear": lambda *_: self.errors.clear()},
        )
        writing = Group(
            getters={
                "asciiprecision": lambda: self.precision,
                "data": lambda: self.data_format,
                "byteorder": lambda: self.byte_order,
            },
            setters={
                "asciiprecision": self._put_precision,
                "data": self._put_format,
                "byteorder": self._put_byte_order,
            },
            constants={
                **dict.fromkeys(("SREAL", "REAL32"), _REAL32),
                **dict.fromkeys(("REAL", "DREAL", "REAL64"), _REAL64),
                **dict.fromkeys(("NORMAL", "NETWORK", "BIGENDIAN"), 0),
                **dict.fromkeys(("SWAPPED", "LITTLEENDIAN"), 1),
                "ASCII": _ASCII,
            },
        )
        node = Group(
            getters={
                "model": lambda: self.model.name,
                "linefreq": lambda: LINE_FREQUENCY_Hz,
                "serialno": lambda: self.identity.split(", ")[2],
                "revision": lambda: FIRMWARE_REVISION,
            }
        )
        return {
            "smua": channel,
            "errorqueue": queue,
            "format": writing,
            "localnode": node,
            "status": self._status_group(),
            "display": Group(functions=dict.fromkeys(("clear", "settext", "setcursor", "trigger"), _unseen)),
            "beeper": Group(functions={"beep": _unseen}),
        }

    def _status_group(self) -> Group:
        """Of the measurement registers, what the limit holds: bit 0 the voltage, bit 1 the current."""
        held = {"condition": lambda: 0 if not self.limited else 1 if self.source.function == "CURR" else 2}
        measurement = Group(objects={"instrument": Group(objects={"smua": Group(getters=held)})})
        standard = Group(getters={"event": self._take_event, "condition": lambda: 0})
        return Group(
            getters={"condition": self._status_byte},
            functions={"reset": lambda *_: None},
            objects={"standard": standard, "measurement": measurement},
        )

    def _source_group(self) -> Group:
        source = self.source
        getters: dict[str, Callable[[], Any]] = {
            "func": lambda: _FUNCTIONS.index(source.function),
            "output": lambda: 1 if source.output_on else 0,
            "offmode": self._off_mode,
            "offlimiti": lambda: source.off_limit_A,
            "compliance": lambda: self.limited,
            "delay": lambda: source.active.delay_s,
        }
        setters: dict[str, Callable[[Any], None]] = {
            "func": self._put_function,
            "output": self._put_output,
            "offmode": self._put_off_mode,
            "delay": lambda value: setattr(source.active, "delay_s", max(0.0, value)),
        }
        for letter, function in _LETTERS.items():
            other = "VOLT" if function == "CURR" else "CURR"
            getters |= {
                f"level{letter}": partial(self._level, function),
                f"range{letter}": partial(self._source_range, function),
                f"autorange{letter}": partial(self._source_auto, function),
                f"limit{letter}": partial(self._limit, other),
            }
            setters |= {
                f"level{letter}": partial(self._put_level, function),
                f"range{letter}": partial(self._put_source_range, function),
                f"autorange{letter}": partial(self._put_source_auto, function),
                f"limit{letter}": partial(self._put_limit, other),
            }
        return Group(getters, setters)

    def _measure_group(self) -> Group:
        getters: dict[str, Callable[[], Any]] = {
            "nplc": lambda: self.power_line_cycles,
            "autozero": lambda: self.auto_zero,
            "count": lambda: self.count,
            "interval": lambda: self.interval_s,
        }
        setters: dict[str, Callable[[Any], None]] = {
            "nplc": self._put_cycles,
            "autozero": lambda value: setattr(self, "auto_zero", self._one_of(value, (0, 1, 2))),
            "count": self._put_count,
            "interval": self._put_interval,
        }
        for letter, function in _LETTERS.items():
            getters |= {
                f"range{letter}": partial(self._full_scale, function),
                f"autorange{letter}": partial(self._sense_auto, function),
            }
            setters |= {
                f"range{letter}": partial(self._put_sense_range, function),
                f"autorange{letter}": partial(self._put_sense_auto, function),
            }
        functions: dict[str, Callable[..., Any]] = {
            **{letters: partial(self._measure, letters) for letters in ("i", "v", "iv")},
            **{f"overlapped{letters}": partial(self._overlapped, letters) for letters in ("i", "v", "iv")},
            "r": self._resistance,
            "p": self._power,
        }
        return Group(getters, setters, functions)

    def _full_scale(self, function: str) -> float:
        scale = self._range_for_reading(function)
        return self.source.ranges(function)[-1].full_scale if scale is None else scale.full_scale

    def _put_cycles(self, value: float) -> None:
        if not 0.001 <= value <= 25.0:
            raise TspError(*(TOO_BIG if value > 25.0 else TOO_SMALL))
        self.power_line_cycles = value

    def _put_count(self, value: float) -> None:
        if not 1 <= value <= _BUFFER_SIZE:
            raise TspError(*(TOO_BIG if value > 1 else TOO_SMALL))
        self.count = int(value)

    def _put_interval(self, value: float) -> None:
        if not 0.0 <= value <= 1.0:
            raise TspError(*(TOO_BIG if value > 1.0 else TOO_SMALL))
        self.interval_s = value

    def _put_format(self, value: float) -> None:
        self.data_format = self._one_of(value, (_ASCII, _REAL32, _REAL64))

    def _put_byte_order(self, value: float) -> None:
        self.byte_order = self._one_of(value, (0, 1))

    def _put_precision(self, digits: float) -> None:
        if not 1 <= digits <= 16:
            raise TspError(*(TOO_BIG if digits > 16 else TOO_SMALL))
        self.precision = int(digits)

    def _buffer_group(self, number: int) -> Group:
        buffer = self._buffers[number - 1]
        return Group(
            getters={
                "n": lambda: len(buffer.readings),
                "capacity": lambda: _BUFFER_SIZE,
                "readings": lambda: self._tsp.table(buffer.readings),
                "timestamps": lambda: self._tsp.table(buffer.times),
                "appendmode": lambda: int(buffer.append),
            },
            setters={"appendmode": lambda value: setattr(buffer, "append", value == 1)},
            functions={"clear": lambda *_: buffer.clear()},
            constants={"number": number},
        )

    def _next_error(self, *_: Any) -> tuple[float, str, float, float]:
        """Code, message, severity, node."""
        if not self.errors:
            return 0, "Queue Is Empty", 0, 1
        code, message = self.errors.pop(0)
        return code, message, 20, 1
