"""The keeper's own record: every ON and OFF with its reason, one JSON document a line, only ever appended to."""

import contextlib
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

_MOST_WAITING = 10_000
_FLUSH_S = 1.0


class Journal:
    """Written by a thread of its own, so that a full or stalled disk never holds up the opening of a circuit.

    A line that cannot be written is said to be lost on standard error.

    Args:
        path: the file; its directory must exist. None: nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lines: queue.Queue[tuple[str, str] | threading.Event] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def note(self, channel: str, event: str, reason: str, *, loud: bool = False, **more: Any) -> None:
        """Add a line; never waits.

        Args:
            channel: which channel.
            event: one word: ``attached``, ``on``, ``off``, ``opening``, ``unsafe``...
            reason: one sentence.
            loud: say it on standard error too.
            more: further fields.
        """
        line = {
            "unix_time_second": time.time(),  # noqa: TID251  the date, not a wait
            "monotonic_second": time.monotonic(),
            "keeper_pid": os.getpid(),
            "channel": channel,
            "event": event,
            "reason": reason,
        }
        said = f"labctl keeper: {channel}: {reason}" if loud else ""
        with contextlib.suppress(queue.Full):  # the disk has been standing still for a very long time
            self._lines.put_nowait((json.dumps(line | more, ensure_ascii=False), said))

    def flush(self) -> None:
        """Return when everything noted so far has been written and said, or after a second."""
        written = threading.Event()
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(written)
            written.wait(_FLUSH_S)

    def _write(self) -> None:
        while True:
            items = [self._lines.get()]
            while not self._lines.empty():  # what has come meanwhile is made durable together
                items.append(self._lines.get())
            noted = [item for item in items if not isinstance(item, threading.Event)]
            for _, said in noted:
                if said:
                    _say(said)
            if noted and self.path is not None:
                try:
                    _append(self.path, [line for line, _ in noted])
                except OSError as error:
                    lost = "; ".join(line for line, _ in noted)
                    _say(f"labctl keeper: cannot write {self.path}: {error.strerror}; lost: {lost}")
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()


def _append(path: Path, lines: list[str]) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, "".join(f"{line}\n" for line in lines).encode())
        os.fsync(file)
    finally:
        os.close(file)


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # whoever started us may be gone, and its terminal too
        print(sentence, file=sys.stderr, flush=True)


def journal_beside(database: str | Path) -> Path | None:
    """Where the keeper of a run writes: next to the database file; None for a database on a server."""
    text = str(database).removeprefix("sqlite:///")
    if "://" in text:
        return None
    path = Path(text)
    return path.with_name(f"{path.stem}.keeper.jsonl")


def last_words(path: Path, engine_pid: int, channel: str, most: int = 5) -> list[str]:
    """The last sentences about a channel that a process had, oldest first; empty if there is no journal."""
    sentences: list[str] = []
    keepers: set[int] = set()
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    for text in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a line torn by a power cut
            line = json.loads(text)
            if line.get("engine_pid") == engine_pid and line["channel"] == channel:
                keepers.add(line["keeper_pid"])
            if line["keeper_pid"] in keepers and line["channel"] in (channel, "-"):
                when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line["unix_time_second"]))
                sentences.append(f"{when} {line['channel']}: {line['reason']}")
    return sentences[-most:]
