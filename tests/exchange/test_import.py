import json
import time
from pathlib import Path

import fastnda
import numpy as np
import pytest

from labctl.analysis.run_figures import run_figures
from labctl.audit.verify import verify
from labctl.errors import DataError, UserError
from labctl.exchange.export import FORMATS, export_run
from labctl.exchange.import_run import import_file
from labctl.exchange.imported_cell import cell_from_words
from labctl.exchange.reading import read_file
from labctl.store.reader import Reader
from labctl.store.records import RunState
from tests.system.command_line import CommandLine

DATA = Path(__file__).parents[1] / "data"
LANDT = DATA / "bdf" / "SINTEF__LiGrR2032__2024-04-30__25degC__Landt.bdf.csv"
TWO_SPECTRA = DATA / "mpt" / "ex1.mpt"
NEWARE = DATA / "neware" / "46_1_5_60_bts16.ndax"

MPT = """\
EC-Lab ASCII FILE\r
Nb header lines : 6\r
\r
Modulo Bat\r
Acquisition started on : 03/14/2024 09:26:53\r
mode\ttime/s\tcontrol/mA\tEwe/V\t<I>/mA\tfreq/Hz\tRe(Z)/Ohm\t-Im(Z)/Ohm\tNs\tcycle number\r
"""


def nobody():
    return cell_from_words("cell 7", "0.5 cm2", "1.5 mAh", "0 V")


def imported(path, tmp_path):
    database = tmp_path / "runs.sqlite"
    done = import_file(path, str(database), nobody())
    return Reader(database), done


def test_a_bdf_file_becomes_a_run_that_says_where_it_came_from(tmp_path):
    reader, done = imported(LANDT, tmp_path)
    run = reader.run()
    assert (run.state, run.driver, run.channel, run.protocol) == (
        RunState.FINISHED,
        "import",
        "imported",
        "imported",
    )
    assert run.sample_count == done.samples == 1259
    source = json.loads(run.protocol_text)
    assert source["sha256"] == done.sha256
    assert source["imported"] == LANDT.name
    event = reader.events(1)[0]
    assert (event.kind, event.data["sha256"]) == ("imported", done.sha256)
    assert run.cell.area_cm2 == pytest.approx(0.5)
    assert run.cell.nominal_capacity_C == pytest.approx(5.4)


def test_its_readings_are_the_files_to_the_last_bit(tmp_path):
    reader, _ = imported(LANDT, tmp_path)
    data, rows = read_file(LANDT), reader.samples(1)
    for column, label in (
        (data.time_s, "test_time_second"),
        (data.voltage_V, "voltage_volt"),
        (data.current_A, "current_ampere"),
    ):
        assert np.array_equal(column, rows[label])


def test_its_steps_and_half_cycles_are_found(tmp_path):
    reader, _ = imported(LANDT, tmp_path)
    assert [(s.kind, s.path) for s in reader.steps(1)] == [
        ("rest", "recorded.step[1]"),
        ("constant_current", "recorded.step[2]"),
        ("constant_current", "recorded.step[3]"),
        ("constant_current", "recorded.step[2]"),
    ]
    assert [(h.cycle, h.sign) for h in reader.half_cycles(1)] == [(1, -1), (1, +1), (2, -1)]


def test_the_audit_holds_for_it_as_for_any_run(tmp_path):
    imported(LANDT, tmp_path)
    assert not verify(str(tmp_path / "runs.sqlite")).findings


def test_everything_that_looks_at_runs_looks_at_it(tmp_path):
    labctl = CommandLine(tmp_path)
    done = labctl("import", str(LANDT), "--name", "cell 7", "--json").document()
    assert done["run"] == 1
    shown = labctl("show", "last", "--json").document()
    assert shown["reason"] == f"imported from {LANDT.name}"
    verdicts = labctl("rules", "replay", "1", "--json").document()
    assert {verdict["rule"] for verdict in verdicts} >= {"short_circuit", "capacity_retention"}
    reader = Reader(tmp_path / "labctl.sqlite")
    assert len(run_figures(reader, reader.run()).cycles) == 2
    export_run(reader, reader.run(), tmp_path / "out", ["bdf-csv"])
    again = read_file(next((tmp_path / "out").glob("*.bdf.csv")))
    assert np.array_equal(again.voltage_V, read_file(LANDT).voltage_V)


