"""Simulated temperature logger with four inputs, whose registers speak Modbus. No instrument in particular.

Theory of operation. Each input shows a temperature that wanders slowly about its own mean, with a little noise; input 4
has nothing connected. Holding and input registers are the same. Unless it is made with another map, temperature n,
counted from 0, stands as

    n           int16, 0.1 degC, 32767 if nothing is connected
    16 + 2 n    float32 in degC, the high register first, not a number if nothing is connected
    32 + 2 n    float32 in degC, the low register first, likewise
    48 + 2 n    int32, 0.001 degC, the high register first, 2147483647 likewise
    64 + n      uint16, 0.1 K, 65535 likewise

The first request on a connection tells whether it carries serial frames or Modbus TCP. Nothing can be written:
functions other than 3 and 4 are refused with exception 1.
"""

import math
import struct
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from labctl_simulators.firmware.modbus import ADDRESS, FUNCTION, ModbusFault, ModbusPort

MEANS_C = (25.0, 40.0, -12.5, None)
_SWING_K, _PERIOD_S, _NOISE_K = 0.5, 3600.0, 0.01
_LETTERS = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "float32": "f"}


class Place(NamedTuple):
    """Where a temperature stands.

    Attributes:
        channel: which, from 0.
        address: of its first register.
        kind: int16, uint16, int32, uint32 or float32.
        per_K: counts in a kelvin.
        offset: added to degC: 273.15 for K.
        low_first: the low register of two comes first.
        nothing: what stands there if nothing is connected.
    """

    channel: int
    address: int
    kind: str
    per_K: float = 1.0
    offset: float = 0.0
    low_first: bool = False
    nothing: float = math.nan


_MAP = tuple(
    place
    for n in range(4)
    for place in (
        Place(n, n, "int16", 10.0, nothing=32767),
        Place(n, 16 + 2 * n, "float32"),
        Place(n, 32 + 2 * n, "float32", low_first=True),
        Place(n, 48 + 2 * n, "int32", 1000.0, nothing=2147483647),
        Place(n, 64 + n, "uint16", 10.0, 273.15, nothing=65535),
    )
)


class ModbusTemperature:
    """The logger; ``port()`` opens a connection.

    Args:
        cell: of no concern to a logger.
        seed: of the noise.
        unit: its Modbus address.
        places: its registers.
        packing: ``rtu``, ``tcp``, or empty: as the first request is packed.

    Attributes:
        means_C: about which each input wanders; None: nothing is connected.
    """

    circuit_closed = False
    functions = frozenset({3, 4})

    def __init__(
        self,
        cell: object = None,
        seed: int = 0,
        *,
        unit: int = 1,
        places: Sequence[Place] = _MAP,
        packing: str = "",
    ) -> None:
        self.unit = unit
        self.means_C: list[float | None] = list(MEANS_C)
        self.now_s = 0.0
        self._places = places
        self._packing = packing
        self._noise = Random(seed)

    def port(self) -> ModbusPort:
        """A further connection."""
        return ModbusPort(self, self.unit, self._packing)

    def temperature_C(self, channel: int) -> float | None:
        """The truth at an input; None: nothing is connected."""
        mean_C = self.means_C[channel]
        if mean_C is None:
            return None
        return mean_C + _SWING_K * math.sin(2.0 * math.pi * self.now_s / _PERIOD_S + channel)

    def read(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Holding and input registers are the same."""
        self.now_s = max(self.now_s, now_s)
        known = {
            place.address + at: word for place in self._places for at, word in enumerate(self._words(place))
        }
        wanted = range(address, address + count)
        if not all(number in known for number in wanted):
            raise ModbusFault(ADDRESS)
        return [known[number] for number in wanted]

    def write(self, address: int, words: Sequence[int], now_s: float) -> None:
        """Nothing can be written."""
        raise ModbusFault(FUNCTION)

    def _words(self, place: Place) -> tuple[int, ...]:
        truth_C = self.temperature_C(place.channel)
        number = place.nothing
        if truth_C is not None:
            shown_C = truth_C + self._noise.gauss(0.0, _NOISE_K)
            number = (shown_C + place.offset) * place.per_K
        packed = struct.pack(">" + _LETTERS[place.kind], number if place.kind == "float32" else round(number))
        words = struct.unpack(f">{len(packed) // 2}H", packed)
        return words[::-1] if place.low_first else words
