"""The contract that a driver fulfils: a channel, its identity and its traits; and how a driver presents itself."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from labctl.clock import Clock
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Cutoff, Step
from labctl.link import Link


class Sample(NamedTuple):
    """One reading, made once in the driver and passed on unchanged.

    Attributes:
        time_s: experiment time of the reading.
        voltage_V: terminal voltage, working against counter electrode.
        current_A: measured current, positive when it charges the cell.
        status: the instrument's status bits, 0 when all is well.
        cutoff: in the last sample of a step, the cut-off that ended it; None in all others.
    """

    time_s: float
    voltage_V: float
    current_A: float
    status: int = 0
    cutoff: Cutoff | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers at the port."""

    manufacturer: str
    model: str
    serial: str
    firmware: str

    def __str__(self) -> str:
        return f"{self.manufacturer} {self.model}, serial {self.serial}"


@dataclass(frozen=True, slots=True)
class ImpedanceTraits:
    """What sweeps an instrument can make. Amplitudes zero-to-peak.

    Attributes:
        only_at_open_circuit: no other bias than the cell's own voltage, and no current.
    """

    modes: frozenset[ImpedanceMode]
    high_Hz: float
    low_Hz: float
    amplitude_max_V: float
    amplitude_max_A: float
    only_at_open_circuit: bool = False


@dataclass(frozen=True, slots=True)
class Traits:
    """What an instrument can hold, known before anything is connected.

    Attributes:
        model: the model these numbers hold for.
        voltage_max_V, current_max_A: largest magnitude that can be set or measured.
        shortest_interval_s: time between two readings that it can keep up.
        autonomous: it runs a step with its cut-offs by itself.
        off_mode: what the terminals are while the output is off (``high impedance``, ``cell relay open``).
        holds: what it enforces without the host, in words, as armed by the driver.
        host_silence: what opens the circuit when the host falls silent, and after how long; None: nothing does.
        second_session: a second connection can open the circuit while the first is busy.
        impedance: None if it cannot measure impedance.
        most_set_points: of a profile; None: any number.
    """

    model: str
    voltage_max_V: float
    current_max_A: float
    shortest_interval_s: float
    autonomous: bool
    off_mode: str
    holds: tuple[str, ...]
    host_silence: str | None
    second_session: bool
    impedance: ImpedanceTraits | None
    most_set_points: int | None = None


class Channel(Protocol):
    """What one cell is connected to."""

    traits: Traits
    step_began_s: float
    """Experiment time from which the present step acts on the cell; holds from the step's first sample on."""

    async def connect(self) -> Identity:
        """Identify the instrument and adopt its present state; never energises, never resets blindly.

        Raises:
            WrongInstrument: an unknown model answers.
            LinkError: nothing sensible answers.
        """
        ...

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; the last sample carries the cut-off that ended it.

        The circuit may stay closed after a step so that the next can follow without a gap; whoever does not
        start a further one calls ``make_safe``.

        Raises:
            CannotHold: before any byte has left.
            InstrumentError, LinkError: the step could not be finished; the caller makes the channel safe.
        """
        ...

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Measure a spectrum from high to low frequency."""
        ...

    async def make_safe(self) -> None:
        """Open the circuit and confirm it by read-back; idempotent, always allowed.

        Raises:
            CellStateUnknown: the circuit could not be confirmed open.
        """
        ...

    async def close(self) -> None:
        """Give the port back. Does not change what the instrument does."""
        ...


@runtime_checkable
class Feeds(Protocol):
    """A channel whose instrument has a watchdog that only completed control ticks may feed."""

    def feed(self) -> None:
        """A control tick has been completed; may be called from any thread, and never blocks."""
        ...


@runtime_checkable
class Inspects(Protocol):
    """A channel that can tell what its instrument is set to at this moment."""

    async def inspect(self) -> tuple[str, ...]:
        """What opens and limits the circuit, as read back from the instrument: a sentence each.

        Raises:
            LinkError, InstrumentError: it could not be read.
        """
        ...


@runtime_checkable
class Trips(Protocol):
    """A channel whose instrument can be made harmless although it does not obey the command to open."""

    async def trip(self) -> None:
        """The last resort when ``make_safe`` has failed: no current, then whatever opens the circuit as a side effect.

        Raises:
            CellStateUnknown: the circuit could not be confirmed open this way either.
        """
        ...


@runtime_checkable
class TellsWhatItFound(Protocol):
    """A channel that can tell, between ``connect`` and whatever is done next, what another program had left on."""

    async def found_closed(self) -> bool | None:
        """Whether ``connect`` found the circuit closed; None: it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Something that decides on safety, as the instrument answered.

    Attributes:
        what: as a person calls it: ``output``, ``output-off state``.
        found: the answer in words.
        remedy: what to do; empty if it is as it should be.
        harmful: it may be harming a cell at this moment.
    """

    what: str
    found: str
    remedy: str = ""
    harmful: bool = False


@dataclass(frozen=True, slots=True)
class Driver:
    """What an entry point of the group ``labctl.drivers`` names.

    Attributes:
        name: as written in station files, ``keithley-2450``.
        summary: one line for a person who chooses.
        traits: by model, the first is the default.
        terminator: what ends a line on the wire.
        open: makes the channel; does no I/O. The keyword ``model`` selects the traits to check against before
            the instrument has been asked.
        serial: settings for the opening of a serial line (``baudrate``, ``rtscts`` ... as pyserial names them).
        watchdog: the traits with a watchdog inside the instrument that acts within some seconds; it is armed by the
            keyword ``watchdog_s`` of ``open``. None: it has none that must be asked for.
        read_back: reads what decides on the safety of an instrument that nobody uses; sends questions only, which
            change nothing. None: this cannot be asked without changing something.
        wire: what is spoken and over what, for a person: ``SCPI: LAN socket, USB, GPIB``.
        usb: what its serial port over USB calls itself: ``vendor:product`` in hexadecimal, or a word of its name.
        check_step: raises CannotHold for a step that the instrument cannot hold although its traits allow it; sends
            nothing. None: the traits say it all.
        answered: beginnings of lines that are answered although they hold no question mark; on a bus of messages only
            an answer that is expected is fetched.
        settings: further keywords of ``open`` that a channel in a station file may give as text, each with what it
            means. ``address`` names one of several channels behind one port.
        ports: which of ``settings`` name a further port, of the instrument or of a second one at the same cell. The
            keeper holds it with the first, and it belongs to no other channel.
    """

    name: str
    summary: str
    traits: dict[str, Traits]
    terminator: bytes
    open: Callable[[Link, Clock], Channel]
    serial: dict[str, object] = field(default_factory=dict)
    watchdog: Callable[[Traits, float], Traits] | None = None
    read_back: Callable[[Link], Awaitable[tuple[ReadBack, ...]]] | None = None
    wire: str = ""
    usb: tuple[str, ...] = ()
    check_step: Callable[[Step, Traits], None] | None = None
    answered: tuple[bytes, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
