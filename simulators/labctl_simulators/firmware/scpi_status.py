"""Error queue and IEEE 488.2 registers of an instrument that queues its errors and keeps a measurement register."""

from collections import deque
from typing import Any, Protocol

from labctl_simulators.firmware.scpi import CommandTree
from labctl_simulators.firmware.scpi_parameters import Number, ScpiError

_QUEUE_LENGTH = 10
_OVERFLOW = (-350, "Queue overflow")
_MEASUREMENT, _ERROR, _EVENT, _MASTER = 1, 4, 32, 64


class Status:
    """What has gone wrong and what is summarised of it.

    Args:
        no_error: as the empty queue answers.
    """

    def __init__(self, no_error: str = '0,"No error"') -> None:
        self._no_error = no_error
        self.errors: deque[ScpiError] = deque()
        self.event = 128  # power on
        self.event_enable = 0
        self.service_enable = 0
        self.measurement = 0
        self.measurement_enable = 0
        self.register_enables = {"OPERation": 0, "QUEStionable": 0}

    def add(self, error: ScpiError) -> None:
        """Queue an error; the last place says that more were lost."""
        if len(self.errors) == _QUEUE_LENGTH:
            self.errors[-1] = ScpiError(*_OVERFLOW)
        else:
            self.errors.append(error)
        command, execution = -200 < error.code <= -100, -300 < error.code <= -200
        self.event |= 32 if command else 16 if execution else 8

    def next_error(self) -> str:
        """As :SYST:ERR? answers."""
        if not self.errors:
            return self._no_error
        error = self.errors.popleft()
        return f'{error.code:+d},"{error.message}"'

    def all_errors(self) -> str:
        """As :SYST:ERR:ALL? answers; the queue is empty afterwards."""
        return ",".join(self.next_error() for _ in range(max(1, len(self.errors))))

    def preset(self) -> None:
        """:STAT:PRES."""
        self.measurement_enable = 0
        self.register_enables = dict.fromkeys(self.register_enables, 0)

    def clear(self) -> None:
        """*CLS."""
        self.errors.clear()
        self.event = self.measurement = 0

    @property
    def byte(self) -> int:
        """*STB?."""
        bits = _MEASUREMENT if self.measurement & self.measurement_enable else 0
        bits |= _ERROR if self.errors else 0
        bits |= _EVENT if self.event & self.event_enable else 0
        return bits | (_MASTER if bits & self.service_enable else 0)

    def take_event(self) -> int:
        """*ESR?."""
        event, self.event = self.event, 0
        return event

    def take_measurement(self) -> int:
        """:STAT:MEAS?."""
        event, self.measurement = self.measurement, 0
        return event


class HasStatus(Protocol):
    """An instrument that queues its errors."""

    @property
    def status(self) -> Status:
        """Where they are queued."""
        ...


def run_message(tree: CommandTree, instrument: HasStatus, line: bytes) -> str:
    """Run one message; the first mistake ends it. The answers, joined, with LF."""
    replies: list[str] = []
    for call in tree.compile(line.decode("latin-1").strip()):
        try:
            reply = call.run(instrument, *call.arguments)
        except ScpiError as error:
            instrument.status.add(error)
            break
        if reply is not None:
            replies.append(reply)
    return ";".join(replies) + "\n" if replies else ""


def declare_common(tree: CommandTree) -> None:
    """The common commands, for an instrument with ``identity``, ``status`` and ``reset``."""

    def command(name: str, run: Any, *parameters: Any) -> None:
        tree.command(name, *parameters)(run)

    def query(name: str, run: Any) -> None:
        tree.query(name)(run)

    byte = Number(whole=True)
    query("*IDN", lambda it: it.identity)
    command("*RST", lambda it: it.reset())
    command("*CLS", lambda it: it.status.clear())
    command("*ESE", lambda it, value: setattr(it.status, "event_enable", value & 255), byte)
    query("*ESE", lambda it: str(it.status.event_enable))
    query("*ESR", lambda it: str(it.status.take_event()))
    command("*SRE", lambda it, value: setattr(it.status, "service_enable", value & 191), byte)
    query("*SRE", lambda it: str(it.status.service_enable))
    query("*STB", lambda it: str(it.status.byte))
    command("*OPC", lambda it: setattr(it.status, "event", it.status.event | 1))
    query("*OPC", lambda it: "1")
    command("*WAI", lambda it: None)
    query("*TST", lambda it: "0")
    query("*OPT", lambda it: "0")
    query(":SYSTem:ERRor[:NEXT]", lambda it: it.status.next_error())
    command(":SYSTem:CLEar", lambda it: it.status.errors.clear())
    query(":SYSTem:VERSion", lambda it: "1996.0")
    _declare_registers(tree)


def declare_whole_queue(tree: CommandTree) -> None:
    """What else an instrument may tell of its errors: all at once, how many, without words."""
    tree.query(":SYSTem:ERRor:ALL")(lambda it: it.status.all_errors())
    tree.query(":SYSTem:ERRor:COUNt")(lambda it: str(len(it.status.errors)))
    tree.query(":SYSTem:ERRor:CODE[:NEXT]")(lambda it: it.status.next_error().partition(",")[0])


def _declare_registers(tree: CommandTree) -> None:
    """The registers that SCPI asks for. Assumed: nothing that is simulated sets a bit of them."""
    tree.command(":STATus:PRESet")(lambda it: it.status.preset())
    for register in ("OPERation", "QUEStionable"):
        for condition in ("[:EVENt]", ":CONDition"):
            tree.query(f":STATus:{register}{condition}")(lambda it: "0")

        def enable(it: HasStatus, value: float, register: str = register) -> None:
            it.status.register_enables[register] = int(value) & 0x7FFF

        def enabled(it: HasStatus, register: str = register) -> str:
            return str(it.status.register_enables[register])

        tree.command(f":STATus:{register}:ENABle", Number(whole=True))(enable)
        tree.query(f":STATus:{register}:ENABle")(enabled)
