"""What really happened: to the cell, in the converters of the instrument, on the wire. Never labctl's own words."""

import hashlib
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import Any, NamedTuple

from labctl.clock import Clock
from labctl.link.memory import SimulatedPort
from labctl_simulators.chaos import ChaosDevice
from labctl_simulators.chaos.keithley_2450 import TroubledKeithley2450

_MOST_CALLS = 200_000


class Stretch(NamedTuple):
    """The cell between two moments; ``voltage_V`` is that of the end."""

    start_s: float
    end_s: float
    current_A: float
    voltage_V: float


class RecordingCell:
    """A simulated cell that remembers what passed through it."""

    def __init__(self, cell: Any) -> None:
        self._cell = cell
        self.now_s = 0.0
        self.stretches: list[Stretch] = []

    def voltage_V(self, current_A: float) -> float:
        return self._cell.voltage_V(current_A)  # type: ignore[no-any-return]

    def current_A(self, voltage_V: float) -> float:
        return self._cell.current_A(voltage_V)  # type: ignore[no-any-return]

    def advance_current(self, duration_s: float, current_A: float) -> None:
        self._cell.advance_current(duration_s, current_A)
        self._remember(duration_s, current_A)

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        charge_C: float = self._cell.advance_voltage(duration_s, voltage_V)
        self._remember(duration_s, charge_C / duration_s if duration_s else 0.0)
        return charge_C

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        return self._cell.impedance_ohm(frequency_Hz, bias_current_A)  # type: ignore[no-any-return]

    def _remember(self, duration_s: float, current_A: float) -> None:
        start_s, self.now_s = self.now_s, self.now_s + duration_s
        voltage_V = self._cell.voltage_V(current_A)
        self.stretches.append(Stretch(start_s, self.now_s, current_A, voltage_V))


class CellHistory:
    """The stretches of a cell's life in experiment time.

    Args:
        stretches: in the instrument's time.
        drift: how much faster than experiment time that passes.
    """

    def __init__(self, stretches: list[Stretch], drift: float) -> None:
        self.stretches = [Stretch(s.start_s / drift, s.end_s / drift, *s[2:]) for s in stretches]
        self._ends = [stretch.end_s for stretch in self.stretches]
        self._charges = list(
            accumulate((s.current_A * (s.end_s - s.start_s) for s in self.stretches), initial=0.0)
        )

    def charge_C(self, start_s: float, end_s: float) -> float:
        """What passed between two moments, with its sign."""
        return self._until(end_s) - self._until(start_s)

    def within(self, start_s: float, end_s: float) -> list[Stretch]:
        """The stretches that overlap a span."""
        first = bisect_right(self._ends, start_s)
        return [s for s in self.stretches[first : bisect_left(self._ends, end_s) + 1] if s.start_s < end_s]

    def _until(self, time_s: float) -> float:
        place = bisect_left(self._ends, time_s)
        if place == len(self._ends):
            return self._charges[-1]
        stretch = self.stretches[place]
        return self._charges[place] + stretch.current_A * max(time_s - stretch.start_s, 0.0)


class Reading(NamedTuple):
    """What the converters gave."""

    time_s: float
    voltage_V: float
    current_A: float


def record_readings(device: ChaosDevice, drift: float) -> list[Reading]:
    """A list that grows with every reading that the instrument takes, in experiment time."""
    readings: list[Reading] = []
    instrument: Any = device.instrument
    if isinstance(instrument, TroubledKeithley2450):
        take = instrument.take_reading

        def take_reading(buffer: Any, *, first: bool) -> Any:
            row = take(buffer, first=first)
            values = {row.source_unit: row.source, row.unit: row.reading}
            readings.append(
                Reading(
                    row.time_s / drift, values.get("Volt", float("nan")), values.get("Ampere", float("nan"))
                )
            )
            return row

        instrument.take_reading = take_reading
        return readings
    front = instrument._front
    latest = {"ab": 0.0, "ba": 0.0}

    def listen(name: str, quantity: str) -> None:
        read = getattr(front, name)

        def reading(late: int = 0) -> tuple[float, str]:
            value, metadata = read(late)
            latest[quantity] = value
            readings.append(Reading((front._time_s or 0.0) / drift, latest["ab"], latest["ba"]))
            return value, metadata

        setattr(front, name, reading)

    listen("read_potential", "ab")
    listen("read_current", "ba")
    return readings


class Hung(BaseException):
    """The simulation does not come to an end. Not an Exception, so that nothing takes it for a mistake of its own."""


class WireLog:
    """Everything that crossed the wire, in order, and when make_safe was called."""

    def __init__(self, clock: Clock, longest_s: float) -> None:
        self.entries: list[tuple[float, str, bytes]] = []
        self._clock = clock
        self._longest_s = longest_s
        self._calls = 0

    def add(self, mark: str, data: bytes = b"") -> None:
        """Marks: ``>`` to the instrument, ``>twin`` to another one, ``<`` from it, ``open``, ``safe``."""
        self.entries.append((self._clock.now(), mark, data))

    def turn(self) -> None:
        """Count a call of the port.

        Raises:
            Hung: there were far too many, or far too much time has passed.
        """
        self._calls += 1
        if self._calls > _MOST_CALLS or self._clock.now() > self._longest_s:
            raise Hung(f"{self._calls} calls of the port until {self._clock.now():.0f} s")

    def sha256(self) -> str:
        """Same run, same hash."""
        digest = hashlib.sha256()
        for time_s, mark, data in self.entries:
            digest.update(f"{time_s!r} {mark} ".encode() + data + b"\n")
        return digest.hexdigest()


class LoggedPort:
    """A connection whose bytes are written down."""

    def __init__(self, device: ChaosDevice, log: WireLog) -> None:
        self._device = device
        self._wire: SimulatedPort = device.port()
        self._log = log
        self._to = ">" if device.twin is None else ">twin"
        log.add("open")

    def receive(self, data: bytes, now_s: float) -> bytes:
        self._log.turn()
        self._log.add(self._to, data)
        return self._came(self._wire.receive(data, now_s))

    def next_wake(self) -> float | None:
        return self._wire.next_wake()

    def wake(self, now_s: float) -> bytes:
        self._log.turn()
        return self._came(self._wire.wake(now_s))

    def close(self, now_s: float) -> None:
        self._wire.close(now_s)

    def _came(self, data: bytes) -> bytes:
        if data:
            self._log.add("<", data)
        return data
