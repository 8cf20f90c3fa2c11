"""The analog part of the simulated Rodeostat: ranges, converters, switches, multiplexer, and the cell.

Theory of operation. A 12-bit converter times a gain sets the voltage of the working against the reference electrode.
A change of the output range changes the gain at once, while the converter keeps its number: the voltage jumps with it.
The working electrode is at virtual ground; its current, and the voltage of the reference electrode, are read by
converters that clip at the ends of their ranges. Hardware V0.2 has a switch in each lead, V0.1 has none. The
multiplexer adds switches of its own: working electrodes that are not read are at ground, so a current flows in them
nevertheless.

The cell has its working electrode at WRK (channel 1 of the multiplexer), its other electrode at REF and CTR together.

Source: iorodeo/potentiostat, firmware 0.1.0: ps_analog_subsystem, ps_range, ps_constants, ps_electrode_switch,
ps_multiplexer. Assumed: nothing but the cell limits the current; without a reference the amplifier goes to +-12 V; an
open lead reads 0 V; a converter's noise is half a digit.
"""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from labctl_simulators.cells import Cell

DAC_CODES = 4095
CHANNELS = 7
_COMPLIANCE_V = 12.0
_NOISE = 0.5  # of a digit


class Range(NamedTuple):
    """A range of a converter, symmetrical about zero; codes fall from its highest value to its lowest."""

    name: str
    most: float

    def code(self, value: float, codes: int) -> int:
        """Cut off to a whole number of 16 bits, then held within the codes: far outside it wraps."""
        raw = codes / (2.0 * self.most) * (self.most - value)
        if math.isnan(raw) or raw <= 0.0:
            return 0
        return min(int(min(raw, 2.0**32 - 1)) & 0xFFFF, codes)

    def value(self, code: int, codes: int) -> float:
        """What a code stands for."""
        return self.most - code / codes * 2.0 * self.most

    def read(self, value: float, codes: int, noise: float) -> int:
        """The code that a converter gives for a value; it clips."""
        raw = codes * (self.most - value) / (2.0 * self.most) + noise
        return round(min(max(raw, 0.0), float(codes)))


VOLTS_10 = tuple(Range(f"{most}V", float(most)) for most in (1, 2, 5, 10))
VOLTS_8 = tuple(Range(f"{most}V", float(most)) for most in (1, 2, 4, 8))
NANO = (Range("1uA", 1.0), Range("10uA", 10.0), Range("60nA", 0.06), Range("100nA", 0.1))
MICRO = tuple(Range(f"{most}uA", float(most)) for most in (1, 10, 100, 1000))
MILLI_10 = tuple(Range(f"{most}uA", float(most)) for most in (10, 100, 1000, 10000))
MILLI_24 = (
    Range("100uA", 100.0),
    Range("1000uA", 1000.0),
    Range("12000uA", 12024.0),
    Range("24000uA", 24048.0),
)


class Board(NamedTuple):
    """One variant of the hardware; its name is what ``getVariant`` tells."""

    volts: tuple[Range, ...]
    microamperes: tuple[Range, ...]
    at_first: str
    """The current range after power-on."""
    ain_codes: int = 65535
    multiplexer: bool = True
    hardware: str = "V0.2"


MODELS = {
    "10V_microAmpV0.2": Board(VOLTS_10, MICRO, "10uA"),
    "10V_nanoAmpV0.2": Board(VOLTS_10, NANO, "10uA"),
    "10V_24MilliAmpV0.2": Board(VOLTS_10, MILLI_24, "1000uA"),
    # with an ItsyBitsy M4 in place of a Teensy: 12 bits, and no pins for a multiplexer
    "10V_10MilliAmpV0.2": Board(VOLTS_10, MILLI_10, "100uA", 4095, multiplexer=False),
    "AD8250_microAmpV0.1": Board(VOLTS_10, MICRO, "10uA", hardware="V0.1"),
    "AD8251_microAmpV0.1": Board(VOLTS_8, MICRO, "10uA", hardware="V0.1"),
    "AD8250_nanoAmpV0.1": Board(VOLTS_10, NANO, "10uA", hardware="V0.1"),
    "AD8251_nanoAmpV0.1": Board(VOLTS_8, NANO, "10uA", hardware="V0.1"),
}


