"""When a killed run's circuit was opened, as its keeper has written down."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

_BEFORE_S = 2.0  # a snapshot is taken a little before it is written, and lines a little after what they tell


class Ages(NamedTuple):
    """How long ago, in seconds on the wall, the keeper began to open the circuit, and had it confirmed open."""

    begun_s: float
    confirmed_s: float


def opened_by_keeper(
    journal: Path | None, engine_pid: int, channel: str, silent_s: float, *, rebooted: bool
) -> Ages | None:
    """The last opening after an engine's last word; None if the journal does not say that the circuit is open.

    Args:
        journal: the keeper's; None: it kept none.
        engine_pid: the process that is gone.
        channel: whose circuit; a station's process has many.
        silent_s: how long it has been silent.
        rebooted: the computer was started anew since: then ages follow from the clock on the wall.
    """
    begun_s: float | None = None
    ages: Ages | None = None
    for line in _lines(journal):
        with suppress(KeyError, TypeError):  # a line that was torn by a power cut
            clock, now_s = (
                ("unix_time_second", time.time())  # noqa: TID251  the date, not a wait
                if rebooted
                else ("monotonic_second", time.monotonic())
            )
            age_s = max(now_s - line[clock], 0.0)
            of_it = line["engine_pid"] == engine_pid and line["channel"] == channel
            if not of_it or age_s > silent_s + _BEFORE_S:
                continue
            if line["event"] == "opening":
                begun_s = age_s
            elif line["event"] == "off" and begun_s is not None:
                ages = Ages(begun_s, age_s)
            elif line["event"] in ("on", "unsafe"):
                begun_s = ages = None
    return ages


def _lines(journal: Path | None) -> Iterator[dict[str, Any]]:
    if journal is None:
        return
    try:
        text = journal.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found
