"""What a person may ask of a run, phase by phase: the table at the top of ``labctl.engine.control``."""

import asyncio
import re

import pytest

from labctl.engine import control as module
from labctl.engine.control import Phase, RunControl

VERBS = ("pause", "resume", "skip", "stop", "open")
TABLE = {
    line[0]: dict(zip(VERBS, line[1:], strict=True))
    for row in re.findall(r"^    (\w.*)$", str(module.__doc__), re.MULTILINE)
    if len(line := re.split(r"\s{2,}", row.strip())) == 6 and line[0] != "phase"
}


async def in_phase(control: RunControl, phase: str, paused: asyncio.Event) -> None:
    """Bring a new control into a phase."""
    match phase:
        case "last step":
            control.request_stop()
        case "skipping":
            control.request_skip()
        case "pausing":
            control.request_pause()
        case "opening":
            control.request_open()
        case "paused":
            control.request_pause()
            paused.set()
            await control.wait_until_resumed()


def test_the_table_speaks_of_every_phase() -> None:
    assert set(TABLE) == {str(phase) for phase in Phase}


@pytest.mark.parametrize("phase", list(TABLE))
@pytest.mark.parametrize("verb", VERBS)
async def test_a_request_does_what_the_table_says(phase: str, verb: str) -> None:
    control, paused = RunControl(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(in_phase(control, phase, paused))
        if phase == "paused":
            await paused.wait()
            await asyncio.sleep(0)
        else:
            await task
        assert control.phase == phase
        before = (control.stop_after_step, control.open_now)
        changed = getattr(control, f"request_{verb}")()
        after = TABLE[phase][verb]
        if phase == "skipping" and verb == "stop":  # the last step, once the skipped one is over
            control.skipped()
        assert changed is (after != "-")
        assert control.phase == (phase if after == "-" else after)
        if after == "-":
            assert before == (control.stop_after_step, control.open_now)
        assert control.at_once is (control.phase not in (Phase.RUNNING, Phase.LAST_STEP))
        control.request_open()
        if not task.done():
            task.cancel()


async def test_a_pause_keeps_the_wish_to_end_after_the_step() -> None:
    control = RunControl()
    control.request_stop()
    control.request_pause()
    control.request_resume()
    assert control.phase is Phase.LAST_STEP


async def test_a_pause_that_is_taken_back_before_the_engine_waits_does_not_wait() -> None:
    control = RunControl()
    control.request_pause()
    control.request_resume()
    async with asyncio.timeout(1.0):
        await control.wait_until_resumed()
