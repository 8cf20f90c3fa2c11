"""MethodSCRIPT commands that act on the potentiostat: mode, ranges, set points, relay, single readings.

Source: MethodSCRIPT manual v1.8, chapter 14.
"""

from __future__ import annotations

from collections.abc import Sequence

from .methodscript_errors import Code, ScriptFault
from .methodscript_machine import Instruction
from .methodscript_operands import Bench, potential
from .methodscript_potentiostat import Mode
from .methodscript_ranges import Ranging
from .methodscript_source import Token
from .methodscript_variables import Operand, Target

# A change of mode opens the relay, and the next command waits for the amplifiers. Assumed: the figure.
MODE_SWITCH_S = 10e-3

# What bounds a range argument: only a potential to be applied has to be one that the instrument can apply.
_SETTABLE = {"ab": None, "ba": None, "db": None, "da": potential}


def measure(bench: Bench, duration: Operand, variable: Target, quantity: str) -> Sequence[Instruction]:
    """``meas duration x type``: one reading, outside of loops."""
    machine, front = bench.machine, bench.front

    def begin() -> None:
        machine.due_s += duration.value

    def read() -> None:
        front.advance(machine.due_s)
        reading = front.read_potential() if quantity == "ab" else front.read_current()
        variable.value, variable.metadata = reading
        variable.vartype = quantity

    return begin, read


def set_channel(bench: Bench, channel: int) -> None:
    """``set_pgstat_chan``: there is one channel, 0."""
    if channel != 0:
        raise ScriptFault(Code.CHANNEL_UNAVAILABLE)


def set_mode(bench: Bench, value: int) -> Instruction:
    """``set_pgstat_mode``: opens the relay; closing it again is the script's to say."""
    machine, front = bench.machine, bench.front
    try:
        mode = Mode(value)
    except ValueError:
        raise ScriptFault(Code.PGSTAT_MODE_UNSUPPORTED) from None

    def step() -> None:
        front.advance(machine.due_s)
        front.switch_mode(mode)
        machine.due_s += MODE_SWITCH_S

    return step


def check_only(bench: Bench, *values: Operand) -> Instruction:
    """A setting that changes nothing in this simulation, but whose value has to be possible."""

    def step() -> None:
        for operand in values:
            _ = operand.value

    return step


def set_range(bench: Bench, quantity: str, value: Token) -> Instruction:
    """``set_range type x``: the smallest range that takes x."""
    operand = bench.number(value, _SETTABLE[quantity])
    ranging = _ranging(bench, quantity)

    def step() -> None:
        ranging.fix(abs(operand.value))

    return step


def set_autoranging(bench: Bench, quantity: str, low: Operand, high: Operand) -> Instruction:
    """``set_autoranging type low high``."""
    ranging = _ranging(bench, quantity)

    def step() -> None:
        ranging.automatic(abs(low.value), abs(high.value))

    return step


def set_range_minmax(bench: Bench, quantity: str, low: Token, high: Token) -> Instruction:
    """``set_range_minmax type low high``: the range that takes both."""
    check = _SETTABLE[quantity]
    operands = bench.number(low, check), bench.number(high, check)
    ranging = _ranging(bench, quantity)

    def step() -> None:
        ranging.fix(max(abs(operands[0].value), abs(operands[1].value)))

    return step


def _ranging(bench: Bench, quantity: str) -> Ranging:
    if bench.measuring:
        potentials = quantity in ("da", "ab")
        raise ScriptFault(
            Code.POTENTIAL_CHANGE_WHILE_MEASURING if potentials else Code.CURRENT_CHANGE_WHILE_MEASURING
        )
    front = bench.front
    return {
        "ab": front.potential_ranging,
        "ba": front.current_ranging,
        "da": front.applied_potential_ranging,
        "db": front.applied_ranging,
    }[quantity]


def set_potential(bench: Bench, value: Operand) -> Instruction:
    """``set_e x``: at once if the cell is on."""
    machine, front = bench.machine, bench.front

    def step() -> None:
        front.advance(machine.due_s)
        front.apply_potential(value.value)

    return step


def set_current(bench: Bench, value: Operand) -> Instruction:
    """``set_i x``: at once if the cell is on."""
    machine, front = bench.machine, bench.front

    def step() -> None:
        front.advance(machine.due_s)
        front.apply_current(value.value)

    return step


def cell_on(bench: Bench, ocp: tuple[tuple[Operand], ...] = ()) -> Instruction:
    """``cell_on``; on Nexus ``cell_on ocp(x)`` tells the galvanostat the potential to start from."""
    machine, front = bench.machine, bench.front
    if ocp and not front.model.starts_at_ocp:
        raise ScriptFault(Code.OPTIONAL_INVALID)

    def step() -> None:
        front.advance(machine.due_s)
        front.close_relay()

    return step


def cell_off(bench: Bench) -> Instruction:
    """``cell_off``."""
    machine, front = bench.machine, bench.front

    def step() -> None:
        front.advance(machine.due_s)
        front.open_relay()

    return step