class Multiplexer:
    """Seven working electrodes, one of them read.

    Attributes:
        running: it is in use.
        counter, reference: whether its switches of these are closed.
        working: the number of the electrode that is read; 0: none.
        enabled: those that are read in turn.
    """

    def __init__(self) -> None:
        self.running = False
        self.counter = self.reference = False
        self.working = 0
        self.enabled = list(range(1, CHANNELS + 1))

    def connect_first(self) -> None:
        """Counter, reference, and the first enabled working electrode."""
        self.counter = self.reference = True
        self.working = self.enabled[0]

    def connect_next(self) -> None:
        """The enabled electrode after the present one."""
        later = [number for number in self.enabled if number > self.working]
        self.working = (later or self.enabled or [0])[0]

    def disconnect(self) -> None:
        """All electrodes."""
        self.counter = self.reference = False
        self.working = 0


class Circuit:
    """What the cell sees, and what is read of it.

    Attributes:
        counter, reference, working: the switches of hardware V0.2; without them always closed.
        ref_range, volt_range, curr_range: as set; currents in microamperes.
    """

    def __init__(self, board: Board, cell: Cell, seed: int) -> None:
        self._board = board
        self._cell = cell
        self._random = random.Random(seed)
        self.multiplexer = Multiplexer()
        self.counter = self.reference = self.working = board.hardware == "V0.1"
        self.volt_range = board.volts[0]
        self.ref_range = VOLTS_10[3 if board.hardware == "V0.1" else 0]
        self.curr_range = next(r for r in board.microamperes if r.name == board.at_first)
        self._code = DAC_CODES // 2

    @property
    def closed(self) -> bool:
        """Whether a current can flow in the cell."""
        multiplexer = self.multiplexer
        return self.counter and self.working and (multiplexer.counter or not multiplexer.running)

    @property
    def set_V(self) -> float:
        """What the converter and its range stand for."""
        return -self.volt_range.value(self._code, DAC_CODES)

    def set_voltage(self, volt: float) -> None:
        """Put out a voltage; outside the range it is cut off without a word."""
        self._code = self.volt_range.code(-volt, DAC_CODES)

    def choose_ranges(self, low_V: float, high_V: float) -> None:
        """The smallest range of output and of reference that holds both; none: it stays."""
        self.volt_range = _smallest(self._board.volts, low_V, high_V) or self.volt_range
        if self._board.hardware != "V0.1":
            self.ref_range = _smallest(VOLTS_10, low_V, high_V) or self.ref_range

    def advance(self, duration_s: float) -> None:
        """Let time pass."""
        if duration_s <= 0.0:
            return
        if self.closed:
            self._cell.advance_voltage(duration_s, self._applied_V)
        else:
            self._cell.advance_current(duration_s, 0.0)

    def read_current(self) -> tuple[float, bool]:
        """Microamperes, and whether the converter is at an end of its range."""
        seen = self.closed and self.multiplexer.working in ((1,) if self.multiplexer.running else (0,))
        current_uA = 1e6 * self._cell.current_A(self._applied_V) if seen else 0.0
        codes = self._board.ain_codes
        code = self.curr_range.read(current_uA, codes, self._random.gauss(0.0, _NOISE))
        return self.curr_range.value(code, codes), code in (0, codes)

    def read_reference(self) -> float:
        """Volts of the working against the reference electrode."""
        multiplexer = self.multiplexer
        sensed = self.reference and self.working and (multiplexer.reference or not multiplexer.running)
        voltage_V = 0.0
        if sensed:
            voltage_V = self._applied_V if self.closed else self._cell.voltage_V(0.0)
        codes = self._board.ain_codes
        return self.ref_range.value(
            self.ref_range.read(voltage_V, codes, self._random.gauss(0.0, _NOISE)), codes
        )

    @property
    def _applied_V(self) -> float:
        regulated = self.reference and (self.multiplexer.reference or not self.multiplexer.running)
        return self.set_V if regulated else math.copysign(_COMPLIANCE_V, self.set_V)


def _smallest(ranges: tuple[Range, ...], low_V: float, high_V: float) -> Range | None:
    holding = [r for r in ranges if -r.most <= low_V and high_V <= r.most]
    return min(holding, key=lambda r: r.most, default=None)
