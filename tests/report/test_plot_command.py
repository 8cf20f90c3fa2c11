"""``labctl plot`` and ``labctl report`` as a person uses them."""

import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from labctl.cli.main import app
from labctl.errors import DataError, UserError


@pytest.fixture
def labctl(stored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABCTL_DB", str(stored.path))

    def run(*arguments):
        outcome = CliRunner().invoke(app, list(arguments), catch_exceptions=True)
        if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        return outcome.output

    return run


def test_without_a_figure_it_is_a_first_look(labctl, tmp_path):
    labctl("plot", "last")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"run-2-{name}.{ending}"
        for name in ("voltage", "overpotential", "nyquist", "resistances", "relaxation-times")
        for ending in ("png", "svg")
    }


@pytest.mark.parametrize(
    ("width", "dots"), [("single", 1050), ("double", 2100), ("3.25 in", 975), ("89 mm", 1051)]
)
def test_a_figure_is_as_wide_as_a_column(labctl, tmp_path, width, dots):
    assert "wrote fig.png" in labctl(
        "plot", "1", "--figure", "capacity", "--width", width, "--out", "fig.png"
    )
    assert imread(tmp_path / "fig.png").shape[1] == dots


def test_several_runs_by_number_and_by_database(labctl, stored, tmp_path):
    labctl("plot", "1", f"{stored.path}:2", str(stored.path), "--figure", "comparison", "--out", "a/fig.svg")
    drawn = (tmp_path / "a" / "fig.svg").read_text()
    assert drawn.count(">Na50K50<") == 2
    assert drawn.count(">Na<") == 1


def test_labels_take_the_place_of_names(labctl, tmp_path):
    labels = ("--label", "sodium", "--label", "alloy")
    labctl("plot", "1", "2", "--figure", "voltage-profile", "--out", "fig.svg", *labels)
    assert "alloy" in (tmp_path / "fig.svg").read_text()


def test_the_figures_are_listed(labctl):
    listed = labctl("plot", "--list")
    for name in ("voltage-profile", "nyquist", "cv", "dqdv"):
        assert name in listed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("1", "--figure", "nyqist"), "there is no such figure; there are voltage-profile, "),
        (("1", "--figure", "cv"), "run 1 has no voltage scan"),
        (("1", "--figure", "voltage", "--out", "fig.bmp"), r"ends in \.png, \.svg, \.pdf"),
        (("1", "--figure", "voltage", "--width", "3 parsec"), "--width 3 parsec"),
        (("1", "--figure", "voltage", "--width", "0.1 in"), "between 1 in and 40 in"),
        (("1", "--figure", "profiles", "--cycles", "1,x"), "--cycles 1,x"),
        (("1", "--figure", "profiles", "--per", "gram"), "cell, area, mass"),
        (("1", "2", "--figure", "voltage", "--label", "one"), "one for each run, 2 of them"),
        (("9",), "there is no run 9"),
        (("nowhere.sqlite:1",), "nowhere.sqlite"),
        ((), "which run"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_line(labctl, arguments, told):
    with pytest.raises(UserError, match=told) as refused:
        labctl("plot", *arguments)
    assert "\n" not in str(refused.value)


def test_the_report_is_one_file(labctl, tmp_path):
    assert "wrote run-1.html" in labctl("report", "1")
    assert (tmp_path / "run-1.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(DataError, match="there is no run 7"):
        labctl("report", "7")
