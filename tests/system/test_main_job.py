"""The main job as a person runs it: the Na50K50 cell through the whole stack until a rule stops it."""

import sqlite3
from itertools import pairwise

import pytest

from tests.system.command_line import CommandLine, Outcome


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandLine, Outcome]:
    """A finished run that several tests look at."""
    labctl = CommandLine(tmp_path_factory.mktemp("main-job"))
    return labctl, labctl("run", "na50k50-symmetric", "--json")


def test_the_jump_stops_the_run_between_cycles_33_and_42(lived: tuple[CommandLine, Outcome]) -> None:
    _, outcome = lived
    run = outcome.document()
    assert outcome.code == 0
    assert run["state"] == "stopped"
    assert run["reason"].startswith("overpotential_jump")
    assert 33 <= run["cycles"] <= 42


def test_the_database_holds_samples_spectra_and_events(lived: tuple[CommandLine, Outcome]) -> None:
    labctl, outcome = lived
    run = outcome.document()
    with sqlite3.connect(f"file:{labctl.directory}/labctl.sqlite?mode=ro", uri=True) as database:
        count, first, last = database.execute("select count(*), min(seq), max(seq) from sample").fetchone()
        assert (first, last) == (1, count)
        assert count == run["samples"]
        rows = database.execute("select step_id, test_time_second from sample order by seq").fetchall()
        gaps = [b[1] - a[1] for a, b in pairwise(rows) if a[0] == b[0]]
        assert max(gaps) <= 10.001
        decisions = database.execute("select data from event where kind = 'decision'").fetchall()
        assert decisions
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    first_spectrum = run["spectra"][0]
    assert first_spectrum["cycle"] == 1
    assert 400.0 < first_spectrum["total_ohm"] < 600.0


def test_each_full_half_cycle_passes_its_charge_to_a_ten_thousandth(
    lived: tuple[CommandLine, Outcome],
) -> None:
    _, outcome = lived
    full = [h for h in outcome.document()["half_cycles"] if h["end_reason"].startswith("capacity")]
    assert len(full) > 60
    for half_cycle in full:
        assert half_cycle["charge_C"] == pytest.approx(3.6 * 0.2827433, rel=1e-4)


def test_what_a_person_does_next(lived: tuple[CommandLine, Outcome]) -> None:
    labctl, _ = lived
    listed = labctl("runs")
    assert listed.code == 0
    assert "na50k50-symmetric" in listed.out
    shown = labctl("show", "last")
    assert "overpotential_jump" in shown.out
    plotted = labctl("plot", "last")
    assert plotted.code == 0
    for name in ("voltage", "overpotential", "nyquist"):
        assert (labctl.directory / f"run-1-{name}.png").stat().st_size > 10_000
        assert (labctl.directory / f"run-1-{name}.svg").read_text().startswith("<?xml")


def test_the_exports_agree_with_the_database(lived: tuple[CommandLine, Outcome]) -> None:
    polars = pytest.importorskip("polars")
    labctl, outcome = lived
    run = outcome.document()
    assert labctl("export", "1", "--out", "out").code == 0
    files = {path.name.split(".", 1)[1]: path for path in (labctl.directory / "out").iterdir()}
    table = polars.read_csv(files["bdf.csv"])
    assert table.equals(polars.read_parquet(files["bdf.parquet"]))
    assert len(table) == run["samples"]
    charged_C = sum(h["charge_C"] for h in run["half_cycles"] if h["sign"] > 0)
    assert table["Charging Capacity / Ah"][-1] * 3600.0 == pytest.approx(charged_C, rel=1e-6)
    half_cycles = polars.read_csv(files["half-cycles.csv"])
    assert half_cycles["charge_C"].to_list() == [h["charge_C"] for h in run["half_cycles"]]
    assert polars.read_csv(files["spectra.csv"])["Cycle Count / 1"].unique().len() == len(run["spectra"])
