"""What one run writes in one transaction, sorted by kind so that each kind is one statement."""

from collections.abc import Mapping, Sequence
from itertools import chain as chained
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, delete, exists, insert, select, update

from labctl.store import chain, tables
from labctl.store.liveness import unix_time_s

SampleRow = tuple[int, int, float, float, int, float, float, float | None, int]
"""A row of ``sample``, its values in the order of the table's columns."""

_ROWS_A_STATEMENT = 200

_INSERTED_FIRST = (tables.step,)
_INSERTED_LAST = (tables.half_cycle, tables.spectrum, tables.impedance_point)

_END_STEP = (
    update(tables.step)
    .where(tables.step.c.run_id == bindparam("of_run"), tables.step.c.step_id == bindparam("of_step"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "start_time_second",
                "end_time_second",
                "end_reason",
                "charge_coulomb",
                "energy_joule",
            )
        }
    )
)


_DELETE_PROGRESS = delete(tables.progress).where(tables.progress.c.run_id == bindparam("of_run"))
_INSERT_PROGRESS = insert(tables.progress)
_ALIVE = (
    update(tables.run)
    .where(tables.run.c.run_id == bindparam("of_run"))
    .values(last_written_unix_time_second=bindparam("now"))
)
# Made once: of a thousand runs that write each second, the making of statements would be most of the work.


class SampleInsert:
    """Inserts sample rows the fast way: many rows in one statement, in the words of the database's driver.

    Several hundred rows under one VALUES take a third less time than as many executions of a one-row statement.
    """

    def __init__(self, dialect: Dialect) -> None:
        mark = "?" if dialect.paramstyle == "qmark" else "%s"
        names = [column.name for column in tables.sample.columns]
        row = f"({', '.join([mark] * len(names))})"
        into = f"INSERT INTO {tables.sample.name} ({', '.join(names)}) VALUES "
        self._one = into + row
        self._many = into + ", ".join([row] * _ROWS_A_STATEMENT)

    def __call__(self, connection: Connection, rows: Sequence[SampleRow]) -> None:
        """Insert all of ``rows``."""
        whole = len(rows) - len(rows) % _ROWS_A_STATEMENT
        for first in range(0, whole, _ROWS_A_STATEMENT):
            values = tuple(chained.from_iterable(rows[first : first + _ROWS_A_STATEMENT]))
            connection.exec_driver_sql(self._many, values)
        if whole < len(rows):
            connection.exec_driver_sql(self._one, list(rows[whole:]))


class Batch:
    """Rows of one run, collected by its writer and written whole or not at all.

    The order of the kinds satisfies every reference between the tables, whatever the order in which they came.
    """

    def __init__(self, run_id: int, insert_samples: SampleInsert) -> None:
        self.samples: list[SampleRow] = []
        self._run_id = run_id
        self._insert_samples = insert_samples
        self._rows: dict[Table, list[dict[str, Any]]] = {}
        self._step_ends: list[dict[str, Any]] = []
        self._run: dict[str, Any] = {}
        self._progress: dict[str, Any] = {}
        self._reopened: list[int] = []

    def add(self, table: Table, **values: Any) -> None:
        """A new row of the run in any table but ``sample``."""
        self._rows.setdefault(table, []).append({"run_id": self._run_id, **values})

    def end_step(self, step_id: int, **values: Any) -> None:
        """What became known at the end of a step."""
        self._step_ends.append({"of_run": self._run_id, "of_step": step_id, **values})

    def change_run(self, **values: Any) -> None:
        """Columns of the run's own row: how it ended, or that it goes on."""
        self._run |= values

    def progress(self, **values: Any) -> None:
        """How far the run has come, in place of what is stored."""
        self._progress = values

    def reopen_half_cycle(self, half_cycle_id: int) -> None:
        """A half-cycle that was closed by an interruption goes on: its row is taken back."""
        self._reopened.append(half_cycle_id)

    def is_stored(self, connection: Connection) -> bool:
        """Whether it is in the database, as after a failed synchronisation it may be. Without rows of its own: no."""
        if self.samples:
            _, seq, *_ = self.samples[-1]
            return _exists(connection, tables.sample, {"run_id": self._run_id, "seq": seq})
        return any(_exists(connection, table, rows[-1]) for table, rows in self._rows.items())

    def is_empty(self) -> bool:
        """Whether there is nothing to write but the sign of life."""
        return not (self.samples or self._rows or self._step_ends or self._run)

    def write(self, connection: Connection) -> None:
        """Write everything, within the caller's transaction."""
        half_cycle = tables.half_cycle
        for half_cycle_id in self._reopened:
            connection.execute(
                delete(half_cycle).where(
                    half_cycle.c.run_id == self._run_id, half_cycle.c.half_cycle_id == half_cycle_id
                )
            )
        self._insert(connection, _INSERTED_FIRST)
        self._insert_samples(connection, self.samples)
        if self._step_ends:
            connection.execute(_END_STEP, self._step_ends)
        self._insert(connection, _INSERTED_LAST)
        chain.append(connection, self._rows.get(tables.event, ()))
        if self._progress:
            connection.execute(_DELETE_PROGRESS, {"of_run": self._run_id})
            connection.execute(_INSERT_PROGRESS, {"run_id": self._run_id, **self._progress})
        connection.execute(_ALIVE, {"of_run": self._run_id, "now": unix_time_s()})
        if self._run:
            connection.execute(
                update(tables.run).where(tables.run.c.run_id == self._run_id).values(**self._run)
            )

    def _insert(self, connection: Connection, kinds: Sequence[Table]) -> None:
        for table in kinds:
            if rows := self._rows.get(table):
                connection.execute(insert(table), rows)


def _exists(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    key = (column == row[column.name] for column in table.primary_key.columns)
    return connection.scalar(select(exists().where(*key))) is True
