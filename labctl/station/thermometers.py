"""Thermometers and chambers of a station: described, opened, and read for as long as they are wanted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from labctl import plugins
from labctl.clock import Clock, LoopClock
from labctl.engine.surroundings import Surroundings
from labctl.errors import InstrumentError, LabctlError, StationError
from labctl.instrument.auxiliary import AuxiliaryDriver, Chamber, Temperatures, Thermometer
from labctl.instrument.channel import Identity
from labctl.instrument.polled import STALE_S, Polled
from labctl.keeper.claim import Claim
from labctl.link import Link
from labctl.link.address import simulated_here
from labctl.link.memory import MemoryPort
from labctl.link.open import open_port
from labctl.link.tcp import TcpPort, plain_socket
from labctl.link.thread import PortThread
from labctl.protocol.plan import Plan, StepNode
from labctl.units import show_celsius

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AuxiliarySpec:
    """A thermometer or chamber that stands beside channels.

    Attributes:
        name: as a person calls it.
        driver: name of the driver.
        resource: VISA resource string or serial port; empty if it is simulated in this process.
        settings: further keywords of the driver.
    """

    name: str
    driver: str
    resource: str = ""
    settings: tuple[tuple[str, str], ...] = ()

    def sensors(self) -> tuple[str, ...]:
        """Their names.

        Raises:
            StationError: its settings make no sense.
        """
        try:
            return plugins.auxiliary(self.driver).sensors(dict(self.settings))
        except ValueError as error:
            raise StationError(f"{self.name}: {error}") from error


@dataclass(frozen=True, slots=True)
class ThermometerSpec:
    """One sensor of it, beside one channel."""

    auxiliary: AuxiliarySpec
    sensor: str


def beyond_thermometer(plan: Plan, spec: ThermometerSpec | None, channel: str) -> list[str]:
    """What of a plan wants a thermometer, or a chamber, that a channel does not have; a sentence each."""
    wanting = [node for node in plan.flat() if isinstance(node, StepNode) and node.bands]
    if spec is None:
        places = ["safety"] if plan.temperature is not None else []
        places += [f"line {node.line}, {node.kind}" for node in wanting]
        return [
            f"{'; '.join(places)}: this wants a thermometer, and none stands beside channel {channel}; name one in the "
            "station file (`temperature: oven`), or give --temperature"
        ] * bool(places)
    range_K = plugins.auxiliary(spec.auxiliary.driver).range_K
    found = []
    for node in wanting:
        if node.set_point_K is None:
            continue
        if range_K is None:
            found.append(
                f"line {node.line}, {node.kind}: {spec.auxiliary.name} ({spec.auxiliary.driver}) measures only; "
                "set the chamber yourself and write `set_by: hand`"
            )
        elif not range_K[0] <= node.set_point_K <= range_K[1]:
            found.append(
                f"line {node.line}, {node.kind}: {show_celsius(node.set_point_K)} is beyond {spec.auxiliary.name} "
                f"({spec.auxiliary.driver}), which goes from {show_celsius(range_K[0])} to {show_celsius(range_K[1])}"
            )
    return found


def polled(spec: AuxiliarySpec, clock: Clock, seed: int) -> Polled:
    """An instrument that can be read; nothing is opened yet.

    Raises:
        StationError: it is at a port, and time jumps.
    """
    return Polled(spec.name, thermometer(spec, clock, seed), clock)


Beside = Callable[[ThermometerSpec | None, Plan, Clock], AbstractAsyncContextManager[Surroundings | None]]
"""What a run on a channel knows of temperature, for as long as it lasts."""


class Auxiliaries:
    """The thermometers and chambers of a station that is served: each is read by one task, for all channels.

    Args:
        specs: what they are.
        speed: experiment seconds per second on the wall.
        seed: of everything simulated.
    """

    def __init__(self, specs: Iterable[AuxiliarySpec], speed: float, seed: int) -> None:
        self._reading = {spec: polled(spec, LoopClock(speed), seed) for spec in specs}

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """What reads them, until cancelled."""
        return [read_on(reading, spec) for spec, reading in self._reading.items()]

    def now_K(self, spec: ThermometerSpec | None) -> float | None:
        """What a sensor shows by now; None if it is not known."""
        if spec is None:
            return None
        reading = self._reading[spec.auxiliary]
        return Surroundings(reading, spec.sensor, reading.clock).now_K()

    @asynccontextmanager
    async def beside(
        self, spec: ThermometerSpec | None, plan: Plan, clock: Clock
    ) -> AsyncIterator[Surroundings | None]:
        """As ``beside``, of those that are read anyway."""
        yield None if spec is None else await surroundings(self._reading[spec.auxiliary], spec, plan, clock)


async def read_on(reading: Polled, spec: AuxiliarySpec) -> None:
    """Read it until cancelled.

    Raises:
        StationError: another labctl has it.
    """
    claim = Claim(spec.resource) if spec.resource else None
    if claim is not None:
        await claim.take()
    try:
        await reading.live()
    finally:
        if claim is not None:
            claim.drop()


async def look(spec: AuxiliarySpec) -> tuple[Identity, Temperatures]:
    """Who it is, and what it shows, asked once; sets nothing.

    Raises:
        StationError: another labctl has it.
        LinkError, InstrumentError: it does not answer, or shows nothing.
    """
    claim = Claim(spec.resource) if spec.resource else None
    if claim is not None:
        await claim.take()
    asked = thermometer(spec, LoopClock(), 0)
    try:
        return await asked.connect(), await asked.read()
    finally:
        with suppress(LabctlError):
            await asked.close()
        if claim is not None:
            claim.drop()


@asynccontextmanager
async def beside(
    spec: ThermometerSpec | None, plan: Plan, clock: Clock, seed: int = 0
) -> AsyncIterator[Surroundings | None]:
    """What a run of its own knows of temperature; the instrument is read as long as this lasts.

    Raises:
        InstrumentError: the plan wants a temperature, and it is not known or outside its limits.
        StationError: another labctl has the instrument.
    """
    if spec is None:
        yield None
        return
    reading = polled(spec.auxiliary, clock, seed)
    task = asyncio.ensure_future(read_on(reading, spec.auxiliary))
    try:
        yield await surroundings(reading, spec, plan, clock, task)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def surroundings(
    reading: Polled, spec: ThermometerSpec, plan: Plan, clock: Clock, task: asyncio.Future[None] | None = None
) -> Surroundings:
    """What a run knows of temperature, once the first reading is there.

    Args:
        reading: reads the instrument.
        spec: which sensor of it.
        plan: of the run.
        clock: of the run.
        task: what carries the reading out, whose end is an error; None: somebody else sees to it.

    Raises:
        InstrumentError: the plan wants a temperature, and it is not known or outside its limits.
    """
    found = Surroundings(reading, spec.sensor, clock, plan.temperature)
    until_s = clock.now() + STALE_S * clock.speed
    while found.now_K() is None and clock.now() < until_s:
        if task is not None and task.done():
            task.result()
        await clock.sleep_until(clock.now() + 0.1 * clock.speed)
        await asyncio.sleep(0)
    if plan.wants_thermometer():
        if found.now_K() is None:
            raise InstrumentError(
                f"no temperature is shown: {reading.problem}", found.name, cell="nothing was switched on"
            )
        if end := found.fault():
            raise InstrumentError(end.reason, cell="nothing was switched on")
    return found


def thermometer(spec: AuxiliarySpec, clock: Clock, seed: int) -> Thermometer:
    """The instrument itself, for somebody who asks it once; nothing is opened yet.

    Raises:
        StationError: it is at a port, and time jumps.
    """
    driver, settings = plugins.auxiliary(spec.driver), dict(spec.settings)
    if not spec.resource:
        device = plugins.simulated_auxiliary(spec.driver, seed)
        link = Link(MemoryPort(device.port, clock, f"simulated {spec.driver}"), clock, driver.terminator)
        return driver.open(link, clock, **settings)
    if not isinstance(clock, LoopClock):
        raise StationError(f"{spec.name}: an instrument at {spec.resource} lives in real time")
    if clock.speed != 1.0 and not simulated_here(spec.resource):
        raise StationError(
            f"{spec.name}: {spec.resource} is not a simulated instrument on this computer, "
            "its time cannot run faster; leave --speed out"
        )
    if (address := plain_socket(spec.resource)) is not None:
        turns = clock.in_turns()
        link = Link(TcpPort(address, spec.resource, turns), turns, driver.terminator)
        return driver.open(link, turns, **settings)
    return _InThread(driver, spec.resource, clock, settings)


class _InThread(Chamber):
    """A thermometer or chamber whose driver lives in the thread that owns its port."""

    def __init__(
        self, driver: AuxiliaryDriver, resource: str, clock: LoopClock, settings: dict[str, str]
    ) -> None:
        own = clock.in_thread()
        self._thread = PortThread(resource, own)
        link = Link(open_port(resource, own, driver), own, driver.terminator)
        self._own = driver.open(link, own, **settings)

    async def connect(self) -> Identity:
        """Identify the instrument."""
        return await self._thread.call(self._own.connect)

    async def read(self) -> Temperatures:
        """Read all sensors."""
        return await self._thread.call(self._own.read)

    async def set_point_K(self) -> float | None:
        """The set point as read back."""
        return await self._thread.call(self._chamber().set_point_K)

    async def set_temperature_K(self, temperature_K: float) -> None:
        """Hold a temperature from here on."""
        await self._thread.call(lambda: self._chamber().set_temperature_K(temperature_K))

    async def close(self) -> None:
        """Give the port back; no job follows."""
        await self._thread.call(self._own.close)
        await self._thread.close()

    def _chamber(self) -> Chamber:
        if not isinstance(self._own, Chamber):
            raise InstrumentError("it measures only: nothing can be set")
        return self._own
