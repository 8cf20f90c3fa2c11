"""Simulated Solartron 1287 electrochemical interface with one cell connected.

Theory of operation. Polarisation on, it holds a voltage across RE1 and RE2 or a current from CE to WE; off, in half
standby, CE is disconnected and RE1, RE2 and I can still be measured; in full standby nothing of the cell. A resistor
in series with WE senses the current, 200 mV at full scale: 10^(n-2) ohm for ``RRn``. A current beyond the range is
limited, cut out or let through, by ``OL``. The voltmeter measures two parameters, once or again and again, and each
result goes out by itself. An FRA's generator is added to what is applied, at a gain of 1 or 0.01; the voltage and the
sensed current are at the outputs for the FRA, at a gain of 1 or 10.

Signs: a positive current leaves CE and enters WE (1287 manual p. 39), a positive voltage is RE1 above RE2, and RE1 is
at CE's electrode (Assumed): across a resistor both have the same sign. ``working_at`` tells which of the two is at the
cell's working electrode.

Time 0 is power-on: potentiostat, 0 V, off, full standby. Sources: 1287 manual, Issue CSB, p. 39, 88, 91; command sets
of two programs that use it. Assumed besides: numbers of errors, times of measurement, what is left open below. Left
out: bias rejection's effect, IR compensation, drift correction, averaging, filters, null (kept and without effect),
binary dump.
"""

from random import Random

from labctl_simulators.cells import Cell
from labctl_simulators.firmware.keithley_2450_circuit import Circuit, Drive
from labctl_simulators.firmware.solartron_port import BAD_COMMAND, Refused, SolartronPort

BAD_RANGE = 3
OVERLOAD = 1  # Assumed: the error code of a parameter beyond its range
_MOST_V, _MOST_A, _COMPLIANCE_V = 14.5, 2.0, 30.0
_AUTO, _SMALLEST_RANGE = 0, 8
_CUT_OUT, _LIMIT = 0, 1
_SINGLE, _SWEEP = 0, 3
_MEASURES_s = {0: 0.2, 1: 0.1, 2: 1 / 60}
_STEP_s, _MOST_STEPS = 1e-3, 2000
_DAY_s = 86_400.0
_RE1, _RE2, _DIFFERENCE, _CE, _CURRENT = 1, 2, 3, 4, 5
_LIMITS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(
        ("PO", "PI", "PW", "BY", "ON", "RU", "SW", "VX", "IX", "FI", "CC", "AV", "NU", "DC"), (0, 1)
    ),
    **dict.fromkeys(("VT", "IT"), (0, 1)),
    **dict.fromkeys(("PX", "PY", "UL", "UR"), (0, 9)),
    **dict.fromkeys(("PV", "VA", "VB", "VC", "VD", "VR"), (-_MOST_V, _MOST_V)),
    **dict.fromkeys(("PC", "JA", "JB", "JC", "JD", "IR"), (-_MOST_A, _MOST_A)),
    **dict.fromkeys(("TA", "TB", "TC", "TD", "DL"), (0, 1e6)),
    **dict.fromkeys(("PB", "GB"), (0, 9)),
    **dict.fromkeys(("TR", "BR", "OT"), (0, 3)),
    **dict.fromkeys(("OL", "DG", "GP"), (0, 2)),
    **dict.fromkeys(("RG", "BK"), (0, 4)),
    "RR": (0, 8),
    "IL": (0, 6),
    "SM": (1, 10_000),
}
_REALS = (
    "PV",
    "PC",
    "VA",
    "VB",
    "VC",
    "VD",
    "VR",
    "JA",
    "JB",
    "JC",
    "JD",
    "IR",
    "TA",
    "TB",
    "TC",
    "TD",
    "DL",
)
_AT_POWER_ON = {"IL": 6, "OL": 1, "PX": _DIFFERENCE, "PY": _CURRENT, "SM": 4}


def range_A(number: int) -> float:
    """Full scale of a current range: 200 mV across its resistor."""
    return 0.2 / sense_ohm(number)


def sense_ohm(number: int) -> float:
    """The resistor of a current range."""
    return float(10.0 ** (number - 2))


