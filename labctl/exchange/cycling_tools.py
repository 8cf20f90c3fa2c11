"""A run in the forms that PyProBE and cellpy load: their columns, and the file that explains ours to cellpy.

Both number a step by its place in the program, so that the same number comes back in each cycle.

Source: PyProBE-Data 2.6.1, RawData (columns of the PyProBE format); cellpy 1.0.3, instrument "custom" (a YAML file
names the columns and units; capacities begin anew with each cycle).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from labctl.exchange import battery_table as bdf
from labctl.exchange.battery_table import within_cycle
from labctl.exchange.tables import Column, write_columns, write_parquet

CELLPY_INSTRUMENT = """\
# Explains *.cellpy.csv to cellpy:
# cellpy.get("x.cellpy.csv", instrument="custom", instrument_file="labctl-cellpy.yml", cycle_mode="cathode")
file_info: {raw_extension: csv}
formatters: {skiprows: 0, sep: ",", header: 0, encoding: utf-8, decimal: "."}
raw_units: {current: A, charge: Ah, mass: g, voltage: V, energy: Wh, power: W, resistance: Ohm}
normal_headers_renaming_dict:
  data_point_txt: Record
  datetime_txt: Unix time / s
  test_time_txt: Test time / s
  step_time_txt: Step time / s
  cycle_index_txt: Cycle
  step_index_txt: Step
  current_txt: Current / A
  voltage_txt: Voltage / V
  charge_capacity_txt: Charge capacity in the cycle / Ah
  discharge_capacity_txt: Discharge capacity in the cycle / Ah
post_processors: {set_index: true, rename_headers: true}
"""


def write_pyprobe(path: Path, table: Mapping[str, Column]) -> Path:
    """Write the Parquet file that ``pyprobe.Cell.import_data`` takes."""
    step, cycle = table[bdf.STEP], table[bdf.CYCLE]
    columns = {
        "Date": (table[bdf.UNIX_TIME] * 1e6).astype("datetime64[us]"),
        "Time [s]": table[bdf.TIME],
        "Step": table[bdf.STEP_ID],
        "Event": np.cumsum(np.diff(step, prepend=step[:1]) != 0),
        "Cycle": cycle,
        "Current [A]": table[bdf.CURRENT],
        "Voltage [V]": table[bdf.VOLTAGE],
        "Capacity [Ah]": table[bdf.CHARGED] - table[bdf.DISCHARGED],
    }
    if bdf.TEMPERATURE in table:
        columns["Temperature [C]"] = table[bdf.TEMPERATURE]
    return write_parquet(path, columns)


def write_cellpy(path: Path, table: Mapping[str, Column]) -> list[Path]:
    """Write the CSV file and, beside it, the instrument file that cellpy reads it with."""
    time_s, step = table[bdf.TIME].astype(np.float64), table[bdf.STEP]
    first = np.flatnonzero(np.diff(step, prepend=step[:1] - 1))
    began_s = np.repeat(time_s[first], np.diff(np.append(first, len(step))))
    cycle = np.maximum(
        table[bdf.CYCLE], 1
    )  # cellpy counts from 1: what is before the first cycle belongs to it
    columns = {
        "Record": table[bdf.RECORD],
        "Unix time / s": table[bdf.UNIX_TIME],
        "Test time / s": time_s,
        "Step time / s": time_s - began_s,
        "Cycle": cycle,
        "Step": table[bdf.STEP_ID],
        "Current / A": table[bdf.CURRENT],
        "Voltage / V": table[bdf.VOLTAGE],
        "Charge capacity in the cycle / Ah": within_cycle(table[bdf.CHARGED], cycle),
        "Discharge capacity in the cycle / Ah": within_cycle(table[bdf.DISCHARGED], cycle),
    }
    instrument = path.with_name("labctl-cellpy.yml")
    instrument.write_text(CELLPY_INSTRUMENT, encoding="utf-8")
    return [write_columns(path, columns), instrument]
