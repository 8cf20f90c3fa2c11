"""The measurement loop commands of MethodSCRIPT with their arguments.

Source: MethodSCRIPT manual v1.8, section 14.11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .methodscript_commands import Command
from .methodscript_errors import Code, ScriptFault
from .methodscript_impedance import GalvanostaticImpedance, PotentiostaticImpedance
from .methodscript_machine import OpenScope
from .methodscript_operands import (
    Bench,
    amplitude_A,
    amplitude_V,
    count,
    current,
    frequency,
    number,
    one_of,
    positive,
    potential,
    target,
    whole,
)
from .methodscript_sweeps import CyclicVoltammetry, LinearSweepPotentiometry, LinearSweepVoltammetry
from .methodscript_techniques import (
    ChronoAmperometry,
    ChronoPotentiometry,
    Extra,
    Loop,
    MeasurementLoop,
    OpenCircuitPotentiometry,
)

AddMeas = tuple[tuple[int, str, Any], ...]

_ADD_MEAS = {"add_meas": (whole, one_of(Code.VARTYPE_NOT_SUPPORTED, "ab", "ba"), target)}
_SCANS = {"nscans": (whole,)}


def _builder(technique: Callable[..., MeasurementLoop], measures: str) -> Callable[..., MeasurementLoop]:
    """Builds a loop from its bound arguments."""

    def build(bench: Bench, scope: OpenScope, *arguments: Any, add_meas: AddMeas = ()) -> MeasurementLoop:
        extras = _extras(add_meas, measures)
        return technique(Loop(bench.machine, bench.front, scope, extras), *arguments)

    return build


def _cyclic(
    bench: Bench,
    scope: OpenScope,
    *arguments: Any,
    nscans: tuple[tuple[int], ...] = ((1,),),
    add_meas: AddMeas = (),
) -> MeasurementLoop:
    scans = nscans[-1][0]
    if scans < 1:
        raise ScriptFault(Code.NOT_POSITIVE)
    extras = _extras(add_meas, CyclicVoltammetry.measures)
    return CyclicVoltammetry(Loop(bench.machine, bench.front, scope, extras), *arguments, scans)


def _extras(requested: AddMeas, measures: str) -> tuple[Extra, ...]:
    """``add_meas`` arguments; 002F for another channel, 005B for what is measured already."""
    taken = {measures}
    for channel, quantity, _ in requested:
        if channel != 0:
            raise ScriptFault(Code.CHANNEL_UNAVAILABLE)
        if quantity in taken:
            raise ScriptFault(Code.ALREADY_MEASURED)
        taken.add(quantity)
    return tuple(Extra(quantity, variable) for _, quantity, variable in requested)


_POTENTIAL, _CURRENT, _POSITIVE = number(potential), number(current), number(positive)
_FREQUENCY, _COUNT = number(frequency), number(count)

LOOPS: dict[str, Command] = {
    "meas_loop_ca": Command(
        _builder(ChronoAmperometry, "ba"), (target, target, _POTENTIAL, _POSITIVE, _POSITIVE), _ADD_MEAS
    ),
    "meas_loop_cp": Command(
        _builder(ChronoPotentiometry, "ab"), (target, target, _CURRENT, _POSITIVE, _POSITIVE), _ADD_MEAS
    ),
    "meas_loop_ocp": Command(
        _builder(OpenCircuitPotentiometry, "ab"), (target, _POSITIVE, _POSITIVE), _ADD_MEAS
    ),
    "meas_loop_lsv": Command(
        _builder(LinearSweepVoltammetry, "ba"),
        (target, target, _POTENTIAL, _POTENTIAL, _POSITIVE, _POSITIVE),
        _ADD_MEAS,
    ),
    "meas_loop_lsp": Command(
        _builder(LinearSweepPotentiometry, "ab"),
        (target, target, _CURRENT, _CURRENT, _POSITIVE, _POSITIVE),
        _ADD_MEAS,
    ),
    "meas_loop_cv": Command(
        _cyclic,
        (target, target, _POTENTIAL, _POTENTIAL, _POTENTIAL, _POSITIVE, _POSITIVE),
        _ADD_MEAS | _SCANS,
    ),
    "meas_loop_eis": Command(
        _builder(PotentiostaticImpedance, ""),
        (target, target, target, number(amplitude_V), _FREQUENCY, _FREQUENCY, _COUNT, _POTENTIAL),
    ),
    "meas_loop_geis": Command(
        _builder(GalvanostaticImpedance, ""),
        (target, target, target, number(amplitude_A), _FREQUENCY, _FREQUENCY, _COUNT, _CURRENT),
    ),
}
