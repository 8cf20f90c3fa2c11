"""Simulated Solartron 1260 frequency response analyser, wired to a simulated 1287: together they measure impedance.

Theory of operation. The 1260's generator goes to the 1287's external input, where it is added at a gain of 1 or 0.01 to
what the 1287 holds; V1 and V2 are the 1287's outputs of voltage and of sensed current, each at a gain of 1 or 10. So
V1/V2, times the resistor of the current range, is the cell's impedance once the gains are taken out. With polarisation
off nothing of the generator reaches the cell. Assumed: of a galvanostat the input is the voltage across that resistor.

A measurement waits for the delay ``MS``, integrates for ``IS`` or one period, and its result goes out by itself if
``OP2,1`` wants it: frequency, two parameters, error, limits (1260 manual, data output). Assumed: numbers of errors, the
words of ``*IDN?``. Left out: sweeps, files, nulling, the front panel's I input, which nothing is connected to.
"""

import cmath
import math
from random import Random

from labctl_simulators.cells import Cell
from labctl_simulators.firmware.solartron_1287 import Solartron1287, range_A, sense_ohm
from labctl_simulators.firmware.solartron_port import BAD_COMMAND, Refused, SolartronPort

BAD_RANGE, NO_SIGNAL, OVERLOAD = 3, 4, 5
_LARGEST_INPUT_V = 5.0
_NOISE = 2e-4
_ONE: dict[str, tuple[float, float]] = {
    "FR": (1e-5, 3.2e7),
    "VA": (0.0, 3.0),
    "IA": (0.0, 0.06),
    "VB": (-40.95, 40.95),
    "IB": (-0.1, 0.1),
    "IS": (0.01, 1e5),
    "MS": (0.0, 1e5),
    **dict.fromkeys(("GT", "CV", "UW", "AU", "SW", "ME", "VI", "FV", "CI", "CZ", "CY", "BP", "RH"), (0, 9)),
    **dict.fromkeys(("OS", "OT", "RR", "TT"), (0, 9)),
}
_TWO = ("RA", "DC", "IP", "OU", "OP", "SO")
_DEFAULTS = {"FR": 100.0, "IS": 0.1}
_V1, _V2, _I = 1, 2, 3


