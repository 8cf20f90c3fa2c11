import csv
import hashlib
import json

import bdf
import numpy as np
import polars
import pytest

from labctl.errors import UserError
from labctl.exchange.battery_table import within_cycle
from labctl.exchange.export import FORMATS, export_run

PASSED_Ah = {+1: 3 * 5 / 60 * 1e-3, -1: 3 * 4 / 60 * 1e-3}


@pytest.mark.parametrize("ending", [".bdf.csv", ".bdf.parquet"])
def test_batterydf_loads_and_validates_with_one_line(exported, ending):
    table = bdf.read(exported.file(ending))
    verdict = bdf.validate(table)
    assert verdict["ok"]
    assert not verdict["missing"]
    assert verdict["time_stats"]["violations"] == 0
    assert len(table) == exported.reader.run().sample_count


@pytest.mark.parametrize("ending", [".bdf.csv", ".bdf.parquet"])
def test_capacities_are_those_that_the_engine_counted(exported, ending):
    table = bdf.read(exported.file(ending))
    assert table["Charging Capacity / Ah"].iloc[-1] == pytest.approx(PASSED_Ah[+1], rel=1e-4)
    assert table["Discharging Capacity / Ah"].iloc[-1] == pytest.approx(PASSED_Ah[-1], rel=1e-4)
    counted_C = sum(h.charge_C for h in exported.reader.half_cycles(1) if h.sign > 0)
    assert table["Charging Capacity / Ah"].iloc[-1] * 3600 == pytest.approx(counted_C, rel=1e-4)


def test_csv_and_parquet_hold_the_same_to_the_last_bit(exported):
    text, binary = (
        polars.read_csv(exported.file(".bdf.csv")),
        polars.read_parquet(exported.file(".bdf.parquet")),
    )
    assert text.columns == binary.columns
    assert text.equals(binary)


def test_a_temperature_is_a_column_where_there_is_one(exported, tmp_path, monkeypatch):
    assert "Ambient Temperature / degC" not in polars.read_csv(exported.file(".bdf.csv")).columns
    reader, run = exported.reader, exported.reader.run()
    stored = reader.samples

    def with_temperature(run_id, columns, **more):
        found = stored(run_id, columns, **more)
        found["temperature_kelvin"] = np.linspace(298.15, 308.15, len(found["seq"]))
        found["temperature_kelvin"][3] = np.nan
        return found

    monkeypatch.setattr(reader, "samples", with_temperature)
    written = {path.name.split(".", 1)[1]: path for path in export_run(reader, run, tmp_path)}
    table = polars.read_csv(written["bdf.csv"])
    shown = table["Ambient Temperature / degC"]
    assert (shown[0], shown[3]) == (pytest.approx(25.0), None)
    assert shown[-1] == pytest.approx(35.0)
    verdict = bdf.validate(bdf.read(written["bdf.csv"]))
    assert verdict["ok"]


def test_pyprobe_finds_its_columns(exported):
    table = polars.read_parquet(exported.file(".pyprobe.parquet"))
    required = {"Time [s]", "Step", "Event", "Cycle", "Current [A]", "Voltage [V]", "Capacity [Ah]"}
    assert required < set(table.columns)
    assert table["Step"].unique().sort().to_list() == [1, 2, 3]  # in each cycle the same
    assert table["Event"].n_unique() == 7
    assert table["Capacity [Ah]"][-1] == pytest.approx(PASSED_Ah[+1] - PASSED_Ah[-1], rel=1e-3)
    assert table["Date"].dtype == polars.Datetime("us")


def test_cellpys_capacities_begin_anew_with_each_cycle(exported):
    table = polars.read_csv(exported.file(".cellpy.csv"))
    last = table.group_by("Cycle", maintain_order=True).last()
    assert last["Cycle"].to_list() == [1, 2, 3]
    assert last["Charge capacity in the cycle / Ah"].to_list() == pytest.approx(
        [PASSED_Ah[+1] / 3] * 3, rel=1e-3
    )
    assert last["Discharge capacity in the cycle / Ah"].to_list() == pytest.approx(
        [PASSED_Ah[-1] / 3] * 3, rel=1e-3
    )
    assert table["Step time / s"].min() == 0.0
    instrument = exported.file("labctl-cellpy.yml").read_text()
    assert all(f": {label}\n" in instrument for label in table.columns)


