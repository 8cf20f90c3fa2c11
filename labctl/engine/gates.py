"""The gates that every sample of a step passes through, in the same order every time."""

import math

from labctl.engine.outcome import RunEnd, RunState
from labctl.engine.workplace import Workplace
from labctl.half_cycle import HalfCycleFigures
from labctl.instrument.channel import Sample
from labctl.instrument.cutoff_watch import CutoffWatch
from labctl.instrument.frozen import ALIKE, Frozen
from labctl.instrument.step import Control, Cutoff, Step
from labctl.instrument.temperature import Band, BandWatch
from labctl.protocol.rule_spec import Action
from labctl.rules import Decision
from labctl.store.progress import Passed
from labctl.units import show


class Gates:
    """Takes the samples of one step: recorded first, then safety limits, cut-offs, figures and stop rules.

    Args:
        step: what the instrument was asked for.
        number: of its row.
        cycle: cycle of the run.
        work: the run's surroundings.
        pulse: the step is a pulse of a measurement, not a half-cycle.
        bands: temperatures that end the step.

    Attributes:
        began_s: when the step began to act on the cell; None before its first valid sample.
        cutoff: the cut-off that ended the step, if one did, or the band of temperature.
        paused, skipped: a person has asked for it, and the step is over for the present.
        end: a reason to end the run, if there is one.
        decisions: what stop rules have said during the step.
    """

    def __init__(
        self,
        step: Step,
        number: int,
        cycle: int,
        work: Workplace,
        *,
        pulse: bool = False,
        bands: tuple[Band, ...] = (),
    ) -> None:
        self.began_s: float | None = None
        self.cutoff: Cutoff | Band | None = None
        self.paused = self.skipped = False
        self.end: RunEnd | None = None
        self.decisions: list[Decision] = []
        self._step = step
        self._number = number
        self._cycle = cycle
        self._pulse = pulse
        self._shown = False  # whether the rules see its samples
        self._channel = work.channel
        self._record = work.record
        self._half_cycles = work.half_cycles
        self._rules = work.rules
        self._control = work.control
        self._surroundings = work.surroundings
        self._bands = BandWatch(bands) if bands else None
        self._watch: CutoffWatch | None = None
        self._figures: HalfCycleFigures | None = None
        self._charge_before_C = 0.0
        self._energy_before_J = 0.0
        self._last_s = -math.inf
        self._frozen = Frozen()

    @property
    def passed(self) -> Passed:
        """In this step, up to the last valid sample."""
        if self.began_s is None:
            return Passed()
        time_s, figures = self._last_s - self.began_s, self._figures
        if figures is None:
            return Passed(time_s)
        return Passed(time_s, abs(figures.charge_C - self._charge_before_C), self._energy_J(figures))

    def pass_through(self, sample: Sample) -> bool:
        """Take one sample; True when the step is over."""
        time_s, voltage_V, current_A, status, cutoff = sample
        temperature_K, beside = None, self._surroundings
        if beside is not None:
            temperature_K, self.end = beside.kelvin(time_s), beside.fault()
        self._record.sample(self._number, time_s, voltage_V, current_A, status, temperature_K)
        if self.end is not None:
            return True
        fault = self._fault(time_s, voltage_V, current_A)
        if fault:
            self.end = RunEnd(RunState.FAULTED, fault)
            return True
        self._last_s = time_s
        watch = self._watch or self._begin(current_A)
        figures = self._figures
        if figures is None:
            self.cutoff = cutoff or watch.reached(time_s, voltage_V, current_A, 0.0, 0.0)
        else:
            charge_C = figures.add(time_s, voltage_V, current_A)
            passed_C = abs(charge_C - self._charge_before_C)
            self.cutoff = cutoff or watch.reached(
                time_s, voltage_V, current_A, passed_C, self._energy_J(figures)
            )
            if cutoff is not None and watch.denies(cutoff, current_A, passed_C):
                self.cutoff = None
                self.end = RunEnd(RunState.FAILED, _short_of(cutoff, passed_C))
                return True
            if self._shown:
                said = self._rules.sample(self._record.seq, time_s, voltage_V, current_A, charge_C)
                if said is not None:
                    self.decisions += said
        if self._bands is not None and self.cutoff is None:
            self.cutoff = self._bands.reached(time_s, temperature_K)
        if self.cutoff is not None:
            return True
        if self.decisions and any(Action.STOP in said.actions for said in self.decisions):
            return True
        return self._control.at_once and self._interrupted()

    def _interrupted(self) -> bool:
        """Somebody has asked for something that does not wait for the step's end."""
        if self._control.open_now:
            self.end = self._control.opening
        self.paused = self._control.pause_wanted
        self.skipped = self._control.skip_wanted
        return self.end is not None or self.paused or self.skipped

    def _energy_J(self, figures: HalfCycleFigures) -> float:
        return figures.energy_J - self._energy_before_J

    def _begin(self, current_A: float) -> CutoffWatch:
        """The first valid sample is there, so it is known when the step began to act on the cell."""
        began_s = self.began_s = self._channel.step_began_s
        self._watch = CutoffWatch(self._step, began_s)
        self._figures = self._half_cycles.begin(
            self._step, self._cycle, began_s, current_A, pulse=self._pulse
        )
        self._shown = self._figures is self._half_cycles.present
        if self._figures is not None:
            self._charge_before_C = self._figures.charge_C
            self._energy_before_J = self._figures.energy_J
        return self._watch

    def _fault(self, time_s: float, voltage_V: float, current_A: float) -> str:
        """What is wrong with a reading, or an empty string."""
        fault = self._step.safety.left_by(voltage_V, current_A)
        if not fault and not time_s > self._last_s:
            return f"the instrument's time stood still at {time_s:.3f} s: its readings are stale"
        if not fault and self._frozen.look(voltage_V, current_A) and self._step.control is not Control.REST:
            return f"{ALIKE} readings in a row are {voltage_V:g} V, {current_A:g} A: the instrument is frozen"
        return fault


def _short_of(cutoff: Cutoff, charge_C: float) -> str:
    return (
        f"the instrument ended the step by {cutoff}, but only {show(charge_C / 3.6, 'mAh')} have passed: "
        "it did not deliver the current it was set to"
    )