def test_a_run_that_is_exported_and_imported_is_the_same_run(exported, tmp_path):
    reader, _ = imported(exported.file(".bdf.csv"), tmp_path)
    first, second = exported.reader, reader
    assert np.array_equal(first.samples(1)["voltage_volt"], second.samples(1)["voltage_volt"])
    assert [(h.cycle, h.sign) for h in first.half_cycles(1)] == [
        (h.cycle, h.sign) for h in second.half_cycles(1)
    ]
    charges_C = [h.charge_C for h in second.half_cycles(1)]
    assert charges_C == pytest.approx([h.charge_C for h in first.half_cycles(1)], rel=1e-2)
    assert second.run().started_unix_s == pytest.approx(first.run().started_unix_s, abs=1e-3)
    cycling = [step.kind for step in first.steps(1) if step.kind != "impedance"]
    assert [step.kind for step in second.steps(1)] == cycling


def test_spectra_of_a_real_eclab_file_are_kept(tmp_path):
    reader, _ = imported(TWO_SPECTRA, tmp_path)
    spectra = [record.spectrum for record in reader.spectra(1)]
    assert [len(spectrum.points) for spectrum in spectra] == [59, 59]
    for spectrum in spectra:
        frequencies = [point.frequency_Hz for point in spectrum.points]
        assert frequencies == sorted(frequencies, reverse=True)
        assert spectrum.points[-5].imaginary_ohm < 0.0  # capacitive
        assert spectrum.spec.amplitude == pytest.approx(0.01)
        assert spectrum.spec.points_per_decade == 8
    assert len(run_figures(reader, reader.run()).spectra) == 2


def test_our_own_eclab_text_comes_back(exported, tmp_path):
    reader, _ = imported(sorted(exported.directory.glob("*.mpt"))[1], tmp_path)
    ours, theirs = exported.reader.spectra(1)[1].spectrum, reader.spectra(1)[0].spectrum
    assert theirs.spec.mode == ours.spec.mode
    assert theirs.spec.amplitude == pytest.approx(ours.spec.amplitude)
    assert theirs.cycle == ours.cycle == 2
    for a, b in zip(ours.points, theirs.points, strict=True):
        assert b[:4] == pytest.approx(a[:4], rel=1e-6)


def mpt(tmp_path, *rows, head=MPT, name="cell.mpt"):
    path = tmp_path / name
    path.write_bytes((head + "".join(row + "\r\n" for row in rows)).encode("latin-1"))
    return path


def test_readings_and_spectra_of_one_eclab_file_are_told_apart(tmp_path):
    path = mpt(
        tmp_path,
        "1\t0,0\t1\t3,5\t1,0\t0\t0\t0\t0\t1",
        "1\t10,0\t1\t3,6\t1,0\t0\t0\t0\t0\t1",
        "1\t20,0\t1\t3,7\t1,0\t0\t0\t0\t0\t1",
        "4\t30,0\t0\t3,6\t0,0\t1000\t10\t5\t1\t1",
        "4\t31,0\t0\t3,6\t0,0\t100\t20\t-6\t1\t1",
        "1\t40,0\t-1\t3,5\t-1,0\t0\t0\t0\t2\t1",
        "1\t50,0\t-1\t3,4\t-1,0\t0\t0\t0\t2\t1",
        "1\t60,0\t-1\t3,3\t-1,0\t0\t0\t0\t2\t1",
    )
    reader, _ = imported(path, tmp_path)
    assert reader.samples(1)["current_ampere"].tolist() == [1e-3] * 3 + [-1e-3] * 3
    assert [(s.kind, s.start_s) for s in reader.steps(1)] == [
        ("constant_current", 0.0),
        ("impedance", 30.0),
        ("constant_current", 40.0),
    ]
    (record,) = reader.spectra(1)
    assert [(p.frequency_Hz, p.real_ohm, p.imaginary_ohm) for p in record.spectrum.points] == [
        (1000.0, 10.0, -5.0),
        (100.0, 20.0, 6.0),
    ]
    assert reader.run().started_unix_s == 1710408413.0


def test_a_sweep_from_low_to_high_frequency_is_turned_round(tmp_path):
    rows = (f"4\t{t}\t0\t3.6\t0\t{f}\t10\t5\t1\t1" for t, f in enumerate((1, 10, 100, 1, 10, 100)))
    spectra = read_file(mpt(tmp_path, *rows)).spectra
    assert [[p.frequency_Hz for p in s.points] for s in spectra] == [[100, 10, 1], [100, 10, 1]]


