"""Curves of stored runs, in any window and at any width, fast also for millions of samples.

A pyramid of extremes is kept for each run that was looked at lately, and brought up to date before it is used: a run
that goes on adds little each time. One that is far behind is read in the background, and until then evenly picked
samples are shown, marked as preliminary. Pyramids of long runs are kept in files, so that they are read once.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from labctl.errors import DataError
from labctl.half_cycle import HalfCycle
from labctl.report.thinning import breaks
from labctl.store.silence import Silence
from labctl.web.pyramid import STRETCH, Column, Pyramid, of_samples
from labctl.web.rows import COLUMNS, Rows
from labctl.web.series import Points, Segment, Series, broken, envelope, joined

AT_ONCE = 200_000
"""Samples that are read while the viewer waits: about 0.2 s."""

CHUNK = 100_000
MOST_SAMPLES = 60_000_000
"""In all pyramids together; the one that was not looked at for longest is dropped. 240 MB."""

WORTH_A_FILE = 500_000


class Curves:
    """The curves of a database.

    Args:
        rows: its samples.
        folder: where pyramids of long runs are kept; None: nowhere.
    """

    def __init__(self, rows: Rows, folder: Path | None) -> None:
        self._rows = rows
        self._folder = folder
        self._runs: OrderedDict[int, _Run] = OrderedDict()
        self._group: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read in the background meanwhile."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                yield
            finally:
                for run in self._runs.values():
                    run.stop()

    async def over_time(
        self, run_id: int, start_s: float, end_s: float, most: int, columns: Sequence[int]
    ) -> Series:
        """A curve against time.

        Args:
            run_id: the run.
            start_s, end_s: the window; infinite: from the start, to the end.
            most: points, at least 16.
            columns: which of the ``COLUMNS``.
        """
        run = self._run(run_id)
        count = await asyncio.to_thread(self._rows.count, run_id)
        behind = count - run.pyramid.samples
        if behind > AT_ONCE:
            if self._group is not None:
                run.read_on(self._group, count)
            drawn = await asyncio.to_thread(self._picked, run_id, start_s, end_s, most, count)
        else:
            async with run.reading:
                drawn = await asyncio.to_thread(self._drawn, run, count, start_s, end_s, most)
        silences = await asyncio.to_thread(self._rows.silences, run_id)
        return _series(drawn, columns, silences, most, run.pyramid)

    def _drawn(self, run: "_Run", count: int, start_s: float, end_s: float, most: int) -> "_Drawn":
        run.extend(count)
        first, last = run.pyramid.between(start_s, end_s)
        rough = max(0, last - first + 1)
        # Two stretches and more in each span of the plot: then a value is at most half a span out of its place.
        extremes = run.pyramid.window(start_s, end_s, most) if rough > most * STRETCH else None
        if extremes is None:
            time_s, values = self._rows.stretch(run.run_id, first - 1, last + 1)
            low, high = np.searchsorted(time_s, start_s, "left"), np.searchsorted(time_s, end_s, "right")
            inside = int(high - low)
            if inside <= most:
                around = slice(max(0, int(low) - 1), int(high) + 1)  # so that the line reaches the edges
                return _Drawn(Points(time_s[around], values[around]), inside, exact=True)
            extremes, rough = of_samples(time_s[low:high], values[low:high]), inside
        return _Drawn(envelope(extremes, most // 2), rough)

    def _picked(self, run_id: int, start_s: float, end_s: float, most: int, count: int) -> "_Drawn":
        first = 1 if start_s == -np.inf else self._rows.first_after(run_id, start_s, count)
        last = count if end_s == np.inf else self._rows.first_after(run_id, end_s, count)
        numbers = np.unique(np.linspace(first, max(first, min(last, count)), min(most, 2000)).astype(int))
        return _Drawn(Points(*self._rows.picked(run_id, numbers.tolist())), 0, preliminary=True)

    async def over_charge(
        self, run_id: int, half_cycles: Sequence[HalfCycle], most: int, columns: Sequence[int]
    ) -> Series:
        """Curves against the charge that has passed in each of some half-cycles, C, from 0."""
        return await asyncio.to_thread(self._charged, run_id, half_cycles, most, columns)

    def _charged(
        self, run_id: int, half_cycles: Sequence[HalfCycle], most: int, columns: Sequence[int]
    ) -> Series:
        count = self._rows.count(run_id)
        parts, segments, offset, samples = [], [], 0, 0
        for half_cycle in half_cycles:
            first = self._rows.first_after(run_id, half_cycle.start_s, count)
            last = self._rows.first_after(run_id, np.nextafter(half_cycle.end_s, np.inf), count) - 1
            time_s, values = self._rows.stretch(run_id, first, last)
            if not len(time_s):
                continue
            part = _against_charge(time_s, values, most)
            segments.append(Segment(offset, len(part.x), half_cycle.cycle, half_cycle.sign))
            parts.append(part)
            offset += len(part.x) + 1
            samples += len(time_s)
        found = joined(parts, len(COLUMNS))
        names = ("charge_coulomb", *(COLUMNS[n] for n in columns))
        exact = samples == sum(segment.length for segment in segments)
        shown = Points(found.x, found.values[:, list(columns)])
        return Series(names, shown, exact, False, samples, None, None, tuple(segments))

    def _run(self, run_id: int) -> "_Run":
        run = self._runs.pop(run_id, None)
        self._runs[run_id] = run = run or _Run(run_id, self._rows, self._file(run_id))
        while (
            len(self._runs) > 1 and sum(known.pyramid.samples for known in self._runs.values()) > MOST_SAMPLES
        ):
            self._runs.popitem(last=False)[1].stop()
        return run

    def _file(self, run_id: int) -> Path | None:
        """By the database and the run's number, which is not given to another run there."""
        if self._folder is None:
            return None
        name = hashlib.sha256(str(self._rows.address).encode()).hexdigest()[:16]
        return self._folder / f"{name}-{run_id}.npz"


