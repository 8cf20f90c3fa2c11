"""From the description of a channel to a channel that can be talked to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from labctl import plugins
from labctl.clock import Clock, LoopClock, VirtualClock
from labctl.errors import StationError
from labctl.instrument.analyser_queue import AnalyserQueue
from labctl.instrument.channel import Channel, Driver, Traits
from labctl.instrument.composed import ComposedChannel, composed_traits
from labctl.instrument.step import SafetyLimits, Step
from labctl.keeper.pairs import KeeperPairs
from labctl.keeper.remote import RemoteChannel
from labctl.link import Link
from labctl.link.address import addressed, simulated_here
from labctl.link.memory import MemoryPort
from labctl.station.thermometers import ThermometerSpec


@dataclass(frozen=True, slots=True)
class AnalyserSpec:
    """An analyser that measures the impedance of channels whose own instrument cannot.

    Attributes:
        driver: name of the driver.
        queue: the turns at it, of all channels that share it; has its name.
        resource: VISA resource string; empty if it is simulated in this process, with the cell's instrument.
        model: as for a channel.
    """

    driver: str
    queue: AnalyserQueue = field(compare=False, repr=False)
    resource: str = ""
    model: str | None = None

    def traits(self) -> Traits:
        """What it can measure, without asking it.

        Raises:
            StationError: the driver knows no such model.
        """
        known = plugins.driver(self.driver).traits
        model = self.model or next(iter(known))
        if model not in known:
            raise StationError(
                f"analyser {self.queue.name}: {self.driver} knows no model {model!r}; it knows {', '.join(known)}"
            )
        return known[model]


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One channel of a station.

    Attributes:
        name: as a person calls it.
        driver: name of the driver.
        resource: VISA resource string or serial port; empty if the instrument is simulated in this process.
        cell: the simulated cell, where the instrument is simulated in this process.
        model: the model whose traits hold before the instrument has been asked; None: the driver's first.
        serial: the serial number that must answer; None: any.
        limits: a window and a current that no plan on this channel may exceed; None: what the instrument holds.
        watchdog_s: the watchdog inside the instrument opens the circuit within this time; None: it is not armed.
        settings: further keywords of the driver, ``address`` among them where a port leads to several channels.
        analyser: what measures impedance in place of an instrument that cannot; None: nothing.
        thermometer: what shows the temperature of the cell; None: nothing.
    """

    name: str
    driver: str
    resource: str = ""
    cell: str = ""
    model: str | None = None
    serial: str | None = None
    limits: SafetyLimits | None = None
    watchdog_s: float | None = None
    settings: tuple[tuple[str, str], ...] = ()
    analyser: AnalyserSpec | None = None
    thermometer: ThermometerSpec | None = None

    def traits(self) -> Traits:
        """What the instrument, with its analyser, can hold, without asking it.

        Raises:
            StationError: the driver knows no such model, or no watchdog.
            CannotHold: the watchdog's time, or an analyser that is none.
        """
        own = self._own_traits()
        return own if self.analyser is None else composed_traits(own, self.analyser.traits())

    def instruments(self) -> list[tuple[str, str]]:
        """Driver and resource of the instrument, and of its analyser."""
        analyser = self.analyser
        return [(self.driver, self.resource), *([(analyser.driver, analyser.resource)] if analyser else ())]

    def _own_traits(self) -> Traits:
        driver = plugins.driver(self.driver)
        known = driver.traits
        model = self.model or next(iter(known))
        if model not in known:
            raise StationError(
                f"channel {self.name}: {self.driver} knows no model {model!r}; it knows {', '.join(known)}"
            )
        if self.watchdog_s is None:
            return known[model]
        if driver.watchdog is None:
            raise StationError(f"channel {self.name}: {self.driver} has no watchdog to arm; leave it out")
        return driver.watchdog(known[model], self.watchdog_s)

    def options(self) -> dict[str, float | str]:
        """Keywords for the driver, besides the model."""
        watchdog: dict[str, float | str] = {} if self.watchdog_s is None else {"watchdog_s": self.watchdog_s}
        return watchdog | dict(self.settings)

    def place(self) -> str:
        """The resource, and which channel behind it: no two channels have the same."""
        return addressed(self.resource, dict(self.settings))

    def further_ports(self) -> dict[str, str]:
        """Resources of the driver's further ports, by the setting that names them in the station file."""
        named = plugins.driver(self.driver).ports
        return {name: value for name, value in self.settings if name in named}

    def check_step(self) -> Callable[[Step, Traits], None] | None:
        """The driver's own look at a step, where the traits do not say it all; an analyser is none of its concern."""
        check, own = plugins.driver(self.driver).check_step, self._own_traits()
        return None if check is None else lambda step, _: check(step, own)


