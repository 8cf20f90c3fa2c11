"""Modbus as bytes: requests, answers, checksum, and the frames of serial lines (RTU) and of Modbus TCP.

Source: MODBUS Application Protocol Specification V1.1b3 (functions, exceptions), MODBUS over Serial Line V1.02
(RTU, checksum), MODBUS Messaging on TCP/IP V1.0b (MBAP header).

Its own, although pymodbus exists: pymodbus' framers are internal to its own transports, skip over damaged bytes to
find something that looks right, and do not tell how long an answer is before it is there. A damaged answer must
poison the link here. pymodbus is the judge instead: it drives the simulated instruments as it is.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_SEVERAL = 3, 4, 6, 16
MOST_WORDS = 125
_FAILED = 0x80
_RTU_ENDS = 2
_MBAP = struct.Struct(">HHHB")


class Request(NamedTuple):
    """What is asked of one unit.

    Attributes:
        function: one of those above.
        address: of the first register, from 0.
        length: registers read, or written.
        words: those to be written.
    """

    function: int
    address: int
    length: int
    words: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """Function and data."""
        if self.function == WRITE_ONE:
            return struct.pack(">BHH", self.function, self.address, self.words[0])
        head = struct.pack(">BHH", self.function, self.address, self.length)
        if self.function != WRITE_SEVERAL:
            return head
        return head + struct.pack(f">B{self.length}H", 2 * self.length, *self.words)

    def answer_bytes(self) -> int:
        """How long the answer is, from its function on, unless the unit refuses."""
        return 2 + 2 * self.length if self.function in (READ_HOLDING, READ_INPUT) else 5

    def decode(self, answer: bytes) -> tuple[int, ...]:
        """The registers that were read; those that were written are confirmed.

        Raises:
            Refused: the unit answers with an exception.
            ValueError: it is no answer to this request.
        """
        if answer[:1] == bytes([self.function | _FAILED]) and len(answer) == 2:
            raise Refused(answer[1])
        if len(answer) != self.answer_bytes() or answer[0] != self.function:
            raise ValueError("the answer does not fit the request")
        if self.function in (READ_HOLDING, READ_INPUT):
            if answer[1] != 2 * self.length:
                raise ValueError("the answer has another number of registers than was asked for")
            return struct.unpack(f">{self.length}H", answer[2:])
        if answer != self.encode()[:5]:
            raise ValueError("something else was confirmed than was written")
        return self.words


class Refused(Exception):
    """A unit's exception; its argument is the code."""

    @property
    def code(self) -> int:
        """1 function, 2 address, 3 value, 4 failure of the unit, others."""
        return int(self.args[0])


class Framing(Protocol):
    """How requests and answers are packed."""

    gap_s: float
    """Silence that has to be before a request."""

    def wrap(self, unit: int, request: Request) -> bytes:
        """A request as it is sent."""
        ...

    def size(self, received: bytes) -> int:
        """How long the answer is that begins so, 0 while that cannot be told.

        Raises:
            ValueError: no answer to the last request begins so.
        """
        ...

    def unwrap(self, frame: bytes) -> bytes:
        """Function and data of an answer.

        Raises:
            ValueError: it is damaged.
        """
        ...


class Rtu:
    """Unit, function, data, checksum; the next frame after a silence."""

    gap_s = 0.005  # 3.5 characters at 9600 Bd are 4 ms

    def __init__(self) -> None:
        self._unit = 0
        self._request = Request(0, 0, 0)

    def wrap(self, unit: int, request: Request) -> bytes:
        """A request as it is sent."""
        self._unit, self._request = unit, request
        body = bytes([unit]) + request.encode()
        return body + checksum(body)

    def size(self, received: bytes) -> int:
        """Known from unit and function."""
        if received[0] != self._unit:
            raise ValueError("another unit answers")
        if len(received) < 2:
            return 0
        function = self._request.function
        if received[1] == function | _FAILED:
            return 1 + 2 + _RTU_ENDS
        if received[1] != function:
            raise ValueError("another function is answered")
        return 1 + self._request.answer_bytes() + _RTU_ENDS

    def unwrap(self, frame: bytes) -> bytes:
        """Checked by its sum."""
        body, found = frame[:-_RTU_ENDS], frame[-_RTU_ENDS:]
        if found != checksum(body):
            raise ValueError("the checksum is wrong")
        return body[1:]


class Tcp:
    """A number that the answer repeats, zero, length, unit, function, data."""

    gap_s = 0.0

    def __init__(self) -> None:
        self._number = 0
        self._unit = 0

    def wrap(self, unit: int, request: Request) -> bytes:
        """A request as it is sent."""
        self._number = (self._number + 1) & 0xFFFF
        self._unit = unit
        body = request.encode()
        return _MBAP.pack(self._number, 0, len(body) + 1, unit) + body

    def size(self, received: bytes) -> int:
        """Known from the header, whose number has to be the request's."""
        if len(received) < _MBAP.size:
            return 0
        number, protocol, length, unit = _MBAP.unpack_from(received)
        if protocol or not 3 <= length <= 254:
            raise ValueError("this is no Modbus TCP")
        if number != self._number or unit != self._unit:
            raise ValueError("another request is answered")
        return 6 + int(length)

    def unwrap(self, frame: bytes) -> bytes:
        """TCP has checked it."""
        return frame[_MBAP.size :]


FRAMINGS: dict[str, type[Rtu] | type[Tcp]] = {"rtu": Rtu, "tcp": Tcp}


def unit_of(settings: Mapping[str, str]) -> int:
    """The unit that a station file names; 1 if it names none.

    Raises:
        ValueError: there can be no such unit.
    """
    text = settings.get("unit", "1").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= 255):
        raise ValueError(f"unit: {text!r} is no number from 0 to 255")
    return int(text)


def checksum(data: bytes) -> bytes:
    """CRC-16 of a serial line, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def float_of(words: Sequence[int], *, low_first: bool) -> float:
    """An IEEE single of two registers."""
    high, low = reversed(words) if low_first else words
    (value,) = struct.unpack(">f", struct.pack(">HH", high, low))
    return float(value)


def words_of(value: float, *, low_first: bool) -> tuple[int, int]:
    """Two registers of an IEEE single."""
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    return (low, high) if low_first else (high, low)
