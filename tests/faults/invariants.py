"""What must hold whatever happens, checked against the truth: the cell's own life, the wire, the converters."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import inf
from typing import NamedTuple

from labctl.engine.outcome import RunState
from labctl.errors import LabctlError
from labctl.instrument.frozen import ALIKE
from labctl.instrument.step import Control, Quantity, Side, Step
from labctl_simulators.chaos import Kind
from tests.faults.simulation import Outcome
from tests.faults.truth import Reading, Stretch

LINK = frozenset(
    {
        Kind.LATE,
        Kind.LOST,
        Kind.MUTE,
        Kind.DUPLICATED,
        Kind.MERGED,
        Kind.SPLIT,
        Kind.GARBLED,
        Kind.TERMINATOR,
        Kind.ECHO,
        Kind.RESET,
        Kind.FIN,
        Kind.HALF_OPEN,
        Kind.NOT_EXECUTED,
        Kind.INTERRUPTED,
        Kind.POWER_CYCLE,
        Kind.SECOND_CLIENT,
        Kind.GONE,
        Kind.SWAPPED,
    }
)
"""Faults that can keep a reading from the host."""

LYING = frozenset({Kind.SENSE_OPEN, Kind.REVERSED})
"""With these the only voltage that anybody measures is not the cell's."""

UNREACHABLE = frozenset({Kind.MUTE, Kind.ECHO, Kind.HALF_OPEN, Kind.GONE, Kind.SWAPPED, Kind.OFF_IGNORED})
"""Faults after which a circuit may stay closed, if the run says so: nobody can reach it, or it does not obey."""

BLIND_S = 20.0
"""How long a run may be without a reading, while it finds its instrument again, beyond a sampling interval."""

_LATEST_S = 6.5  # an answer is at most three times 2 s late
_ENERGISING = re.compile(
    rb":OUTP ON|:OUTP 1|:SOUR:(CURR|VOLT) -?(?!0+\.?0*(e|$))[0-9.]|cell_on|meas_loop_(ca|cp|eis|geis)",
    re.IGNORECASE,
)
_ENDED = frozenset(RunState) - {RunState.RUNNING, RunState.INTERRUPTED}


class Violation(NamedTuple):
    """An invariant that did not hold, and how."""

    invariant: str
    words: str


def violations(outcome: Outcome) -> list[Violation]:
    """Everything that did not hold in a simulation."""
    return [Violation(name, words) for name, check in INVARIANTS.items() for words in check(outcome)]


def no_missed_cutoff(outcome: Outcome) -> Iterator[str]:
    """(a) Current does not go on beyond a voltage cut-off or the safety window, nor charge beyond its cut-off."""
    scenario = outcome.scenario
    if scenario.kinds() & LYING or _cannot_open(outcome):
        return
    bound_s = blind_bound_s(outcome)
    for number, (step, start_s, end_s) in enumerate(_steps(outcome)):
        if step is None or step.control is Control.REST:
            continue
        for cutoff in step.cutoffs:
            if cutoff.hold_s or (cutoff.quantity is Quantity.VOLTAGE and step.control is not Control.CURRENT):
                continue
            if cutoff.quantity is Quantity.VOLTAGE:
                sign = 1.0 if cutoff.side is Side.ABOVE else -1.0
                over_s = _longest_beyond_s(outcome.cell.within(start_s, end_s), sign, sign * cutoff.threshold)
                if over_s > bound_s:
                    yield f"step {number + 1} went on for {over_s:.1f} s beyond {cutoff}, allowed are {bound_s:.1f} s"
            elif cutoff.quantity is Quantity.CHARGE:
                passed_C = abs(outcome.cell.charge_C(start_s, end_s))
                most_C = 1.02 * cutoff.threshold + scenario.plan.safety.current_max_A * bound_s
                if passed_C > most_C:
                    yield f"step {number + 1} passed {passed_C:.4g} C with {cutoff}"


