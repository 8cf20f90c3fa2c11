"""What the store itself writes into the chain of events: beginnings, ends, and copies of rows that are final.

``data`` holds under ``rows`` a copy of each row that was final when the event was written, by table; under
``points_sha256`` the hashes over the points of spectra, by spectrum; and under ``first_seq``, ``last_seq`` and
``samples_sha256`` the seal over the samples since the seal before. ``labctl.audit`` compares all of them with what the
tables hold.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from labctl.protocol.plan import Plan
from labctl.store import chain, tables
from labctl.store.records import CUT_OFF, RunState
from labctl.store.rows import json_from, json_text
from labctl.store.seal import SampleSeal, points_sha256

RUN_STARTED = "run_started"
RUN_ADOPTED = "run_adopted"
RUN_GOES_ON = "run_goes_on"
RUN_ENDED = "run_ended"
STEP_ENDED = "step_ended"
HALF_CYCLE_ENDED = "half_cycle_ended"
HALF_CYCLE_REOPENED = "half_cycle_reopened"
SPECTRUM_MEASURED = "spectrum_measured"

SEALING = (RUN_ADOPTED, STEP_ENDED, RUN_ENDED)
"""Events that carry a seal over samples."""

ROWS = "rows"
POINTS = "points_sha256"
TAKEN_BACK = "taken_back"
"""Under this, ``data`` names rows that were final and are no longer."""

STORE = "store"
"""The author of what is written here, which says again, for the audit, what other rows say."""

_NOT_COPIED = ("host", "boot_id", "process_id", "last_written_unix_time_second")
"""Columns of ``run`` that tell where it is written: the same virtual run gives the same chain on every computer."""

_HASHED = ("protocol_text", "plan")
"""Columns of ``run`` that are long: the copy has their hash."""

_CHUNK_ROWS = 20_000

Values = Mapping[str, Any]


def event_row(
    run_id: int,
    event_id: int,
    kind: str,
    times_s: tuple[float, float],
    author: str,
    message: str,
    data: Values | None,
) -> dict[str, Any]:
    """A row of ``event``, but for its place in the chain; ``times_s``: since the run's start, and on the calendar."""
    return {
        "run_id": run_id,
        "event_id": event_id,
        "kind": kind,
        "test_time_second": times_s[0] + 0.0,  # a float, and never -0.0, which SQLite would not give back
        "unix_time_second": times_s[1] + 0.0,
        "author": author,
        "message": message,
        "data": json_text(data),
        "published": False,
    }


def run_started(run: Values, cell: Values, plan: Plan) -> dict[str, Any]:
    """The first event of a run: what is to be done to which cell, on which instrument, within which limits."""
    data = {
        ROWS: {"run": [_without_state(copy_of_run(run))], "cell": [dict(cell)]},
        "safety": asdict(plan.safety),
        "stop_rules": [asdict(rule) for rule in plan.rules],
    }
    message = f"{plan.protocol} on {plan.cell.name or 'an unnamed cell'}, channel {run['channel']}"
    times_s = (0.0, run["started_unix_time_second"])
    return event_row(run["run_id"], 1, RUN_STARTED, times_s, STORE, message, data)


def copy_of_run(run: Values) -> dict[str, Any]:
    """What an event copies of a row of ``run``."""
    kept = {name: value for name, value in run.items() if name not in _NOT_COPIED}
    return kept | {name: hashed(run[name]) for name in _HASHED}


def _without_state(copy: Values) -> dict[str, Any]:
    return {name: value for name, value in copy.items() if name != "state"}


def hashed(text: str | None) -> dict[str, str] | None:
    """What a copy holds in place of a long text."""
    return None if text is None else {"sha256": hashlib.sha256(text.encode()).hexdigest()}


def note_interruption(connection: Connection, run_id: int) -> None:
    """Write down that a run's process was cut off, and seal the samples that it left unsealed."""
    run = connection.execute(select(tables.run).where(tables.run.c.run_id == run_id)).one()
    end_s = run.ended_unix_time_second
    copy = {
        "run_id": run_id,
        "state": run.state,
        "end_reason": run.end_reason,
        "ended_unix_time_second": end_s,
    }
    data = {ROWS: {"run": [copy]}, **remainder(connection, run_id).as_data()}
    message = f"{RunState.INTERRUPTED}: {CUT_OFF}"
    times_s = (end_s - run.started_unix_time_second, end_s)
    event_id = last_event(connection, run_id)[0] + 1
    chain.append(connection, [event_row(run_id, event_id, RUN_ENDED, times_s, STORE, message, data)])


def last_event(connection: Connection, run_id: int) -> tuple[int, float]:
    """Number and test time of a run's last event; zeros if there is none."""
    event = tables.event.c
    query = select(event.event_id, event.test_time_second).where(event.run_id == run_id)
    found = connection.execute(query.order_by(event.event_id.desc()).limit(1)).one_or_none()
    return (found.event_id, found.test_time_second) if found else (0, 0.0)


def remainder(connection: Connection, run_id: int) -> SampleSeal:
    """A seal over the samples of a run that are stored and under none yet."""
    event = tables.event.c
    last = connection.scalar(
        select(event.data)
        .where(event.run_id == run_id, event.kind.in_(SEALING))
        .order_by(event.event_id.desc())
        .limit(1)
    )
    seal = SampleSeal(int((json_from(last) or {"last_seq": 0})["last_seq"]) + 1)
    add_stored(connection, run_id, seal)
    return seal


def add_stored(connection: Connection, run_id: int, seal: SampleSeal, last_seq: int | None = None) -> None:
    """Give a seal the samples that follow, as they are stored, up to ``last_seq`` or to the end."""
    sample = tables.sample
    query = select(sample).where(sample.c.run_id == run_id).order_by(sample.c.seq).limit(_CHUNK_ROWS)
    if last_seq is not None:
        query = query.where(sample.c.seq <= last_seq)
    while rows := connection.execute(query.where(sample.c.seq > seal.last_seq)).all():
        seal.add([tuple(row) for row in rows])


def stored_points_sha256(connection: Connection, run_id: int, spectrum_id: int) -> str:
    """The hash over the points of a spectrum as they are stored."""
    point = tables.impedance_point
    query = select(point).where(point.c.run_id == run_id, point.c.spectrum_id == spectrum_id)
    return points_sha256([tuple(row) for row in connection.execute(query.order_by(point.c.point))])
