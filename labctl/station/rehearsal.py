"""A simulated cell in this process dies with it: its life is lived again from the current that was stored."""

from collections.abc import Iterator

from labctl.store.reader import Reader

AtRest = frozenset({"rest", "soak", "impedance", "gap"})
"""Kinds of steps in which no net current flows, but for what its row says."""


def lived(reader: Reader, run_id: int, until_s: float) -> Iterator[tuple[float, float]]:
    """What a cell has gone through in a run, as durations in s and mean currents in A.

    Between two samples the current is the mean of both; before the first of a step it is that sample's. What a sweep
    does to the cell is too little to count.

    Args:
        reader: the run's database.
        run_id: the run.
        until_s: test time until which it rests after the last sample.
    """
    samples = reader.samples(run_id, ("test_time_second", "current_ampere", "step_id"))
    steps = {step.step_id: step for step in reader.steps(run_id)}
    present, before_s, before_A = 0, 0.0, 0.0
    for time_s, current_A, step_id in zip(*(column.tolist() for column in samples.values()), strict=True):
        step = steps[int(step_id)]
        resting = step.kind in AtRest
        if step_id != present:
            present, before_A = step_id, current_A
            began_s = min(max(step.start_s, before_s), time_s)
            yield began_s - before_s, 0.0
            before_s = began_s
        yield time_s - before_s, 0.0 if resting else 0.5 * (before_A + current_A)
        before_s, before_A = time_s, current_A
    yield max(until_s - before_s, 0.0), 0.0
