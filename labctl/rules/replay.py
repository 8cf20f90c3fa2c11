"""Runs stop rules over a recording: would this rule have stopped it, when, and why."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.half_cycle import HalfCycleFigures
from labctl.instrument.impedance import Spectrum
from labctl.protocol.rule_spec import (
    CapacityRetention,
    CoulombicEfficiency,
    ImpedanceRise,
    OverpotentialJump,
    RuleSpec,
    ShortCircuit,
    SoftShort,
)
from labctl.rules.decision import Decision, HalfCycleStart, StopRule
from labctl.rules.rule_set import make

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples ``first`` up to but without ``after`` during which the current flows without a pause.

    ``began_s`` is when it began to flow, which may be before the first sample.
    """

    first: int
    after: int
    began_s: float


@dataclass(frozen=True, slots=True)
class RecordedHalfCycle:
    """Where a half-cycle is in a recording.

    Attributes:
        cycle, sign: as in ``HalfCycle``.
        set_current_A: commanded, or the nearest to it that the recording knows; with its sign.
        stretches: its samples; more than one if the current paused.
        end_reason, complete: as in ``HalfCycle``.
    """

    cycle: int
    sign: int
    set_current_A: float
    stretches: tuple[Stretch, ...]
    end_reason: str
    complete: bool


@dataclass(frozen=True, slots=True)
class Recording:
    """What was measured on one cell, whoever measured it.

    Attributes:
        name: a file's name, or a run's.
        equilibrium_voltage_V: what the cell shows without current; None if not known.
        seq: number of each sample, as a person finds it in the recording.
        time_s, voltage_V, current_A: columns of equal length.
        half_cycles: where they are, in order.
        spectra: in order; each is shown to the rules before the samples that follow it.
    """

    name: str
    equilibrium_voltage_V: float | None
    seq: NDArray[np.int64]
    time_s: Column
    voltage_V: Column
    current_A: Column
    half_cycles: tuple[RecordedHalfCycle, ...]
    spectra: tuple[Spectrum, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule makes of a recording.

    Attributes:
        spec: the rule with its parameters.
        decision: when it would have acted, and why; None if never.
        remark: why it had nothing to look at; empty if it had.
    """

    spec: RuleSpec
    decision: Decision | None
    remark: str = ""


def default_rules(recording: Recording) -> tuple[RuleSpec, ...]:
    """Every rule that has something to look at in this recording, with its default parameters."""
    every: tuple[RuleSpec, ...] = (
        OverpotentialJump(),
        ShortCircuit(),
        SoftShort(),
        ImpedanceRise(),
        CapacityRetention(),
        CoulombicEfficiency(),
    )
    return tuple(spec for spec in every if not blind_spot(spec, recording))


def blind_spot(spec: RuleSpec, recording: Recording) -> str:
    """Why a rule has nothing to look at in this recording; empty if it has."""
    no_equilibrium = recording.equilibrium_voltage_V is None
    match spec:
        case OverpotentialJump() if no_equilibrium:
            return "needs the equilibrium voltage, which is not known here"
        case SoftShort() if no_equilibrium and not recording.spectra:
            return "needs the equilibrium voltage or spectra, and has neither here"
        case ImpedanceRise() if not recording.spectra:
            return "needs spectra, and there are none here"
        case _:
            return ""


def replay(recording: Recording, specs: Sequence[RuleSpec] | None = None) -> list[Verdict]:
    """Let each rule watch the whole recording by itself, whatever the others would have done.

    Args:
        recording: what to look at.
        specs: the rules; None: ``default_rules``.
    """
    chosen = default_rules(recording) if specs is None else specs
    return [_judge(recording, spec) for spec in chosen]


def _judge(recording: Recording, spec: RuleSpec) -> Verdict:
    remark = blind_spot(spec, recording)
    decision = None if remark else next(_decisions(recording, spec), None)
    return Verdict(spec, decision, remark)


def _decisions(recording: Recording, spec: RuleSpec) -> Iterator[Decision]:
    rule = make(spec)
    spectra = deque(recording.spectra)
    for half_cycle in recording.half_cycles:
        figures = _begin(rule, half_cycle, recording.equilibrium_voltage_V)
        for number, stretch in enumerate(half_cycle.stretches):
            yield from _show_spectra(rule, spectra, stretch.began_s)
            if number:
                figures.resume(stretch.began_s)
            yield from _show_samples(rule, recording, stretch, figures)
        decision = rule.end_half_cycle(figures.finish(half_cycle.end_reason, half_cycle.complete))
        if decision:
            yield decision
    yield from _show_spectra(rule, spectra, math.inf)


def _begin(rule: StopRule, half_cycle: RecordedHalfCycle, equilibrium_V: float | None) -> HalfCycleFigures:
    began_s = half_cycle.stretches[0].began_s
    rule.begin_half_cycle(
        HalfCycleStart(half_cycle.cycle, half_cycle.sign, half_cycle.set_current_A, equilibrium_V, began_s)
    )
    return HalfCycleFigures(half_cycle.cycle, half_cycle.sign, began_s, equilibrium_V)


def _show_spectra(rule: StopRule, spectra: deque[Spectrum], until_s: float) -> Iterator[Decision]:
    while spectra and spectra[0].started_s <= until_s:
        decision = rule.spectrum(spectra.popleft())
        if decision:
            yield decision


def _show_samples(
    rule: StopRule, recording: Recording, stretch: Stretch, figures: HalfCycleFigures
) -> Iterator[Decision]:
    part = slice(stretch.first, stretch.after)
    columns = (recording.seq, recording.time_s, recording.voltage_V, recording.current_A)
    for seq, time_s, voltage_V, current_A in zip(*(column[part].tolist() for column in columns), strict=True):
        charge_C = figures.add(time_s, voltage_V, current_A)
        decision = rule.sample(seq, time_s, voltage_V, current_A, charge_C)
        if decision:
            yield decision
