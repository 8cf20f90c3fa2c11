"""Simulated Rigol DL3021 or DL3021A electronic load with one cell at its terminals, remote sense at the cell.

Theory of operation. The load holds a current, a voltage, a resistance or a power (``:SOUR:FUNC``) while its function
mode is FIXed; in the mode BATTery it takes a current until a voltage, a capacity or a time is reached, and switches
its input off. It takes nothing below its starting voltage, and not more than its current limit; a voltage above its
voltage limit switches the input off. After the input was switched on it takes its current ``SETTLES_s`` later. It
measures the voltage at its terminals whether the input is on or off. A reading integrates for ``READING_s``; ``:FETC``
answers with the last one at once (Assumed: never older than that).

Time 0 is power-on: input off, constant current, high range, 0 A.

Sources: DL3000 Programming Guide pp. 2-24 and 2-37 to 2-40; DL3000 User's Guide p. 2-44 (battery test); the times are
those that users measured on a DL3031A. What they leave open is marked ``Assumed:``. Left out: what LIST, WAVe, OCP and
OPP do (they are set and read back, and take nothing), transients, digital I/O.
"""

from dataclasses import dataclass
from random import Random

from labctl_simulators.cells import Cell
from labctl_simulators.firmware.in_turn import TurnPort
from labctl_simulators.firmware.rigol_circuit import Circuit, Sink
from labctl_simulators.firmware.rigol_dl3021_commands import TREE
from labctl_simulators.firmware.scpi_parameters import INPUT_OVERRUN, ScpiError
from labctl_simulators.firmware.scpi_status import Status, run_message

READING_s = 0.2
SETTLES_s = 0.7
MOST_W = 200.0
CURRENT_RANGES_A, VOLTAGE_RANGES_V, RESISTANCE_RANGES_ohm = (4.0, 40.0), (15.0, 150.0), (15.0, 15000.0)
DIGITS = {"DL3021": 3, "DL3021A": 4}
"""After the point, of volts and amperes as measured. Assumed: 1 mV and 1 mA, and a tenth of that in the model A."""
_NOISE = 0.3  # of the last digit
_MODES = {"CURR": "CC", "VOLT": "CV", "RES": "CR", "POW": "CP"}


@dataclass(slots=True)
class Function:
    """What is set for one of the four functions.

    Attributes:
        ranges: from low to high; the power has none.
        in_use: the range.
        limit_V, limit_A: above the first the input switches off, more than the second is not taken.
    """

    ranges: tuple[float, ...]
    level: float = 0.0
    in_use: float = 0.0
    limit_V: float = 150.0
    limit_A: float = 40.0


@dataclass(slots=True)
class BatteryTest:
    """What is set for the discharge of a battery."""

    level_A: float = 0.0
    range_A: float = CURRENT_RANGES_A[-1]
    starts_V: float = 0.0
    stop_V: float = 0.0
    stop_mAh: float = 0.0
    stop_s: float = 0.0
    voltage_stops: bool = False
    capacity_stops: bool = False
    time_stops: bool = False


