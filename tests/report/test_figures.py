"""What is on the figures, and what is refused."""

import dataclasses
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from labctl.errors import NothingToDraw, UserError
from labctl.report.figures import nyquist, voltammogram
from labctl.report.figures.catalogue import FIGURES, as_svg, kind_of_figure, write
from labctl.report.figures.subject import Layout, Per, choose
from tests.analysis.synthetic import impedance, spectrum

OF_SYMMETRIC_CELLS = [name for name in FIGURES if name != "cv"]


@pytest.mark.parametrize("name", OF_SYMMETRIC_CELLS)
@pytest.mark.parametrize("runs", [(1,), (1, 2)])
def test_every_figure_of_one_run_and_of_several(stored, name, runs):
    figure = FIGURES[name].draw([stored.subject(run) for run in runs], Layout(width_in=3.5))
    assert figure.get_figwidth() == 3.5
    assert any(axes.get_lines() for axes in figure.axes)
    figure.draw_without_rendering()


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_file_is_what_its_ending_says_and_always_the_same(stored, tmp_path, ending, magic):
    written = []
    for directory in ("one", "other"):
        path = tmp_path / directory / f"figure.{ending}"
        write(FIGURES["nyquist"].draw([stored.subject(1)], Layout()), path)
        written.append(path.read_bytes())
    assert written[0].startswith(magic)
    assert written[0] == written[1]


def test_another_ending_is_refused(stored, tmp_path):
    figure = FIGURES["capacity"].draw([stored.subject(1)], Layout())
    with pytest.raises(UserError, match=r"\.png, \.svg, \.pdf"):
        write(figure, tmp_path / "figure.docx")


def test_a_figure_is_found_by_its_names():
    assert kind_of_figure("DRT") is FIGURES["relaxation-times"]
    assert kind_of_figure("voltage_profile") is FIGURES["voltage-profile"]
    with pytest.raises(UserError, match="voltage-profile, voltage, comparison"):
        kind_of_figure("voltag")


def test_profiles_begin_at_no_capacity_and_are_divided_by_the_area(stored):
    subjects = [stored.subject(1)]
    whole = FIGURES["profiles"].draw(subjects, Layout(cycles=(2,))).axes[0].get_lines()
    by_area = FIGURES["profiles"].draw(subjects, Layout(cycles=(2,), per=Per.AREA)).axes[0].get_lines()
    assert len(whole) == 2
    for line, areal in zip(whole, by_area, strict=True):
        assert line.get_xdata()[0] == pytest.approx(0.0, abs=1e-3)
        assert line.get_xdata()[-1] == pytest.approx(0.2827, rel=1e-3)
        assert areal.get_xdata()[-1] == pytest.approx(1.0, rel=1e-3)
    with pytest.raises(NothingToDraw, match="active mass"):
        FIGURES["profiles"].draw(subjects, Layout(per=Per.MASS))


def test_the_area_under_dqdv_is_the_charge(stored):
    charge, discharge = FIGURES["dqdv"].draw([stored.subject(2)], Layout(cycles=(3,))).axes[0].get_lines()
    assert np.trapezoid(charge.get_ydata(), charge.get_xdata()) == pytest.approx(0.2827, rel=0.01)
    assert np.trapezoid(discharge.get_ydata(), discharge.get_xdata()) == pytest.approx(-0.2827, rel=0.01)


def test_cycles_that_are_not_there_are_named(stored):
    with pytest.raises(NothingToDraw, match="no cycle 7; it has 1 to 3"):
        FIGURES["profiles"].draw([stored.subject(1)], Layout(cycles=(1, 7)))
    with pytest.raises(NothingToDraw, match="has them after 1, 3"):
        FIGURES["nyquist"].draw([stored.subject(1)], Layout(cycles=(2,)))


def test_a_few_cycles_stand_for_many():
    assert choose(range(1, 1001), (), "run") == [1, 5, 20, 50, 200, 1000]
    assert choose([1, 2, 3], (), "run") == [1, 2, 3]
    assert choose(range(1, 53), (), "run")[-1] == 52
    assert choose(range(1, 53), (30, 1), "run") == [1, 30]


def series(*scales):
    """A run with spectra of two arcs, each of another size."""
    spectra = [
        spectrum(impedance((200.0 * k, 3e-5, 0.9), (300.0 * k, 1e-2, 0.9)), cycle)
        for cycle, k in enumerate(scales, 1)
    ]
    return SimpleNamespace(spectra=spectra, label="cell", run=SimpleNamespace(run_id=1))


