"""Simulated Keysight E4980A precision LCR meter, its four terminals at one cell.

Theory of operation (E4980A/AL User's Guide; p. 197 for the signal). A sine generator with a source resistance of
100 ohm drives the unknown: the level that is set is the generator's, a current level what flows into a short.
Only with the automatic level control is it what the unknown sees. The same 100 ohm connect the unknown to the direct
bias, or, with the bias off, to 0 V: a cell at the terminals is discharged through them unless a capacitor blocks direct
current. The capacitor adds to what is measured; a short correction taken behind it removes it.

A measurement begins with a trigger and takes what the aperture and the frequency ask for; ``:FETC?`` waits for its end.
A list is measured whole (SEQuence) or a frequency for each trigger (STEP).

Assumed, since the pages seen leave it open: a value out of range is set to the nearest that is in range, as the E4981A
does (its User's Guide p. 209); the limits and resolutions of levels and frequencies; that what is measured is off by a
normally distributed error, a third of the accuracy of the data sheet. Not simulated: comparator and bins, offset
compensation, cable lengths, load correction, deviation measurements, binary data.
"""

import math
from random import Random
from typing import NamedTuple

from labctl_simulators.cells import Cell
from labctl_simulators.firmware.in_turn import TurnPort
from labctl_simulators.firmware.keysight_e4980a_commands import TREE
from labctl_simulators.firmware.keysight_e4980a_functions import FUNCTIONS
from labctl_simulators.firmware.keysight_e4980a_models import (
    ALC_A,
    ALC_V,
    Aperture,
    accuracy,
    frequency_on_grid,
    measurement_time_s,
)
from labctl_simulators.firmware.scpi_parameters import INPUT_OVERRUN, ScpiError
from labctl_simulators.firmware.scpi_status import Status

SOURCE_OHM = 100.0
OVERFLOW = 9.9e37
NO_DATA, NORMAL, OVERLOAD, SOURCE_OVERLOAD, ALC_FAILS = -1, 0, 1, 3, 4
_LONGEST_STEP_s = 10.0
_BLOCKING_F = 1e-3
_SIGMAS = 3.0


class Result(NamedTuple):
    """What a measurement gave: the two parameters of the function, the status, and resistance and reactance."""

    first: float
    second: float
    status: int
    impedance: complex


_NOTHING = Result(OVERFLOW, OVERFLOW, NO_DATA, complex(OVERFLOW, OVERFLOW))


