"""A port through VISA: any resource string, with pyvisa-py or the library that ``LABCTL_VISA_LIBRARY`` names.

What pyvisa-py 0.8.1 does by itself, and what is done here instead (each measured):

- A refused TCP connection opens as if nothing were wrong: the socket is asked for its error.
- After the peer has closed, a read spins until its timeout, and ``clear`` for ever: the socket is read directly, where
  an empty read is the end; ``clear`` is not called.
- Nagle's algorithm delays a query that follows a write by 40 ms, and the attribute against it cannot be set: the
  option is set on the socket.
- A timed-out reply stays queued: reopening drops it, and the link proves with a question of its own that it is gone.
- Serial lines are read byte by byte: pyserial is read directly.
- Setting a termination character on a GPIB instrument behind a Prologix gateway is refused: none is set on GPIB.
- Its errors are VisaIOError, bare OSError, and on opening anything at all.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any, Protocol

import pyvisa
import serial
from pyvisa.constants import ControlFlow, InterfaceType, ResourceAttribute, StatusCode

from labctl.clock import ThreadClock
from labctl.link.blocking import SLICE_S, BlockingPort
from labctl.link.second import second_of
from labctl.link.serial import SerialPort, poll_line

_OPEN_S = 2.0
_WRITE_S = 2.0
_CHUNK = 65536
_ANSWER_S = 10.0
_VIA = " via "
_making = threading.Lock()  # one resource manager serves all ports of a library
_never = threading.Event()


class VisaPort(BlockingPort):
    """One VISA resource.

    Args:
        resource: ``TCPIP::192.168.0.7::5025::SOCKET``, ``USB0::...::INSTR``, ``ASRL/dev/ttyACM0::INSTR``. A GPIB
            instrument behind a gateway names it: ``GPIB0::6::INSTR via PRLGX-TCPIP0::192.168.0.8::1234::INTFC``.
        clock: the time of the thread that owns the port.
        terminator: what ends a message, for those libraries that have to be told.
        settings: of a serial line, as pyserial names them.
        answered: beginnings of lines that are answered although they hold no question mark.
    """

    losses = (*SerialPort.losses, pyvisa.errors.VisaIOError, pyvisa.errors.InvalidSession)

    def __init__(
        self,
        resource: str,
        clock: ThreadClock,
        terminator: bytes,
        settings: Mapping[str, object],
        answered: tuple[bytes, ...] = (),
    ) -> None:
        super().__init__(resource, clock)
        self._resource, *self._gateways = resource.split(_VIA)
        self._terminator = terminator
        self._settings = dict(settings)
        self._answered = answered
        self._opened: list[Any] = []
        self._wire: _Wire | None = None

    def beside(self, resource: str) -> "VisaPort":
        """The instrument's second port: the next TCP port, or the other line of the same USB device, if not named.

        A gateway that both are behind is opened with the first.
        """
        second, *gateways = second_of(self._resource, resource).split(_VIA)
        further = [
            gateway for gateway in gateways if gateway not in self._gateways
        ]  # one client, one connection
        return VisaPort(
            _VIA.join([second, *further]), self._clock, self._terminator, self._settings, self._answered
        )

    def _open(self) -> None:
        self._wire = None
        for resource in (*reversed(self._gateways), self._resource):
            instrument = _open_resource(resource)
            self._opened.append(instrument)
            if isinstance(peer := _interface_of(instrument), socket.socket):
                _make_ready(peer)
        self._wire = self._wire_of(self._opened[-1])
        self._slice_s = self._wire.slice_s

    def _write(self, data: bytes) -> None:
        self._connected().write(data)

    def _poll(self, wait_s: float) -> bytes:
        return self._connected().poll(wait_s)

    def _close(self) -> None:
        self._wire = None
        while self._opened:
            with contextlib.suppress(*self.losses):
                self._opened.pop().close()

    def _connected(self) -> "_Wire":
        if self._wire is None:
            raise OSError("the port is not open")
        return self._wire

    def _wire_of(self, instrument: Any) -> "_Wire":
        """The most direct way to the bytes of an opened resource."""
        interface = _interface_of(instrument)
        if isinstance(interface, socket.socket):
            return _SocketWire(interface)
        if isinstance(interface, serial.Serial):
            return _SerialWire(interface, self._settings)
        return _MessageWire(instrument, self._terminator, self._settings, self._answered)


class _Wire(Protocol):
    """Bytes to and from an opened resource, in slices of ``slice_s``."""

    slice_s: float

    def write(self, data: bytes) -> None: ...

    def poll(self, wait_s: float) -> bytes: ...


class _SocketWire:
    """The TCP socket inside a pyvisa-py session."""

    slice_s = SLICE_S

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer

    def write(self, data: bytes) -> None:
        self._peer.settimeout(_WRITE_S)
        self._peer.sendall(data)

    def poll(self, wait_s: float) -> bytes:
        self._peer.settimeout(wait_s)
        try:
            data = self._peer.recv(_CHUNK)
        except (TimeoutError, BlockingIOError):
            return b""
        if not data:
            raise ConnectionResetError("the instrument closed the connection")
        return data


class _SerialWire:
    """The pyserial line inside a pyvisa-py session."""

    slice_s = SLICE_S

    def __init__(self, line: serial.Serial, settings: Mapping[str, object]) -> None:
        line.apply_settings(
            {**line.get_settings(), **settings, "timeout": SLICE_S, "write_timeout": _WRITE_S}
        )
        line.exclusive = True
        line.reset_input_buffer()
        self._line = line

    def write(self, data: bytes) -> None:
        self._line.write(data)

    def poll(self, wait_s: float) -> bytes:
        return poll_line(self._line, wait_s)


class _MessageWire:
    """Whole messages through the VISA library: GPIB, USB, VXI-11, HiSLIP, and everything of another library.

    On a bus of messages a read may only follow a question, and must not be cut in slices: a talker that is left, or
    addressed without having anything to say, ends in an error of its own. An interruption is noticed there when the
    answer has come or is overdue.
    """

    def __init__(
        self,
        instrument: Any,
        terminator: bytes,
        settings: Mapping[str, object],
        answered: tuple[bytes, ...] = (),
    ) -> None:
        self._instrument = instrument
        self._answered = answered
        self._answer_due = False
        self._streams = (
            instrument.resource_class == "SOCKET" or instrument.interface_type is InterfaceType.asrl
        )
        self.slice_s = SLICE_S if self._streams else _ANSWER_S
        if self._streams:
            instrument.set_visa_attribute(ResourceAttribute.termchar, terminator[-1])
            instrument.set_visa_attribute(ResourceAttribute.termchar_enabled, True)
        else:
            with contextlib.suppress(pyvisa.errors.VisaIOError, NotImplementedError):
                instrument.clear()
        if instrument.interface_type is InterfaceType.asrl:
            instrument.baud_rate = settings.get("baudrate", instrument.baud_rate)
            if settings.get("rtscts"):
                instrument.flow_control = ControlFlow.rts_cts

    def write(self, data: bytes) -> None:
        self._instrument.timeout = 1000.0 * _WRITE_S
        self._instrument.write_raw(data)
        self._answer_due = self._answer_due or b"?" in data or data.startswith(self._answered)

    def poll(self, wait_s: float) -> bytes:
        if wait_s <= 0.0:
            return b""
        if not (self._streams or self._answer_due):
            _never.wait(min(wait_s, SLICE_S))
            return b""
        self._instrument.timeout = 1000.0 * wait_s
        try:
            data, status = self._instrument.visalib.read(self._instrument.session, _CHUNK)
        except pyvisa.errors.VisaIOError as error:
            if error.error_code == StatusCode.error_timeout:
                return b""
            raise
        self._answer_due = status == StatusCode.success_max_count_read
        return bytes(data)


def _interface_of(instrument: Any) -> object:
    """What a pyvisa-py session speaks through; None with other libraries."""
    sessions = getattr(instrument.visalib, "sessions", {})
    return getattr(sessions.get(instrument.session), "interface", None)


def _make_ready(peer: socket.socket) -> None:
    """Refuse a socket that never connected, and have the others send at once."""
    if code := peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(code, os.strerror(code))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _open_resource(resource: str) -> Any:
    with _making:
        manager = pyvisa.ResourceManager(os.environ.get("LABCTL_VISA_LIBRARY", "@py"))
    try:
        return manager.open_resource(resource, open_timeout=round(1000.0 * _OPEN_S))
    except Exception as error:  # pyvisa-py raises bare Exception, and much else
        raise OSError(str(error)) from error
