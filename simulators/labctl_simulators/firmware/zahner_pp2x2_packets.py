"""What the data port of the simulated Zahner potentiostats sends: packets of a type, a length and a body.

All numbers are little-endian: type and length are unsigned 64-bit, values 64-bit floating point, texts end with a zero.
Source: what zahner_potentiostat 1.1.2 reads (datareceiver). Assumed: names, units and flags, which it passes over.
"""

import struct
from collections.abc import Iterable

Point = tuple[float, float, float]
"""Time in s, voltage in V, current in A."""

LIVE, BULK = 0xFEEDDA7A22222222, 0xFEEDDA7A44444444
HEADER, TRACKS = 0xB007F00D11111111, 0xADDDF00D11111111

START, RUNNING, DONE, FINISHING, STATE_ABORTED = 1, 2, 3, 4, 5
STAIRS, OVER_TIME = 5, 21
"""Types of a measurement: a staircase, and voltage and current over time."""

_TRACKS = ((13, b"Time", b"s"), (11, b"Voltage", b"V"), (12, b"Current", b"A"))
_POINT = struct.Struct("<ddd")
_LIVE_HEAD = struct.pack("<QQ", LIVE, _POINT.size)


def header(kind: int, state: int) -> bytes:
    """The measurement enters a state."""
    return _packet(HEADER, struct.pack("<QQ", kind, state) + b"\0" + b"measurement\0")


def tracks() -> bytes:
    """Which values a point has, in their order."""
    described = b"".join(
        struct.pack("<Q", number) + name + b"\0" + unit + b"\0" + b"\0" for number, name, unit in _TRACKS
    )
    return _packet(TRACKS, struct.pack("<Q", len(_TRACKS)) + described)


def live(point: Point) -> bytes:
    """One point, at once."""
    return _LIVE_HEAD + _POINT.pack(*point)


def bulk(points: Iterable[Point]) -> bytes:
    """Every point of the measurement once more, from the first on."""
    return _packet(BULK, struct.pack("<Q", 0) + b"".join(_POINT.pack(*point) for point in points))


def _packet(kind: int, body: bytes) -> bytes:
    return struct.pack("<QQ", kind, len(body)) + body
