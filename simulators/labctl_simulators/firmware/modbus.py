"""The serving side of Modbus for simulated instruments: requests found in bytes, carried out on registers, answered.

Source: MODBUS Application Protocol Specification V1.1b3 chapters 4 to 7, MODBUS over Serial Line V1.02 section
2.5.1, MODBUS Messaging on TCP/IP V1.0b section 3.1.3.

Theory of operation. What a request means does not depend on how it is packed, so ``carry_out`` sees function and
data. On a serial line a frame ends where its checksum is right; bytes that begin no frame are passed over one by
one until one does. A wrong checksum and another unit's number are met with silence, unit 0 with obedience and
silence. On TCP the header tells the length; what is no header ends the connection.

Assumed: what began a frame and was not completed within a second is dropped, where a real line allows 1.5
characters; over TCP and pseudo-terminals bytes do not keep such times. Not simulated: coils, diagnostics beyond the
loop test, files, identification.
"""

import struct
from collections.abc import Sequence
from typing import Protocol

from labctl_simulators.firmware.spoken_to import SpokenTo

FUNCTION, ADDRESS, VALUE, FAILURE, NO_WAY = 1, 2, 3, 4, 11
_HOLDING, _INPUT, _ONE, _LOOP, _SEVERAL, _MASKED, _BOTH = 3, 4, 6, 8, 16, 22, 23
_MOST_READ, _MOST_WRITTEN, _MOST_WRITTEN_IN_BOTH = 125, 123, 121
_LONGEST_RTU = 256
_UNFINISHED_S = 1.0
_BROADCAST = 0


class ModbusFault(Exception):
    """A request that is answered with an exception; its argument is the code."""


