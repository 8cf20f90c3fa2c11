"""Simulated Rigol DP832 or DP832A laboratory supply with one cell at channel 1, and nothing at channels 2 and 3.

Theory of operation. Three channels, each a source of a voltage with a limit of the current; which of the two it holds
it tells as CV or CC. A channel whose output exceeds the level of its overvoltage or overcurrent protection, while that
is on, switches off and says so until it is cleared (DP800 Programming Guide, :OUTPut). A command that names no channel
means the selected one. One command interpreter does one thing after the other; a reading takes its time.

Time 0 is power-on, with the factory's settings: 0 V, 3 A, protections off, outputs off.

Sources: DP800 Programming Guide PGH03109-1110: tables 2-1 and 2-2 for what can be set, :APPLy, :MEASure, :OUTPut,
:SOURce, :SYSTem. What they leave open is marked ``Assumed:``. Left out: recorder, analyser, monitor, memories.
"""

from dataclasses import dataclass, field
from random import Random

from labctl_simulators.cells import Cell
from labctl_simulators.firmware.in_turn import TurnPort
from labctl_simulators.firmware.rigol_circuit import Circuit, Supply
from labctl_simulators.firmware.rigol_dp832_commands import TREE
from labctl_simulators.firmware.scpi_parameters import INPUT_OVERRUN, ScpiError
from labctl_simulators.firmware.scpi_status import Status, run_message

READING_s = 0.05
"""Assumed: a reading of all three quantities; the maker gives 118 ms at most for any command."""
_NOISE = 0.3  # of the last digit


@dataclass(frozen=True, slots=True)
class Model:
    """Digits after the point: of what is set, and of what is measured.

    Assumed: a DP832 without the option of high resolution answers with the digits that it shows.
    """

    set_V: int
    set_A: int
    read_V: int
    read_A: int


MODELS = {"DP832": Model(2, 3, 2, 3), "DP832A": Model(3, 3, 4, 4)}


@dataclass(slots=True)
class Protection:
    """Overvoltage or overcurrent."""

    level: float
    on: bool = False
    tripped: bool = False


@dataclass(slots=True)
class Output:
    """One channel.

    Attributes:
        rating: as ``:APPL?`` names it.
        most_V, most_A: what can be set.
        most: the largest level of each protection; table 2-2.
    """

    name: str
    rating: str
    most_V: float
    most_A: float
    most: dict[str, float]
    voltage_V: float = 0.0
    current_A: float = 3.0
    step_V: float = 0.1
    step_A: float = 0.1
    on: bool = False
    track: bool = False
    timer: bool = False
    delay: bool = False
    protection: dict[str, Protection] = field(default_factory=dict)

    def reset(self) -> None:
        """The factory's settings."""
        self.voltage_V, self.current_A, self.step_V, self.step_A = 0.0, 3.0, 0.1, 0.1
        self.on = self.track = self.timer = self.delay = False
        self.protection = {kind: Protection(level) for kind, level in self.most.items()}


class RigolDp832:
    """The instrument: three channels, the selected one, error queue; ``port()`` opens a connection."""

    def __init__(
        self, circuit: Circuit, seed: int = 0, *, model: str = "DP832", serial: str = "DP8C162850391"
    ) -> None:
        self.model = MODELS[model]
        self.identity = f"RIGOL TECHNOLOGIES,{model},{serial},00.01.14"
        self.now_s = 0.0
        self.circuit = circuit
        self.status = Status()
        self.outputs: tuple[Output, ...] = (
            Output("CH1", "30V/3A", 32.0, 3.2, {"OVP": 33.0, "OCP": 3.3}),
            Output("CH2", "30V/3A", 32.0, 3.2, {"OVP": 33.0, "OCP": 3.3}),
            Output("CH3", "5V/3A", 5.3, 3.2, {"OVP": 5.5, "OCP": 3.3}),
        )
        self._random = Random(seed)
        circuit.guards.append(self._guard)
        self.reset()

    def port(self) -> TurnPort:
        """A further connection."""
        return TurnPort(self)

    @property
    def circuit_closed(self) -> bool:
        """Whether the output at which the cell is on is on."""
        return self.outputs[0].on

    def reset(self) -> None:
        """*RST."""
        self.selected: int = 0
        self.beeper = True
        self.locked = False
        self.track_mode = "SYNC"
        self.screen = {"BRIG": 50, "CONT": 50}
        for output in self.outputs:
            output.reset()
        self.apply()

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

    # ---- channels ----

    def apply(self) -> None:
        """Apply what is set to the cell, from this moment."""
        first = self.outputs[0]
        self.circuit.advance_to(self.now_s)
        self.circuit.set_supply(Supply(first.voltage_V, first.current_A) if first.on else None)
        self._guard()

    def switch(self, output: Output, on: bool) -> None:
        """:OUTP; switching on clears what a protection says (Assumed)."""
        if on:
            for protection in output.protection.values():
                protection.tripped = False
        output.on = on
        self.apply()

    def true(self, output: Output) -> tuple[float, float]:
        """Voltage at the terminals, and current out of them: the cell is at channel 1, behind the diode."""
        if not output.on:
            return 0.0, 0.0
        if output is not self.outputs[0]:
            return output.voltage_V, 0.0
        point = self.circuit.point
        return (point.voltage_V if point.supply_A else output.voltage_V), point.supply_A

    def regulation(self, output: Output) -> str:
        """CV or CC; CV while nothing is on (Assumed)."""
        limited = output is self.outputs[0] and output.on and self.circuit.supply_limited
        return "CC" if limited and self.circuit.point.supply_A else "CV"

    def read(self, output: Output) -> tuple[float, float, float]:
        """Voltage, current and power as measured, after the time that takes."""
        self.run_until(self.now_s + READING_s)
        voltage_V, current_A = self.true(output)
        voltage_V = self._measured(voltage_V, self.model.read_V) if output.on else 0.0
        current_A = max(0.0, self._measured(current_A, self.model.read_A)) if output.on else 0.0
        return voltage_V, current_A, voltage_V * current_A

    def _measured(self, value: float, digits: int) -> float:
        return round(self._random.gauss(value, _NOISE * 10.0**-digits), digits)

    def _guard(self) -> None:
        """Protections of the present moment."""
        for output in self.outputs:
            voltage_V, current_A = self.true(output)
            for kind, value in (("OVP", voltage_V), ("OCP", current_A)):
                protection = output.protection[kind]
                if output.on and protection.on and value > protection.level:
                    protection.tripped = True
                    output.on = False
                    if output is self.outputs[0]:
                        self.circuit.set_supply(None)


def rigol_dp832(cell: Cell, seed: int = 0) -> RigolDp832:
    """A DP832 with a cell at channel 1."""
    return RigolDp832(Circuit(cell), seed)
