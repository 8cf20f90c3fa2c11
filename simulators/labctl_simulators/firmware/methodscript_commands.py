"""The commands of MethodSCRIPT: what arguments each takes, where it may stand, and what it does.

Control flow is the compiler's (methodscript.py), computing is in methodscript_arithmetic.py.
Source: MethodSCRIPT manual v1.8, chapter 14.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from . import methodscript_arithmetic as arithmetic
from . import methodscript_instrument as instrument
from .methodscript_errors import Code, ScriptFault
from .methodscript_machine import Instruction
from .methodscript_operands import (
    Bench,
    Parameter,
    array,
    current,
    literal,
    not_negative,
    number,
    one_of,
    positive,
    potential,
    size,
    target,
    text,
    vartype,
    whole,
    word,
)
from .methodscript_values import pack
from .methodscript_variables import Operand, Target

Build = Callable[..., Instruction | Sequence[Instruction] | None]


@dataclass(frozen=True, slots=True)
class Command:
    """How one command is read and built. ``while_measuring`` is its error inside a measurement loop, if any."""

    build: Build
    parameters: tuple[Parameter, ...] = ()
    optional: dict[str, tuple[Parameter, ...]] = field(default_factory=dict)
    while_measuring: Code | None = None


def package_start(bench: Bench) -> Instruction:
    """``pck_start``."""
    machine = bench.machine

    def step() -> None:
        if machine.package is not None:
            raise ScriptFault(Code.PACKAGE_ORDER)
        machine.package = []

    return step


def package_add(bench: Bench, variable: Target) -> Instruction:
    """``pck_add x``: type, packed value, metadata."""
    machine = bench.machine

    def step() -> None:
        if machine.package is None:
            raise ScriptFault(Code.PACKAGE_ORDER)
        machine.package.append(f"{variable.vartype}{pack(variable.value)}{variable.metadata}")

    return step


def package_end(bench: Bench) -> Instruction:
    """``pck_end``: the package goes out as one line."""
    machine = bench.machine

    def step() -> None:
        if machine.package is None:
            raise ScriptFault(Code.PACKAGE_ORDER)
        if machine.talks:
            machine.out.append(f"P{';'.join(machine.package)}\n")
        machine.package = None

    return step


def send_string(bench: Bench, parts: list[str | Operand]) -> Instruction:
    """``send_string``. Assumed: floats are written with six digits."""
    machine = bench.machine

    def step() -> None:
        words = [
            part
            if isinstance(part, str)
            else f"{part.value:.6g}"
            if type(part.value) is float
            else f"{part.value}"
            for part in parts
        ]
        if machine.talks:
            machine.out.append(f"T{''.join(words)}\n")

    return step


def set_script_output(bench: Bench, mode: int) -> Instruction:
    """``set_script_output``: 0 keeps packages and texts back, 1 sends them; 2 and 3 need a file, which none is.

    Assumed: lines that mark loops are always sent, else what a reader sees would not nest.
    """
    if mode not in (0, 1):
        raise ScriptFault(Code.NO_FILE_OPEN if mode in (2, 3) else Code.OUTPUT_MODE_UNKNOWN)
    machine = bench.machine

    def step() -> None:
        machine.talks = mode == 1

    return step


def timer_start(bench: Bench) -> Instruction:
    """``timer_start``."""
    machine = bench.machine

    def step() -> None:
        machine.timer_start_s = machine.due_s

    return step


def timer_get(bench: Bench, variable: Target) -> Instruction:
    """``timer_get x``: seconds since ``timer_start``, type ``eb``."""
    machine = bench.machine

    def step() -> None:
        variable.value = machine.due_s - machine.timer_start_s
        variable.vartype = "eb"
        variable.metadata = ""

    return step


def wait(bench: Bench, duration: Operand) -> Instruction:
    """``wait x``, seconds."""
    machine = bench.machine

    def step() -> None:
        machine.due_s += duration.value

    return step


def set_interval(bench: Bench, interval: Operand) -> Instruction:
    """``set_int x``: ticks every x seconds from here."""
    machine = bench.machine

    def step() -> None:
        machine.interval_s = interval.value
        machine.tick_s = machine.due_s

    return step


def await_interval(bench: Bench) -> Instruction:
    """``await_int``: until the next tick of ``set_int``."""
    machine = bench.machine

    def step() -> None:
        if not machine.interval_s:
            raise ScriptFault(Code.NOT_HERE)
        passed = math.floor((machine.due_s - machine.tick_s) / machine.interval_s + 1e-9)
        machine.due_s = machine.tick_s + (passed + 1) * machine.interval_s

    return step


def abort(bench: Bench) -> Instruction:
    """``abort``: on to ``on_finished:``."""
    return bench.machine.jump_to_end


_MEASURED = one_of(Code.VARTYPE_NOT_SUPPORTED, "ab", "ba")
_RANGED = one_of(Code.NO_RANGING, "ab", "ba", "da", "db")
_NOT_MEASURING = Code.NOT_WHILE_MEASURING
_VALUE = number()


def _two_operands(build: Build) -> Command:
    return Command(build, (target, _VALUE))


COMMANDS: dict[str, Command] = {
    "var": Command(arithmetic.declare_variable, (word,)),
    "array": Command(arithmetic.declare_array, (word, number(size))),
    "store_var": Command(arithmetic.store, (target, literal, vartype)),
    "copy_var": Command(arithmetic.copy, (target, target)),
    "array_get": Command(arithmetic.array_get, (array, _VALUE, target)),
    "array_set": Command(arithmetic.array_set, (array, _VALUE, target)),
    "alter_vartype": Command(arithmetic.alter_vartype, (target, vartype)),
    "add_var": _two_operands(arithmetic.arithmetic(operator.add, operator.add)),
    "sub_var": _two_operands(arithmetic.arithmetic(operator.sub, operator.sub)),
    "mul_var": _two_operands(arithmetic.arithmetic(operator.mul, operator.mul)),
    "div_var": _two_operands(arithmetic.arithmetic(operator.truediv, arithmetic.quotient)),
    "mod_var": _two_operands(arithmetic.arithmetic(math.fmod, arithmetic.remainder)),
    "pow_var": _two_operands(arithmetic.arithmetic(math.pow, arithmetic.integer_power)),
    "bit_and_var": _two_operands(arithmetic.on_integers_only(operator.and_)),
    "bit_or_var": _two_operands(arithmetic.on_integers_only(operator.or_)),
    "bit_xor_var": _two_operands(arithmetic.on_integers_only(operator.xor)),
    "bit_lsl_var": _two_operands(arithmetic.on_integers_only(arithmetic.shift_left)),
    "bit_lsr_var": _two_operands(arithmetic.on_integers_only(arithmetic.shift_right)),
    "bit_inv_var": Command(arithmetic.invert_bits, (target,)),
    "log_var": Command(arithmetic.logarithm, (target,)),
    "int_to_float": Command(arithmetic.int_to_float, (target,)),
    "float_to_int": Command(arithmetic.float_to_int, (target,)),
    "mean": Command(arithmetic.mean, (array, target)),
    "pck_start": Command(package_start),
    "pck_add": Command(package_add, (target,)),
    "pck_end": Command(package_end),
    "send_string": Command(send_string, (text,)),
    "set_script_output": Command(set_script_output, (whole,)),
    "timer_start": Command(timer_start),
    "timer_get": Command(timer_get, (target,)),
    "wait": Command(wait, (number(not_negative),)),
    "set_int": Command(set_interval, (number(positive),)),
    "await_int": Command(await_interval),
    "meas": Command(
        instrument.measure, (number(positive), target, _MEASURED), while_measuring=_NOT_MEASURING
    ),
    "abort": Command(abort),
    "set_pgstat_chan": Command(instrument.set_channel, (whole,), while_measuring=_NOT_MEASURING),
    "set_pgstat_mode": Command(instrument.set_mode, (whole,), while_measuring=_NOT_MEASURING),
    "set_max_bandwidth": Command(instrument.check_only, (number(positive),), while_measuring=_NOT_MEASURING),
    "set_acquisition_frac": Command(
        instrument.check_only, (number(positive),), while_measuring=_NOT_MEASURING
    ),
    "set_acquisition_frac_autoadjust": Command(
        instrument.check_only, (number(positive),), while_measuring=_NOT_MEASURING
    ),
    "set_range": Command(instrument.set_range, (_RANGED, word)),
    "set_autoranging": Command(instrument.set_autoranging, (_RANGED, _VALUE, _VALUE)),
    "set_range_minmax": Command(instrument.set_range_minmax, (_RANGED, word, word)),
    "set_e": Command(
        instrument.set_potential, (number(potential),), while_measuring=Code.POTENTIAL_CHANGE_WHILE_MEASURING
    ),
    "set_i": Command(
        instrument.set_current, (number(current),), while_measuring=Code.CURRENT_CHANGE_WHILE_MEASURING
    ),
    "cell_on": Command(instrument.cell_on, optional={"ocp": (_VALUE,)}, while_measuring=_NOT_MEASURING),
    "cell_off": Command(instrument.cell_off, while_measuring=_NOT_MEASURING),
}

# Commands of the language that need parts these instruments or this simulation do not have.
_ABSENT = """
    battery_perc beep display_btns display_clear display_draw display_filebrowse display_icon display_inp_num
    display_keyboard display_progress display_scroll_add display_scroll_get display_text drop_detect_loop file_close
    file_open float_to_int_round get_gpio get_gpio_msk get_progress get_time hibernate i2c_config i2c_read
    i2c_read_byte i2c_write i2c_write_byte i2c_write_read linear_fit load_saved_end load_saved_start load_saved_str
    load_saved_var meas_fast_ca meas_fast_cv meas_loop_acv meas_loop_ca_alt_mux meas_loop_cp_alt_mux meas_loop_dpv
    meas_loop_eis_dual meas_loop_npv meas_loop_ocp_alt_mux meas_loop_pad meas_loop_swv meas_ms_eis meas_scp mux_config
    mux_get_channel_count mux_set_channel notify_led peak_detect qr_scan rtc_get save_str save_var set_bipot_mode
    set_bipot_potential set_channel_sync set_cr set_e_aux set_gpio set_gpio_cfg set_gpio_msk set_gpio_pullup
    set_ir_comp set_poly_we_mode set_pot_range set_scan_dir smooth store_str str subarray trim_enable
"""
ABSENT = frozenset(_ABSENT.split())