def test_a_neware_file_keeps_its_steps_and_cycles(tmp_path):
    reader, done = imported(NEWARE, tmp_path)
    assert (done.samples, done.made_by) == (84, "Neware")
    assert [s.kind for s in reader.steps(1)] == ["rest", "constant_current", "constant_current", "rest"]
    data = read_file(NEWARE)
    theirs = fastnda.read(NEWARE, columns="bdf")
    assert data.current_A == pytest.approx(theirs["current_ampere"].to_numpy(), rel=1e-6)
    assert data.voltage_V == pytest.approx(theirs["voltage_volt"].to_numpy(), rel=1e-6)
    assert data.started_unix_s == pytest.approx(1758706195, abs=1)
    assert [s.charge_C for s in reader.steps(1) if s.kind == "rest"] == [0.0, 0.0]


def test_an_imported_run_is_exported_in_every_format(tmp_path):
    for k, path in enumerate((NEWARE, TWO_SPECTRA)):
        reader, _ = imported(path, tmp_path)
        written = export_run(reader, reader.run(), tmp_path / f"out{k}", [*FORMATS, "ro-crate"])
        assert all(path.stat().st_size for path in written)


FAULTY = {
    "empty.csv": (b"", "has no column for the test time"),
    "empty.mpt": (b"", "is no EC-Lab text file"),
    "empty.parquet": (b"", "cannot be read as Parquet"),
    "empty.ndax": (b"", "cannot be read as a Neware file"),
    "header.csv": (b"Test Time / s,Voltage / V,Current / A\n", "holds no readings"),
    "noise.csv": (bytes(range(256)) * 64, "is not a text file"),
    "noise.mpt": (bytes(range(256)) * 64, "is no EC-Lab text file"),
    "noise.parquet": (b"PAR1" + bytes(range(256)) * 64, "cannot be read as Parquet"),
    "noise.ndax": (b"PK\x03\x04" + bytes(range(256)) * 64, "cannot be read as a Neware file"),
    "noise.nda": (bytes(range(256)) * 64, "cannot be read as a Neware file"),
    "half.ndax": (NEWARE.read_bytes()[:3000], "cannot be read as a Neware file"),
    "word.csv": (
        b"Test Time / s,Voltage / V,Current / A\n0,x,1\n",
        "line 2: the voltage 'x' is not a number",
    ),
    "no-columns.mpt": (
        MPT.encode().replace(b"Ewe/V", b"Other") + b"1\t0\t1\t3\t1\t0\t0\t0\t0\t1\n",
        "voltage",
    ),
    "count.mpt": (b"EC-Lab ASCII FILE\nNb header lines : 99999\n\n", "line 2: does not say how many lines"),
    "cut.mpt": (
        MPT.encode() + b"1\t0\t1\t3\t1\t0\t0\t0\t0\t1\n1\t1\t1\n",
        "line 8: Ewe/V: nothing is not a number",
    ),
    "back.mpt": (
        MPT.encode() + b"1\t5\t1\t3\t1\t0\t0\t0\t0\t1\n1\t1\t1\t3\t1\t0\t0\t0\t0\t1\n",
        "time goes back",
    ),
    "nan.mpt": (MPT.encode() + b"1\tnan\t1\t3\t1\t0\t0\t0\t0\t1\n", "line 7: the test time is nan"),
    "cell.mpr": (b"BIO-LOGIC MODULAR FILE", "labctl reads .csv, .mpt"),
    "plain": (b"", "labctl reads"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_file_is_one_line_and_no_run(tmp_path, name):
    content, said = FAULTY[name]
    path = tmp_path / name
    path.write_bytes(content)
    began = time.monotonic()
    with pytest.raises(DataError) as refused:
        import_file(path, str(tmp_path / "runs.sqlite"), nobody())
    assert time.monotonic() - began < 20.0
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "runs.sqlite").exists()


def test_on_the_command_line_it_is_exit_2_and_no_traceback(tmp_path):
    (tmp_path / "noise.ndax").write_bytes(b"PK\x03\x04nonsense")
    for arguments in (("noise.ndax",), (".",)):
        refused = CommandLine(tmp_path)("import", *arguments)
        assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
        assert refused.err.startswith("labctl: ")


def test_the_characters_of_a_file_name_that_nobody_sees_are_written_out(tmp_path):
    path = tmp_path / "a\u202eb\n.csv"
    path.write_text("Test Time / s,Voltage / V,Current / A\n" + "".join(f"{k},3.7,1\n" for k in range(5)))
    reader, done = imported(path, tmp_path)
    assert done.file.isprintable()
    assert reader.run().end_reason.isprintable()


@pytest.mark.parametrize(
    "words",
    [
        ("a\nb", None, None, None),
        (None, "1 V", None, None),
        (None, "0 cm2", None, None),
        (None, None, "1 mAh/cm2", None),
    ],
)
def test_what_is_said_of_the_cell_is_checked(words):
    with pytest.raises(UserError):
        cell_from_words(*words)