def test_what_is_too_small_to_be_seen_stands_in_an_inset_at_its_own_scale():
    figure = nyquist.nyquist([series(1.0, 1.1, 100.0)], Layout())
    whole = figure.axes[0]
    (inset,) = whole.child_axes
    assert len(whole.get_lines()) == 3
    assert {line.get_label() for line in inset.get_lines()} == {"1", "2"}
    assert inset.get_xlim()[1] == pytest.approx(610, rel=0.1)
    top_of_points = max(line.get_ydata().max() for line in whole.get_lines())
    figure.canvas.draw()
    low = whole.transData.inverted().transform(inset.get_window_extent().get_points())[0]
    assert low[1] > top_of_points


def test_without_a_gap_there_is_no_inset():
    assert not nyquist.nyquist([series(1.0, 1.5, 2.0)], Layout()).axes[0].child_axes


def test_one_ohm_is_as_long_on_both_axes():
    axes = nyquist.nyquist([series(1.0, 50.0)], Layout()).axes[0]
    assert axes.get_aspect() == 1.0
    assert axes.child_axes[0].get_aspect() == 1.0


def voltage_scans():
    """A scan of a cell as made, one and a half after twenty cycles."""
    step = np.repeat([1, 2, 4, 4, 6], 50).astype(float)
    volts = 2.5 + np.tile(np.linspace(0, 1, 50), 5)
    kinds = {1: "cyclic_voltammetry", 2: "rest", 4: "constant_current", 6: "cyclic_voltammetry"}
    steps = [
        SimpleNamespace(step_id=k, kind=kind, start_s=100.0 * k, path=f"steps[{k}]")
        for k, kind in kinds.items()
    ]
    return SimpleNamespace(
        samples=(np.arange(250.0), volts, 1e-4 * volts, step),
        steps=steps,
        half_cycles=[SimpleNamespace(cycle=20, end_s=590.0)],
        run=SimpleNamespace(run_id=1, cell=None),
        label="cell",
        divisor=lambda per: (1.0, ""),
    )


def test_a_voltammogram_is_named_by_the_cycles_before_it():
    figure = voltammogram.voltammograms([voltage_scans()], Layout())
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["as made", "after 20 cycles"]
    assert figure.axes[0].get_lines()[0].get_ydata().max() == pytest.approx(0.35)


def test_a_run_without_scans_has_no_voltammogram(stored):
    with pytest.raises(NothingToDraw, match="no voltage scan"):
        FIGURES["cv"].draw([stored.subject(1)], Layout())


def test_names_are_text_in_a_figure(stored):
    run = stored.reader.run(1)
    hostile = "</text><script>alert(1)</script>$\\frac{$ %s"
    subject = stored.subject(1)
    subject.run = dataclasses.replace(run, cell=dataclasses.replace(run.cell, name=hostile))
    subjects = [stored.subject(1, hostile), stored.subject(2, "b")]
    drawn = as_svg(FIGURES["comparison"].draw(subjects, Layout(headline=hostile)), "a", "caption")
    root = ElementTree.fromstring(drawn)
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert "".join(root.itertext()).count(hostile) == 2


@pytest.mark.parametrize("name", ["voltage", "voltage-profile"])
def test_no_line_is_drawn_across_a_pause(stored, name, monkeypatch):
    subject = stored.subject(1)
    first = subject.curves[0]
    middle = len(first.time_s) // 2
    pause = (first.time_s[middle], first.time_s[middle + 1])
    shifted = np.where(subject.samples[0] > pause[0], 5000.0, 0.0)  # the same samples, later by a pause
    curves = [
        dataclasses.replace(curve, time_s=curve.time_s + np.where(curve.time_s > pause[0], 5000.0, 0.0))
        for curve in subject.curves
    ]
    monkeypatch.setitem(subject.__dict__, "samples", (subject.samples[0] + shifted, *subject.samples[1:]))
    monkeypatch.setitem(subject.__dict__, "curves", tuple(curves))
    monkeypatch.setitem(subject.__dict__, "silences", [(pause[0], pause[1] + 5000.0)])
    line = FIGURES[name].draw([subject], Layout()).axes[0].get_lines()[0]
    (place,) = np.flatnonzero(np.isnan(line.get_ydata()))
    hours = line.get_xdata()
    assert hours[place + 1] - hours[place - 1] > 5000.0 / 3600.0


def test_a_cell_without_a_thermometer_has_no_temperature(stored, monkeypatch):
    subject = stored.subject(1)
    monkeypatch.setattr(subject, "temperature_K", np.full(len(subject.samples[0]), np.nan), raising=False)
    with pytest.raises(NothingToDraw, match="no thermometer"):
        FIGURES["temperature"].draw([subject], Layout())