class RigolDl3021:
    """The instrument: settings, error queue; ``port()`` opens a connection."""

    def __init__(
        self, circuit: Circuit, seed: int = 0, *, model: str = "DL3021", serial: str = "DL3A204700321"
    ) -> None:
        self.digits = DIGITS[model]
        self.identity = f"RIGOL TECHNOLOGIES,{model},{serial},00.01.05.00.01"
        self.now_s = 0.0
        self.circuit = circuit
        self.status = Status()
        self._random = Random(seed + 1)
        self._switched = 0
        self.input_on = False
        circuit.guards.append(self._guard)
        self.reset()

    def port(self) -> TurnPort:
        """A further connection."""
        return TurnPort(self)

    @property
    def circuit_closed(self) -> bool:
        """Whether the input is on."""
        return self.input_on

    def reset(self) -> None:
        """*RST."""
        self.function = "CURR"
        self.mode = "FIX"
        self.functions = {
            "CURR": Function(CURRENT_RANGES_A, 0.0, CURRENT_RANGES_A[-1]),
            "VOLT": Function(VOLTAGE_RANGES_V, VOLTAGE_RANGES_V[-1], VOLTAGE_RANGES_V[-1]),
            "RES": Function(RESISTANCE_RANGES_ohm, RESISTANCE_RANGES_ohm[-1], RESISTANCE_RANGES_ohm[-1]),
            "POW": Function((MOST_W,), 0.0, MOST_W),
        }
        self.starts_V = 0.0
        self.sense = False
        self.transient = False
        self.virtual_panel = False
        self.trigger_source = "MAN"
        self.battery = BatteryTest()
        self.stored: dict[str, float | str] = {}
        self.ran_s = 0.0
        self.began_s = 0.0
        self.set_input(False)

    # ---- an interpreter that takes its time ----

    def run_until(self, now_s: float) -> None:
        """Let time pass."""
        self.now_s = max(self.now_s, now_s)
        self.circuit.advance_to(self.now_s)

    def waits_until(self, line: bytes) -> float:
        """Nothing runs beside the interpreter."""
        return self.now_s

    def execute(self, line: bytes) -> str:
        """Run one message; the first mistake ends it."""
        return run_message(TREE, self, line)

    def overrun(self) -> None:
        """A line was too long."""
        self.status.add(ScpiError(*INPUT_OVERRUN))

    # ---- input ----

    def set_input(self, on: bool) -> None:
        """:INP; what is set takes effect when the input has settled."""
        if on and self.input_on:
            return
        self.circuit.advance_to(self.now_s)
        self._switched += 1
        if self.input_on and self.mode == "BATT":
            self.ran_s = self.now_s - self.began_s
        self.input_on = on
        self.circuit.set_sink(None)
        if on:
            self.began_s = self.now_s
            self.circuit.taken_C = self.circuit.taken_J = 0.0
            this = self._switched
            self.circuit.at(self.now_s + SETTLES_s, lambda: self._settled(this))
            self._guard()

    def _settled(self, switching: int) -> None:
        if switching == self._switched:
            self.circuit.set_sink(self._sink())

    def apply(self) -> None:
        """Apply what is set to the cell, from this moment, unless the input is off or has not settled."""
        self.circuit.advance_to(self.now_s)
        if self.input_on and self.now_s >= self.began_s + SETTLES_s:
            self.circuit.set_sink(self._sink())
        self._guard()

    def _sink(self) -> Sink | None:
        if self.mode == "BATT":
            return Sink("CC", self.battery.level_A, self.battery.range_A, self.battery.starts_V)
        if self.mode != "FIX":
            return None
        chosen = self.functions[self.function]
        starts_V = self.starts_V if self.function == "CURR" else 0.0
        return Sink(_MODES[self.function], chosen.level, chosen.limit_A, starts_V)

    def _guard(self) -> None:
        """What switches the input off: a voltage above the limit, and the end of the discharge of a battery."""
        if not self.input_on:
            return
        voltage_V = self.circuit.point.voltage_V
        beyond = self.mode == "FIX" and voltage_V > self.functions[self.function].limit_V
        if beyond or (self.mode == "BATT" and self._discharged(voltage_V)):
            self._switched += 1
            self.input_on = False
            self.ran_s = self.circuit.time_s - self.began_s
            self.circuit.set_sink(None)

    def _discharged(self, voltage_V: float) -> bool:
        test = self.battery
        return (
            (test.voltage_stops and self.circuit.taken_C > 0.0 and voltage_V <= test.stop_V)
            or (test.capacity_stops and self.taken_mAh >= test.stop_mAh)
            or (test.time_stops and self.circuit.time_s - self.began_s >= test.stop_s)
        )

    # ---- readings ----

    @property
    def taken_mAh(self) -> float:
        """What has been taken since the input was switched on."""
        return self.circuit.taken_C / 3.6

    @property
    def discharge_s(self) -> float:
        """For how long the input has been on, or was."""
        return self.circuit.time_s - self.began_s if self.input_on else self.ran_s

    def read(self, quantity: str, *, fresh: bool) -> float:
        """``VOLT``, ``CURR``, ``RES`` or ``POW`` as measured; a fresh reading takes its time."""
        self.run_until(self.now_s + (READING_s if fresh else 0.0))
        point = self.circuit.point
        voltage_V = self._measured(point.voltage_V)
        current_A = max(0.0, self._measured(point.load_A)) if self.input_on else 0.0
        if quantity == "RES":
            return voltage_V / current_A if current_A else 0.0
        return {"VOLT": voltage_V, "CURR": current_A, "POW": voltage_V * current_A}[quantity]

    def _measured(self, value: float) -> float:
        return round(self._random.gauss(value, _NOISE * 10.0**-self.digits), self.digits)


def rigol_dl3021(cell: Cell, seed: int = 0) -> RigolDl3021:
    """A DL3021 with a cell at its terminals."""
    return RigolDl3021(Circuit(cell), seed)
