"""Simulated Zahner PP212, PP222, PP242 and XPOT2 with their two serial lines. Not verified on hardware.

Theory of operation. The command line takes SCPI-like text and answers each line: ``ok``, a value, or ``error N``. A
primitive is answered when it ends, and lines that come meanwhile wait, except for ``ABOR`` and ``*RST``, which are
carried out at once. The data line sends what a primitive measures in packets; it answers only ``*IDN?``. After a global
limit or an abort every primitive is refused (1006) until ``*CLS``. A primitive switches the potentiostat on and leaves
it as it was before.

Source: zahner_potentiostat 1.1.2 and Zahner's examples. Assumed: over TCP, where a real one has no port, several may be
connected, and whoever has asked is answered; points go nowhere while nobody has opened the data
line, and are then sent once more at the end; an instrument whose data are not read hangs, which is not simulated; what
``*RST`` and the change to EPC control do to the lines is a reconnection.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from labctl_simulators.cells import Cell

from . import zahner_pp2x2_packets as packets
from .zahner_pp2x2_circuit import Circuit
from .zahner_pp2x2_lines import CommandPort, DataPort
from .zahner_pp2x2_models import MODELS
from .zahner_pp2x2_primitives import LIMIT_REACHED, OK, Primitive, course_of
from .zahner_pp2x2_settings import (
    ABORTED,
    GLOBAL_LIMIT,
    NOT_IN_LIMITS,
    NOT_NOW,
    UNKNOWN,
    Refused,
    Settings,
    read_time,
)

_CALIBRATION_S = 3.0
_REBOOT_S = 3.0
_EPOCH = datetime(2026, 1, 1)  # noqa: DTZ001 - the instrument has no time zone
_PRIMITIVES = {"MEAS:POGA", "MEAS:OCVS", "MEAS:RMPT", "MEAS:RMPS", "MEAS:RMPV", "MEAS:IESC"}
_AT_ONCE = {"ABOR", "*RST"}


class ZahnerPP2x2:
    """One instrument, its cell and its two lines.

    Args:
        cell: what is connected.
        seed: of the noise.
        model: PP212, PP222, PP242 or XPOT2.
        firmware: the version that ``*IDN?`` tells.
    """

    def __init__(self, cell: Cell, seed: int = 0, *, model: str = "PP212", firmware: str = "1.1.0") -> None:
        self.model = MODELS[model]
        self.now_s = 0.0
        self._identity = f"ZAHNER-ELEKTRIK,{model},33000,{firmware}"
        self._circuit = Circuit(cell, self.model, seed)
        self._command_ports: list[CommandPort] = []
        self._data_ports: list[DataPort] = []
        self._clock_offset = timedelta(0)
        self._waiting: deque[tuple[CommandPort, str, str]] = deque()
        self._asker: CommandPort
        self._primitive: Primitive | None = None
        self._settings = Settings(self.model)
        self._state = 0
        self._open_circuit_V = 0.0
        self._busy_s = self._lost_s = math.inf
        self._on_before = self._missed = False

    def port(self) -> CommandPort:
        """A connection to the command line."""
        self._command_ports.append(CommandPort(self))
        return self._command_ports[-1]

    def second_port(self) -> DataPort:
        """A connection to the data line."""
        self._data_ports.append(DataPort(self))
        return self._data_ports[-1]

    @property
    def circuit_closed(self) -> bool:
        """Whether the potentiostat is on."""
        return self._circuit.on

    # --- time ------------------------------------------------------------------------------------------------

    @property
    def due_s(self) -> float | None:
        """When something happens by itself."""
        times = [self._lost_s, self._busy_s, self._primitive.due_s if self._primitive else math.inf]
        return min(times) if min(times) < math.inf else None

    def run_until(self, now_s: float) -> None:
        """Do what is due by then."""
        while (due_s := self.due_s) is not None and due_s <= now_s:
            self.now_s = max(due_s, self.now_s)
            if self._primitive is not None and self._primitive.due_s <= due_s:
                self._look(self._primitive)
            elif self._busy_s <= due_s:
                self._busy_s = math.inf
                self._answer_asker(OK)
            else:
                self._lose_lines()
        self.now_s = max(now_s, self.now_s)
        if self._primitive is None:
            self._circuit.live_until(self.now_s)

    def _look(self, primitive: Primitive) -> None:
        self._range()
        reply = primitive.look()
        if primitive.new is not None:
            self._send(packets.live(primitive.new))
        if reply is not None:
            if reply == LIMIT_REACHED:
                self._state = GLOBAL_LIMIT
            self._finish(primitive, reply)

    def _finish(self, primitive: Primitive, reply: str) -> None:
        """End a primitive, tell its data, and leave the potentiostat as it was before."""
        self._primitive = None
        self._circuit.on = self._on_before and self._state == 0
        self._settings.put(
            "SESO:IVAL" if self._circuit.galvanostatic else "SESO:UVAL", self._circuit.set_point
        )
        self._send(packets.header(primitive.kind, packets.DONE))
        if self._missed and primitive.points:
            self._send(packets.bulk(primitive.points))
        self._send(packets.header(primitive.kind, packets.FINISHING))
        self._answer_asker(reply)

    def _lose_lines(self) -> None:
        self._lost_s = math.inf
        for port in (*self._command_ports, *self._data_ports):
            port.lost = True

    # --- lines -----------------------------------------------------------------------------------------------

    def take(self, line: str, asker: CommandPort) -> None:
        """A line has arrived on the command line."""
        header, _, argument = line.partition(" ")
        header = header.upper().removeprefix(":")
        if header in _AT_ONCE:
            self._abort() if header == "ABOR" else self._restart()
            asker.answer(OK)
            self._go_on()
        elif line:
            self._waiting.append((asker, header, argument.strip()))
            self._go_on()

    def _answer_asker(self, text: str) -> None:
        """What took a while is done."""
        self._asker.answer(text)
        self._go_on()

    def _go_on(self) -> None:
        """Carry out what waits, as far as nothing is under way."""
        while self._waiting and self._primitive is None and self._busy_s == math.inf:
            self._asker, header, argument = self._waiting.popleft()
            try:
                text = self._execute(header, argument)
            except Refused as refusal:
                text = f"error {refusal.number}"
            if text:
                self._asker.answer(text)

    def leave(self, port: CommandPort | DataPort) -> None:
        """A peer is gone; what runs goes on."""
        if isinstance(port, DataPort):
            self._data_ports.remove(port)
            self._missed = self._missed or self._primitive is not None
        else:
            self._command_ports.remove(port)
            self._waiting = deque(waiting for waiting in self._waiting if waiting[0] is not port)

    def _send(self, packet: bytes) -> None:
        """On the data line, if somebody has opened it."""
        self._missed = self._missed or not self._data_ports
        for port in self._data_ports:
            port.said += packet

    @property
    def data_identity(self) -> bytes:
        """What the data line calls itself."""
        return f"{self._identity} binary\n".encode()

    # --- commands --------------------------------------------------------------------------------------------

    def _execute(self, header: str, argument: str) -> str:
        """Carry out one command; no answer while it goes on."""
        if header.endswith("?"):
            return self._question(header[:-1])
        if header in self._settings and argument:
            return self._set(header, argument)
        if header == "*CLS":
            self._state = 0
        elif header == "SESO:CALO":
            self._refuse_in_error()
            self._circuit.on = False
            self._busy_s = self.now_s + _CALIBRATION_S
            return ""
        elif header == "SYST:TIME":
            self._clock_offset = read_time(argument) - _EPOCH - timedelta(seconds=self.now_s)
        elif header in ("SYST:SEPC", "SYST:HOTS"):
            self._circuit.on = self._circuit.on and header == "SYST:HOTS"
            self._lost_s = self.now_s + _REBOOT_S
        else:
            raise Refused(UNKNOWN)
        return OK

    def _set(self, header: str, argument: str) -> str:
        settings, circuit = self._settings, self._circuit
        if header == "SESO:STAT":
            return self._switch(argument)
        value = settings.take(header, argument)
        if header == "SESO:COUP":
            circuit.on, circuit.galvanostatic = False, value == "gal"
        elif header == "SESO:CRNG":
            circuit.shunt = self.model.shunt_for(float(value))
        elif header == "SESO:CRNG:IDX":
            circuit.shunt = int(value)
        elif header in ("SESO:CRNG:AUTO:LLIM", "SESO:CRNG:AUTO:ULIM"):
            if settings.number("SESO:CRNG:AUTO:LLIM") > settings.number("SESO:CRNG:AUTO:ULIM"):
                raise Refused(NOT_IN_LIMITS)
        elif header in ("SESO:UVAL", "SESO:IVAL") and circuit.on:
            circuit.set_point = self._set_point()
        return OK

    def _switch(self, argument: str) -> str:
        """The potentiostat on or off, without a primitive: nothing is measured, no limit is looked at."""
        wanted = bool(self._settings.take("SESO:STAT", argument))
        if wanted:
            self._refuse_in_error()
            self._circuit.set_point = self._set_point()
        self._circuit.on = wanted
        return OK

    def _set_point(self) -> float:
        """What is held without a primitive, and where a ramp begins."""
        settings = self._settings
        if self._circuit.galvanostatic:
            return settings.number("SESO:IVAL")
        relative = settings.word("SESO:UREL") == "OCV"
        return settings.number("SESO:UVAL") + (self._open_circuit_V if relative else 0.0)

    def _question(self, header: str) -> str:
        circuit = self._circuit
        if header in _PRIMITIVES:
            return self._begin(header)
        if header == "MEAS:OCV":
            circuit.on = False
            self._open_circuit_V = circuit.read()[0]
            return _shown(self._open_circuit_V)
        answers: dict[str, Callable[[], str]] = {
            "*IDN": lambda: self._identity,
            "*CLS": lambda: str(self._state),
            "MEAS:VOLT": lambda: _shown(circuit.read()[0]),
            "MEAS:CURR": lambda: _shown(circuit.read()[1]),
            "MEAS:TEMP": lambda: "no temperature sensor connected",
            "SYST:LINF": lambda: f"{self._settings.number('SYST:LINF'):g}",
            "SYST:TIME": lambda: (
                f"{_EPOCH + self._clock_offset + timedelta(seconds=self.now_s):%Y-%m-%dT%H:%M:%S}"
            ),
            "SYST:MAC": lambda: "00-0b-d7-00-80-e8",
            "SYST:SOFT:INFO": lambda: (
                f"Version: {self._identity.rpartition(',')[2]}; Branch: simulated; Hash: 0"
            ),
        }
        if header not in answers:
            raise Refused(UNKNOWN)
        return answers[header]()

    def _begin(self, header: str) -> str:
        """Start a primitive; it answers when it ends."""
        self._refuse_in_error()
        circuit, rests = self._circuit, header == "MEAS:OCVS"
        course = course_of(header, self._settings, self._set_point(), self._open_circuit_V)
        self._on_before, circuit.on = circuit.on, not rests
        primitive = Primitive(course, self._settings, circuit, self.now_s, rests)
        self._primitive, self._missed = primitive, False
        self._range()
        self._send(packets.header(primitive.kind, packets.START))
        self._send(packets.tracks())
        self._send(packets.header(primitive.kind, packets.RUNNING))
        return ""

    def _range(self) -> None:
        settings = self._settings
        if settings.on("SESO:CRNG:AUTO"):
            limits = settings.number("SESO:CRNG:AUTO:LLIM"), settings.number("SESO:CRNG:AUTO:ULIM")
            self._circuit.range_for(int(limits[0]), int(limits[1]))

    def _refuse_in_error(self) -> None:
        if self._state:
            raise Refused(NOT_NOW)

    def _abort(self) -> None:
        """End what runs and switch off; primitives are refused from then on."""
        self._state, self._on_before = ABORTED, False
        if self._primitive is not None:
            self._circuit.live_until(self.now_s)
            self._send(packets.header(self._primitive.kind, packets.STATE_ABORTED))
            self._finish(self._primitive, f"error {ABORTED}")
        self._circuit.on = False

    def _restart(self) -> None:
        """As after switching on."""
        self._waiting.clear()
        self._abort()
        self._settings = Settings(self.model)
        self._state, self._open_circuit_V = 0, 0.0
        self._circuit.galvanostatic, self._circuit.shunt = False, 0
        self._busy_s, self._lost_s = math.inf, self.now_s + _REBOOT_S


def _shown(value: float) -> str:
    return f"{value:+.9e}"
