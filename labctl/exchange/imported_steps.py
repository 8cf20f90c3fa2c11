"""The steps of a recorded file: its own, or where the current begins, stops and reverses."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from labctl.analysis.battery_data import BatteryData, Column, Counts
from labctl.analysis.recordings import direction

_HELD = 0.02  # of the usual magnitude: a current or voltage that spreads by less is held. Assumed.


@dataclass(frozen=True, slots=True)
class ImportedStep:
    """Rows ``first`` up to but without ``after``, and what they are in labctl's words."""

    first: int
    after: int
    start_s: float
    cycle: int
    kind: str
    path: str


def executed_steps(data: BatteryData) -> list[ImportedStep]:
    """The steps in the order of time; a file of spectra alone has none."""
    if not len(data.time_s):
        return []
    flow = direction(data.current_A)
    number: Counts = flow if data.step is None else data.step
    cycle = np.ones_like(number) if data.cycle is None else data.cycle
    edges = np.flatnonzero((np.diff(number) != 0) | (np.diff(cycle) != 0)) + 1
    bounds = [0, *edges.tolist(), len(number)]
    return [
        ImportedStep(
            first=first,
            after=after,
            start_s=float(data.time_s[first]),
            cycle=int(cycle[first]),
            kind=_known(data, first) or _kind(data, flow, slice(first, after)),
            path=f"recorded[{k}]" if data.step is None else f"recorded.step[{number[first]}]",
        )
        for k, (first, after) in enumerate(pairwise(bounds))
    ]


def _known(data: BatteryData, row: int) -> str | None:
    return None if data.step is None else data.step_kinds.get(int(data.step[row]))


def _kind(data: BatteryData, flow: Counts, part: slice) -> str:
    """What was held, judged by what stayed the same."""
    if not flow[part].any():
        return "rest"
    if _spread(data.current_A[part]) <= _HELD:
        return "constant_current"
    return "constant_voltage" if _spread(data.voltage_V[part]) <= _HELD else "unknown"


def _spread(column: Column) -> float:
    """Of the middle nine tenths, relative to the usual magnitude."""
    low, high = np.percentile(column, [5, 95])
    usual = float(np.median(np.abs(column)))
    return float(high - low) / usual if usual else float("inf")
