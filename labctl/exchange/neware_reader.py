"""Reads Neware's binary files (.ndax, .nda) by way of fastnda, which has to be installed.

fastnda gives time in s, voltage in V, current in mA, positive when it charges the cell, cycles from 1 and a number
that rises with each executed step.

Source: fastnda 1.3, column definitions of its README.
"""

from pathlib import Path
from typing import Any

import numpy as np

from labctl.analysis.battery_data import BatteryData, Counts
from labctl.errors import DataError
from labctl.exchange.file_name import shown_name
from labctl.exchange.plausible import check_readings, check_time
from labctl.invisible import visible

_KINDS = {
    "CC": "constant_current",
    "CV": "constant_voltage",
    "CCCV": "cccv",
    "Rest": "rest",
    "CP": "constant_power",
}


def read_neware(path: str | Path) -> BatteryData:
    """Read a file.

    Raises:
        DataError: it is missing, is no such file, or holds what cannot have been measured; or fastnda is not there.
    """
    path = Path(path)
    name = shown_name(path)
    table = _table(path, name)
    time_s, voltage_V, current_A, unix_s = (
        table[label].cast(float).fill_null(float("nan")).to_numpy() * factor
        for label, factor in (
            ("total_time_s", 1.0),
            ("voltage_V", 1.0),
            ("current_mA", 1e-3),
            ("unix_time_s", 1.0),
        )
    )
    check_time(name, time_s, 1, "record")
    check_readings(name, {"voltage": voltage_V, "current": current_A}, 1, "record")
    step: Counts = table["step_count"].to_numpy().astype(np.int64)
    first = np.flatnonzero(np.diff(step, prepend=step[0] - 1))
    words = table["step_type"].cast(str)[first.tolist()].to_list()
    return BatteryData(
        name=name,
        time_s=time_s,
        voltage_V=voltage_V,
        current_A=current_A,
        cycle=table["cycle_count"].to_numpy().astype(np.int64),
        step=step,
        step_kinds={int(step[k]): _kind(word) for k, word in zip(first, words, strict=True)},
        started_unix_s=float(unix_s[0] - time_s[0]) if np.isfinite(unix_s[0]) else None,
        made_by="Neware",
    )


def _table(path: Path, name: str) -> Any:
    try:
        import fastnda
    except ImportError:
        raise DataError("reading Neware files needs fastnda: pip install 'labctl-cycler[neware]'") from None
    try:
        with path.open("rb"):
            pass
        table = fastnda.read(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001  a parser of somebody's binary format: a damaged file may raise anything
        said = visible(str(error).splitlines()[0][:120]) if str(error) else type(error).__name__
        raise DataError(f"{name}: cannot be read as a Neware file: {said}") from None
    if not len(table):
        raise DataError(f"{name}: holds no readings")
    return table


def _kind(word: str | None) -> str:
    return _KINDS.get((word or "").split("_")[0], (word or "unknown").lower())