def _longest_beyond_s(stretches: list[Stretch], sign: float, limit_V: float) -> float:
    """Longest time in one piece in which current flowed outwards beyond a limit."""
    margin_V = 2e-3 + 0.005 * abs(limit_V)
    longest_s = since_s = 0.0
    for stretch in stretches:
        beyond = sign * stretch.voltage_V > limit_V + margin_V and sign * stretch.current_A > 1e-7
        since_s = since_s + stretch.end_s - stretch.start_s if beyond else 0.0
        longest_s = max(longest_s, since_s)
    return longest_s


def blind_bound_s(outcome: Outcome) -> float:
    """How long a circuit may be closed without anybody looking."""
    every_s = outcome.scenario.plan.record.every_s
    bound_s = every_s + 1.0
    if outcome.scenario.kinds() & (LINK | {Kind.ON_IGNORED}):
        bound_s += BLIND_S
    if Kind.FROZEN in outcome.scenario.kinds():
        bound_s += ALIKE * every_s
    if Kind.DRIFT in outcome.scenario.kinds():
        bound_s *= 1.02
    if Kind.OFF_IGNORED in outcome.scenario.kinds():
        bound_s += 10.0
    return bound_s


def stored_samples_stay_inside(outcome: Outcome) -> Iterator[str]:
    """(a) The first sample beyond a voltage cut-off or the safety window is the last of its step."""
    steps = outcome.scenario.steps()
    samples = outcome.rows.get("sample", [])
    for here, following in pairwise(samples):
        if following["step_id"] != here["step_id"] or here["step_id"] > len(steps):
            continue
        step = steps[here["step_id"] - 1][1]
        if step is None:
            continue
        voltage_V, current_A = here["voltage_volt"], abs(here["current_ampere"])
        safety = step.safety
        inside = (
            safety.voltage_min_V <= voltage_V <= safety.voltage_max_V and current_A <= safety.current_max_A
        )
        for cutoff in step.cutoffs:
            if cutoff.quantity is Quantity.VOLTAGE and not cutoff.hold_s:
                inside = inside and not cutoff.reached_by(voltage_V)
        if not inside:
            yield f"sample {here['seq']} ({voltage_V:.4f} V, {current_A:.3g} A) is outside, and another follows"


def circuit_open_or_loud(outcome: Outcome) -> Iterator[str]:
    """(b) The circuit is open when a run has ended, and stays so, unless the run ended as unsafe."""
    if not outcome.run and not _energised(outcome):
        return
    if outcome.run["state"] == RunState.UNSAFE or (outcome.end and outcome.end.state is RunState.UNSAFE):
        if outcome.closed_at_end and not (outcome.scenario.kinds() & (UNREACHABLE | LINK)):
            yield "the circuit was left closed, although nothing stood in the way of opening it"
        return
    if outcome.closed_at_end:
        yield f"the circuit is closed after the run ended: {outcome.end}"
    elif outcome.device.instrument.circuit_closed:
        yield f"the circuit was closed again after the run ended: {outcome.end}"


def no_value_under_the_wrong_name(outcome: Outcome) -> Iterator[str]:
    """(c) Every stored sample is one that the converters gave, at its time, voltage as voltage, current as current."""
    readings = outcome.readings
    times = [reading.time_s for reading in readings]
    samples = outcome.rows.get("sample", [])
    coarse = Kind.SECOND_CLIENT in outcome.scenario.kinds()
    exact = outcome.scenario.instrument == "keithley-2450"
    drift = 0.02 if Kind.DRIFT in outcome.scenario.kinds() else 0.0
    place = 0
    for sample, following in pairwise([*samples, None]):
        time_s = sample["test_time_second"]
        # Host-paced readings are stamped with the time at which they are asked for; the last of a step with its end.
        last = following is None or following["step_id"] != sample["step_id"]
        early_s = (3.0 if last else 0.01) if exact else _LATEST_S
        first = bisect_left(times, time_s - early_s - drift * time_s)
        until_s = time_s + _LATEST_S + drift * time_s
        found = _find(readings, max(place, first), sample, until_s, coarse=coarse, exact=exact)
        if found is None:
            yield (
                f"sample {sample['seq']} at {time_s:.3f} s, {sample['voltage_volt']!r} V, "
                f"{sample['current_ampere']!r} A: the instrument gave no such reading"
            )
            return
        place = found + 1 if exact else found


