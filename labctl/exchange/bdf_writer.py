"""A run as files that other people's tools read: Battery Data Format, half-cycle table, spectra.

Column labels are the preferred labels of the Battery Data Format 1.3 (Battery Data Alliance). Capacities are those
passed since the run's start, they begin at 0 and never fall; positive current charges the cell.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labctl.errors import UserError
from labctl.exchange.file_name import safe_name
from labctl.invisible import visible
from labctl.store.reader import Reader
from labctl.store.records import RunRecord

Column = NDArray[np.float64] | NDArray[np.int64]


def export_run(reader: Reader, run: RunRecord, directory: Path) -> list[Path]:
    """Write a run's files into ``directory``; returns them.

    Raises:
        UserError: the Parquet writer (polars) is not installed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"labctl__{safe_name(run.cell.name or 'cell')}__run{run.run_id}"
    table = battery_data(reader, run)
    return [
        _csv(
            directory / f"{stem}.bdf.csv", list(table), zip(*(_texts(c) for c in table.values()), strict=True)
        ),
        _parquet(directory / f"{stem}.bdf.parquet", table),
        _half_cycles(reader, run, directory / f"{stem}.half-cycles.csv"),
        _spectra(reader, run, directory / f"{stem}.spectra.csv"),
    ]


def battery_data(reader: Reader, run: RunRecord) -> dict[str, Column]:
    """The samples of a run as columns of the Battery Data Format."""
    names = ("test_time_second", "unix_time_second", "voltage_volt", "current_ampere", "seq", "step_id")
    rows = reader.samples(run.run_id, names)
    steps = {step.step_id: step for step in reader.steps(run.run_id)}
    step_id = rows["step_id"].astype(np.int64)
    time_s, current_A = rows["test_time_second"], rows["current_ampere"]
    flowing = {n for n, step in steps.items() if step.kind not in ("rest", "impedance")}
    passed_Ah = _passed(time_s, current_A, step_id, {n: steps[n].start_s for n in flowing})
    return {
        "Test Time / s": time_s,
        "Unix Time / s": rows["unix_time_second"],
        "Voltage / V": rows["voltage_volt"],
        "Current / A": current_A,
        "Cycle Count / 1": np.array([steps[n].cycle for n in step_id], dtype=np.int64),
        "Step Count / 1": step_id,
        "Record Index / 1": rows["seq"].astype(np.int64),
        "Charging Capacity / Ah": np.cumsum(np.maximum(passed_Ah, 0.0)),
        "Discharging Capacity / Ah": np.cumsum(np.maximum(-passed_Ah, 0.0)),
    }


def _passed(
    time_s: NDArray[np.float64],
    current_A: NDArray[np.float64],
    step_id: NDArray[np.int64],
    starts_s: Mapping[int, float],
) -> NDArray[np.float64]:
    """Charge in Ah that passed between each sample and the one before it in its step (or the step's start)."""
    first = np.concatenate([[True], step_id[1:] != step_id[:-1]])
    before_s = np.where(
        first, [starts_s.get(n, t) for n, t in zip(step_id, time_s, strict=True)], np.roll(time_s, 1)
    )
    before_A = np.where(first, current_A, np.roll(current_A, 1))
    passed = 0.5 * (current_A + before_A) * (time_s - before_s) / 3600.0
    return np.where(np.isin(step_id, list(starts_s)), passed, 0.0)


def _half_cycles(reader: Reader, run: RunRecord, path: Path) -> Path:
    rows = [asdict(half_cycle) for half_cycle in reader.half_cycles(run.run_id)]
    header = list(rows[0]) if rows else ["cycle", "sign"]
    return _csv(path, header, ([_text(row[name]) for name in header] for row in rows))


def _spectra(reader: Reader, run: RunRecord, path: Path) -> Path:
    header = ["Spectrum / 1", "Cycle Count / 1", "Test Time / s", "Frequency / Hz"]
    header += ["Real Impedance / ohm", "Imaginary Impedance / ohm"]
    rows = (
        [
            record.spectrum_id,
            record.spectrum.cycle,
            point.time_s,
            point.frequency_Hz,
            point.real_ohm,
            point.imaginary_ohm,
        ]
        for record in reader.spectra(run.run_id)
        for point in record.spectrum.points
    )
    return _csv(path, header, ([_text(value) for value in row] for row in rows))


def _csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def _parquet(path: Path, table: Mapping[str, Column]) -> Path:
    try:
        import polars
    except ImportError as error:
        raise UserError("Parquet needs polars: pip install 'labctl-cycler[export]'") from error
    polars.DataFrame(dict(table)).write_parquet(path, compression="zstd")
    return path


def _texts(column: Column) -> list[str]:
    return [repr(value) for value in column.tolist()]


def _text(value: object) -> str:
    """Text that a spreadsheet takes for a value, never for a formula."""
    if isinstance(value, (int, float)):
        return repr(value)
    text = "" if value is None else visible(str(value))
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
