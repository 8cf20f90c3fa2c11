"""A channel whose driver runs on the event loop, beside many others: for instruments at a plain TCP socket."""

from collections.abc import Mapping

from labctl.clock import LoopClock
from labctl.instrument.channel import Driver
from labctl.instrument.held import HeldChannel
from labctl.link.link import Link
from labctl.link.tcp import TcpPort
from labctl.link.turns import PortTurns


class LoopedChannel(HeldChannel):
    """An instrument at a TCP socket, without a thread of its own.

    Args:
        driver: which driver.
        address: host and port.
        resource: the same, as a person writes it.
        clock: the time of the event loop.
        model: the model to expect; None takes any that the driver knows.
        options: further keywords of the driver.
    """

    def __init__(
        self,
        driver: Driver,
        address: tuple[str, int],
        resource: str,
        clock: LoopClock,
        model: str | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        own_clock = clock.in_turns()
        link = Link(TcpPort(address, resource, own_clock), own_clock, driver.terminator)
        given = dict(options or {}) | ({} if model is None else {"model": model})
        channel = driver.open(link, own_clock, **given)
        super().__init__(channel, link.fence, PortTurns(resource, own_clock), resource)
