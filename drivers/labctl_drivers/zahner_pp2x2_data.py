"""Packets of a Zahner potentiostat's data port: what a frame is, and the values in it.

A packet is a type and a length, both unsigned 64-bit, and a body of that length; all little-endian.
Source: the data receiver of zahner_potentiostat 1.1.2.
"""

import struct
from enum import IntEnum
from typing import NamedTuple

_HEAD = struct.Struct("<QQ")
_WORD = struct.Struct("<Q")
_READING = struct.Struct("<ddd")

_LIVE, _BULK, _SUPPLEMENT = 0xFEEDDA7A22222222, 0xFEEDDA7A44444444, 0xFEEDDA7A77777777
_STATE, _TRACKS = 0xB007F00D11111111, 0xADDDF00D11111111
_TIME, _VOLTAGE, _CURRENT = 13, 11, 12
_MOST = {_LIVE: 1024, _BULK: 1 << 20, _SUPPLEMENT: 1 << 20, _STATE: 4096, _TRACKS: 4096}


class State(IntEnum):
    """Where a measurement is."""

    PENDING = 0
    START = 1
    RUNNING = 2
    DONE = 3
    FINISHING = 4
    ABORTED = 5
    CANCELLED = 6


class Reading(NamedTuple):
    """One point of a measurement; its time counts from the beginning of the primitive."""

    time_s: float
    voltage_V: float
    current_A: float


def packet_size(begin: bytes) -> int:
    """How long the packet is that begins so; 0 while that cannot be told.

    Raises:
        ValueError: no packet begins so.
    """
    if len(begin) < _HEAD.size:
        return 0
    kind, length = _HEAD.unpack_from(begin)
    if length > _MOST.get(kind, -1):
        raise ValueError(f"no packet of the data port: type {kind:x}, length {length}")
    return _HEAD.size + int(length)


class Packets:
    """Reads packets in their order; the tracks of a measurement tell what the values of a point are."""

    def __init__(self) -> None:
        self._order: tuple[int, ...] = ()

    def read(self, packet: bytes) -> State | list[Reading]:
        """What a whole packet tells: the state that the measurement enters, or readings.

        Raises:
            ValueError: it contradicts itself.
        """
        kind, _ = _HEAD.unpack_from(packet)
        body = packet[_HEAD.size :]
        if kind == _LIVE:
            if len(body) != _READING.size or not self._order:
                raise ValueError("a point with other values than time, voltage and current")
            return [self._reading(_READING.unpack(body))]
        if kind == _STATE:
            return State(_word(body, 8))  # the type of the measurement comes first
        if kind == _TRACKS:
            self._order = _tracks(body)
            return []
        points = body[_WORD.size :]
        if len(points) % _READING.size or not self._order:
            raise ValueError("points of another size than three values")
        return [self._reading(values) for values in _READING.iter_unpack(points)]

    def _reading(self, values: tuple[float, ...]) -> Reading:
        time, voltage, current = self._order
        return Reading(values[time], values[voltage], values[current])


def _tracks(body: bytes) -> tuple[int, ...]:
    """Where time, voltage and current stand among the values of a point."""
    kinds, at = [], _WORD.size
    for _ in range(_word(body, 0)):
        kinds.append(_word(body, at))
        at += _WORD.size
        for _ in ("name", "unit", "flags"):
            at = body.index(b"\0", at) + 1
    if sorted(kinds) != sorted((_TIME, _VOLTAGE, _CURRENT)):
        raise ValueError(f"tracks {kinds}, not time, voltage and current")
    return tuple(kinds.index(kind) for kind in (_TIME, _VOLTAGE, _CURRENT))


def _word(body: bytes, at: int) -> int:
    if len(body) < at + _WORD.size:
        raise ValueError("a packet that is too short")
    return int(_WORD.unpack_from(body, at)[0])