def test_eclab_text_has_what_its_readers_look_for(exported):
    files = sorted(exported.directory.glob("*.mpt"))
    assert len(files) == 3
    lines = files[0].read_text(encoding="latin-1").splitlines()
    header = int(lines[1].removeprefix("Nb header lines : "))
    assert lines[header - 1].split("\t")[:3] == ["freq/Hz", "Re(Z)/Ohm", "-Im(Z)/Ohm"]
    point = exported.reader.spectra(1)[0].spectrum.points[0]
    assert [float(cell) for cell in lines[header].split("\t")[:3]] == pytest.approx(
        [point.frequency_Hz, point.real_ohm, -point.imaginary_ohm]
    )
    assert len(lines) == header + 31


def test_the_crate_names_every_file_with_its_hash(exported):
    crate = json.loads((exported.directory / "ro-crate-metadata.json").read_text())
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    files = {path.name for path in exported.directory.iterdir()} - {"ro-crate-metadata.json"}
    root = entities["./"]
    assert {part["@id"] for part in root["hasPart"]} == files
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    for name in files:
        content = (exported.directory / name).read_bytes()
        assert entities[name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert entities[name]["contentSize"] == str(len(content))
    assert entities["#instrument"]["serialNumber"] == exported.reader.run().identity.serial
    assert entities["#cell"]["name"] == "=cmd|' /C calc'!A0"
    assert entities["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}


def test_the_crates_graph_is_flat_and_whole(exported):
    crate = json.loads((exported.directory / "ro-crate-metadata.json").read_text())
    known = {entity["@id"] for entity in crate["@graph"]}
    for entity in crate["@graph"]:
        for value in entity.values():
            for target in value if isinstance(value, list) else [value]:
                if isinstance(target, dict):
                    assert set(target) == {"@id"}
                    assert target["@id"] in known or target["@id"].startswith("https://")


def test_without_a_licence_the_crate_says_so(exported, tmp_path):
    reader = exported.reader
    written = export_run(reader, reader.run(), tmp_path / "out", ["half-cycles", "ro-crate"])
    crate = json.loads(written[-1].read_text())
    assert crate["@graph"][1]["license"] == "not stated by those who measured it"


def test_the_protocol_goes_with_it_as_it_was_written(exported):
    text = exported.file(".protocol.yaml").read_text()
    assert hashlib.sha256(text.encode()).hexdigest() == exported.reader.run().protocol_sha256


def test_names_are_inert_in_files_and_in_their_names(exported):
    for path in exported.directory.iterdir():
        assert path.name == "labctl-cellpy.yml" or path.name.startswith(
            ("labctl__cmd_C_calc_A0__run1.", "ro-crate")
        )
    for path in exported.directory.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                assert not any(cell.startswith(("=", "@", "+", "\t")) for cell in row)


def test_an_unknown_format_is_refused_before_anything_is_written(exported, tmp_path):
    reader = exported.reader
    with pytest.raises(UserError, match="no format is called 'xlsx'; known: bdf-csv"):
        export_run(reader, reader.run(), tmp_path / "out", ["bdf-csv", "xlsx"])
    assert not (tmp_path / "out").exists()


def test_a_directory_that_cannot_be_made_is_one_line(exported, tmp_path):
    (tmp_path / "file").write_text("")
    reader = exported.reader
    with pytest.raises(UserError, match="cannot be written to"):
        export_run(reader, reader.run(), tmp_path / "file" / "out")


def test_sums_begin_anew_with_each_cycle():
    passed, cycle = np.array([0.0, 1.0, 3.0, 3.0, 4.0]), np.array([1, 1, 2, 2, 3])
    assert within_cycle(passed, cycle).tolist() == [0.0, 1.0, 2.0, 2.0, 1.0]
    assert len(within_cycle(passed[:0], cycle[:0])) == 0


def test_every_format_is_offered_on_the_command_line():
    import inspect

    from labctl.cli import exchange

    source = inspect.getsource(exchange.export)
    assert all(name in source for name in FORMATS)
