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

    Attributes:
        resource: where it listens, as the attachment names it.
    """

    def __init__(self, device: Any, serve: Callable[..., Any], speed: float = 1.0, **where: Any) -> None:
        self.device = device
        self.resource = ""
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

    def _listening(self, resource: str) -> None:
        self.resource = resource
        self._ready.set()