class KeysightE4980A:
    """The instrument; ``port()`` opens a connection.

    Args:
        cell: the unknown.
        seed: of its noise.
        blocking_F: the capacitor between instrument and cell, for which the short correction has been taken and is on;
            None: the cell is at its terminals.
        options: as ``*OPT?`` answers; ``001`` is the power and bias enhancement.
        largest_Hz: 2 MHz; those sold as E4980AL end at 300 kHz, 500 kHz or 1 MHz.
    """

    def __init__(
        self,
        cell: Cell,
        seed: int = 0,
        *,
        blocking_F: float | None = None,
        options: str = "001",
        largest_Hz: float = 2e6,
        serial: str = "MY46100001",
    ) -> None:
        self.identity = f"Keysight Technologies,E4980A,{serial},A.06.15"
        self.options = options
        self.largest_Hz = largest_Hz
        self.now_s = 0.0
        self.status = Status()
        self._cell = cell
        self._lived_s = 0.0
        self._noise = Random(seed)
        self.blocking_F = blocking_F
        self.short_correction = blocking_F is not None
        self.reset()

    def reset(self) -> None:
        """*RST; the data of corrections stay (Assumed: whether they are on, too)."""
        self._live()
        self.function = "CPD"
        self.frequency_Hz = 1000.0
        self.level, self.holds_current = 1.0, False
        self.alc = False
        self.bias_auto_range = True  # Assumed: as after power-on
        self.bias_on, self.bias, self.biases_current = False, 0.0, False
        self.aperture = Aperture("MED", 1)
        self.trigger_source = "INT"
        self.continuous = True
        self.waiting = True
        self.page = "MEAS"
        self.list_mode, self.list_next = "SEQ", 0
        self.list_Hz: tuple[float, ...] = (1000.0,)
        self.long_numbers = False
        self.range_auto, self.range_ohm = True, 100.0
        self.open_correction = False
        self.monitors = {"VAC": False, "IAC": False}
        self.rows: list[Result] = [_NOTHING]
        self.measuring: tuple[float, ...] = ()
        self.due_s = math.inf

    @property
    def enhanced(self) -> bool:
        """Whether it has the power and bias enhancement."""
        return "001" in self.options.split(",")

    @property
    def circuit_closed(self) -> bool:
        """Whether direct current can flow through the cell: always, unless a capacitor blocks it."""
        return self.blocking_F is None

    def port(self) -> TurnPort:
        """A further connection."""
        return TurnPort(self)

    # ---- an interpreter that takes its time ----

    def run_until(self, now_s: float) -> None:
        """End the measurement that is due."""
        if self.due_s <= now_s:
            self.now_s = max(self.now_s, self.due_s)
            self._finish()
        self.now_s = max(self.now_s, now_s)

    def waits_until(self, line: bytes) -> float:
        """A result, and what waits for completion, comes when the measurement has ended."""
        asks = line.upper()
        if self.measuring and (b"FETC" in asks or b"*OPC?" in asks or b"*WAI" in asks or b"*TRG" in asks):
            return self.due_s
        return self.now_s

    def execute(self, line: bytes) -> str:
        """Run one message; the first mistake ends it."""
        replies: list[str] = []
        for call in TREE.compile(line.decode("latin-1").strip()):
            try:
                reply = call.run(self, *call.arguments)
            except ScpiError as error:
                self.status.add(error)
                break
            if reply is not None:
                replies.append(reply)
        return ";".join(replies) + "\n" if replies else ""

    def overrun(self) -> None:
        """A line was too long."""
        self.status.add(ScpiError(*INPUT_OVERRUN))

    # ---- triggers ----

    def initiate(self) -> None:
        """:INIT."""
        self.waiting = True

    def abort(self) -> None:
        """:ABOR."""
        self.measuring, self.due_s, self.list_next = (), math.inf, 0
        self.waiting = self.continuous

    def show_page(self, page: str) -> None:
        """:DISP:PAGE; what is measured for another page is given up."""
        self.abort()
        self.page = page

    def select_trigger(self, source: str) -> None:
        """:TRIG:SOUR; likewise."""
        self.abort()
        self.trigger_source = source

    def trigger(self) -> None:
        """:TRIG: begin what the page says."""
        if not self.waiting or self.measuring:
            raise ScpiError(-211, "Trigger ignored")
        self._begin()

    def trigger_and_wait(self) -> None:
        """*TRG; also a measurement of the internal trigger that somebody waits for."""
        self.trigger()
        self.now_s = self.due_s
        self._finish()

    def _begin(self) -> None:
        if self.page != "LIST":
            self.measuring = (self.frequency_Hz,)
        elif self.list_mode == "SEQ":
            self.measuring = self.list_Hz
        else:
            self.measuring = (self.list_Hz[self.list_next],)
            self.list_next = (self.list_next + 1) % len(self.list_Hz)
        self.due_s = self.now_s + sum(measurement_time_s(f_Hz, self.aperture) for f_Hz in self.measuring)

    def _finish(self) -> None:
        self._live()
        self.rows = [self._measure(frequency_Hz) for frequency_Hz in self.measuring]
        self.measuring, self.due_s = (), math.inf
        self.waiting = self.continuous

    # ---- what is measured ----

    def _measure(self, frequency_Hz: float) -> Result:
        """Measure the cell's present state."""
        own = self._seen(frequency_Hz)
        volts_V, amperes_A = self.signal(own)
        if not volts_V or not amperes_A:
            return Result(OVERFLOW, OVERFLOW, OVERLOAD, complex(OVERFLOW, OVERFLOW))
        sigma = accuracy(abs(own), volts_V, self.aperture) / _SIGMAS
        measured = own * complex(1.0 + self._noise.gauss(0.0, sigma), self._noise.gauss(0.0, sigma))
        first, second = FUNCTIONS[self.function](measured, 2.0 * math.pi * frequency_Hz)
        status = ALC_FAILS if self.alc and not self._regulates() else NORMAL
        return Result(first, second, status, measured)

    def _seen(self, frequency_Hz: float) -> complex:
        own = self._cell.impedance_ohm(frequency_Hz, self.direct_current_A())
        if self.blocking_F is not None and not self.short_correction:
            own -= 1j / (2.0 * math.pi * frequency_Hz * self.blocking_F)
        return own

    def _regulates(self) -> bool:
        least, most = ALC_A if self.holds_current else ALC_V
        return least <= self.level <= most

    def signal(self, own: complex) -> tuple[float, float]:
        """Voltage and current at the unknown, V and A rms."""
        if self.alc and self._regulates():
            held = self.level
            return (held * abs(own), held) if self.holds_current else (held, held / abs(own))
        open_V = self.level * SOURCE_OHM if self.holds_current else self.level
        amperes_A = open_V / abs(own + SOURCE_OHM)
        return amperes_A * abs(own), amperes_A

    def monitored(self) -> tuple[float, float]:
        """:FETC:SMON: voltage and current at the unknown."""
        self._live()
        return self.signal(self._seen(self.frequency_Hz))

    # ---- direct current ----

    def bias_changed(self) -> None:
        """Let the cell live until now with what held so far; called before the bias changes."""
        self._live()

    def direct_current_A(self) -> float:
        """What the bias, or its absence, drives through the cell; positive charges it."""
        if self.blocking_F is not None:
            return 0.0
        if self.bias_on and self.biases_current:
            return self.bias
        return self._through_source(self.bias if self.bias_on else 0.0)

    def _through_source(self, applied_V: float) -> float:
        """The current at which cell and source resistance share the bias: exact for a linear cell."""

        def excess_A(current_A: float) -> float:
            return current_A - self._cell.current_A(applied_V - SOURCE_OHM * current_A)

        first_A, second_A = 0.0, (applied_V - self._cell.voltage_V(0.0)) / (2.0 * SOURCE_OHM)
        for _ in range(8):
            before, after = excess_A(first_A), excess_A(second_A)
            if before == after:
                break
            first_A, second_A = second_A, second_A - after * (second_A - first_A) / (after - before)
        return second_A

    def _live(self) -> None:
        """Let the cell live until now."""
        while self._lived_s < self.now_s:
            step_s = min(self.now_s - self._lived_s, _LONGEST_STEP_s)
            self._cell.advance_current(step_s, self.direct_current_A())
            self._lived_s = self.now_s if step_s == self.now_s - self._lived_s else self._lived_s + step_s

    def put_frequency(self, frequency_Hz: float) -> None:
        """:FREQ; to the nearest that the generator can make."""
        self.frequency_Hz = frequency_on_grid(frequency_Hz)


def behind_a_capacitor(cell: Cell, seed: int) -> KeysightE4980A:
    """As it is wired to a cell that another instrument cycles: direct current is blocked, the capacitor corrected."""
    return KeysightE4980A(cell, seed, blocking_F=_BLOCKING_F)
