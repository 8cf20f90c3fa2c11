"""Numbers and collects the rows of one run, and hands them to the database at most a second later.

All calls come from one thread, the event loop's; the disk is waited for in another (``committer``). What was given is
durable when ``flush`` returns.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Self

from sqlalchemy import Table

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.store import tables, trail
from labctl.store.batch import Batch, SampleInsert
from labctl.store.committer import Committer
from labctl.store.liveness import RunLock, boot_id, boot_time_s, unix_time_s
from labctl.store.progress import VERSION, Progress, Seal, encode
from labctl.store.records import RunState
from labctl.store.rows import half_cycle_row, json_text, point_row, spectrum_quality, spectrum_row
from labctl.store.seal import SampleSeal, points_sha256

BATCH_S = 1.0
"""Longest time on the wall that a row waits before it is handed to the database."""

_EARLY_S = 0.1
"""Whoever looks does so at tenths of a second: what is due in between is handed over at the one before."""

BATCH_ROWS = 5_000
"""Most samples in a batch. Only virtual time reaches it, where a transaction costs some 4 ms of its own."""

SIGN_OF_LIFE_S = 10.0
"""A run without new rows is marked as alive this often."""


class Counts(NamedTuple):
    """The numbers of the last rows of a run, from which its writer goes on."""

    seq: int = 0
    steps: int = 0
    half_cycles: int = 0
    spectra: int = 0
    events: int = 0


class RunWriter:
    """Collects what happens in one run. Made by ``Store.open_run`` and ``Store.reopen_run``.

    Times given to it are experiment times; stored are seconds since the run's start, and that start on the calendar
    plus those seconds. In virtual and scaled time the calendar time is the experiment's, not the wall's.

    Attributes:
        run_id: the run's number in the database.
        origin_s: the run's start in experiment time.
        seq: number of the last sample given, 0 before the first.
        closed: nothing more is taken.
    """

    def __init__(
        self,
        run_id: int,
        *,
        committer: Committer,
        insert_samples: SampleInsert,
        lock: RunLock,
        started_unix_s: float,
        origin_s: float,
        plan_text: str,
        counts: Counts,
        unsealed: SampleSeal,
        last_event_s: float,
    ) -> None:
        self.run_id = run_id
        self.seq = counts.seq
        self.closed = False
        self._committer = committer
        self._insert_samples = insert_samples
        self._lock = lock
        self._started_unix_s = started_unix_s
        self.origin_s = origin_s
        _, self._steps, self._half_cycles, self._spectra, self._events = counts
        self._seal = Seal(run_id, started_unix_s, plan_text)
        self._unsealed = unsealed
        self._last_event_s = last_event_s
        self._taken = 0
        self._open_step: dict[str, Any] = {}
        self._snapshot: Callable[[], Progress] | None = None
        self._boot_id = boot_id()
        self._on_their_way: list[tuple[Future[None], Batch]] = []
        self._begin_batch()

    def follow(self, snapshot: Callable[[], Progress]) -> None:
        """Store with each batch, in the same transaction, how far the run has come.

        Args:
            snapshot: tells it, in experiment time, and includes exactly the samples given so far. It is asked when a
                batch is handed over: before a sample that no longer fits, and in ``tick``, ``flush`` and ``close``.
        """
        self._snapshot = snapshot

    def sample(
        self,
        step_id: int,
        time_s: float,
        voltage_V: float,
        current_A: float,
        status: int = 0,
        temperature_K: float | None = None,
    ) -> None:
        """Keep a reading; its number is ``seq`` afterwards. The hot path: no check that can be made elsewhere.

        Raises:
            StoreError: as ``tick``, when a batch is full.
        """
        seq = self.seq
        if seq >= self._full_at:
            self._hand_over()
        self.seq = seq = seq + 1
        test_s = time_s - self.origin_s
        unix_s = self._started_unix_s + test_s
        self._samples.append(
            (self.run_id, seq, test_s, unix_s, step_id, voltage_V, current_A, temperature_K, status)
        )

    def begin_step(self, *, cycle: int, path: str, kind: str, start_s: float) -> int:
        """A step begins; returns its number, which its samples carry."""
        self._steps += 1
        self._open_step = {"step_id": self._steps, "cycle": cycle, "path": path, "kind": kind}
        self._batch.add(tables.step, **self._open_step, start_time_second=start_s - self.origin_s)
        return self._steps

    def end_step(
        self, step_id: int, *, start_s: float, end_s: float, end_reason: str, charge_C: float, energy_J: float
    ) -> None:
        """A step is over; ``start_s`` is when it began to act on the cell."""
        found = {
            "start_time_second": start_s - self.origin_s,
            "end_time_second": end_s - self.origin_s,
            "end_reason": end_reason,
            "charge_coulomb": charge_C,
            "energy_joule": energy_J,
        }
        self._batch.end_step(step_id, **found)
        known = self._open_step if self._open_step.get("step_id") == step_id else {"step_id": step_id}
        self._copy(trail.STEP_ENDED, end_s, end_reason, tables.step, {**known, **found}, self._seal_samples())

    def half_cycle(self, half_cycle: HalfCycle) -> None:
        """A half-cycle is over."""
        self._half_cycles += 1
        row = half_cycle_row(half_cycle, self.origin_s)
        row["half_cycle_id"] = self._half_cycles
        self._batch.add(tables.half_cycle, **row)
        reason = half_cycle.end_reason
        self._copy(trail.HALF_CYCLE_ENDED, half_cycle.end_s, reason, tables.half_cycle, row)

    def spectrum(self, step_id: int, spectrum: Spectrum, quality: Mapping[str, Any] | None = None) -> None:
        """A sweep is finished; ``quality`` holds what can be JSON."""
        self._spectra += 1
        row = spectrum_row(spectrum, self.origin_s)
        row |= {
            "spectrum_id": self._spectra,
            "step_id": step_id,
            "quality": json_text(spectrum_quality(spectrum, quality)),
        }
        self._batch.add(tables.spectrum, **row)
        points = [
            {"spectrum_id": self._spectra, "point": number, **point_row(point, self.origin_s)}
            for number, point in enumerate(spectrum.points, start=1)
        ]
        for point in points:
            self._batch.add(tables.impedance_point, **point)
        hashes = {str(self._spectra): points_sha256((self.run_id, *point.values()) for point in points)}
        end_s = max((point.time_s for point in spectrum.points), default=spectrum.started_s)
        words = f"{len(points)} points"
        self._copy(trail.SPECTRUM_MEASURED, end_s, words, tables.spectrum, row, {trail.POINTS: hashes})

    def event(
        self, kind: str, time_s: float, by: str, message: str, data: Mapping[str, Any] | None = None
    ) -> None:
        """Something was decided, tagged or noticed; ``data`` holds what can be JSON."""
        self._add_event(kind, time_s - self.origin_s, by, message, data)

    def go_on(self, state: RunState) -> None:
        """The run is paused, or goes on, written by this process."""
        change = {"state": state, "end_reason": None, "ended_unix_time_second": None}
        rows = {"run": [{"run_id": self.run_id, **change}]}
        self._add_event(trail.RUN_GOES_ON, self._last_event_s, trail.STORE, state, {trail.ROWS: rows})
        self._batch.change_run(
            **change,
            host=socket.gethostname(),
            boot_id=self._boot_id,
            process_id=os.getpid(),
        )

    def reopen_half_cycle(self) -> None:
        """The last half-cycle was closed by an interruption and goes on: its row is taken back."""
        self._batch.reopen_half_cycle(self._half_cycles)
        row = {"run_id": self.run_id, "half_cycle_id": self._half_cycles}
        self._add_event(
            trail.HALF_CYCLE_REOPENED,
            self._last_event_s,
            trail.STORE,
            f"half-cycle {self._half_cycles} goes on",
            {trail.TAKEN_BACK: {"half_cycle": [row]}},
        )
        self._half_cycles -= 1

    def finish(self, state: RunState, reason: str, time_s: float) -> None:
        """The run is over: how, and why. ``flush`` or ``close`` makes it durable."""
        ended_unix_s = self._started_unix_s + time_s - self.origin_s
        row = {"state": state, "end_reason": reason, "ended_unix_time_second": ended_unix_s}
        self._batch.change_run(**row)
        self._copy(trail.RUN_ENDED, time_s, f"{state}: {reason}", tables.run, row, self._seal_samples())

    def tick(self) -> None:
        """Call at least once a second: hands over rows that have waited long enough.

        Raises:
            StoreError: earlier rows could not be made durable, or the disk is stuck.
        """
        self._committer.check()
        now = monotonic()
        if now >= self._due and (now >= self._silent_until or not self._batch.is_empty()):
            self._hand_over()

    async def flush(self) -> None:
        """Return when everything given so far is durable. The event loop runs on meanwhile.

        Raises:
            StoreError: it could not be made durable.
        """
        await asyncio.wrap_future(self._hand_over())

    def flush_blocking(self) -> None:
        """As ``flush``, where there is no event loop.

        Raises:
            StoreError: it could not be made durable.
        """
        self._hand_over().result()

    def close(self) -> None:
        """Make everything durable and leave the run; without a ``finish`` it counts as interrupted. Idempotent.

        Raises:
            StoreError: it could not be made durable; the run stays ours, so that what is ``unwritten`` can be written
                before anybody else takes it up.
        """
        if self.closed:
            return
        self.closed = True
        self.flush_blocking()
        self._lock.release()

    def release(self) -> None:
        """Let others have the run, whether or not everything of it could be written; idempotent."""
        self._lock.release()

    def unwritten(self) -> list[Batch]:
        """What was given and is not known to be durable, in its order, after the database has failed."""
        self._forget_durable()
        return [*(batch for _, batch in self._on_their_way), self._batch]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _copy(
        self,
        kind: str,
        time_s: float,
        words: str,
        table: Table,
        row: Mapping[str, Any],
        more: Mapping[str, Any] = {},
    ) -> None:
        """An event that copies a row which is final, so that a later change of it shows."""
        data = {trail.ROWS: {table.name: [{"run_id": self.run_id, **row}]}, **more}
        self._add_event(kind, time_s - self.origin_s, trail.STORE, words, data)

    def _add_event(
        self, kind: str, test_s: float, by: str, message: str, data: Mapping[str, Any] | None
    ) -> None:
        self._events += 1
        self._last_event_s = test_s
        times_s = (test_s, self._started_unix_s + test_s)
        row = trail.event_row(self.run_id, self._events, kind, times_s, by, message, data)
        self._batch.add(tables.event, **row)

    def _seal_samples(self) -> dict[str, object]:
        """The seal over the samples since the seal before, which ends here."""
        self._take_into_seal()
        sealed, self._unsealed = self._unsealed, SampleSeal(self.seq + 1)
        return sealed.as_data()

    def _take_into_seal(self) -> None:
        self._unsealed.add(self._samples[self._taken :])
        self._taken = len(self._samples)

    def _begin_batch(self) -> None:
        self._batch = Batch(self.run_id, self._insert_samples)
        self._samples = self._batch.samples
        self._taken = 0
        self._full_at = self.seq + BATCH_ROWS
        now = monotonic()
        self._due = now + BATCH_S - _EARLY_S
        self._silent_until = now + SIGN_OF_LIFE_S

    def _hand_over(self) -> Future[None]:
        if self._snapshot is not None:
            self._store_progress(self._snapshot())
        self._take_into_seal()
        durable = self._committer.submit(self._batch.write, len(self._samples))
        self._forget_durable()
        self._on_their_way.append((durable, self._batch))
        self._begin_batch()
        return durable

    def _forget_durable(self) -> None:
        """Batches are written in their order: with the last that is known to be durable, all before it are."""
        for number in reversed(range(len(self._on_their_way))):
            done, _ = self._on_their_way[number]
            if done.done() and not done.cancelled() and done.exception() is None:
                del self._on_their_way[: number + 1]
                break

    def _store_progress(self, progress: Progress) -> None:
        text = encode(progress.shifted(-self.origin_s))
        self._batch.progress(
            version=VERSION,
            data=text,
            sha256=self._seal.over(text),
            boot_id=self._boot_id,
            boot_time_second=boot_time_s(),
            written_unix_time_second=unix_time_s(),
        )
