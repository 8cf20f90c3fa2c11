"""What a person may ask of a running engine, from a signal handler or another thread."""

import asyncio
from collections.abc import Callable


class RunControl:
    """Requests to one run. Setting a flag is all it takes, so a signal handler may do it.

    Attributes:
        stop_after_step: end the run when the present step is over.
        open_now: open the circuit at once and end the run.
    """

    def __init__(self) -> None:
        self.stop_after_step = False
        self.open_now = False
        self._interrupt: Callable[[], object] | None = None

    def attach(self, task: asyncio.Task[object]) -> None:
        """The task to interrupt, so that a wait does not delay the opening of the circuit."""
        loop = asyncio.get_running_loop()
        self._interrupt = lambda: loop.call_soon_threadsafe(task.cancel)

    def detach(self) -> None:
        """The run no longer waits for anything: opening the circuit is not to be interrupted."""
        self._interrupt = None

    def request_stop(self) -> None:
        """First request: end after the present step. Second request: open the circuit at once."""
        if self.stop_after_step:
            self.request_open()
        self.stop_after_step = True

    def request_open(self) -> None:
        """Open the circuit at once."""
        self.open_now = True
        if self._interrupt is not None:
            self._interrupt()