class Registers(Protocol):
    """What a unit keeps."""

    functions: frozenset[int]
    """Those that it knows."""

    def read(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Registers from an address on; ModbusFault if there are none."""
        ...

    def write(self, address: int, words: Sequence[int], now_s: float) -> None:
        """Change registers, all or none; ModbusFault if that cannot be."""
        ...


def carry_out(registers: Registers, body: bytes, now_s: float) -> bytes:
    """The answer to function and data of a request, an exception included."""
    try:
        if body[0] not in registers.functions:
            raise ModbusFault(FUNCTION)
        return body[:1] + _answer(registers, body[0], body[1:], now_s)
    except ModbusFault as fault:
        return bytes([body[0] | 0x80, fault.args[0]])


def _answer(registers: Registers, function: int, data: bytes, now_s: float) -> bytes:
    if function == _LOOP:
        if data[:2] != b"\0\0":
            raise ModbusFault(FUNCTION)
        return data
    if len(data) < 4:
        raise ModbusFault(VALUE)
    address, second = struct.unpack_from(">HH", data)
    if function in (_HOLDING, _INPUT):
        return _read(registers, function, address, second, now_s)
    if function == _ONE:
        _write(registers, address, (second,), now_s)
        return data[:4]
    if function == _SEVERAL:
        _write(registers, address, _words(data[4:], second, _MOST_WRITTEN), now_s)
        return data[:4]
    if function == _MASKED:
        if len(data) != 6:
            raise ModbusFault(VALUE)
        (kept,) = registers.read(_HOLDING, address, 1, now_s)
        (put,) = struct.unpack_from(">H", data, 4)
        _write(registers, address, ((kept & second) | (put & ~second & 0xFFFF),), now_s)
        return data
    if len(data) < 9:
        raise ModbusFault(VALUE)
    where, many = struct.unpack_from(">HH", data, 4)
    _write(registers, where, _words(data[8:], many, _MOST_WRITTEN_IN_BOTH), now_s)
    return _read(registers, _HOLDING, address, second, now_s)


def _read(registers: Registers, function: int, address: int, count: int, now_s: float) -> bytes:
    if not 1 <= count <= _MOST_READ:
        raise ModbusFault(VALUE)
    if address + count > 0x10000:
        raise ModbusFault(ADDRESS)
    words = registers.read(function, address, count, now_s)
    return struct.pack(f">B{count}H", 2 * count, *words)


def _write(registers: Registers, address: int, words: Sequence[int], now_s: float) -> None:
    if address + len(words) > 0x10000:
        raise ModbusFault(ADDRESS)
    registers.write(address, words, now_s)


def _words(counted: bytes, many: int, most: int) -> tuple[int, ...]:
    """A byte count and as many words."""
    if not 1 <= many <= most or not counted or counted[0] != 2 * many or len(counted) != 1 + 2 * many:
        raise ModbusFault(VALUE)
    return struct.unpack(f">{many}H", counted[1:])


# ---- packing ----


class ModbusPort(SpokenTo):
    """One connection to a unit, on which frames of a serial line or of Modbus TCP may come.

    Args:
        registers: what the unit keeps.
        unit: its number.
        packing: ``rtu``, ``tcp``, or empty: as the first request is packed.
    """

    def __init__(self, registers: Registers, unit: int, packing: str = "") -> None:
        self._registers = registers
        self._unit = unit
        self._fixed = packing
        self._packing = packing
        self._input = bytearray()
        self._last_s = 0.0

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived, answer every request that is whole by now.

        Raises:
            ConnectionAbortedError: what came over TCP is no Modbus.
        """
        if self._input and now_s - self._last_s > _UNFINISHED_S:
            self._input.clear()
        self._last_s = now_s
        self._input += data
        said = b""
        while self._input:
            if not self._packing and not self._recognise():
                return said
            answer = self._tcp(now_s) if self._packing == "tcp" else self._rtu(now_s)
            if answer is None:
                break
            said += answer
        return said

    def close(self, now_s: float) -> None:
        """The unit goes on as it is."""
        self._input.clear()
        self._packing = self._fixed

    def _recognise(self) -> bool:
        """Tell the packing by the first request; False while it cannot be told."""
        data = bytes(self._input)
        if not rtu_frame(data, self._unit):
            if len(data) < 8:
                return False
            _, protocol, length, _, function = struct.unpack_from(">HHHBB", data)
            if protocol == 0 and 2 <= length <= 254 and function < 0x80:
                expected = _body_length(data[7:])
                if expected is not None and expected < 0:
                    return False
                if expected is None or length == expected + 1:
                    self._packing = "tcp"
                    return True
        self._packing = "rtu"
        return True

    def _rtu(self, now_s: float) -> bytes | None:
        """The answer to the next frame, empty where there is to be none; None: more has to come."""
        data = bytes(self._input)
        length = rtu_frame(data, self._unit)
        if length is None:
            return None
        if length == 0:
            del self._input[:1]
            return b""
        del self._input[:length]
        unit, body = data[0], data[1 : length - 2]
        if unit not in (self._unit, _BROADCAST):
            return b""
        answer = bytes([unit]) + carry_out(self._registers, body, now_s)
        return b"" if unit == _BROADCAST else answer + crc16(answer)

    def _tcp(self, now_s: float) -> bytes | None:
        if len(self._input) < 8:
            return None
        number, protocol, length, unit = struct.unpack_from(">HHHB", self._input)
        if protocol or not 2 <= length <= 254:
            raise ConnectionAbortedError("this is no Modbus TCP")
        if len(self._input) < 6 + length:
            return None
        body = bytes(self._input[7 : 6 + length])
        del self._input[: 6 + length]
        if unit in (self._unit, 0, 255):
            answer = carry_out(self._registers, body, now_s)
        else:
            answer = bytes([body[0] | 0x80, NO_WAY])
        return struct.pack(">HHHB", number, 0, len(answer) + 1, unit) + answer


def rtu_frame(data: bytes, mine: int) -> int | None:
    """How long the frame is that begins here; 0: none does; None: that cannot be told yet.

    Args:
        data: what has come.
        mine: the unit whose unknown functions are of interest; a frame with one ends where its checksum is right,
            unless another request is found in it.
    """
    length = _body_length(data[1:])
    if length is not None and length < 0:
        return None
    if length is not None:
        whole = 1 + length + 2
        if whole > _LONGEST_RTU:
            return 0
        if len(data) < whole:
            return None
        return whole if crc16(data[: whole - 2]) == data[whole - 2 : whole] else 0
    if data[0] != mine or not 0 < data[1] < 0x80:
        return 0
    for whole in range(4, min(len(data), _LONGEST_RTU) + 1):
        if crc16(data[: whole - 2]) == data[whole - 2 : whole]:
            return whole
    covered = any(
        _body_length(data[at + 1 :]) and rtu_frame(data[at:], mine) for at in range(1, len(data) - 3)
    )
    return 0 if covered or len(data) >= _LONGEST_RTU else None


def _body_length(body: bytes) -> int | None:
    """Bytes of function and data; negative: more has to come; None: the function is not known."""
    if not body:
        return -1
    if body[0] in (1, 2, 3, 4, 5, _ONE, _LOOP):
        return 5
    if body[0] in (15, _SEVERAL):
        return 6 + body[5] if len(body) > 5 else -1
    if body[0] == _MASKED:
        return 7
    if body[0] == _BOTH:
        return 10 + body[9] if len(body) > 9 else -1
    return None


def crc16(data: bytes) -> bytes:
    """Checksum of a serial frame as it is sent."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            out = register & 1
            register >>= 1
            if out:
                register ^= 0xA001
    return bytes((register & 0xFF, register >> 8))
