"""What has been recorded: runs, their figures, spectra with fits, and events, as documents for a browser.

Every question is answered in a thread, by a short read-only transaction.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from labctl.half_cycle import HalfCycle
from labctl.store.reader import Reader
from labctl.store.records import RunRecord, RunState
from labctl.web import documents
from labctl.web.asked import EventsQuery, RunsQuery, SeriesQuery
from labctl.web.curves import Curves
from labctl.web.fits import Fits
from labctl.web.happened import Happened
from labctl.web.plan_document import steps, stored_plan
from labctl.web.rows import COLUMNS, Rows
from labctl.web.series import Series

SPREAD_CYCLES = 8
_COLUMN_OF = {
    name: COLUMNS.index(column) for name, column in zip(("voltage", "current"), COLUMNS, strict=True)
}
_RECORDS_KEPT = 200


class History:
    """A database, for looking into.

    Args:
        url: path or URL.
        folder: where what took long to read is kept; None: nowhere.

    Raises:
        DataError: there is no such database, or it cannot be read.
    """

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self._reader = Reader(url)
        self._rows = Rows(url)
        self._curves = Curves(self._rows, folder)
        self._fits = Fits()
        self._happened = Happened(url)
        self._over: OrderedDict[int, RunRecord] = OrderedDict()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read and fit in the background meanwhile."""
        async with self._curves.running(), self._fits.running():
            yield

    async def runs(self, asked: RunsQuery) -> dict[str, Any]:
        """One page of runs, the newest first."""
        return await asyncio.to_thread(self._page, asked)

    def _page(self, asked: RunsQuery) -> dict[str, Any]:
        """Whether a run still goes on is not in its row alone, so states are looked at here."""
        found: list[RunRecord] = []
        before = asked.before
        while len(found) <= asked.limit:
            page = self._reader.latest_runs(asked.limit + 1, before, asked.cell or "")
            found += [run for run in page if asked.state in (None, run.state)]
            if len(page) <= asked.limit:
                break
            before = page[-1].run_id
        more = len(found) > asked.limit
        runs = found[: asked.limit]
        return {
            "runs": [documents.run(run) for run in runs],
            "next_before": runs[-1].run_id if more else None,
        }

    async def run(self, run_id: int) -> dict[str, Any]:
        """One run in full."""
        return await asyncio.to_thread(self._in_full, run_id)

    def _in_full(self, run_id: int) -> dict[str, Any]:
        run = self._reader.run(run_id)
        executed = self._reader.steps(run_id)
        goes_on = run.state in (RunState.RUNNING, RunState.PAUSED) and bool(executed)
        plan = stored_plan(self._rows.plan_text(run_id))
        return documents.run_in_full(run, plan) | {
            "steps": [] if plan is None else steps(plan),
            "present_step": documents.executed_step(executed[-1]) if goes_on else None,
        }

    async def series(self, run_id: int, asked: SeriesQuery) -> Series:
        """A curve; a window that ends before it begins is one moment."""
        start_s, end_s = asked.start_s, max(asked.start_s, asked.end_s)
        columns = [_COLUMN_OF[name] for name in dict.fromkeys(asked.y.split(","))]
        run = await self._record(run_id)
        if asked.x == "time":
            return await self._curves.over_time(run.run_id, start_s, end_s, asked.points, columns)
        half_cycles = await asyncio.to_thread(self._reader.half_cycles, run_id)
        inside = [h for h in half_cycles if h.end_s >= start_s and h.start_s <= end_s]
        chosen = _chosen(inside, asked.cycles)
        return await self._curves.over_charge(run.run_id, chosen, asked.points, columns)

    async def cycles(self, run_id: int) -> dict[str, Any]:
        """Half-cycles and cycles."""
        await self._record(run_id)
        return documents.cycles(await asyncio.to_thread(self._reader.half_cycles, run_id))

    async def spectra(self, run_id: int) -> dict[str, Any]:
        """Spectra, with their fits as far as these are done."""
        await self._record(run_id)
        records = await asyncio.to_thread(self._reader.spectra, run_id)
        figures = await self._fits.of(run_id, [record.spectrum for record in records])
        spectra = [
            documents.spectrum(record, figures[n] if figures is not None else None)
            for n, record in enumerate(records)
        ]
        return {"spectra": spectra, "fitted": figures is not None}

    async def events(self, run_id: int) -> dict[str, Any]:
        """What was decided, tagged or noticed."""
        await self._record(run_id)
        events = await asyncio.to_thread(self._reader.events, run_id)
        return {"events": [documents.event(event) for event in events]}

    async def happened(self, asked: EventsQuery) -> dict[str, Any]:
        """One page of the events of all runs, the newest first."""
        return await asyncio.to_thread(self._happened.page, asked)

    async def _record(self, run_id: int) -> RunRecord:
        """A run; one that is over is asked for once.

        Raises:
            DataError: there is no such run.
        """
        if run_id in self._over:
            return self._over[run_id]
        run = await asyncio.to_thread(self._reader.run, run_id)
        if run.state not in (RunState.RUNNING, RunState.PAUSED, RunState.INTERRUPTED):
            self._over[run_id] = run
            if len(self._over) > _RECORDS_KEPT:
                self._over.popitem(last=False)
        return run


def _chosen(half_cycles: Sequence[HalfCycle], cycles: str | None) -> list[HalfCycle]:
    """The half-cycles of the cycles that were asked for, or of some that are spread over all."""
    if cycles is not None:
        wanted = {int(number) for number in cycles.split(",")}
    else:
        known = sorted({half_cycle.cycle for half_cycle in half_cycles})
        places = np.unique(np.linspace(0, len(known) - 1, SPREAD_CYCLES).round().astype(int))
        wanted = {known[place] for place in places} if known else set()
    return [half_cycle for half_cycle in half_cycles if half_cycle.cycle in wanted]
