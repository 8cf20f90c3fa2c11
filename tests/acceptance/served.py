"""A simulated instrument served from a thread of its own, for clients that block."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any


class Served:
    """A device at an attachment, until ``stop``.

    Args:
        device: the simulated instrument.
        serve: a ``serve`` of ``labctl_simulators.attach``.
        speed: simulated seconds in one real second.
        lines: how many the device has.

    Attributes:
        resources: where it listens, as the attachment names it; of each line.
    """

    def __init__(
        self, device: Any, serve: Callable[..., Any], speed: float = 1.0, *, lines: int = 1, **where: Any
    ) -> None:
        self.device = device
        self.resources: list[str] = []
        self._expected = lines
        self._where = {"speed": speed, **where}
        self._serve = serve
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(10.0)

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._serve(self.device, ready=self._listening, **self._where))
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    @property
    def resource(self) -> str:
        """Where it listens on its first line."""
        return self.resources[0]

    def _listening(self, resource: str) -> None:
        self.resources.append(resource)
        if len(self.resources) == self._expected:
            self._ready.set()
