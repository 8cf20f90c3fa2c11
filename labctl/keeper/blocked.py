"""Notices when one channel keeps a whole keeper from its work, and says which, and where."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from labctl.keeper.journal import Journal

BLOCKED_S = 0.3
"""An event loop that has not come round for so long is blocked: nothing that a driver does there may take that."""

_LOOK_S = 0.1


@contextmanager
def watch_for_blocking(journal: Journal) -> Iterator[None]:
    """Look at this event loop from a thread of its own, and note it once each time something blocks it.

    The engine does not depend on that: it takes a keeper that is silent for dead. This tells who was to blame.
    """
    watch = _Watch(asyncio.get_running_loop(), journal)
    watch.start()
    try:
        yield
    finally:
        watch.over.set()


class _Watch(threading.Thread):
    def __init__(self, loop: asyncio.AbstractEventLoop, journal: Journal) -> None:
        super().__init__(name="watch for blocking", daemon=True)
        self.over = threading.Event()
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._journal = journal
        self._round = threading.Event()

    def run(self) -> None:
        while not self.over.wait(_LOOK_S):
            self._round.clear()
            asked_s = time.monotonic()
            try:
                self._loop.call_soon_threadsafe(self._round.set)
            except RuntimeError:  # the loop is closed
                return
            if not self._round.wait(BLOCKED_S) and not self.over.is_set():
                self._note()
                self._round.wait()
                self._say(f"the keeper was blocked for {time.monotonic() - asked_s:.1f} s", "unblocked")

    def _note(self) -> None:
        task = asyncio.current_task(self._loop)
        where = _innermost(sys._current_frames().get(self._loop_thread))
        channel = "-" if task is None else task.get_name()
        self._say(f"{channel} blocks the keeper and all its channels, {where}", "blocked")

    def _say(self, sentence: str, event: str) -> None:
        self._journal.note("-", event, sentence, loud=True)


def _innermost(frame: FrameType | None) -> str:
    if frame is None:
        return "nobody knows where"
    return f"in {frame.f_code.co_filename}, line {frame.f_lineno}"
