"""A channel for the event loop whose driver lives in the thread that owns its port."""

from collections.abc import Callable, Mapping

from labctl.clock import LoopClock, ThreadClock
from labctl.instrument.channel import Driver
from labctl.instrument.held import HeldChannel
from labctl.link.link import Link
from labctl.link.open import open_port
from labctl.link.port import Port
from labctl.link.thread import PortThread


class ThreadedChannel(HeldChannel):
    """An instrument at a VISA resource or serial line, as a channel of the event loop.

    The driver runs in the thread that owns the port, so that a step is paced without a hop between threads for every
    query; samples cross to the event loop.

    Args:
        driver: which driver.
        resource: a VISA resource string, or a serial line.
        clock: the time of the event loop.
        model: the model to expect; None takes any that the driver knows.
        options: further keywords of the driver.
        port: makes the port, for ports of another kind.
    """

    def __init__(
        self,
        driver: Driver,
        resource: str,
        clock: LoopClock,
        model: str | None = None,
        options: Mapping[str, object] | None = None,
        port: Callable[[str, ThreadClock, Driver], Port] = open_port,
    ) -> None:
        thread_clock = clock.in_thread()
        link = Link(port(resource, thread_clock, driver), thread_clock, driver.terminator)
        given = dict(options or {}) | ({} if model is None else {"model": model})
        channel = driver.open(link, thread_clock, **given)
        super().__init__(channel, link.fence, PortThread(resource, thread_clock), resource)
