"""The contract of what stands beside the channels: thermometers, and chambers, whose temperature can be set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from labctl.clock import Clock
from labctl.instrument.channel import Identity
from labctl.link import Link


class Temperatures(NamedTuple):
    """What the sensors of one instrument show, read together.

    Attributes:
        time_s: experiment time at which they were asked for, so that no temperature is taken for newer than it is.
        sensors_K: by sensor, in K. A sensor that shows nothing (a broken wire, out of its range) is left out.
    """

    time_s: float
    sensors_K: Mapping[str, float]


class Thermometer(Protocol):
    """A logger, or the measuring side of a chamber. It awaits only its link and its clock, as a channel does."""

    async def connect(self) -> Identity:
        """Identify the instrument; sets nothing, and is called again after a link was lost.

        Raises:
            WrongInstrument: something else answers.
            LinkError: nothing sensible answers.
        """
        ...

    async def read(self) -> Temperatures:
        """Read all sensors.

        Raises:
            InvalidReading: not one of them shows a temperature.
            LinkError, InstrumentError: they could not be read; ``connect`` comes next.
        """
        ...

    async def close(self) -> None:
        """Give the port back. Does not change what the instrument does: a chamber keeps its temperature."""
        ...


@runtime_checkable
class Chamber(Thermometer, Protocol):
    """A thermometer that also holds a temperature."""

    async def set_point_K(self) -> float | None:
        """The set point as read back; None: the chamber is not holding one (off, or in a program of its own)."""
        ...

    async def set_temperature_K(self, temperature_K: float) -> None:
        """Hold a temperature from here on, and read that back: the set point, and that the chamber holds it.

        Raises:
            CannotHold: outside its range; no byte has left.
            InstrumentRefused: it answers otherwise, or another set point is read back.
            LinkError: nobody knows which of the two it holds.
        """
        ...


class Opens(Protocol):
    """Makes an instrument at a link that is not open yet."""

    def __call__(self, link: Link, clock: Clock, **settings: str) -> Thermometer:
        """No byte is sent before ``connect``."""
        ...


@dataclass(frozen=True, slots=True)
class AuxiliaryDriver:
    """What an entry point of the group ``labctl.auxiliaries`` names.

    Its simulated twin is registered in ``labctl.simulators`` under the same name, called as all others with a cell,
    which it has no use for, and a seed.

    Attributes:
        name: as written in station files, ``espec-pr3j``.
        summary: one line for a person who chooses.
        open: makes the instrument; does no I/O. Its keywords are the ``settings``, as text.
        range_K: what can be asked of a chamber at most; None: it only measures.
        sensors: their names, from the settings that are given; the first is the one that is meant where none is named.
            Raises ValueError for settings that make no sense.
        terminator: what ends a line on the wire; of no concern to binary frames.
        serial: settings for the opening of a serial line (``baudrate``, ``parity`` ... as pyserial names them).
        wire: what is spoken and over what, for a person: ``Modbus RTU: RS-485``.
        usb: what its serial port over USB calls itself: ``vendor:product`` in hexadecimal, or a word of its name.
        settings: keywords of ``open`` that a station file may give as text, each with what it means.
    """

    name: str
    summary: str
    open: Opens
    range_K: tuple[float, float] | None = None
    sensors: Callable[[Mapping[str, str]], tuple[str, ...]] = lambda settings: ("temperature",)
    terminator: bytes = b"\n"
    serial: dict[str, object] = field(default_factory=dict)
    wire: str = ""
    usb: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
