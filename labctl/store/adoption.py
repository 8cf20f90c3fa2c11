"""Takes runs that were written before the chain existed into it, as they are found."""

from typing import Any

from sqlalchemy import Connection, Table, select

from labctl.store import chain, tables, trail


def adopt_runs(connection: Connection) -> None:
    """Write an event for each run that no event has begun: a copy of its rows, a seal over its samples."""
    run, event = tables.run, tables.event.c
    known = select(event.run_id).where(event.kind.in_((trail.RUN_STARTED, trail.RUN_ADOPTED)))
    for row in (
        connection.execute(select(run).where(run.c.run_id.not_in(known)).order_by(run.c.run_id))
        .mappings()
        .all()
    ):
        chain.append(connection, [_adopted(connection, dict(row))])


def _adopted(connection: Connection, run: dict[str, Any]) -> dict[str, Any]:
    run_id = run["run_id"]
    step, cell = tables.step, tables.cell
    spectra = _rows(connection, tables.spectrum, run_id)
    of_cell = connection.execute(select(cell).where(cell.c.cell_id == run["cell_id"])).mappings().one()
    data = {
        trail.ROWS: {
            "run": [trail.copy_of_run(run)],
            "cell": [dict(of_cell)],
            "step": [row for row in _rows(connection, step, run_id) if row["end_time_second"] is not None],
            "half_cycle": _rows(connection, tables.half_cycle, run_id),
            "spectrum": spectra,
        },
        trail.POINTS: {
            str(row["spectrum_id"]): trail.stored_points_sha256(connection, run_id, row["spectrum_id"])
            for row in spectra
        },
        **trail.remainder(connection, run_id).as_data(),
    }
    event_id, test_s = trail.last_event(connection, run_id)
    times_s = (test_s, run["started_unix_time_second"] + test_s)
    message = f"{run['state']}, written before there was a chain of events; as found"
    return trail.event_row(run_id, event_id + 1, trail.RUN_ADOPTED, times_s, trail.STORE, message, data)


def _rows(connection: Connection, table: Table, run_id: int) -> list[dict[str, Any]]:
    query = select(table).where(table.c.run_id == run_id).order_by(*table.primary_key)
    return [dict(row) for row in connection.execute(query).mappings()]
