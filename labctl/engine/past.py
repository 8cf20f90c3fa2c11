"""Rebuilds what a run knew from what is stored of it: figures of the half-cycle in progress, history of the rules.

Every stored sample, half-cycle and spectrum goes through the same figures and rules as it did when it was measured, in
the same order, so that a run which is taken up decides as the uninterrupted one would have. What the rules say on the
way is not acted on again, except what should have ended the run and did not because the process died first.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from labctl.engine.half_cycles import HalfCycles
from labctl.engine.interruption import CHECK, GAP
from labctl.engine.outcome import RunEnd, RunState
from labctl.engine.taken_up import Past, UnfinishedRow
from labctl.errors import DataError
from labctl.half_cycle import HalfCycle
from labctl.instrument.channel import Sample
from labctl.protocol.plan import Plan, StepNode
from labctl.protocol.rule_spec import Action
from labctl.rules import Decision, RuleSet
from labctl.store.progress import Passed, Progress
from labctl.store.reader import Reader
from labctl.store.records import StepRecord

_SAME_S = 1e-6
_SAME_CHARGE = 1e-6

Reading = tuple[int, float, float, float]
"""Number, time, voltage and current of a sample."""


def rebuild(
    plan: Plan, reader: Reader, run_id: int, progress: Progress, rules: RuleSet, origin_s: float
) -> Past:
    """Show the rules a run's stored past, and tell what follows from it.

    Args:
        plan: the run's plan.
        reader: its database.
        run_id: the run.
        progress: how far it had come, stored times.
        rules: of the run, new; they are shown everything.
        origin_s: the run's start in the present experiment time: what is returned is in that time.

    Raises:
        DataError: samples and progress do not fit together.
    """
    return _Rebuilding(plan, reader, run_id, progress, rules, origin_s).past()


class _Rebuilding:
    def __init__(
        self,
        plan: Plan,
        reader: Reader,
        run_id: int,
        progress: Progress,
        rules: RuleSet,
        origin_s: float,
    ) -> None:
        self._plan = plan
        self._progress = progress
        self._rules = rules
        self._origin_s = origin_s
        self._nodes = {node.path: node for node in plan.flat() if isinstance(node, StepNode)}
        self._half_cycles = HalfCycles(rules, plan.cell.equilibrium_voltage_V, lambda half_cycle: None)
        self._steps = reader.steps(run_id)
        self._spectra = {record.step_id: record.spectrum for record in reader.spectra(run_id)}
        self._samples = reader.samples(
            run_id, ("seq", "test_time_second", "voltage_volt", "current_ampere", "step_id")
        )
        self._finished, self._reopened = self._split(reader.half_cycles(run_id))
        self._closed = 0
        self._unfinished: UnfinishedRow | None = None
        self._said: list[tuple[int, Decision]] = []
        count = len(self._samples["seq"])
        if progress.seq != count:
            raise DataError(
                f"run {run_id} cannot be taken up: {count} samples, progress after {progress.seq}"
            )

    def past(self) -> Past:
        for step, readings in self._stretches():
            self._show(step, readings)
        half_cycles, sample = self._half_cycles, self._sample(-1)
        self._compare()
        carried, stop = self._judge(sample)
        return Past(
            present=half_cycles.present,
            last=half_cycles.last,
            discharged_C=half_cycles.discharged_C,
            decisions=carried,
            stop=stop,
            sample=sample,
            before=self._before_check(),
            unfinished=self._unfinished,
            reopened=self._reopened,
            soaked=self._soaked(),
        )

    def _soaked(self) -> StepNode | None:
        taken = (self._nodes.get(step.path) for step in reversed(self._steps))
        return next((node for node in taken if node is not None and node.soak), None)

    def _split(self, stored: Sequence[HalfCycle]) -> tuple[list[HalfCycle], bool]:
        """The half-cycles that are over, and whether one more was only closed by the interruption."""
        present, last = self._progress.half_cycle, stored[-1] if stored else None
        if present is None or last is None or last.complete:
            return list(stored), False
        if not math.isclose(last.start_s, present.start_s, abs_tol=_SAME_S):
            return list(stored), False
        return list(stored[:-1]), True

    def _stretches(self) -> Iterator[tuple[StepRecord, list[Reading]]]:
        """Each executed step with its samples, in the present experiment time."""
        column = self._samples
        numbers = [step.step_id for step in self._steps]
        firsts = np.searchsorted(column["step_id"], numbers, side="left")
        afters = np.searchsorted(column["step_id"], numbers, side="right")
        for step, first, after in zip(self._steps, firsts, afters, strict=True):
            part = slice(first, after)
            times = column["test_time_second"][part] + self._origin_s
            readings = zip(
                column["seq"][part].astype(np.int64).tolist(),
                times.tolist(),
                column["voltage_volt"][part].tolist(),
                column["current_ampere"][part].tolist(),
                strict=True,
            )
            yield step, list(readings)

    def _show(self, step: StepRecord, readings: list[Reading]) -> None:
        began_s, passed = self._began_s(step), Passed()
        if step.kind == GAP:
            self._half_cycles.miss(step.charge_C or 0.0)
            self._rules.interrupted()
        elif (spectrum := self._spectra.get(step.step_id)) is not None:
            shown = replace(spectrum, started_s=spectrum.started_s + self._origin_s)
            self._hear(step, self._rules.spectrum(shown))
        elif readings and (node := self._nodes.get(step.path)) is not None:
            passed = self._take(step, node, began_s, readings)
        if step.end_s is None:
            seen_s = self._progress.time_s + self._origin_s if step.kind == "impedance" else began_s
            end_s = readings[-1][1] if readings else seen_s
            self._unfinished = UnfinishedRow(step.step_id, began_s, end_s, passed)

    def _take(self, step: StepRecord, node: StepNode, began_s: float, readings: list[Reading]) -> Passed:
        """Show the samples of one row; returns what passed in it."""
        figures = self._half_cycles.begin(node.step, step.cycle, began_s, readings[0][3], pulse=node.pulse)
        if figures is None:
            return Passed()
        shown = figures is self._half_cycles.present
        charge_C, before_J = figures.charge_C, figures.energy_J
        before_C = charge_C
        for seq, time_s, voltage_V, current_A in readings:
            charge_C = figures.add(time_s, voltage_V, current_A)
            if not shown:
                continue
            said = self._rules.sample(seq, time_s, voltage_V, current_A, charge_C)
            if said is not None:
                self._hear(step, said)
        passed = Passed(readings[-1][1] - began_s, abs(charge_C - before_C), figures.energy_J - before_J)
        if shown:
            self._close_after(step, readings[-1][1])
        return passed

    def _close_after(self, step: StepRecord, last_s: float) -> None:
        """Close the half-cycle if the stored one ended with this sample."""
        if self._closed == len(self._finished):
            return
        stored = self._finished[self._closed]
        if last_s - self._origin_s < stored.end_s - _SAME_S:
            return
        self._closed += 1
        self._hear(step, self._half_cycles.end(stored.end_reason, complete=stored.complete))

    def _began_s(self, step: StepRecord) -> float:
        present = self._progress.step
        own = present is not None and present.step_id == step.step_id and step.end_s is None
        return (present.began_s if present is not None and own else step.start_s) + self._origin_s

    def _hear(self, step: StepRecord, said: Sequence[Decision]) -> None:
        self._said += [(step.step_id, decision) for decision in said]

    def _sample(self, index: int) -> Sample | None:
        column = self._samples
        if not len(column["seq"]):
            return None
        time_s = float(column["test_time_second"][index]) + self._origin_s
        return Sample(time_s, float(column["voltage_volt"][index]), float(column["current_ampere"][index]))

    def _before_check(self) -> Sample | None:
        checks = [step.step_id for step in self._steps if step.path == CHECK]
        others = np.flatnonzero(~np.isin(self._samples["step_id"], checks))
        return self._sample(int(others[-1])) if others.size else None

    def _compare(self) -> None:
        """What was rebuilt has to be what the killed process had counted."""
        rebuilt, stored = self._half_cycles.present, self._progress.half_cycle
        known_C = None if stored is None else stored.charge_C
        found_C = None if rebuilt is None else rebuilt.charge_C
        if (known_C is None) != (found_C is None) or (
            known_C is not None
            and found_C is not None
            and not math.isclose(known_C, found_C, rel_tol=_SAME_CHARGE, abs_tol=1e-12)
        ):
            raise DataError(
                f"the run cannot be taken up: its samples add up to {found_C} C in the half-cycle in progress, "
                f"its progress says {known_C} C"
            )

    def _judge(self, sample: Sample | None) -> tuple[tuple[Decision, ...], RunEnd | None]:
        """Decisions of the present step that are still to be acted on, and a reason not to go on at all."""
        progress = self._progress
        present = None if progress.done or progress.step is None else progress.step.first_id
        carried = [said for number, said in self._said if present is not None and number >= present]
        earlier = [said for number, said in self._said if present is None or number < present]
        for said in (*earlier, *carried):
            ends = Action.STOP in said.actions
            if ends or (said in earlier and Action.STOP_AFTER_STEP in said.actions):
                return (), RunEnd(RunState.STOPPED, f"{said.rule}: {said.reason}")
        if sample is not None and (fault := self._plan.safety.left_by(sample.voltage_V, sample.current_A)):
            return (), RunEnd(RunState.FAULTED, fault)
        return tuple(carried), None
