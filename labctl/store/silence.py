"""When a run was without samples, as its record knows: a curve against time is not drawn across."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, select

from labctl.store import tables

Silence = tuple[float, float]
"""Test times of its beginning and its end, s."""

_STEPS = ("gap", "impedance")
"""Kinds of rows of ``step`` in which neither voltage nor current is sampled: an interruption, a sweep."""

_OPENED, _RESUMED = "circuit_opened", "resumed"
"""Kinds of events that enclose a pause; one at the look at the open-circuit voltage leaves no row of ``step``."""


def silences(connection: Connection, run_id: int) -> list[Silence]:
    """Those of a run that are over, by their beginning; they may overlap."""
    step, event = tables.step.c, tables.event.c
    rows = connection.execute(
        select(step.start_time_second, step.end_time_second).where(
            step.run_id == run_id, step.kind.in_(_STEPS), step.end_time_second.is_not(None)
        )
    )
    switched = connection.execute(
        select(event.kind, event.test_time_second)
        .where(event.run_id == run_id, event.kind.in_((_OPENED, _RESUMED)))
        .order_by(event.event_id)
    )
    pauses = _pauses((row.kind, row.test_time_second) for row in switched)
    return sorted([*((row.start_time_second, row.end_time_second) for row in rows), *pauses])


def _pauses(switched: Iterable[tuple[str, float]]) -> Iterator[Silence]:
    opened_s = None
    for kind, time_s in switched:
        if kind == _RESUMED and opened_s is not None:
            yield opened_s, time_s
        opened_s = time_s if kind == _OPENED else None
