"""One thread that commits, in order, what the rest of the process hands it.

The control loop must not wait for a disk, so the database has a thread of its own. Whatever has piled up while one
transaction was being made durable goes into the next one together. What waits is bounded: a caller that runs ahead
of the disk is held up; nothing is dropped. The first error is final, since nobody knows what a failed
synchronisation has left on the disk: every later call raises it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from labctl.errors import StoreError

OUTSTANDING_ROWS = 100_000
"""How many rows may wait: about 25 MB, or four minutes of 400 samples a second."""

STALL_LIMIT_S = 60.0
"""How long a caller is held up before the disk counts as stuck."""

T = TypeVar("T")
Write = Callable[[Connection], Any]


class _Job(NamedTuple):
    write: Write
    rows: int
    done: Future[Any]


class Committer:
    """Owns the only writing connection.

    Args:
        engine: opens that connection.
        name: the database's name in messages.
        durable: asked after a failure, in that thread: one clause on what is in the database.
        after_commit: done in that thread after each commit, before anyone is told of it.
    """

    def __init__(self, engine: Engine, name: str, durable: Callable[[], str], after_commit: Write) -> None:
        self._engine = engine
        self._name = name
        self._durable = durable
        self._after_commit = after_commit
        self._jobs: list[_Job] = []
        self._rows = 0
        self._closing = False
        self._failure: StoreError | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"store {name}", daemon=True)
        self._thread.start()

    def submit(self, write: Callable[[Connection], T], rows: int = 0) -> Future[T]:
        """Hand over work; blocks while too many rows wait.

        Returns:
            A future of the work's result, done when the work, and all before it, is durable.

        Raises:
            StoreError: earlier work could not be made durable, or the disk is stuck.
        """
        job = _Job(write, rows, Future())
        with self._changed:
            if not self._changed.wait_for(self._has_room, STALL_LIMIT_S):
                self._failure = self._stuck()
            self.check()
            if self._closing:
                raise StoreError(f"{self._name}: is closed")
            self._jobs.append(job)
            self._rows += rows
            self._changed.notify_all()
        return job.done

    @property
    def failure(self) -> StoreError | None:
        """What has gone wrong, if anything has."""
        return self._failure

    @property
    def is_stuck(self) -> bool:
        """Whether the thread still waits for the disk, so that nobody knows what will have been written."""
        return self._thread.is_alive()

    def check(self) -> None:
        """Raise what has gone wrong in the thread, if anything has."""
        if self._failure:
            raise StoreError(str(self._failure)) from self._failure

    def close(self) -> None:
        """Commit what waits and end the thread; idempotent. ``check`` tells afterwards whether all went well."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(STALL_LIMIT_S)
        if self._thread.is_alive():
            self._failure = self._stuck()

    def _has_room(self) -> bool:
        return self._rows < OUTSTANDING_ROWS or self._failure is not None

    def _stuck(self) -> StoreError:
        return StoreError(f"{self._name}: nothing could be written for {STALL_LIMIT_S:g} s")

    def _run(self) -> None:
        jobs: list[_Job] = []
        try:
            with self._engine.connect() as connection:
                while jobs := self._take():
                    with connection.begin():
                        results = [job.write(connection) for job in jobs]
                    self._after_commit(connection)
                    self._acknowledge(jobs, results)
        except Exception as error:  # noqa: BLE001 - the outermost edge of this thread
            self._fail(error, jobs)

    def _take(self) -> list[_Job]:
        """Everything that waits; empty only when the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closing)
            jobs, self._jobs = self._jobs, []
            return jobs

    def _acknowledge(self, jobs: list[_Job], results: list[Any]) -> None:
        with self._changed:
            self._rows -= sum(job.rows for job in jobs)
            self._changed.notify_all()
        for job, result in zip(jobs, results, strict=True):
            if job.done.set_running_or_notify_cancel():
                job.done.set_result(result)

    def _fail(self, error: Exception, jobs: list[_Job]) -> None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        problem = " ".join(str(cause).split()) or type(cause).__name__
        failure = StoreError(f"{self._name}: {problem}; {self._durable()}")
        failure.__cause__ = error
        with self._changed:
            self._failure = failure
            jobs = jobs + self._jobs
            self._jobs = []
            self._changed.notify_all()
        for job in jobs:
            if job.done.set_running_or_notify_cancel():
                job.done.set_exception(failure)
