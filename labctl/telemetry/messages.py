"""What telemetry says: one vocabulary for the local stream, for MQTT and for a browser.

A message is one JSON document: ``type`` says which of the classes below it is, ``v`` the version of this vocabulary,
``station`` who speaks. Names carry their units, SI throughout, as the columns of the database do; positive current
charges the cell; times named ``..._unix_..._second`` count from 1970, ``test_time_second`` from the start of the run.
What is not known is null, never 0 or NaN. Within version 1 fields may be added: whoever reads ignores what it
does not know.

Text that comes in is validated (``decode``); what goes out is written by the same description (``encode``), whose JSON
Schema is ``schema()``.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from labctl.errors import DataError

VERSION = 1

LONGEST_bytes = 1 << 20
"""No message is longer; what is longer is not looked at."""

_FINITE = ConfigDict(allow_inf_nan=False)


class Severity(StrEnum):
    """How much an event asks of a person."""

    INFO = "info"
    """For the record: a step began, a half-cycle was taken up."""

    NOTICE = "notice"
    """Worth a line: a run began or ended as planned, a person did something."""

    WARNING = "warning"
    """Somebody should look today: a rule stopped a run, telemetry was refused."""

    ALARM = "alarm"
    """Somebody should look at once: a safety limit was crossed, a circuit is not confirmed open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationStatus:
    """A station as a whole. The first message of every snapshot; retained, and the last will, on MQTT.

    Attributes:
        online: whether what follows is live. False: what was said of its channels is the last that is known.
        version: of labctl, at the station.
        channels: names of its channels, in the order of the station file.
        since_unix_second: when the station was started.
        reason: why it is not online; empty if it is.
        services: what accompanies the station (``mqtt``, ``dashboard``) and how each is, in words; ``""`` is well.
        updated_unix_second: when this was written; of a last will, when the connection was made.
    """

    __pydantic_config__ = _FINITE

    station: str
    online: bool
    version: str
    channels: tuple[str, ...]
    since_unix_second: float
    reason: str = ""
    services: dict[str, str] = field(default_factory=dict)
    updated_unix_second: float
    type: Literal["status"] = "status"
    v: Literal[1] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """What a channel does. Sent when it changes, and once a second while a run goes on; retained on MQTT.

    Attributes:
        channel: its name.
        state: ``idle``, ``queued``, ``connecting``, ``running``, ``last step``, ``skipping``, ``pausing``, ``paused``,
            ``opening``, ``closing``, ``held`` (waits for a person) or ``unsafe`` (the circuit is not confirmed open).
        reason: why it is held, unsafe or paused; empty if there is nothing to say.
        instrument: who answered last, or what the station file says.
        entry: its place in the queue, ``q7``; empty if it is idle.
        run_id: its run; null if there is none.
        cell, protocol: of the entry; empty if there is none.
        cycle: of the run, counted from 1; 0 before the first.
        doing: the present step in words, with what ends it.
        path: the present step's place in the protocol, ``steps.1.steps.0``, as in the table ``step``; empty between.
        test_time_second, voltage_volt, current_ampere: the latest sample; no current while the circuit is open.
        charge_coulomb: passed in the half-cycle in progress, as a magnitude.
        overpotential_volt: of the last finished half-cycle, its median.
        temperature_kelvin: beside the cell; null if no thermometer stands there or it is silent.
        expected_second: at most, from the start of the run to its end, as estimated from its plan.
        remaining_second: of that, at most, what is left.
        queued: how many entries wait behind this one.
        updated_unix_second: when this was true.
    """

    __pydantic_config__ = _FINITE

    station: str
    channel: str
    state: str
    reason: str = ""
    instrument: str = ""
    entry: str = ""
    run_id: int | None = None
    cell: str = ""
    protocol: str = ""
    cycle: int = 0
    doing: str = ""
    path: str = ""
    test_time_second: float | None = None
    voltage_volt: float | None = None
    current_ampere: float | None = None
    charge_coulomb: float | None = None
    overpotential_volt: float | None = None
    temperature_kelvin: float | None = None
    expected_second: float | None = None
    remaining_second: float | None = None
    queued: int = 0
    updated_unix_second: float
    type: Literal["state"] = "state"
    v: Literal[1] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSamples:
    """Samples of one channel, as columns of equal length.

    Attributes:
        run_id: the run they belong to.
        seq: their numbers in the run, growing; what is missing was left out, and is in the database.
        test_time_second, unix_time_second: experiment time; in a scaled rehearsal it runs ahead of the wall's.
        voltage_volt, current_ampere: readings.
        temperature_kelvin: beside the cell; null if no thermometer stands there.
    """

    __pydantic_config__ = _FINITE

    run_id: int
    seq: tuple[int, ...]
    test_time_second: tuple[float, ...]
    unix_time_second: tuple[float, ...]
    voltage_volt: tuple[float, ...]
    current_ampere: tuple[float, ...]
    temperature_kelvin: tuple[float | None, ...] | None = None

    def __post_init__(self) -> None:
        readings = (self.voltage_volt, self.current_ampere)
        _refuse_ragged(self.seq, self.test_time_second, self.unix_time_second, *readings)
        if self.temperature_kelvin is not None:
            _refuse_ragged(self.seq, self.temperature_kelvin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What the channels of a station measured in about a second, thinned to a few each. May be lost on the way.

    Attributes:
        channels: by name; those without a new sample are absent.
    """

    __pydantic_config__ = _FINITE

    station: str
    channels: dict[str, ChannelSamples]
    updated_unix_second: float
    type: Literal["sample"] = "sample"
    v: Literal[1] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is common to everything that lies in the database first and is delivered at least once, in order.

    Attributes:
        id: names it once and for all, ``RUN.NUMBER``; what comes twice has the same.
        seq: its place among all events of the station's database, growing; null for what is only said live.
        event_id: its number within its run, without a gap from 1 over events, cycles and spectra together.
        channel: where; empty: the station as a whole.
        run_id, cell: of what; null and empty: of no run.
        unix_time_second, test_time_second: when.
    """

    __pydantic_config__ = _FINITE

    station: str
    id: str
    seq: int | None = None
    event_id: int | None = None
    channel: str = ""
    run_id: int | None = None
    cell: str = ""
    unix_time_second: float
    test_time_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle(Recorded):
    """A half-cycle is over; two of opposite sign make a cycle. Figures as in the table ``half_cycle``.

    Attributes:
        cycle, sign: cycle of the run, from 1; +1 charging, -1 discharging.
        charge_coulomb, energy_joule: magnitudes.
        overpotential_median_volt, overpotential_end_volt, overpotential_maximum_volt: positive in the
            direction of the current.
        complete: it ended by a cut-off of the plan.
    """

    half_cycle_id: int
    cycle: int
    sign: int
    start_time_second: float
    end_time_second: float
    charge_coulomb: float
    energy_joule: float
    mean_voltage_volt: float
    overpotential_median_volt: float | None = None
    overpotential_end_volt: float | None = None
    overpotential_maximum_volt: float | None = None
    end_reason: str
    complete: bool
    type: Literal["cycle"] = "cycle"
    v: Literal[1] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumTaken(Recorded):
    """An impedance spectrum was measured, with all its points, from high to low frequency; capacitive Z'' < 0.

    Attributes:
        mode: ``potentiostatic`` or ``galvanostatic``.
        amplitude_volt, amplitude_ampere: zero-to-peak, that of its mode; the other is null.
        frequency_hertz, real_impedance_ohm, imaginary_impedance_ohm: columns of equal length.
    """

    spectrum_id: int
    cycle: int
    start_time_second: float
    mode: str
    amplitude_volt: float | None = None
    amplitude_ampere: float | None = None
    frequency_hertz: tuple[float, ...]
    real_impedance_ohm: tuple[float, ...]
    imaginary_impedance_ohm: tuple[float, ...]
    type: Literal["spectrum"] = "spectrum"
    v: Literal[1] = 1

    def __post_init__(self) -> None:
        _refuse_ragged(self.frequency_hertz, self.real_impedance_ohm, self.imaginary_impedance_ohm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Recorded):
    """Something was decided, done or noticed.

    Attributes:
        kind: as in the table ``event``: ``run_started``, ``step_ended``, ``decision``, ``run_ended``, ...
        text: what, in words.
        author: by whom: a rule, a person, the plan, labctl.
        severity: how much it asks of a person.
        data: figures of it (a decision: rule, threshold, what was seen); null if there are none.
    """

    kind: str
    text: str
    author: str
    severity: Severity
    data: dict[str, Any] | None = None
    type: Literal["event"] = "event"
    v: Literal[1] = 1


def _refuse_ragged(*columns: tuple[float | None, ...]) -> None:
    if len({len(column) for column in columns}) > 1:
        raise ValueError("its columns are not of equal length")


Message = StationStatus | ChannelState | Samples | Cycle | SpectrumTaken | Event

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def encode(message: Message) -> bytes:
    """A message as one line of JSON, without its end."""
    return _MESSAGE.dump_json(message)


def decode(text: bytes) -> Message:
    """The message that a text is.

    Raises:
        DataError: it is none; the sentence says why.
    """
    if len(text) > LONGEST_bytes:
        raise DataError(f"a telemetry message of {len(text)} bytes: none is longer than {LONGEST_bytes}")
    try:
        return _MESSAGE.validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the text"
        raise DataError(f"not a telemetry message: {where}: {first['msg']}") from error


def schema() -> dict[str, Any]:
    """The JSON Schema of every message."""
    described = _MESSAGE.json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"labctl telemetry, version {VERSION}",
        **described,
    }
