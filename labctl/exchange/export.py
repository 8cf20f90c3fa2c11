"""A run as files that other people's tools load, each with one line."""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from labctl.errors import UserError
from labctl.exchange.battery_table import battery_table
from labctl.exchange.cycling_tools import write_cellpy, write_pyprobe
from labctl.exchange.eclab_writer import write_spectrum
from labctl.exchange.file_name import safe_name
from labctl.exchange.ro_crate import write_ro_crate
from labctl.exchange.tables import Column, write_columns, write_parquet, write_rows
from labctl.store.reader import Reader
from labctl.store.records import RunRecord

RO_CRATE = "ro-crate"


@dataclass
class _Source:
    """One run, and where its files go; what several formats need is read once."""

    reader: Reader
    run: RunRecord
    directory: Path

    def path(self, ending: str) -> Path:
        """A file's path, inside the directory whatever the cell is called."""
        return (
            self.directory
            / f"labctl__{safe_name(self.run.cell.name or 'cell')}__run{self.run.run_id}{ending}"
        )

    @cached_property
    def table(self) -> dict[str, Column]:
        """The samples."""
        return battery_table(self.reader, self.run)


def export_run(
    reader: Reader,
    run: RunRecord,
    directory: Path,
    formats: Collection[str] = (),
    licence: str | None = None,
) -> list[Path]:
    """Write a run's files into ``directory``, which is made; returns them.

    Args:
        reader: the database.
        run: what is exported.
        directory: where to.
        formats: some of ``FORMATS`` and ``ro-crate``; none: ``USUAL``.
        licence: under which the data may be used, for the RO-Crate.

    Raises:
        UserError: a format that is not known; or its writer (polars) is not installed.
    """
    wanted = list(dict.fromkeys(formats)) or list(USUAL)
    if unknown := [name for name in wanted if name not in (*FORMATS, RO_CRATE)]:
        raise UserError(f"no format is called {unknown[0]!r}; known: {', '.join((*FORMATS, RO_CRATE))}")
    data = [name for name in wanted if name != RO_CRATE] or [*USUAL, "protocol"]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        source = _Source(reader, run, directory)
        written = [path for name in data for path in FORMATS[name](source)]
        if RO_CRATE in wanted:
            written.append(write_ro_crate(directory, run, written, licence))
    except OSError as error:
        raise UserError(f"{directory}: cannot be written to: {error.strerror}") from error
    return written


def _half_cycles(source: _Source) -> list[Path]:
    rows = [asdict(half_cycle) for half_cycle in source.reader.half_cycles(source.run.run_id)]
    header = list(rows[0]) if rows else ["cycle", "sign"]
    return [write_rows(source.path(".half-cycles.csv"), header, (row.values() for row in rows))]


def _spectra(source: _Source) -> list[Path]:
    header = ["Spectrum / 1", "Cycle Count / 1", "Test Time / s", "Frequency / Hz"]
    header += ["Real Impedance / ohm", "Imaginary Impedance / ohm"]
    rows = (
        (record.spectrum_id, record.spectrum.cycle, *point[:4])
        for record in source.reader.spectra(source.run.run_id)
        for point in record.spectrum.points
    )
    return [write_rows(source.path(".spectra.csv"), header, rows)]


def _eclab(source: _Source) -> list[Path]:
    run = source.run
    return [
        write_spectrum(
            source.path(f".spectrum-{record.spectrum_id:03}.mpt"),
            record.spectrum,
            run.cell.name,
            run.started_unix_s + record.spectrum.started_s,
        )
        for record in source.reader.spectra(run.run_id)
    ]


def _protocol(source: _Source) -> list[Path]:
    path = source.path(".protocol.yaml")
    path.write_text(source.run.protocol_text, encoding="utf-8")
    return [path]


FORMATS: dict[str, Callable[[_Source], list[Path]]] = {
    "bdf-csv": lambda source: [write_columns(source.path(".bdf.csv"), source.table)],
    "bdf-parquet": lambda source: [write_parquet(source.path(".bdf.parquet"), source.table)],
    "half-cycles": _half_cycles,
    "spectra": _spectra,
    "pyprobe": lambda source: [write_pyprobe(source.path(".pyprobe.parquet"), source.table)],
    "cellpy": lambda source: write_cellpy(source.path(".cellpy.csv"), source.table),
    "eclab": _eclab,
    "protocol": _protocol,
}
"""By the name that a person gives."""

USUAL = ("bdf-csv", "bdf-parquet", "half-cycles", "spectra")
