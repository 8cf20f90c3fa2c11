"""What a run knows of its cell's temperature: a value for each sample, limits that are watched, and soaks.

The limits are looked at after every exchange with the thermometer, so that they hold at rest and in a spectrum too, and
what crosses them interrupts the run as a person would; and once more with every sample.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from labctl.clock import Clock
from labctl.engine.control import Phase, RunControl
from labctl.engine.outcome import RunEnd, RunState
from labctl.errors import LabctlError, StoreError
from labctl.instrument.polled import STALE_S, Polled
from labctl.instrument.temperature import Band
from labctl.protocol.plan import LoopNode, Plan, StepNode
from labctl.units import show_celsius

LOST, BACK = "thermometer_lost", "thermometer_back"
_SAME_K = 0.05  # a set point that is read back: chambers round to tenths


class Surroundings:
    """One sensor beside one cell, as a run sees it.

    Args:
        polled: reads the instrument.
        sensor: which of its sensors.
        clock: the run's time; as fast as that of what is polled.
        limits: of the run's plan; None: it has none.
    """

    def __init__(self, polled: Polled, sensor: str, clock: Clock, limits: Band | None = None) -> None:
        self.name = polled.name if sensor == "temperature" else f"{polled.name}/{sensor}"
        self._polled = polled
        self._sensor = sensor
        self._clock = clock
        self._limits = limits
        self._stale_s = STALE_S * clock.speed
        self._offset_s = clock.now() - polled.clock.now()

    def kelvin(self, time_s: float) -> float | None:
        """The temperature of a sample in K; None if none was read close enough to it.

        Args:
            time_s: of the sample, in the run's time.
        """
        latest = self._polled.latest(self._sensor)
        if latest is None:
            return None
        read_s, temperature_K = latest
        return temperature_K if abs(time_s - read_s - self._offset_s) <= self._stale_s else None

    def __str__(self) -> str:
        now_K = self.now_K()
        shown = "no temperature" if now_K is None else show_celsius(now_K)
        who = "" if self._polled.identity is None else f" ({self._polled.identity})"
        return f"{self.name}{who} shows {shown}"

    def now_K(self) -> float | None:
        """The temperature by now; None if it is not known."""
        return self.kelvin(self._clock.now())

    def fault(self) -> RunEnd | None:
        """Why no current may flow, as far as temperature is concerned."""
        limits = self._limits
        if limits is None:
            return None
        temperature_K = self.now_K()
        if temperature_K is None:
            return RunEnd(
                RunState.FAILED,
                f"{self.name} has shown no temperature for {STALE_S:g} s or more, and the safety limits are {limits}"
                + (f" ({self._polled.problem})" if self._polled.problem else ""),
            )
        if not limits.holds(temperature_K):
            return RunEnd(
                RunState.FAULTED,
                f"{show_celsius(temperature_K)} at {self.name} is outside the safety limits, {limits}",
            )
        return None

    @contextmanager
    def watched(self, plan: Plan, control: RunControl, note: Callable[[str, str], None]) -> Iterator[None]:
        """Watch the limits of a plan, and the thermometer, while its run goes on.

        Args:
            plan: the plan.
            control: interrupts the run.
            note: called with (kind, sentence) when the thermometer is lost or back.
        """
        polled, lost = self._polled, bool(self._polled.problem)

        def look() -> None:
            nonlocal lost
            if control.phase is not Phase.PAUSED and (end := self.fault()):
                control.request_open(end)
            gone = self.now_K() is None
            if gone != lost:
                lost = gone
                kind, words = (LOST, f"shows no temperature: {polled.problem}") if gone else (BACK, "is back")
                with suppress(StoreError):  # whoever writes the samples meets it too, and acts
                    note(kind, f"{self.name} {words}")

        polled.watchers.append(look)
        polled.wishes[self] = _first_wish(plan)
        try:
            yield
        finally:
            polled.watchers.remove(look)
            del polled.wishes[self]

    async def settled(self, node: StepNode) -> bool:
        """Whether everything is as a soak has left it: the set point, as read back, and the temperature.

        Raises:
            LabctlError: the set point cannot be read.
        """
        now_K, wanted_K = self.now_K(), node.set_point_K
        self._polled.wishes[self] = wanted_K
        if now_K is None or not node.bands[0].holds(now_K):
            return False
        return wanted_K is None or self._is(await self._polled.set_point_K(self._clock), wanted_K)

    @staticmethod
    def _is(found_K: float | None, wanted_K: float) -> bool:
        return found_K is not None and abs(found_K - wanted_K) <= _SAME_K

    async def set_to(self, temperature_K: float) -> str:
        """Have the chamber hold a temperature, unless it does already; says which of the two, as read back.

        Raises:
            LabctlError: it does not, or another run in it would be disturbed.
        """
        polled, wanted = self._polled, show_celsius(temperature_K)
        polled.wishes[self] = temperature_K
        found_K = await polled.set_point_K(self._clock)
        if self._is(found_K, temperature_K):
            return f"{polled.name} holds {wanted} already, as read back"
        if any(wish != temperature_K for wish in polled.wishes.values()):
            holds = "holds nothing" if found_K is None else f"holds {show_celsius(found_K)}"
            raise LabctlError(
                f"{polled.name} {holds}, and another run in it is in progress: runs that share a chamber have to agree "
                f"on its temperature; {wanted} was not set"
            )
        await polled.hold(temperature_K, self._clock)
        return f"{polled.name} is set to {wanted}, as read back"


def _first_wish(plan: Plan) -> float | None:
    """What a run wants before anything else is done; only that can be agreed on before it has said so itself."""
    nodes = plan.nodes
    while nodes and isinstance(nodes[0], LoopNode):
        nodes = nodes[0].body
    first = nodes[0] if nodes else None
    return first.set_point_K if isinstance(first, StepNode) else None