class Solartron1260:
    """The analyser: settings, generator, and the 1287 that it is wired to.

    Args:
        interface: carries its signal to the cell.
        seed: of the noise.
    """

    identity = "1260 IMPEDANCE ANALYZER, SOLARTRON,0,0"

    def __init__(self, interface: Solartron1287, seed: int = 0) -> None:
        self.interface = interface
        self.now_s = 0.0
        self.error = 0
        self._random = Random(seed)
        self.reset()

    def port(self) -> SolartronPort:
        """A further connection."""
        return SolartronPort(self)

    @property
    def circuit_closed(self) -> bool:
        """Whether the 1287 connects the cell: nothing else of this does."""
        return self.interface.circuit_closed

    def reset(self) -> None:
        """``TT2``."""
        self.settings: dict[str, float] = {name: _DEFAULTS.get(name, 0.0) for name in _ONE}
        self.pairs: dict[tuple[str, int], float] = {("SO", _V1): _V2}
        self.last = ""
        self._due_s: float | None = None
        self._recycles = False
        self._reader: SolartronPort | None = None

    # ---- commands ----

    def execute(self, port: SolartronPort, name: str, arguments: list[float]) -> str | None:
        """Carry out a command."""
        if name in ("*IDN?", "?ER"):
            return self.identity if name == "*IDN?" else f"{self.error:02d}"
        if name in ("SI", "RE", "HA", "DO", "CE"):
            return self._act(port, name)
        if name in _TWO and len(arguments) == 2:
            self.pairs[name, int(arguments[0])] = arguments[1]
        elif name in _ONE and len(arguments) == 1:
            low, high = _ONE[name]
            if not low <= arguments[0] <= high:
                raise Refused(BAD_RANGE)
            if name == "TT":
                self.reset()
            else:
                self.settings[name] = arguments[0]
        else:
            raise Refused(BAD_COMMAND)
        return None

    def fail(self, error: int) -> None:
        """Keep the number of the last error."""
        self.error = error

    def _act(self, port: SolartronPort, name: str) -> str | None:
        if name == "DO":
            return self.last or None
        if name == "CE":
            self.error = 0
        else:
            self._reader, self._recycles = port, name == "RE"
            self._due_s = None if name == "HA" else self.now_s + self.measure_s
        return None

    # ---- time ----

    @property
    def measure_s(self) -> float:
        """Delay and integration; at least one period."""
        return self.settings["MS"] + max(self.settings["IS"], 1.0 / self.settings["FR"])

    def next_change_s(self) -> float | None:
        """When a measurement is complete, or the 1287 has something to do."""
        due = (self._due_s, self.interface.next_change_s())
        return min((time_s for time_s in due if time_s is not None), default=None)

    def run_until(self, now_s: float) -> None:
        """Live until ``now_s``; results go to whoever asked."""
        if self._recycles and self._due_s is not None and now_s - self._due_s > 100.0 * self.measure_s:
            self._due_s = now_s - 100.0 * self.measure_s  # nobody can have read so many
        while self._due_s is not None and self._due_s <= now_s:
            self.interface.run_until(self._due_s)
            self.last = self._result()
            self._due_s = self._due_s + self.measure_s if self._recycles else None
            if self.pairs.get(("OP", 2)) and self._reader is not None:
                self._reader.put(self.last)
        self.interface.run_until(now_s)
        self.now_s = max(self.now_s, now_s)

    # ---- measurement ----

    def _result(self) -> str:
        ratio, error = self._measure()
        parts = (
            (abs(ratio), math.degrees(cmath.phase(ratio)))
            if self.settings["CV"]
            else (ratio.real, ratio.imag)
        )
        return f"{self.settings['FR']:+.7E},{parts[0]:+.4E},{parts[1]:+.4E},{error},0"

    def _measure(self) -> tuple[complex, int]:
        """What ``SO`` asks for: V1/V2, or one of the two, and its error."""
        first, second, error = self._inputs()
        source, against = next(
            ((key[1], int(v)) for key, v in self.pairs.items() if key[0] == "SO"), (_V1, _V2)
        )
        found = {_V1: first, _V2: second}
        if source not in found or against == _I or (against and found.get(against, 0j) == 0j):
            return 0j, error or NO_SIGNAL
        ratio = found[source] / found[against] if against else found[source]
        noise = complex(self._random.gauss(0.0, _NOISE), self._random.gauss(0.0, _NOISE))
        return ratio * (1.0 + noise), error

    def _inputs(self) -> tuple[complex, complex, int]:
        """V1 and V2, V rms."""
        interface, generator_V = self.interface, self.settings["VA"]
        if not interface.on or generator_V == 0.0:
            return 0j, 0j, NO_SIGNAL
        ohm = sense_ohm(interface.range)
        cell_ohm = interface.circuit.cell.impedance_ohm(self.settings["FR"], interface.circuit.current_A)
        added_V = generator_V * (0.01 if interface.settings["PI"] else 1.0)
        current_A = added_V / ohm if interface.settings["PO"] else added_V / cell_ohm
        direct_A, voltage_V = abs(interface.circuit.current_A), current_A * cell_ohm
        over = direct_A + math.sqrt(2.0) * abs(current_A) > 1.1 * range_A(interface.range)
        first = voltage_V * (10.0 if interface.settings["VX"] else 1.0)
        second = current_A * ohm * (10.0 if interface.settings["IX"] else 1.0)
        over = over or max(abs(first), abs(second)) > _LARGEST_INPUT_V
        return complex(first), complex(second), OVERLOAD * over


class _InterfacePort(SolartronPort):
    """A connection to the 1287 of a pair."""

    def __init__(self, pair: "SolartronPair") -> None:
        super().__init__(pair.interface)
        self._pair = pair

    def beside(self) -> SolartronPort:
        """A connection to the 1260."""
        return self._pair.second_port()


class SolartronPair:
    """A 1287 with a 1260 wired to it, and the cell.

    Args:
        cell: at the 1287's terminals.
        seed: of the noise.
        working_at: as of the 1287.
    """

    def __init__(self, cell: Cell, seed: int = 0, *, working_at: str = "WE") -> None:
        self.interface = Solartron1287(cell, seed, working_at=working_at)
        self.analyser = Solartron1260(self.interface, seed)

    def port(self) -> SolartronPort:
        """A further connection to the 1287."""
        return _InterfacePort(self)

    def second_port(self) -> SolartronPort:
        """A further connection to the 1260."""
        return self.analyser.port()

    @property
    def circuit_closed(self) -> bool:
        """True while CE is connected."""
        return self.interface.circuit_closed
