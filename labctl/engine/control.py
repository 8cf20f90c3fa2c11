"""What a person may ask of a running engine, from a signal handler, another thread or another task.

What becomes of a request, by the phase the run is in (a dash: nothing, and the request says so)::

    phase        pause      resume     skip       stop       open
    -----------  ---------  ---------  ---------  ---------  -------
    running      pausing    -          skipping   last step  opening
    last step    pausing    -          skipping   opening    opening
    skipping     -          -          -          last step  opening
    pausing      -          running    -          opening    opening
    paused       -          running    -          opening    opening
    opening      -          -          -          -          -

And what the engine does about it::

    skipping     after the present sample the step is over, the plan goes on        -> running
    pausing      after the present sample the circuit is opened                     -> paused
    paused       waits with the circuit open; then the open-circuit voltage is
                 looked at and the same half-cycle goes on with what remains of it  -> running
    last step    the run ends when the present step is over
    opening      the circuit is opened at once, the run ends

A run that was to end after the present step still is after a pause. An interrupted sweep is taken again from its start.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum

from labctl.engine.outcome import RunEnd, RunState

OPENED_AT_ONCE = RunEnd(RunState.ENDED, "a person had the circuit opened at once")


class Phase(StrEnum):
    """Where a run is between its first and its last step."""

    RUNNING = "running"
    LAST_STEP = "last step"
    SKIPPING = "skipping"
    PAUSING = "pausing"
    PAUSED = "paused"
    OPENING = "opening"


class RunControl:
    """Requests to one run. Setting a flag is all it takes, so a signal handler may do it.

    Each request returns whether it changes anything; the same request twice is not an error.

    Attributes:
        stop_after_step: end the run when the present step is over.
        open_now: open the circuit at once and end the run.
        opening: how the run ends then, and why.
        pause_wanted: open the circuit after the present sample and wait.
        skip_wanted: the present step is over after the present sample.
        at_once: any of the last three, which the engine looks at with each sample.
    """

    def __init__(self) -> None:
        self.stop_after_step = False
        self.open_now = False
        self.opening = OPENED_AT_ONCE
        self.pause_wanted = False
        self.skip_wanted = False
        self.at_once = False
        self._paused = False
        self._interrupt: Callable[[], object] | None = None
        self._wake: Callable[[], object] | None = None

    @property
    def phase(self) -> Phase:
        """The present phase."""
        if self.open_now:
            return Phase.OPENING
        if self.pause_wanted:
            return Phase.PAUSED if self._paused else Phase.PAUSING
        if self.skip_wanted:
            return Phase.SKIPPING
        return Phase.LAST_STEP if self.stop_after_step else Phase.RUNNING

    def request_pause(self) -> bool:
        """Open the circuit after the present sample, and wait."""
        if self.phase not in (Phase.RUNNING, Phase.LAST_STEP):
            return False
        self.pause_wanted = self.at_once = True
        return True

    def request_resume(self) -> bool:
        """Take a pause back, or go on after it."""
        if self.phase not in (Phase.PAUSING, Phase.PAUSED):
            return False
        self.pause_wanted = False
        self._look()
        if self._wake is not None:
            self._wake()
        return True

    def request_skip(self) -> bool:
        """The present step is over after the present sample; the plan goes on."""
        if self.phase not in (Phase.RUNNING, Phase.LAST_STEP):
            return False
        self.skip_wanted = self.at_once = True
        return True

    def request_stop(self) -> bool:
        """First request: end after the present step. Second request, or while paused: open the circuit at once."""
        if self.stop_after_step or self.pause_wanted:
            return self.request_open()
        self.stop_after_step = not self.open_now
        return self.stop_after_step

    def request_open(self, because: RunEnd = OPENED_AT_ONCE) -> bool:
        """Open the circuit at once, and end the run; ``because`` says why, unless it is being ended already."""
        if self.open_now:
            return False
        self.opening = because
        self.open_now = self.at_once = True
        if self._interrupt is not None:
            self._interrupt()
        return True

    def attach(self, task: asyncio.Task[object]) -> None:
        """The engine's task, which is interrupted so that a wait does not delay the opening of the circuit."""
        loop = asyncio.get_running_loop()
        self._interrupt = lambda: loop.call_soon_threadsafe(task.cancel)

    def detach(self) -> None:
        """The run no longer waits for anything: opening the circuit is not to be interrupted."""
        self._interrupt = None

    def skipped(self) -> None:
        """The engine has ended the step that was to be skipped."""
        self.skip_wanted = False
        self._look()

    async def wait_until_resumed(self) -> None:
        """The engine has opened the circuit and waits; a cancellation ends the wait."""
        loop, resumed = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(resumed.set)
        self._paused = True
        try:
            if self.pause_wanted:
                await resumed.wait()
        finally:
            self._wake = None
            self._paused = False

    def _look(self) -> None:
        self.at_once = self.open_now or self.pause_wanted or self.skip_wanted
