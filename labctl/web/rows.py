"""Reads samples by their numbers, as arrays: what lies together in the database is read together; and stored plans."""

from collections.abc import Iterable
from itertools import chain
from typing import Any, cast

import numpy as np
from sqlalchemy import Engine, Select, func, select

from labctl.store import database, tables
from labctl.store.silence import Silence, silences
from labctl.web.pyramid import Column

COLUMNS = ("voltage_volt", "current_ampere")
"""What is shown of a sample, besides its time; they are never NULL."""

_sample = tables.sample.c
_SHOWN = (_sample.test_time_second, _sample.voltage_volt, _sample.current_ampere)


class Rows:
    """A database, read-only.

    Args:
        url: path or URL.

    Raises:
        DataError: there is no such database.
    """

    def __init__(self, url: str) -> None:
        self.address = database.locate(url)
        self._engine: Engine = database.open_for_reading(self.address)

    def count(self, run_id: int) -> int:
        """How many samples a run has; they are numbered from 1 without a gap."""
        with database.reading(self.address), self._engine.connect() as connection:
            query = select(func.max(_sample.seq)).where(_sample.run_id == run_id)
            return connection.scalar(query) or 0

    def stretch(self, run_id: int, first: int, last: int) -> tuple[Column, Column]:
        """Times, and values of shape (n, columns), of samples ``first`` to ``last``.

        Raises:
            DataError: the database cannot be read.
        """
        query = (
            select(*_SHOWN)
            .where(_sample.run_id == run_id, _sample.seq.between(first, last))
            .order_by(_sample.seq)
        )
        return self._table(query)

    def picked(self, run_id: int, numbers: list[int]) -> tuple[Column, Column]:
        """The same of some samples, by their numbers; at most a few thousand."""
        query = (
            select(*_SHOWN).where(_sample.run_id == run_id, _sample.seq.in_(numbers)).order_by(_sample.seq)
        )
        return self._table(query)

    def first_after(self, run_id: int, time_s: float, count: int) -> int:
        """The number of the first sample that is not earlier than a time; ``count + 1`` if there is none.

        Time is in no index, but grows with the number: the place is found by halving.
        """
        low, high = 1, count + 1
        with database.reading(self.address), self._engine.connect() as connection:
            while low < high:
                middle = (low + high) // 2
                query = select(_sample.test_time_second).where(
                    _sample.run_id == run_id, _sample.seq == middle
                )
                if (found_s := connection.scalar(query)) is not None and found_s < time_s:
                    low = middle + 1
                else:
                    high = middle
        return low

    def silences(self, run_id: int) -> list[Silence]:
        """When a run was without samples."""
        with database.reading(self.address), self._engine.connect() as connection:
            return silences(connection, run_id)

    def plan_text(self, run_id: int) -> str | None:
        """The plan of a run, as stored; None if it was not."""
        with database.reading(self.address), self._engine.connect() as connection:
            plan: str | None = connection.scalar(
                select(tables.run.c.plan).where(tables.run.c.run_id == run_id)
            )
        return plan

    def _table(self, query: Select[Any]) -> tuple[Column, Column]:
        with database.reading(self.address), self._engine.connect() as connection:
            cursor = cast("Iterable[Any]", connection.execute(query).cursor)
            # Straight from the driver's cursor: rows as objects would cost more than reading them.
            flat = np.fromiter(chain.from_iterable(cursor), dtype=np.float64)
        table = flat.reshape(-1, len(_SHOWN))
        return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1:])
