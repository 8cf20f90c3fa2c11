"""SHA-256 over samples and points of spectra, which the chain of events takes up when a step or sweep is over.

The bytes of a row are its columns in the order of the table, packed: integers as 64-bit signed, the rest as
64-bit floats, little-endian; no temperature is NaN, and -0.0 is 0.0 (SQLite stores it so).
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from struct import Struct

from labctl.store.batch import SampleRow

_pack = Struct("<qqddqdddq").pack
_pack_point = Struct("<qqqddddq").pack

PointRow = tuple[int, int, int, float, float, float, float, int]
"""A row of ``impedance_point``, its values in the order of the table's columns."""


class SampleSeal:
    """Grows with the samples given to it, in order and without gaps.

    Attributes:
        first_seq, last_seq: which samples it covers; ``last_seq`` is one less than ``first_seq`` while it is empty.
    """

    def __init__(self, first_seq: int) -> None:
        self.first_seq = first_seq
        self.last_seq = first_seq - 1
        self._digest = hashlib.sha256()

    def add(self, rows: Sequence[SampleRow]) -> None:
        """Take in the next samples."""
        if not rows:
            return
        self.last_seq = rows[-1][1]
        packed = [
            _pack(
                run_id,
                seq,
                test_s,
                unix_s,
                step_id,
                voltage_V + 0.0,
                current_A + 0.0,
                math.nan if temperature_K is None else temperature_K,
                status,
            )
            for run_id, seq, test_s, unix_s, step_id, voltage_V, current_A, temperature_K, status in rows
        ]
        self._digest.update(b"".join(packed))

    def as_data(self) -> dict[str, object]:
        """As it stands in the ``data`` of an event."""
        return {
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "samples_sha256": self._digest.hexdigest(),
        }


def points_sha256(rows: Iterable[PointRow]) -> str:
    """Over the points of one spectrum, in order."""
    packed = [
        _pack_point(
            run_id, spectrum_id, point, time_s + 0.0, Hz + 0.0, real_ohm + 0.0, imaginary_ohm + 0.0, status
        )
        for run_id, spectrum_id, point, time_s, Hz, real_ohm, imaginary_ohm, status in rows
    ]
    return hashlib.sha256(b"".join(packed)).hexdigest()
