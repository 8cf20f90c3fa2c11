"""Attending a run: signals, the display while it goes on, and the summary when it has ended."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

from labctl.cli.display import Display
from labctl.cli.exits import OF_STATE
from labctl.cli.output import print_json
from labctl.engine.control import RunControl
from labctl.engine.outcome import RunEnd
from labctl.protocol.plan import Plan
from labctl.station.connect import ChannelSpec
from labctl.station.launch import Launch, launch

Execution = Callable[[RunControl, Display], Coroutine[Any, Any, tuple[int, RunEnd]]]
"""Executes a run; gives its number and how it ended."""


def attend(
    plan: Plan,
    channel: ChannelSpec,
    database: str,
    speed: float | None,
    seed: int,
    *,
    unattended: bool,
    json: bool,
) -> int:
    """Begin a run, show it, sum it up; returns the exit code."""
    now_s = time.time()  # noqa: TID251  the wall's date, not a wait
    request = Launch(plan, channel, database, speed, seed, now_s, unattended)
    return watch_over(
        lambda control, display: launch(request, control, display.started, display.tell),
        Display(plan, channel, quiet=json),
        database,
        json=json,
    )


def watch_over(execute: Execution, display: Display, database: str, *, json: bool) -> int:
    """Let a run be executed, show it, sum it up; returns the exit code."""
    control = RunControl()
    _take_signals(control, display)
    with display:
        run_id, end = asyncio.run(execute(control, display))
    _sum_up(database, run_id, end, json=json)
    return OF_STATE[end.state]


def _take_signals(control: RunControl, display: Display) -> None:
    """Ctrl-C once ends after the step, twice opens the circuit; SIGTERM opens the circuit.

    They are kept until the program ends: one press too many must not cost the summary.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        control.request_stop()
        if control.open_now:
            display.tell("request", "opening the circuit now")
        else:
            display.tell("request", "ending after the present step; Ctrl-C again opens the circuit at once")

    def terminate(number: int, frame: FrameType | None) -> None:
        control.request_open()

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, terminate)


def _sum_up(database: str, run_id: int, end: RunEnd, *, json: bool) -> None:
    from labctl.report.summary import summary

    found = summary(database, run_id)
    if json:
        print_json(found.as_document())
        return
    sys.stdout.write(found.as_text())