def _find(
    readings: list[Reading],
    place: int,
    sample: dict[str, float],
    until_s: float,
    *,
    coarse: bool,
    exact: bool,
) -> int | None:
    voltage_V, current_A = sample["voltage_volt"], sample["current_ampere"]
    part = 1e-3 if coarse else 1e-8 if exact else 1e-5
    while place < len(readings) and readings[place].time_s <= until_s:
        reading = readings[place]
        if abs(reading.voltage_V - voltage_V) <= part * abs(voltage_V) + 1e-9 and (
            abs(reading.current_A - current_A) <= part * abs(current_A) + 1e-13
            or (not exact and current_A == 0.0)  # a rest: no current is measured
        ):
            return place
        place += 1
    return None


def no_sample_lost(outcome: Outcome) -> Iterator[str]:
    """(d) Numbers without a gap, and nothing missing that was said to be durable."""
    numbers = [row["seq"] for row in outcome.rows.get("sample", [])]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"{len(numbers)} samples have numbers up to {numbers[-1]}"
    if len(numbers) < outcome.acknowledged:
        yield f"{outcome.acknowledged} samples were acknowledged, {len(numbers)} are in the database"
    times = [row["test_time_second"] for row in outcome.rows.get("sample", [])]
    for before_s, after_s in pairwise(times):
        if after_s < before_s:
            yield f"the sample after {before_s!r} s is at {after_s!r} s"
            return


def nothing_energises_after_make_safe(outcome: Outcome) -> Iterator[str]:
    """(e) No energising byte follows make_safe, and none ever goes to another instrument."""
    safe = False
    for time_s, mark, data in outcome.log.entries:
        safe = safe or mark == "safe"
        if _ENERGISING.search(data) and mark == ">twin":
            yield f"at {time_s:.3f} s {data[:40]!r} went to another instrument"
        elif safe and mark == ">" and _ENERGISING.search(data) and b"meas_loop_ocp" not in data:
            yield f"at {time_s:.3f} s, after make_safe, {data[:60]!r} was sent"


def charge_is_the_cells(outcome: Outcome) -> Iterator[str]:
    """(f) The charge of a step is what passed through the cell, as far as the samples go; and none is passed twice."""
    scenario = outcome.scenario
    paths, steps = zip(*scenario.steps(), strict=True)
    taken = [row["path"] for row in outcome.rows.get("step", [])]
    if taken != list(paths[: len(taken)]):
        yield f"the steps taken were {taken}"
        return
    if scenario.kinds() & {Kind.FROZEN, Kind.DRIFT}:
        return
    samples = outcome.rows.get("sample", [])
    most_A = scenario.plan.safety.current_max_A
    for row in outcome.rows.get("step", []):
        # A sample beyond the safety window ends the step, and is not counted; one that reaches a cut-off is, also where
        # the first answer came late, so that the instrument's clock seems to be ahead.
        step = steps[row["step_id"] - 1]
        reached = step is not None and row["end_reason"] in map(str, step.cutoffs)
        until_s = inf if reached else (row["end_time_second"] or 0.0) + 1e-3
        times = [
            sample["test_time_second"]
            for sample in samples
            if sample["step_id"] == row["step_id"] and sample["test_time_second"] <= until_s
        ]
        if not times or row["charge_coulomb"] is None or row["kind"] in ("impedance", "rest"):
            continue
        marks = [row["start_time_second"], *times]
        gap_s = max(after_s - before_s for before_s, after_s in pairwise(marks))
        true_C = abs(outcome.cell.charge_C(marks[0], marks[-1]))
        steady = row["kind"] == "constant_current" and not scenario.kinds() & _CURRENT_CHANGES
        allowed_C = 0.01 * true_C + most_A * (1.0 if steady and not scenario.kinds() & LINK else gap_s + 2.0)
        if abs(true_C - abs(row["charge_coulomb"])) > allowed_C:
            yield (
                f"step {row['step_id']} is said to have passed {row['charge_coulomb']:.5g} C, "
                f"true are {true_C:.5g} C, allowed is an error of {allowed_C:.2g} C"
            )


