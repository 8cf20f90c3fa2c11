from pathlib import Path

import numpy as np
import pytest

from labctl.errors import DataError
from labctl.exchange.bdf_reader import read_battery_data

EXCERPTS = Path(__file__).parents[1] / "data" / "bdf"
WHOLE = Path(__file__).parents[3] / "shared" / "data" / "bdf"
GOOD = "SINTEF__LiGrR2032__2024-04-30__25degC__Landt.bdf.csv"
WRONG_UNIT = "DLR__LiLNMOHydra0b__20221125__POCV__25degC__Basytec.bdf.csv"
BACKWARD = "SINTEF__SLPBA842124HV__Rate__Neware__Time_Bug.bdf.csv"

HEADER = "Test Time / s,Voltage / V,Current / A"


@pytest.fixture(params=[EXCERPTS, WHOLE], ids=["excerpt", "whole"])
def folder(request):
    if not request.param.exists():
        pytest.skip("the whole recordings are not here")
    return request.param


@pytest.fixture
def written(tmp_path):
    def write(*lines, name="cell.bdf.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def refusal(path):
    """The one line that says what is wrong, without the file's name."""
    with pytest.raises(DataError) as refused:
        read_battery_data(path)
    message = str(refused.value)
    assert "\n" not in message
    assert path.name in message.partition(": ")[0]
    return message.partition(": ")[2]


def test_a_real_recording_is_read(folder):
    data = read_battery_data(folder / GOOD)
    assert len(data.time_s) == len(data.voltage_V) == len(data.current_A) >= 1259
    assert data.time_s[-1] / 3600 == pytest.approx(73, rel=0.01)
    assert data.current_A.min() == -0.0002
    assert data.cycle is None


def test_a_time_column_in_another_unit_is_refused(folder):
    said = refusal(folder / WRONG_UNIT)
    assert said.startswith("the time column spans 16.8 years")
    assert said.endswith("it is not in seconds")


def test_time_that_goes_back_is_refused(folder):
    line, others = (26, "") if folder == EXCERPTS else (724, " (and 18 more such)")
    assert refusal(folder / BACKWARD) == f"line {line}: the time goes back from 7200 s to 0 s{others}"


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        "test_time_second,voltage_volt,current_ampere",
        "\ufefftest_time_second,voltage_volt,current_ampere",
        '"Test Time / s", "Voltage / V","Current / A"',
        "Test Time / s;Voltage / V;Current / A",
        "Test Time / s\tVoltage / V\tCurrent / A",
    ],
)
def test_preferred_labels_and_machine_names_in_any_common_csv(written, header):
    delimiter = next(mark for mark in ",;\t" if mark in header)
    lines = [row.replace(",", delimiter) for row in ("0,3.7,0.1", "1.5,3.6,0.1")]
    data = read_battery_data(written(header, *lines))
    assert data.time_s.tolist() == [0.0, 1.5]
    assert data.voltage_V.tolist() == [3.7, 3.6]
    assert data.current_A.tolist() == [0.1, 0.1]


def test_columns_in_any_order_among_others_that_are_no_numbers(written):
    data = read_battery_data(
        written(
            "Current / A,Step Type,Cycle Count / 1,Voltage / V,Test Time / s",
            "0.1,rest,1,3.7,0",
            "0.1,cc,2,3.6,9",
        )
    )
    assert data.time_s.tolist() == [0.0, 9.0]
    assert data.cycle.tolist() == [1, 2]


def test_one_reading_is_a_table_too(written):
    assert len(read_battery_data(written(HEADER, "0,3.7,0.1")).time_s) == 1


def test_parquet(tmp_path):
    polars = pytest.importorskip("polars")
    path = tmp_path / "cell.bdf.parquet"
    columns = {"Test Time / s": [0, 10], "Voltage / V": [3.7, 3.6], "Current / A": [0.1, 0.1]}
    polars.DataFrame(columns).write_parquet(path)
    assert read_battery_data(path).time_s.tolist() == [0.0, 10.0]
    path.write_bytes(b"no parquet at all")
    assert refusal(path).startswith("cannot be read as Parquet")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["0,3.7,0.1", "1,nan,0.1"], "line 3: the voltage is nan"),
        (["0,3.7,inf", "1,3.7,inf"], "line 2: the current is inf (and 1 more such)"),
        (["0,3.7,9.9e37"], "line 2: the current of 9.9e+37 is an overflow, not a reading"),
        (["0,3.7,0.1", "1,,0.1"], "line 3: the voltage is missing"),
        (["0,3.7,0.1", "1,3.7"], "line 3: the current is missing"),
        (["0,3.7,0.1", "1,OVERLOAD,0.1"], "line 3: the voltage 'OVERLOAD' is not a number"),
        (["5,3.7,0.1", "4.5,3.7,0.1"], "line 3: the time goes back from 5 s to 4.5 s"),
        ([], "holds no readings"),
    ],
)
def test_what_cannot_have_been_measured_is_refused_in_one_line(written, rows, said):
    assert refusal(written(HEADER, *rows)) == said


def test_a_missing_column_is_named_with_what_would_be_right(written):
    said = refusal(written("time,Voltage / V,Current / A", "0,3.7,0.1"))
    assert said.startswith("has no column for the test time ('Test Time / s' or 'test_time_second')")
    assert "it has 'time', 'Voltage / V', 'Current / A'" in said


def test_a_column_given_twice_is_refused(written):
    said = refusal(written(f"{HEADER},voltage_volt", "0,3.7,0.1,3.7"))
    assert said == "has 2 columns for the voltage"


def test_what_is_no_table_is_refused(tmp_path, written):
    assert refusal(tmp_path / "nowhere.csv") == "cannot be read: No such file or directory"
    assert refusal(tmp_path) == "cannot be read: Is a directory"
    binary = tmp_path / "cell.mpr"
    binary.write_bytes(np.random.default_rng(0).bytes(4000))
    assert refusal(binary) == "is not a text file"
    assert refusal(written("")).startswith("has no column")
