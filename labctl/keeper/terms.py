"""What an engine says when it attaches: which channel, whose time, for how long a lease lives."""

from dataclasses import dataclass
from importlib.metadata import version


def software_version() -> str:
    """Both ends of a connection have to be the same labctl."""
    return version("labctl-cycler")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms on which a channel is kept.

    Attributes:
        channel: its name, for messages.
        driver, resource, model: what is at the port.
        options: further keywords of the driver, as (name, value).
        speed, start: the experiment's time, as in ``LoopClock``; the lease is always in seconds on the wall.
        lease_s: for how long the circuit may stay closed after the last completed tick.
        idle_s: the longest time between two steps.
        engine_pid: who attaches.
        software: version of labctl.
    """

    channel: str
    driver: str
    resource: str
    model: str | None
    options: tuple[tuple[str, float | str], ...]
    speed: float
    start: float
    lease_s: float
    idle_s: float
    engine_pid: int
    software: str
