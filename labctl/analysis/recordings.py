"""Recordings for stop rules to look at: from a stored run, or from a file of anybody's.

A stored run knows its half-cycles. In a file they are found by the direction of the current: a pause does not end a
half-cycle, a reversal does; and a cycle begins when the current takes the direction it had first, unless the file
counts cycles.
"""

from collections.abc import Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.battery_data import BatteryData
from labctl.errors import DataError
from labctl.half_cycle import HalfCycle
from labctl.rules.replay import Column, RecordedHalfCycle, Recording, Stretch
from labctl.store.reader import Reader
from labctl.store.records import RunRecord, StepRecord

NO_CURRENT = 0.01  # of the usual magnitude: less is no current, only an offset of the reading
LEAST_SAMPLES = 3  # fewer in one direction are wrong readings


def from_data(data: BatteryData, equilibrium_voltage_V: float | None = None) -> Recording:
    """A recording of what a file holds.

    Args:
        data: the file, as it was read.
        equilibrium_voltage_V: 0.0 for a symmetric cell. A file does not say it, and overpotential rules need it.

    Raises:
        DataError: no current flows in it.
    """
    half_cycles = tuple(find_half_cycles(data))
    if not half_cycles:
        raise DataError(f"{data.name}: no current flows in it")
    return Recording(
        name=data.name,
        equilibrium_voltage_V=equilibrium_voltage_V,
        seq=np.arange(1, len(data.time_s) + 1),
        time_s=data.time_s,
        voltage_V=data.voltage_V,
        current_A=data.current_A,
        half_cycles=half_cycles,
        spectra=data.spectra,
    )


def from_run(reader: Reader, run: RunRecord) -> Recording:
    """A recording of the finished half-cycles and spectra of a stored run."""
    columns = ("seq", "test_time_second", "voltage_volt", "current_ampere", "step_id")
    seq, time_s, voltage_V, current_A, step_id = reader.samples(run.run_id, columns).values()
    steps = {step.step_id: step for step in reader.steps(run.run_id)}
    cycling = np.isin(
        step_id, [n for n, step in steps.items() if step.kind not in ("rest", "soak", "impedance")]
    )
    half_cycles = []
    for known in reader.half_cycles(run.run_id):
        first, after = np.searchsorted(time_s, (known.start_s, np.nextafter(known.end_s, np.inf)))
        inside = first + np.flatnonzero(cycling[first:after])
        if inside.size:
            half_cycles.append(_recorded(known, inside, step_id, steps, current_A))
    return Recording(
        name=f"run {run.run_id}",
        equilibrium_voltage_V=run.cell.equilibrium_voltage_V,
        seq=seq.astype(np.int64),
        time_s=time_s,
        voltage_V=voltage_V,
        current_A=current_A,
        half_cycles=tuple(half_cycles),
        spectra=tuple(record.spectrum for record in reader.spectra(run.run_id)),
    )


def _recorded(
    known: HalfCycle,
    inside: NDArray[np.intp],
    step_id: Column,
    steps: dict[int, StepRecord],
    current_A: Column,
) -> RecordedHalfCycle:
    stretches: list[Stretch] = []
    for number, indices in groupby(inside.tolist(), key=lambda k: int(step_id[k])):
        first, *others = indices
        began_s = steps[number].start_s if stretches else known.start_s
        stretches.append(Stretch(first, (others[-1] if others else first) + 1, began_s))
    return RecordedHalfCycle(
        cycle=known.cycle,
        sign=known.sign,
        set_current_A=usual_current(current_A[inside]),
        stretches=tuple(stretches),
        end_reason=known.end_reason,
        complete=known.complete,
    )


def find_half_cycles(data: BatteryData) -> list[RecordedHalfCycle]:
    """Half-cycles by the direction of the current; one that goes on to the last reading may not have been over."""
    parts = list(flowing(data.current_A))
    if not parts:
        return []
    cycles = _count_cycles([sign for sign, _, _ in parts])
    if data.cycle is not None and np.ptp(data.cycle) > 0:
        cycles = [int(data.cycle[first]) for _, first, _ in parts]
    half_cycles = []
    for (cycle, sign), group in groupby(
        zip(cycles, parts, strict=True), key=lambda item: (item[0], item[1][0])
    ):
        bounds = [(first, after) for _, (_, first, after) in group]
        over = bounds[-1][1] < len(data.time_s)
        half_cycles.append(
            RecordedHalfCycle(
                cycle=cycle,
                sign=sign,
                set_current_A=usual_current(
                    np.concatenate([data.current_A[slice(*bound)] for bound in bounds])
                ),
                stretches=tuple(Stretch(*bound, began_s=float(data.time_s[bound[0]])) for bound in bounds),
                end_reason="the current ended or reversed" if over else "the recording ended",
                complete=over,
            )
        )
    return half_cycles


def _count_cycles(signs: list[int]) -> list[int]:
    """The cycle of each stretch: a new one when the current takes the first direction again."""
    cycles: list[int] = []
    for k, sign in enumerate(signs):
        begins = k == 0 or (sign == signs[0] and signs[k - 1] != sign)
        cycles.append((cycles[-1] if cycles else 0) + begins)
    return cycles


def flowing(current_A: Column) -> Iterator[tuple[int, int, int]]:
    """Stretches in which the current flows in one direction: sign, first index, index after the last."""
    sign = direction(current_A)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(sign)) + 1, [len(sign)]])
    for first, after in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if after - first >= LEAST_SAMPLES and sign[first]:
            yield int(sign[first]), first, after


def direction(current_A: Column) -> NDArray[np.int64]:
    """The direction of each current: +1, -1, or 0 where none flows but what a reading may be off by."""
    magnitude = np.abs(current_A)
    if not magnitude.any():
        return np.zeros(len(current_A), dtype=np.int64)
    least_A = NO_CURRENT * np.median(magnitude[magnitude > 0])
    return np.where(magnitude > least_A, np.sign(current_A), 0).astype(np.int64)


def usual_current(current_A: Column) -> float:
    """The current of a half-cycle, without the end of it in which a constant voltage may have let it decay."""
    magnitude = np.abs(current_A)
    return float(np.median(current_A[magnitude >= 0.5 * magnitude.max()]))
