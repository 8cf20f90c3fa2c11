"""The samples of a run as columns of the Battery Data Format.

Labels are the preferred labels of the Battery Data Format 1.3 (Battery Data Alliance). Capacities are those passed
since the run's start: they begin at 0 and never fall. Positive current charges the cell.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from labctl.exchange.tables import Column
from labctl.store.reader import Reader
from labctl.store.records import RunRecord

CELSIUS_ZERO_K = 273.15

TIME, UNIX_TIME = "Test Time / s", "Unix Time / s"
VOLTAGE, CURRENT = "Voltage / V", "Current / A"
CYCLE, STEP, RECORD = "Cycle Count / 1", "Step Count / 1", "Record Index / 1"
TEMPERATURE = "Ambient Temperature / degC"
"""Only of runs beside which a thermometer stood; a sample without one is empty."""

STEP_ID = "Step ID"
"""A step's place in the protocol: the same number in each cycle."""
CHARGED, DISCHARGED = "Charging Capacity / Ah", "Discharging Capacity / Ah"


def battery_table(reader: Reader, run: RunRecord) -> dict[str, Column]:
    """Every sample of a run, by label."""
    names = ("test_time_second", "unix_time_second", "voltage_volt", "current_ampere", "seq", "step_id")
    rows = reader.samples(run.run_id, (*names, "temperature_kelvin"))
    steps = {step.step_id: step for step in reader.steps(run.run_id)}
    step_id = rows["step_id"].astype(np.int64)
    places = {path: k for k, path in enumerate(dict.fromkeys(s.path for s in steps.values()), start=1)}
    time_s, current_A = rows["test_time_second"], rows["current_ampere"]
    flowing = {n for n, step in steps.items() if step.kind not in ("rest", "soak", "impedance")}
    passed_Ah = _passed(time_s, current_A, step_id, {n: steps[n].start_s for n in flowing})
    table: dict[str, Column] = {
        TIME: time_s,
        UNIX_TIME: rows["unix_time_second"],
        VOLTAGE: rows["voltage_volt"],
        CURRENT: current_A,
        CYCLE: np.array([steps[n].cycle for n in step_id], dtype=np.int64),
        STEP: step_id,
        STEP_ID: np.array([places[steps[n].path] for n in step_id], dtype=np.int64),
        RECORD: rows["seq"].astype(np.int64),
        CHARGED: np.cumsum(np.maximum(passed_Ah, 0.0)),
        DISCHARGED: np.cumsum(np.maximum(-passed_Ah, 0.0)),
    }
    temperature_K = rows["temperature_kelvin"]
    if not np.isnan(temperature_K).all():
        table[TEMPERATURE] = temperature_K - CELSIUS_ZERO_K
    return table


def within_cycle(passed: Column, cycle: Column) -> Column:
    """A sum that begins anew with each cycle, of one that never does."""
    if not len(cycle):
        return passed
    first = np.flatnonzero(np.diff(cycle, prepend=cycle[:1] - 1))
    before = np.concatenate([[0.0], passed[first[1:] - 1]])
    so_far: Column = passed - np.repeat(before, np.diff(np.append(first, len(passed))))
    return so_far


def _passed(
    time_s: NDArray[np.float64],
    current_A: NDArray[np.float64],
    step_id: NDArray[np.int64],
    starts_s: Mapping[int, float],
) -> NDArray[np.float64]:
    """Charge in Ah that passed between each sample and the one before it in its step (or the step's start)."""
    first = np.concatenate([[True], step_id[1:] != step_id[:-1]])[: len(step_id)]
    before_s = np.where(
        first, [starts_s.get(n, t) for n, t in zip(step_id, time_s, strict=True)], np.roll(time_s, 1)
    )
    before_A = np.where(first, current_A, np.roll(current_A, 1))
    passed = 0.5 * (current_A + before_A) * (time_s - before_s) / 3600.0
    return np.where(np.isin(step_id, list(starts_s)), passed, 0.0)
