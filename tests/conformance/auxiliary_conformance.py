"""What every thermometer and every chamber has to do, whoever made it: the same checks for all drivers."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from labctl.clock import VirtualClock
from labctl.errors import CannotHold, InstrumentError, LinkError
from labctl.instrument.auxiliary import AuxiliaryDriver, Chamber, Thermometer
from labctl.link import Link, Port
from tests.conformance.listening_port import ListeningPort
from tests.link.faulty import Fault, FaultyPort

T = TypeVar("T")

ZERO_C = 273.15
TEXT_FAULTS = tuple(fault for fault in Fault if fault is not Fault.GARBLED)
"""A text without checksum cannot tell a damaged digit from a right one."""


@dataclass
class Pair:
    """A driver and the twin that it is connected to.

    Attributes:
        driver: what the entry point names.
        make: a fresh twin.
        truth_C: what is true of the twin's sensors at present.
        faults: those that the wire can notice.
        settings: for the driver.
        within_K: how near to the truth a reading is.
    """

    driver: AuxiliaryDriver
    make: Callable[[], Any]
    truth_C: Callable[[Any], Mapping[str, float]]
    faults: tuple[Fault, ...] = TEXT_FAULTS
    settings: Mapping[str, str] = field(default_factory=dict)
    within_K: float = 0.3

    def bench(self, faulty: Callable[[int], Fault | None] | None = None) -> "Bench":
        """Connected in memory, in virtual time; with faults of the wire if asked for."""
        return Bench(self, faulty)


class Bench:
    """One pair at work."""

    def __init__(self, pair: Pair, faulty: Callable[[int], Fault | None] | None) -> None:
        self.pair = pair
        self.clock = VirtualClock()
        self.device = pair.make()
        self.sent: list[bytes]
        port: Port
        if faulty is None:
            listening = ListeningPort(self.device.port, self.clock)
            port, self.sent = listening, listening.sent
        else:
            troubled = FaultyPort(self.device.port, self.clock, faulty, late_s=6.0, keeps_answers=True)
            port, self.sent = troubled, troubled.sent
        link = Link(port, self.clock, pair.driver.terminator)
        self._connected = False
        self.instrument: Thermometer = pair.driver.open(link, self.clock, **pair.settings)

    @property
    def chamber(self) -> Chamber:
        """The same as a chamber."""
        assert isinstance(self.instrument, Chamber)
        return self.instrument

    async def wait(self, duration_s: float) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now() + duration_s)

    async def tried(self, act: Callable[[], Awaitable[T]]) -> T | None:
        """Connect if the last thing failed, and do something; None: an error came of it."""
        try:
            if not self._connected:
                await self.instrument.connect()
                self._connected = True
            return await act()
        except (LinkError, InstrumentError):
            self._connected = False
            return None

    def is_true(self, sensors_K: Mapping[str, float]) -> bool:
        """Whether what was read is what is."""
        truth_C = self.pair.truth_C(self.device)
        return sensors_K.keys() == truth_C.keys() and all(
            sensors_K[name] == pytest.approx(truth_C[name] + ZERO_C, abs=self.pair.within_K)
            for name in truth_C
        )


# ---- thermometers ----


async def it_says_who_it_is(pair: Pair) -> None:
    """And sets nothing."""
    identity = await pair.bench().instrument.connect()
    assert identity.manufacturer
    assert identity.model


async def it_reads_all_its_sensors(pair: Pair) -> None:
    """With names that the settings told before, and a time that is not too late."""
    bench = pair.bench()
    await bench.instrument.connect()
    await bench.wait(100.0)
    before_s = bench.clock.now()
    read = await bench.instrument.read()
    assert tuple(read.sensors_K) == pair.driver.sensors(pair.settings)
    assert bench.is_true(read.sensors_K), read
    assert read.time_s == before_s


async def no_fault_of_the_wire_becomes_a_temperature(pair: Pair) -> None:
    """Hundreds of readings, a tenth of the answers troubled: each is true, or an error."""
    rng = random.Random(1)
    bench = pair.bench(lambda number: rng.choice(pair.faults) if rng.random() < 0.1 else None)
    read = failed = 0
    for _ in range(400):
        await bench.wait(1.0)
        reading = await bench.tried(bench.instrument.read)
        if reading is None:
            failed += 1
            continue
        assert bench.is_true(reading.sensors_K), reading
        read += 1
    assert read > 100
    assert failed > 10


THERMOMETERS: tuple[Callable[[Pair], Awaitable[None]], ...] = (
    it_says_who_it_is,
    it_reads_all_its_sensors,
    no_fault_of_the_wire_becomes_a_temperature,
)


# ---- chambers ----


async def it_holds_nothing_at_first(pair: Pair) -> None:
    """Nobody has asked for a temperature."""
    bench = pair.bench()
    await bench.instrument.connect()
    assert await bench.chamber.set_point_K() is None


async def it_goes_where_it_is_sent(pair: Pair) -> None:
    """Set point read back, and reached."""
    bench = pair.bench()
    await bench.instrument.connect()
    await bench.chamber.set_temperature_K(40.0 + ZERO_C)
    assert await bench.chamber.set_point_K() == pytest.approx(40.0 + ZERO_C, abs=0.06)
    await bench.wait(3600.0)
    (first_K, *_) = (await bench.instrument.read()).sensors_K.values()
    assert first_K == pytest.approx(40.0 + ZERO_C, abs=0.5)


async def it_refuses_what_it_cannot_hold(pair: Pair) -> None:
    """Before a byte leaves."""
    bench = pair.bench()
    await bench.instrument.connect()
    assert pair.driver.range_K is not None
    low_K, high_K = pair.driver.range_K
    bench.sent.clear()
    for temperature_K in (low_K - 1.0, high_K + 1.0, float("nan")):
        with pytest.raises(CannotHold):
            await bench.chamber.set_temperature_K(temperature_K)
    assert not bench.sent


async def it_goes_on_without_us(pair: Pair) -> None:
    """Closing changes nothing; who connects again finds the set point."""
    bench = pair.bench()
    await bench.instrument.connect()
    await bench.chamber.set_temperature_K(31.0 + ZERO_C)
    await bench.instrument.close()
    await bench.wait(3600.0)
    await bench.instrument.connect()
    assert await bench.chamber.set_point_K() == pytest.approx(31.0 + ZERO_C, abs=0.06)
    assert bench.is_true((await bench.instrument.read()).sensors_K)


async def a_setting_is_confirmed_or_an_error(pair: Pair) -> None:
    """Whichever answers are lost: what returns without an error is held."""
    rng = random.Random(2)
    bench = pair.bench(lambda number: rng.choice(pair.faults) if rng.random() < 0.05 else None)
    confirmed = failed = 0
    for number in range(150):
        await bench.wait(5.0)
        wanted_K = ZERO_C + 20.0 + number % 30

        async def hold(temperature_K: float = wanted_K) -> bool:
            await bench.chamber.set_temperature_K(temperature_K)
            return True

        if not await bench.tried(hold):
            failed += 1
            continue
        assert bench.device.air.goal_C == pytest.approx(wanted_K - ZERO_C, abs=0.06)
        confirmed += 1
    assert confirmed > 20
    assert failed > 10


CHAMBERS: tuple[Callable[[Pair], Awaitable[None]], ...] = (
    it_holds_nothing_at_first,
    it_goes_where_it_is_sent,
    it_refuses_what_it_cannot_hold,
    it_goes_on_without_us,
    a_setting_is_confirmed_or_an_error,
)
