"""A thermometer or chamber that is read again and again, for all channels whose cells it stands beside.

Theory of operation. One task reads, and it alone talks to the instrument: a set point is left with it and set between
two readings, so that no exchange is cut in half. Whoever wants a temperature looks at the latest in memory and is told
how old it is; nobody waits for the wire. What reads is never trusted to come back: each exchange is given up after some
seconds, and whoever watches is asked to look after every one of them, successful or not.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from labctl.clock import Clock, VirtualClock
from labctl.errors import InstrumentError, LabctlError, LinkTimeout
from labctl.instrument.auxiliary import Chamber, Temperatures, Thermometer
from labctl.instrument.channel import Identity

PERIOD_S = 2.0
"""Between two readings, in experiment time."""

_SHORTEST_S = 0.05  # between two readings on the wall, where time runs faster

WITHIN_S = 5.0
"""How long an exchange may take before it is given up. This and what follows is on the wall."""

STALE_S = 10.0
"""A temperature that is older than this is none."""

GONE_AFTER_S = STALE_S + PERIOD_S + WITHIN_S
"""So long after the last good reading, at the latest, everybody has been told that there is none."""

_LOOK_S = 0.1
_TURN_WITHIN_S = 60.0

T = TypeVar("T")


class Polled:
    """The latest temperatures of one instrument.

    Args:
        name: as the station calls it.
        thermometer: not connected yet.
        clock: the time that it lives in.

    Attributes:
        identity: who answered; None: nobody yet.
        problem: why the latest attempt to read it failed, in words; empty: it did not.
        watchers: called after every exchange.
        wishes: by run in progress beside it, the temperature in K that the run wants; None: it wants none, but must not
            be changed under it.
    """

    def __init__(self, name: str, thermometer: Thermometer, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.identity: Identity | None = None
        self.problem = "it has not been read yet"
        self.watchers: list[Callable[[], None]] = []
        self.wishes: dict[object, float | None] = {}
        self._thermometer = thermometer
        self._read: dict[str, tuple[float, float]] = {}
        self._jobs: list[Callable[[], Coroutine[Any, Any, None]]] = []

    def latest(self, sensor: str) -> tuple[float, float] | None:
        """When a sensor was read, in its own time, and the temperature in K, however old; None: never."""
        return self._read.get(sensor)

    async def live(self) -> None:
        """Read until cancelled."""
        clock = self.clock
        virtual = clock if isinstance(clock, VirtualClock) else None
        if virtual is not None:
            virtual.join()
        try:
            while True:
                await self._round()
                if virtual is not None:  # else it could sleep on alone, past whom a watcher has interrupted
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                await clock.sleep_until(clock.now() + max(PERIOD_S, _SHORTEST_S * clock.speed))
                while self._jobs:
                    await self._jobs.pop(0)()
        finally:
            if virtual is not None:
                virtual.leave()
            with suppress(LabctlError):
                await self._exchange(self._thermometer.close)

    async def set_point_K(self, clock: Clock) -> float | None:
        """What the chamber is set to, as read back; None: it holds nothing.

        Args:
            clock: of whoever waits for it.

        Raises:
            LinkError, InstrumentError: it could not be read.
        """
        return await self._between_readings(self._chamber().set_point_K, clock)

    async def hold(self, temperature_K: float, clock: Clock) -> None:
        """Set the chamber, and read it back.

        Raises:
            LinkError, InstrumentError: as the chamber's driver says.
        """
        chamber = self._chamber()
        await self._between_readings(lambda: chamber.set_temperature_K(temperature_K), clock)

    def _chamber(self) -> Chamber:
        if not isinstance(self._thermometer, Chamber):
            raise InstrumentError("it measures only: nothing can be set", self.name)
        return self._thermometer

    async def _between_readings(self, make: Callable[[], Coroutine[Any, Any, T]], clock: Clock) -> T:
        """Leave something to be done between two readings, and look until it is.

        The future is not awaited, since time would stand still for whoever is to fulfil it.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def job() -> None:
            if done.cancelled():  # whoever waited for it has left
                return
            try:
                result = await self._exchange(make)
            except Exception as error:  # noqa: BLE001  handed to whoever waits, and the reading goes on
                if not done.cancelled():
                    done.set_exception(error)
            else:
                if not done.cancelled():
                    done.set_result(result)

        self._jobs.append(job)
        until_s = clock.now() + _TURN_WITHIN_S * clock.speed
        while not done.done():
            try:
                if clock.now() >= until_s:
                    done.cancel()
                    raise LinkTimeout(f"its turn did not come within {_TURN_WITHIN_S:g} s", self.name)
                await clock.sleep_until(clock.now() + _LOOK_S * clock.speed)
                await asyncio.sleep(0)  # in virtual time a lone sleeper is not suspended
            except asyncio.CancelledError:
                done.cancel()
                raise
        return done.result()

    async def _round(self) -> None:
        """Connect if need be, and read once."""
        try:
            if self.problem:
                self.identity = await self._exchange(self._thermometer.connect)
            self._take(await self._exchange(self._thermometer.read))
        except LabctlError as error:
            self.problem = error.words
        except Exception as error:  # noqa: BLE001  a bug in a driver must not silence what watches a limit
            self.problem = f"a bug in labctl: {type(error).__name__}: {error}"
        self._look()

    def _take(self, read: Temperatures) -> None:
        self.problem = ""
        for sensor, temperature_K in read.sensors_K.items():
            self._read[sensor] = (read.time_s, temperature_K)

    async def _exchange(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            async with asyncio.timeout(WITHIN_S):
                return await make()
        except TimeoutError:
            raise LinkTimeout(f"no answer within {WITHIN_S:g} s", self.name) from None
        finally:
            self._look()

    def _look(self) -> None:
        for watcher in tuple(self.watchers):
            watcher()
