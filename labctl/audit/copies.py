"""Compares rows with the copies of them that events took when the rows were final."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, select

from labctl.audit.findings import Finding
from labctl.store import tables
from labctl.store.trail import ROWS, TAKEN_BACK, hashed

_FINAL = {
    tables.step: tables.step.c.end_time_second.is_not(None),
    tables.half_cycle: tables.half_cycle.c.complete.is_not(None),
    tables.spectrum: tables.spectrum.c.mode.is_not(None),
}
"""Tables of which every row of a run has to be in the chain, and which of their rows are final."""

_LASTING = ("run", "cell")

_KEYS = {
    name: [column.name for column in table.primary_key] for name, table in tables.metadata.tables.items()
}

Values = Mapping[str, Any]


class Key(NamedTuple):
    """A row: its table, its run (0 for cells), its number."""

    table: str
    run_id: int
    number: int

    def __str__(self) -> str:
        if self.table in _LASTING:
            return f"{self.table} {self.number}"
        return f"{self.table} {self.number} of run {self.run_id}"


class Copies:
    """Collects the copies and compares them, many at a time.

    A row may be copied again, or taken back, by a later event; the latest word holds. Of runs and cells each event
    copies some columns; what is known of them is put together and compared last.

    Attributes:
        compared: how many copies were compared.
    """

    def __init__(self) -> None:
        self.compared = 0
        self._waiting: dict[Key, Values] = {}
        self._lasting: dict[Key, Values] = {}
        self._known: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
        self._suspects: dict[Key, str] = {}

    def take(self, data: Values) -> None:
        """What one event says of rows."""
        for name, row in _each(data.get(ROWS, {})):
            key = _key(name, row)
            if name in _LASTING:
                self._lasting[key] = {**self._lasting.get(key, {}), **row}
            else:
                self._waiting[key] = row
            self._known[key.table, key.run_id].add(key.number)
        for name, row in _each(data.get(TAKEN_BACK, {})):
            key = _key(name, row)
            self._waiting.pop(key, None)
            self._suspects.pop(key, None)
            self._known[key.table, key.run_id].discard(key.number)

    def compare(self, connection: Connection) -> None:
        """Compare what has been collected with the tables."""
        by_place: defaultdict[tuple[str, int], dict[int, Values]] = defaultdict(dict)
        for key, row in self._waiting.items():
            by_place[key.table, key.run_id][key.number] = row
            self._suspects.pop(key, None)
        for (name, run_id), copies in by_place.items():
            found = _fetch(connection, tables.metadata.tables[name], run_id, copies)
            for number, copy in copies.items():
                if problem := _difference(copy, found.get(number)):
                    self._suspects[Key(name, run_id, number)] = problem
        self.compared += len(self._waiting)
        self._waiting = {}

    def findings(self, connection: Connection, over: set[int]) -> Iterator[Finding]:
        """What differs, and what is in the tables but in no event. ``over``: runs that nobody writes any more."""
        self._waiting = self._lasting
        self.compare(connection)
        for key, problem in self._suspects.items():
            yield Finding(str(key), problem)
        for run_id in sorted(over):
            for table, final in _FINAL.items():
                number = table.c[_KEYS[table.name][-1]]
                of_run = select(func.count(number)).where(table.c.run_id == run_id, final)
                extra = (connection.scalar(of_run) or 0) - len(self._known[table.name, run_id])
                if extra > 0:
                    yield Finding(f"{table.name} of run {run_id}", f"{extra} rows that no record speaks of")

    def knows_run(self, run_id: int) -> bool:
        """Whether the chain tells of the beginning of a run."""
        return run_id in self._known["run", 0]


def _each(rows: Mapping[str, list[Values]]) -> Iterator[tuple[str, Values]]:
    return ((name, row) for name, of_table in rows.items() for row in of_table)


def _key(name: str, row: Values) -> Key:
    *run, number = (int(row[column]) for column in _KEYS[name])
    return Key(name, run[0] if run else 0, number)


def _fetch(
    connection: Connection, table: Table, run_id: int, copies: Mapping[int, Values]
) -> dict[int, Values]:
    number = table.c[_KEYS[table.name][-1]]
    query = select(table).where(number.between(min(copies), max(copies)))
    if len(_KEYS[table.name]) > 1:
        query = query.where(table.c.run_id == run_id)
    return {row[number.name]: dict(row) for row in connection.execute(query).mappings()}


def _difference(copy: Values, row: Values | None) -> str:
    if row is None:
        return "missing"
    changed = []
    for name, value in copy.items():
        if isinstance(value, dict):
            if hashed(row[name]) != value:
                changed.append(f"{name} is another text")
        elif row[name] != value:
            changed.append(f"{name} is {row[name]!r}, was {value!r}")
    return ", ".join(changed)
