"""Event log, error queue and status registers (2461 Reference Manual pp. 6-115 to 6-150, appendix B)."""

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from labctl_simulators.firmware.keithley_2450_buffer import POWER_ON

ERROR, WARNING, INFORMATION = 1, 2, 4
LOG_LENGTH = 1000

OPERATION_COMPLETE, QUERY_ERROR, DEVICE_ERROR, EXECUTION_ERROR, COMMAND_ERROR, POWER_ON_BIT = (
    1,
    4,
    8,
    16,
    32,
    128,
)
"""Bits of the standard event status register."""
MEASUREMENT_SUMMARY, ERROR_AVAILABLE, QUESTIONABLE_SUMMARY = 1, 4, 8
EVENT_SUMMARY, MASTER_SUMMARY, OPERATION_SUMMARY = 32, 64, 128
"""Bits of the status byte."""


class Event(NamedTuple):
    """One entry of the event log."""

    code: int
    message: str
    severity: int
    time_s: float

    @property
    def as_error(self) -> str:
        """As :SYST:ERR? writes it."""
        when = (POWER_ON + timedelta(seconds=self.time_s)).strftime("%Y/%m/%d %H:%M:%S.%f")[:-3]
        return f'{self.code},"{self.message};{self.severity};{when}"'

    @property
    def as_event(self) -> str:
        """As :SYST:EVEN? writes it."""
        seconds = int(POWER_ON.timestamp() + self.time_s)
        return f'{self.code},"{self.message};{self.severity},{seconds},{int(self.time_s % 1.0 * 1e9)}"'


NO_ERROR = '0,"No error;0,0,0"'


def standard_event_bit(code: int) -> int:
    """The bit of the standard event register that an error sets: by its class, as SCPI defines it."""
    if -200 < code <= -100:
        return COMMAND_ERROR
    if -300 < code <= -200:
        return EXECUTION_ERROR
    return QUERY_ERROR if -500 < code <= -400 else DEVICE_ERROR


@dataclass(slots=True)
class Register:
    """An operation or questionable register, whose bits mean nothing until events are mapped to them."""

    condition: int = 0
    event: int = 0
    enable: int = 0
    set_by: dict[int, int] = field(default_factory=dict)
    cleared_by: dict[int, int] = field(default_factory=dict)

    def note(self, code: int) -> None:
        """Let an event of the log set and clear the bits mapped to it."""
        for bit, event in self.set_by.items():
            if event == code:
                self.event |= (1 << bit) & ~self.condition
                self.condition |= 1 << bit
        for bit, event in self.cleared_by.items():
            if event == code:
                self.condition &= ~(1 << bit)

    def take_event(self) -> int:
        """Read the event register, which clears it."""
        value, self.event = self.event, 0
        return value


class Status:
    """Everything that *STB?, *ESR?, :STAT and :SYST:ERR? answer from."""

    def __init__(self) -> None:
        self.log: deque[Event] = deque(maxlen=LOG_LENGTH)
        self.standard_event = POWER_ON_BIT
        self.standard_enable = 0
        self.request_enable = 0
        self.operation = Register()
        self.questionable = Register()

    def add(self, code: int, message: str, severity: int, time_s: float) -> None:
        """Log an event; when the log is full the oldest entry is lost."""
        self.log.append(Event(code, message, severity, time_s))
        self.operation.note(code)
        self.questionable.note(code)
        if severity == ERROR:
            self.standard_event |= standard_event_bit(code)

    def pop(self, severities: int = ERROR) -> Event | None:
        """Take the oldest event of the given severities (their numbers added) off the log."""
        found = next((event for event in self.log if event.severity & severities), None)
        if found is not None:
            self.log.remove(found)
        return found

    def count(self, severities: int = ERROR) -> int:
        """Number of events of the given severities."""
        return sum(1 for event in self.log if event.severity & severities)

    def clear_events(self) -> None:
        """*CLS: event registers and log."""
        self.log.clear()
        self.standard_event = self.operation.event = self.questionable.event = 0

    def preset(self) -> None:
        """:STAT:PRES: enable registers and mappings of the two mapped registers."""
        self.operation = Register()
        self.questionable = Register()

    def take_standard_event(self) -> int:
        """Read *ESR?, which clears it."""
        value, self.standard_event = self.standard_event, 0
        return value

    def byte(self) -> int:
        """*STB?."""
        value = ERROR_AVAILABLE if self.count() else 0
        value |= EVENT_SUMMARY if self.standard_event & self.standard_enable else 0
        value |= OPERATION_SUMMARY if self.operation.event & self.operation.enable else 0
        value |= QUESTIONABLE_SUMMARY if self.questionable.event & self.questionable.enable else 0
        return value | (MASTER_SUMMARY if value & self.request_enable else 0)