class _Drawn(NamedTuple):
    """Points of a curve against time, and how they were come by."""

    points: Points
    samples: int
    exact: bool = False
    preliminary: bool = False


class _Run:
    """The pyramid of a run, and what brings it up to date."""

    def __init__(self, run_id: int, rows: Rows, file: Path | None) -> None:
        self.run_id = run_id
        self._rows = rows
        self._file = file
        self.pyramid = Pyramid(len(COLUMNS)) if file is None else Pyramid.load(file, len(COLUMNS))
        self.reading = asyncio.Lock()
        self._checked = file is None
        self._task: asyncio.Task[None] | None = None

    def extend(self, count: int) -> None:
        """Take in the samples up to a number, in the present thread."""
        if not self._is_of_this_run(count):
            self.pyramid = Pyramid(len(COLUMNS))
        while self.pyramid.samples < count:
            done = self.pyramid.samples
            time_s, values = self._rows.stretch(self.run_id, done + 1, min(done + CHUNK, count))
            if not len(time_s):
                return
            self.pyramid.add(time_s, values)

    def _is_of_this_run(self, count: int) -> bool:
        """Whether a pyramid from a file fits what is in the database by now: another may lie in its place."""
        if self._checked or not self.pyramid.samples:
            return True
        self._checked = True
        number = self.pyramid.samples
        time_s, _ = self._rows.stretch(self.run_id, number, number)
        return number <= count and len(time_s) == 1 and float(time_s[0]) == self.pyramid.last_s

    def read_on(self, group: asyncio.TaskGroup, count: int) -> None:
        """Take them in in the background."""
        if self._task is None or self._task.done():
            self._task = group.create_task(self._read_all(count), name=f"reading run {self.run_id}")

    def stop(self) -> None:
        """Give reading up."""
        if self._task is not None:
            self._task.cancel()

    async def _read_all(self, count: int) -> None:
        with suppress(DataError):  # whoever asks next is told
            await self._read_up_to(count)

    async def _read_up_to(self, count: int) -> None:
        async with self.reading:
            while (before := self.pyramid.samples) < count:
                await asyncio.to_thread(self.extend, min(before + CHUNK, count))
                if self.pyramid.samples == before:
                    return
            if self._file is not None and self.pyramid.samples >= WORTH_A_FILE:
                with suppress(OSError):  # it is only kept to be faster next time
                    await asyncio.to_thread(self._save, self._file)

    def _save(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.pyramid.save(file)


def _against_charge(time_s: Column, values: Column, most: int) -> Points:
    current_A = np.abs(values[:, 1])
    charge_C = np.concatenate(([0.0], np.cumsum(np.diff(time_s) * 0.5 * (current_A[1:] + current_A[:-1]))))
    return (
        Points(charge_C, values)
        if len(charge_C) <= most
        else envelope(of_samples(charge_C, values), most // 2)
    )


def _series(
    drawn: "_Drawn", columns: Sequence[int], silences: Sequence[Silence], most: int, pyramid: Pyramid
) -> Series:
    names = ("test_time_second", *(COLUMNS[n] for n in columns))
    found = Points(drawn.points.x, drawn.points.values[:, list(columns)])
    span_s = float(np.ptp(found.x)) / (most // 2) if len(found.x) and not drawn.exact else 0.0
    shown, segments = broken(found, breaks(found.x, silences, span_s))
    return Series(
        names,
        shown,
        drawn.exact,
        drawn.preliminary,
        drawn.samples,
        pyramid.first_s,
        pyramid.last_s,
        segments,
    )
