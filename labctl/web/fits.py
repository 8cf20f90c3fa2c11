"""Fits of the spectra of runs, worked out once, in the background, and kept while the server lives."""

import asyncio
import traceback
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from labctl.analysis.spectrum_series import SpectrumFigures, series_figures
from labctl.instrument.impedance import Spectrum

PATIENCE_S = 0.5
"""How long a viewer waits for fits before it is given the spectra without."""

_RUNS_KEPT = 100


class _Fitted(NamedTuple):
    spectra: int
    task: "asyncio.Task[list[SpectrumFigures] | None]"


class Fits:
    """The fits of runs by their number, one run at a time."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, _Fitted] = OrderedDict()
        self._turn = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Fit meanwhile."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                yield
            finally:
                for fitted in self._known.values():
                    fitted.task.cancel()

    async def of(self, run_id: int, spectra: Sequence[Spectrum]) -> list[SpectrumFigures] | None:
        """The figures of all spectra of a run; None if they are still being worked out, or cannot be."""
        known = self._known.get(run_id)
        if known is None or known.spectra != len(spectra):
            if self._group is None:
                return None
            if known is not None:
                known.task.cancel()
            task = self._group.create_task(self._work_out(list(spectra)), name=f"fitting run {run_id}")
            self._known[run_id] = known = _Fitted(len(spectra), task)
            if len(self._known) > _RUNS_KEPT:
                self._known.popitem(last=False)[1].task.cancel()
        await asyncio.wait((known.task,), timeout=PATIENCE_S)
        return known.task.result() if known.task.done() and not known.task.cancelled() else None

    async def _work_out(self, spectra: Sequence[Spectrum]) -> list[SpectrumFigures] | None:
        async with self._turn:
            try:
                return await asyncio.to_thread(series_figures, spectra)
            except Exception:  # noqa: BLE001  a bug in a fit must not end the dashboard: the spectra are shown without
                traceback.print_exc()
                return None
