"""What systemd is told: ready, stopping, and that the event loop turns. One datagram each; without systemd, nothing."""

import asyncio
import os
import socket
from collections.abc import Mapping


class ServiceManager:
    """The service manager that started this process, if one did.

    Args:
        environment: names its socket (``NOTIFY_SOCKET``) and how often it wants to hear (``WATCHDOG_USEC``).

    Source: sd_notify(3), sd_watchdog_enabled(3).
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        for_another = environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid())
        usec = environment.get("WATCHDOG_USEC", "")
        self.interval_s = None if for_another or not usec.isdecimal() else int(usec) / 1e6 / 3.0
        """How often the watchdog is fed; None if it is not to be."""

    def tell(self, **states: str | int) -> None:
        """Send states: ``READY=1``, ``STATUS=...``; a manager that does not listen is no reason to fail."""
        if not self._address:
            return
        message = "\n".join(f"{name}={value}" for name, value in states.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as datagrams:
            try:
                datagrams.sendto(message.encode(), self._address)
            except OSError:
                return

    async def feed(self) -> None:
        """Feed the watchdog from this event loop, which therefore must turn; never returns where it is wanted."""
        while self.interval_s is not None:
            self.tell(WATCHDOG=1)
            await asyncio.sleep(self.interval_s)
