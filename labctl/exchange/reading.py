"""Which reader a file is for."""

from pathlib import Path

from labctl.analysis.battery_data import BatteryData
from labctl.errors import DataError
from labctl.exchange.bdf_reader import read_battery_data
from labctl.exchange.eclab_reader import read_eclab
from labctl.exchange.file_name import shown_name
from labctl.exchange.neware_reader import read_neware

_READERS = {
    ".csv": read_battery_data,
    ".tsv": read_battery_data,
    ".txt": read_battery_data,
    ".parquet": read_battery_data,
    ".mpt": read_eclab,
    ".ndax": read_neware,
    ".nda": read_neware,
}


def read_file(path: str | Path) -> BatteryData:
    """Read a recorded file; its ending says which format it is.

    Raises:
        DataError: it is missing, of no format that labctl reads, or faulty: one line, nothing is repaired.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{shown_name(path)}: there is no such file")
    if not path.is_file():
        raise DataError(f"{shown_name(path)}: is not a file")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{shown_name(path)}: labctl reads {', '.join(sorted(_READERS))}, not {path.suffix or 'this'!r}"
        )
    return reader(path)