def clock_for(spec: ChannelSpec, speed: float | None) -> Clock:
    """The time a run on this channel lives in.

    Args:
        spec: the channel.
        speed: experiment seconds per second on the wall; None: as fast as can be.

    Raises:
        StationError: time cannot run faster for an instrument that is not simulated on this computer.
    """
    if not spec.resource:
        return VirtualClock() if speed is None else LoopClock(speed)
    if speed is None:
        speed = 1.0
    if speed != 1.0 and not simulated_here(spec.resource):
        raise StationError(
            f"channel {spec.name}: {spec.resource} is not a simulated instrument on this computer, "
            "its time cannot run faster; leave --speed out"
        )
    return LoopClock(speed)


def open_channel(
    spec: ChannelSpec,
    clock: Clock,
    seed: int,
    keepers: KeeperPairs,
    history: Iterable[tuple[float, float]] = (),
) -> Channel:
    """Make the channel; no byte is sent before ``connect``. What has a resource is held by a keeper.

    Args:
        spec: the channel.
        clock: the time of the run.
        seed: of everything simulated in this process.
        keepers: who keeps what has a resource.
        history: what a cell simulated in this process has lived through before: durations in s, currents in A.

    Raises:
        UserError: a driver, simulator or cell that is not known.
    """
    driver = plugins.driver(spec.driver)
    if spec.analyser is not None and bool(spec.resource) != bool(spec.analyser.resource):
        raise StationError(
            f"channel {spec.name}: its instrument and its analyser are simulated in this process, or neither is"
        )
    if not spec.resource:
        return _in_memory(spec, driver, clock, seed, history)
    if not isinstance(clock, LoopClock):
        raise StationError(f"channel {spec.name}: an instrument at {spec.resource} lives in real time")
    pair = keepers.of(spec.name)
    channel = RemoteChannel(
        *(spec.name, driver.name, spec.resource, clock, pair.first),
        standby=pair.second,
        model=spec.model,
        options=tuple(spec.options().items()),
    )
    if spec.analyser is None:
        return channel
    analyser = spec.analyser

    def open_analyser() -> Channel:
        name = f"{spec.name}-{analyser.queue.name}"
        pair = keepers.of(name)
        return RemoteChannel(
            *(name, analyser.driver, analyser.resource, clock, pair.first),
            standby=pair.second,
            model=analyser.model,
        )

    return ComposedChannel(spec.name, channel, open_analyser, analyser.queue, clock)


def _in_memory(
    spec: ChannelSpec, driver: Driver, clock: Clock, seed: int, history: Iterable[tuple[float, float]]
) -> Channel:
    analyser = spec.analyser
    if analyser is None:
        device = plugins.simulator(spec.driver, spec.cell, seed, history)
        return _at_simulated(driver, device, clock, spec.options())
    device, measuring = plugins.simulated_pair(spec.driver, analyser.driver, spec.cell, seed, history)
    return ComposedChannel(
        spec.name,
        _at_simulated(driver, device, clock, spec.options()),
        lambda: _at_simulated(plugins.driver(analyser.driver), measuring, clock, {}),
        analyser.queue,
        clock,
    )


def _at_simulated(driver: Driver, device: Any, clock: Clock, options: dict[str, float | str]) -> Channel:
    link = Link(MemoryPort(device.port, clock, f"simulated {driver.name}"), clock, driver.terminator)
    return driver.open(link, clock, **options)
