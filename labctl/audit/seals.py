"""Compares samples and points of spectra with the hashes over them that the chain holds."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from labctl.audit.findings import Finding
from labctl.store import tables
from labctl.store.seal import SampleSeal
from labctl.store.trail import POINTS, add_stored, stored_points_sha256

Values = Mapping[str, Any]


class Seals:
    """Follows the seals of each run, one after the other.

    Attributes:
        samples: how many samples were compared.

    Args:
        connection: reads the database; None to look only whether the seals follow one another.
    """

    def __init__(self, connection: Connection | None) -> None:
        self.samples = 0
        self._connection = connection
        self._sealed: defaultdict[int, int] = defaultdict(int)
        self._findings: list[Finding] = []

    def take(self, run_id: int, data: Values) -> None:
        """What one event of a run says of samples and points."""
        if "samples_sha256" in data:
            self._samples(run_id, data)
        if self._connection is not None:
            for spectrum_id, sha256 in data.get(POINTS, {}).items():
                if stored_points_sha256(self._connection, run_id, int(spectrum_id)) != sha256:
                    where = f"spectrum {spectrum_id} of run {run_id}"
                    self._findings.append(Finding(where, "its points are not those that were measured"))

    def findings(self, ends: Mapping[int, int]) -> Iterator[Finding]:
        """What was found; ``ends``: the last sample of each run that nobody writes any more."""
        yield from self._findings
        for run_id, last_seq in ends.items():
            if last_seq > self._sealed[run_id]:
                where = f"samples {self._sealed[run_id] + 1} to {last_seq} of run {run_id}"
                yield Finding(where, "no record speaks of them")

    def _samples(self, run_id: int, data: Values) -> None:
        first, last = int(data["first_seq"]), int(data["last_seq"])
        where = f"samples {first} to {last} of run {run_id}"
        if first != self._sealed[run_id] + 1:
            self._findings.append(Finding(where, f"do not follow sample {self._sealed[run_id]}"))
        self._sealed[run_id] = last
        if self._connection is None or last < first:
            return
        seal = SampleSeal(first)
        add_stored(self._connection, run_id, seal, last)
        self.samples += last - first + 1
        if seal.as_data() != {name: data[name] for name in seal.as_data()}:
            self._findings.append(Finding(where, "not those that were measured: edited, removed or added to"))


def last_samples(connection: Connection, run_ids: set[int]) -> dict[int, int]:
    """The number of the last sample of each run."""
    seq = tables.sample.c.seq
    of_run = tables.sample.c.run_id
    return {
        run_id: connection.scalar(select(func.max(seq)).where(of_run == run_id)) or 0
        for run_id in sorted(run_ids)
    }