_CURRENT_CHANGES = frozenset(
    {Kind.FRONT_PANEL, Kind.SECOND_CLIENT, Kind.POWER_CYCLE, Kind.CLIPPED, Kind.CELL_OPEN, Kind.ON_IGNORED}
)


def a_cutoff_means_what_it_says(outcome: Outcome) -> Iterator[str]:
    """(f) A step that ended by its capacity has passed that capacity through the cell."""
    if outcome.scenario.kinds() & {Kind.FROZEN, Kind.DRIFT}:
        return
    steps = outcome.scenario.steps()
    for row in outcome.rows.get("step", []):
        step = steps[row["step_id"] - 1][1]
        for cutoff in step.cutoffs if step else ():
            if cutoff.quantity is not Quantity.CHARGE or row["end_reason"] != str(cutoff):
                continue
            true_C = abs(outcome.cell.charge_C(row["start_time_second"], row["end_time_second"]))
            unseen_s = step.sampling.every_s if step and outcome.scenario.kinds() & _CURRENT_CHANGES else 0.0
            missing_C = (
                outcome.scenario.plan.safety.current_max_A * 2.0 + abs(step.value if step else 0.0) * unseen_s
            )
            if true_C < 0.96 * cutoff.threshold - missing_C:
                yield f"step {row['step_id']} ended by {cutoff}, {true_C:.4g} C of {cutoff.threshold:.4g} C had passed"


def it_ends_readable(outcome: Outcome) -> Iterator[str]:
    """(g) A run ends in a state that says why; no bug, no traceback; what is in the database fits."""
    if outcome.error is not None and not isinstance(outcome.error, LabctlError):
        person = outcome.scenario.person
        if not (
            type(outcome.error).__name__ == "CancelledError" and person and person[0] in ("cancel", "reopen")
        ):
            yield f"out came {type(outcome.error).__name__}: {outcome.error}"
            return
    for row in outcome.rows.get("event", []):
        if row["kind"] == "bug":
            yield f"a bug: {row['message'].splitlines()[-1]}"
    if outcome.end is None:
        return
    if outcome.end.state not in _ENDED or not outcome.end.reason or "\n" in outcome.end.reason:
        yield f"it ended as {outcome.end}"
    disk_failed = outcome.run["state"] == RunState.INTERRUPTED and outcome.scenario.commits is not None
    if outcome.run["state"] != outcome.end.state and not disk_failed:
        yield f"it ended as {outcome.end.state}, the database has {outcome.run['state']}"
    if "Superseded" in outcome.end.reason or "Error(" in outcome.end.reason:
        yield f"nobody understands {outcome.end.reason!r}"


INVARIANTS: dict[str, Callable[[Outcome], Iterator[str]]] = {
    "no missed cut-off": no_missed_cutoff,
    "no sample beyond a limit but the last": stored_samples_stay_inside,
    "circuit open, or unsafe and loud": circuit_open_or_loud,
    "no value under the wrong name": no_value_under_the_wrong_name,
    "no sample lost": no_sample_lost,
    "nothing energises after make_safe": nothing_energises_after_make_safe,
    "charge is the cell's, none twice": charge_is_the_cells,
    "a cut-off means what it says": a_cutoff_means_what_it_says,
    "it ends, readable": it_ends_readable,
}


def _steps(outcome: Outcome) -> list[tuple[Step | None, float, float]]:
    """The steps that were begun, each until the next was, the last until the run was over."""
    steps = outcome.scenario.steps()
    marks = pairwise([*outcome.begun_s, outcome.ended_s])
    return [(step, *span) for (_, step), span in zip(steps, marks, strict=False)]


def _energised(outcome: Outcome) -> bool:
    return any(mark == ">" and _ENERGISING.search(data) for _, mark, data in outcome.log.entries)


def _cannot_open(outcome: Outcome) -> bool:
    """The circuit could not be opened by anybody, and the run says so."""
    return (
        outcome.end is not None
        and outcome.end.state is RunState.UNSAFE
        and bool(outcome.scenario.kinds() & UNREACHABLE)
    )
