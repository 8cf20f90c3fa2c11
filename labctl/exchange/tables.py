"""Tables on disk, CSV and Parquet; text in them stays text for whoever opens them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.errors import UserError
from labctl.invisible import visible

Column = NDArray[np.float64] | NDArray[np.int64]


def write_columns(path: Path, table: Mapping[str, Column]) -> Path:
    """Write columns of equal length as CSV, each number so that it is read back exactly."""
    return write_rows(path, list(table), zip(*(column.tolist() for column in table.values()), strict=True))


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> Path:
    """Write rows of values as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([_text(value) for value in row] for row in rows)
    return path


def write_parquet(path: Path, table: Mapping[str, Any]) -> Path:
    """Write columns of equal length as Parquet.

    Raises:
        UserError: the Parquet writer (polars) is not installed.
    """
    try:
        import polars
    except ImportError as error:
        raise UserError("Parquet needs polars: pip install 'labctl-cycler[export]'") from error
    polars.DataFrame(dict(table)).write_parquet(path, compression="zstd")
    return path


def _text(value: object) -> str:
    """Text that a spreadsheet takes for a value, never for a formula."""
    if isinstance(value, (int, float)):
        return repr(value) if value == value else ""  # what is not known is empty
    text = "" if value is None else visible(str(value))
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
