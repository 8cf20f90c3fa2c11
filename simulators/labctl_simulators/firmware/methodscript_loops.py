"""The measurement loop commands of MethodSCRIPT with their arguments.

Source: MethodSCRIPT manual v1.8, section 14.11.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .methodscript_errors import Code, ScriptFault
from .methodscript_impedance import GalvanostaticImpedance, PotentiostaticImpedance
from .methodscript_machine import OpenScope
from .methodscript_operands import (
    Bench,
    Parameter,
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
from .methodscript_variables import Target

AddMeas = tuple[tuple[int, str, Target], ...]


@dataclass(frozen=True, slots=True)
class LoopCommand:
    """How one measurement loop is read and built."""

    technique: type[MeasurementLoop]
    parameters: tuple[Parameter, ...]
    optional: dict[str, tuple[Parameter, ...]] = field(default_factory=dict)

    def build(
        self, bench: Bench, scope: OpenScope, *arguments: Any, add_meas: AddMeas = (), **options: Any
    ) -> MeasurementLoop:
        """The loop with its arguments bound; each technique takes them, and its own options, in its own way."""
        extras = _extras(add_meas, self.technique.measures)
        make: Callable[..., MeasurementLoop] = self.technique
        return make(Loop(bench.machine, bench.front, scope, extras), *arguments, **options)


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
_ADD_MEAS: dict[str, tuple[Parameter, ...]] = {
    "add_meas": (whole, one_of(Code.VARTYPE_NOT_SUPPORTED, "ab", "ba"), target)
}
_SCANS: dict[str, tuple[Parameter, ...]] = {"nscans": (whole,)}

LOOPS: dict[str, LoopCommand] = {
    "meas_loop_ca": LoopCommand(
        ChronoAmperometry, (target, target, _POTENTIAL, _POSITIVE, _POSITIVE), _ADD_MEAS
    ),
    "meas_loop_cp": LoopCommand(
        ChronoPotentiometry, (target, target, _CURRENT, _POSITIVE, _POSITIVE), _ADD_MEAS
    ),
    "meas_loop_ocp": LoopCommand(OpenCircuitPotentiometry, (target, _POSITIVE, _POSITIVE), _ADD_MEAS),
    "meas_loop_lsv": LoopCommand(
        LinearSweepVoltammetry,
        (target, target, _POTENTIAL, _POTENTIAL, _POSITIVE, _POSITIVE),
        _ADD_MEAS,
    ),
    "meas_loop_lsp": LoopCommand(
        LinearSweepPotentiometry,
        (target, target, _CURRENT, _CURRENT, _POSITIVE, _POSITIVE),
        _ADD_MEAS,
    ),
    "meas_loop_cv": LoopCommand(
        CyclicVoltammetry,
        (target, target, _POTENTIAL, _POTENTIAL, _POTENTIAL, _POSITIVE, _POSITIVE),
        _ADD_MEAS | _SCANS,
    ),
    "meas_loop_eis": LoopCommand(
        PotentiostaticImpedance,
        (target, target, target, number(amplitude_V), _FREQUENCY, _FREQUENCY, _COUNT, _POTENTIAL),
    ),
    "meas_loop_geis": LoopCommand(
        GalvanostaticImpedance,
        (target, target, target, number(amplitude_A), _FREQUENCY, _FREQUENCY, _COUNT, _CURRENT),
    ),
}