class Solartron1287:
    """The instrument: settings, cell, voltmeter; ``port()`` opens a connection.

    Args:
        cell: at its terminals.
        seed: of the noise.
        working_at: which terminal is at the cell's working electrode, ``WE`` (with RE2) or ``CE`` (with RE1).
    """

    def __init__(self, cell: Cell, seed: int = 0, *, working_at: str = "WE") -> None:
        self.now_s = 0.0
        self.circuit = Circuit(cell)
        self.sign = -1.0 if working_at == "WE" else 1.0
        self._random = Random(seed)
        self._clock_offset_s = 0.0
        self.error = 0
        self.reset()

    def port(self) -> SolartronPort:
        """A further connection; in reality GPIB or RS423."""
        return SolartronPort(self)

    @property
    def circuit_closed(self) -> bool:
        """True while CE is connected."""
        return self.circuit.drive is not None

    def reset(self) -> None:
        """Everything as at power-on."""
        self.settings: dict[str, float] = dict.fromkeys(_LIMITS, 0.0) | _AT_POWER_ON
        self.range = 1
        self._cut_out = False
        self._reader: SolartronPort | None = None
        self._measured_s: float | None = None
        self._sweep_began_s: float | None = None
        self.apply()

    # ---- commands ----

    def execute(self, port: SolartronPort, name: str, arguments: list[float]) -> str | None:
        """Carry out a command."""
        if name == "?ER":
            return f"{self.error:02d}"
        if name == "CE":
            self.error = 0
        elif name == "TM" and len(arguments) == 2:
            self._set_clock(*arguments)
        elif name not in _LIMITS or len(arguments) != 1:
            raise Refused(BAD_COMMAND)
        else:
            self._set(port, name, arguments[0])
        return None

    def fail(self, error: int) -> None:
        """Keep the number of the last error."""
        self.error = error

    def _set(self, port: SolartronPort, name: str, value: float) -> None:
        low, high = _LIMITS[name]
        if not low <= value <= high or (name not in _REALS and value != int(value)):
            raise Refused(BAD_RANGE)
        if name == "BK":
            self._break(int(value))
            return
        self.settings[name] = value
        if name == "PW":
            self._cut_out = False
            if not value:
                self._sweep_began_s = None
        elif name == "RU":
            self._reader, self._measured_s = port, self.now_s + self.measure_s if value else None
        elif name == "SW":
            self._sweep_began_s = self.now_s + self.settings["DL"] if value else None
        self.apply()

    def _break(self, kind: int) -> None:
        """``BK0`` stops what runs; ``BK3`` initialises, as at power-on."""
        if kind == 3:
            self.reset()
            return
        self._measured_s = self._sweep_began_s = None
        self.settings |= {"RU": 0, "SW": 0, "PW": 0}
        self.apply()

    def _set_clock(self, hours: float, minutes: float) -> None:
        if not (0 <= hours < 24 and 0 <= minutes < 60):
            raise Refused(BAD_RANGE)
        self._clock_offset_s = 3600.0 * int(hours) + 60.0 * int(minutes) - self.now_s

    # ---- polarisation ----

    @property
    def on(self) -> bool:
        """Polarisation is on, and nothing has cut it out."""
        return bool(self.settings["PW"]) and not self._cut_out

    def apply(self) -> None:
        """Apply mode and level to the cell, from this moment."""
        self.circuit.advance_to(self.now_s)
        self._choose_range()
        if not self.on:
            self.circuit.apply(None)
        elif self.settings["PO"]:
            level_A = 0.0 if self.settings["ON"] else self._level("PC")
            most_A = range_A(self.range)
            level_A = max(-most_A, min(most_A, level_A)) if self.settings["OL"] == _LIMIT else level_A
            self.circuit.apply(Drive(True, self.sign * level_A, _COMPLIANCE_V))
        elif self.settings["ON"]:
            self.circuit.apply(Drive(True, 0.0, _COMPLIANCE_V))  # rest
        else:
            limit_A = range_A(self.range) if self.settings["OL"] == _LIMIT else _MOST_A
            self.circuit.apply(Drive(False, self.sign * self._level("PV"), limit_A))
        if self.settings["OL"] == _CUT_OUT and abs(self.circuit.current_A) > range_A(self.range) * (1 + 1e-9):
            self._cut_out = True
            self.circuit.apply(None)

    def _choose_range(self) -> None:
        """That of ``RR``; automatic: the smallest for the present current, at most ``IL``'s."""
        number = int(self.settings["RR"])
        if number == _AUTO:
            largest = 7 - int(self.settings["IL"])  # IL6 is 2 A, as range 1
            needed_A = abs(self.settings["PC"] if self.settings["PO"] else self.circuit.current_A)
            fitting = (n for n in range(_SMALLEST_RANGE, largest - 1, -1) if range_A(n) >= needed_A)
            number = next(fitting, largest)
        self.range = number

    def _level(self, name: str) -> float:
        """What is applied: a constant, or the sweep's present level."""
        if self._sweep_began_s is None or self.now_s < self._sweep_began_s:
            return self.settings[name]
        letter = "V" if name == "PV" else "J"
        levels = [self.settings[f"{letter}{x}"] for x in "ABCD"]
        times_s = [max(self.settings[f"T{x}"], 1e-6) for x in "ABCD"]
        left_s, segments = self.now_s - self._sweep_began_s, int(self.settings["SM"])
        rounds = min(int(left_s / sum(times_s)), segments // 4)
        left_s -= rounds * sum(times_s)
        for number in range(segments - 4 * rounds):
            n = number % 4
            if left_s < times_s[n]:
                return levels[n] + (levels[(n + 1) % 4] - levels[n]) * left_s / times_s[n]
            left_s -= times_s[n]
        return levels[segments % 4]

    def _sweep_end_s(self) -> float | None:
        if self._sweep_began_s is None:
            return None
        times_s = [max(self.settings[f"T{x}"], 1e-6) for x in "ABCD"]
        whole, rest = divmod(int(self.settings["SM"]), 4)
        return self._sweep_began_s + whole * sum(times_s) + sum(times_s[:rest])

    # ---- time ----

    @property
    def measure_s(self) -> float:
        """How long the voltmeter takes for its two parameters."""
        return 2.0 * _MEASURES_s[int(self.settings["DG"])]

    def next_change_s(self) -> float | None:
        """When a result is ready or a sweep ends."""
        return min((t for t in (self._measured_s, self._sweep_end_s()) if t is not None), default=None)

    def run_until(self, now_s: float) -> None:
        """Live until ``now_s``; results go to whoever asked."""
        skipped = 0.0 if self._measured_s is None else (now_s - self._measured_s) / self.measure_s - 100.0
        if self._measured_s is not None and skipped > 0.0:
            self._measured_s += int(skipped) * self.measure_s  # nobody can have read so many
        while self._measured_s is not None and self._measured_s <= now_s:
            due_s = self._measured_s
            self._live_until(due_s)
            if self._measured_s == due_s:
                self._finish_measurement(due_s)
        self._live_until(now_s)

    def _live_until(self, now_s: float) -> None:
        step_s = max(_STEP_s, (now_s - self.now_s) / _MOST_STEPS)
        while (end_s := self._sweep_end_s()) is not None and self.now_s < now_s:
            self.now_s = min(now_s, self.now_s + step_s, max(end_s, self.now_s + 1e-9))
            if self.now_s >= end_s:
                self._sweep_began_s = None
                self.settings["SW"] = 0
                if self.settings["TR"] == _SWEEP:
                    self._measured_s = None
            self.apply()
        self.now_s = max(self.now_s, now_s)
        self.circuit.advance_to(self.now_s)
        if self.settings["RR"] == _AUTO or self.settings["OL"] == _CUT_OUT:
            self.apply()

    def _finish_measurement(self, due_s: float) -> None:
        single = self.settings["TR"] == _SINGLE
        self._measured_s = None if single else due_s + self.measure_s
        if single:
            self.settings["RU"] = 0
        if self.settings["GP"] and self._reader is not None:
            self._reader.put(self.result(long=self.settings["GP"] == 1))

    # ---- measurement ----

    def result(self, *, long: bool) -> str:
        """``+p.pppppE±pp,±q.qqqqqE±qq,e1,e2,hh,mm,ss,ss``; short without the time (p. 88)."""
        values, errors = zip(*(self._measure(int(self.settings[name])) for name in ("PX", "PY")), strict=True)
        text = ",".join([*(f"{value:+.5E}" for value in values), *(f"{error:02d}" for error in errors)])
        if not long:
            return text
        seconds = (self.now_s + self._clock_offset_s) % _DAY_s
        whole = int(seconds)
        hundredths = int((seconds - whole) * 100)
        return f"{text},{whole // 3600:02d},{whole // 60 % 60:02d},{whole % 60:02d},{hundredths:02d}"

    def _measure(self, parameter: int) -> tuple[float, int]:
        """A parameter with noise, and its error code."""
        sensing = self.on or bool(self.settings["BY"])
        voltage_V = self.sign * self.voltage_V if sensing else 0.0
        if parameter == _CURRENT:
            full_A = range_A(self.range)
            current_A = self.sign * self.circuit.current_A
            over = abs(current_A) > 1.1 * full_A
            return self._random.gauss(current_A, 2e-6 * full_A), OVERLOAD * over
        value = {_RE1: voltage_V, _RE2: 0.0, _DIFFERENCE: voltage_V, _CE: voltage_V}.get(parameter, 0.0)
        return self._random.gauss(value, 5e-6), OVERLOAD * (abs(value) > 20.0)

    @property
    def voltage_V(self) -> float:
        """True voltage of the cell; the electrometers stay connected."""
        if self.circuit.drive is None:
            return self.circuit.cell.voltage_V(0.0)
        return self.circuit.voltage_V
