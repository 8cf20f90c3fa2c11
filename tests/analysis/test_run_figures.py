"""Figures of bundled protocols, run through the whole stack."""

import json
import math
import re
from dataclasses import dataclass

import numpy as np
import pytest

from labctl.analysis.run_figures import RunFigures, run_figures
from labctl.cli.output import print_json
from labctl.protocol.finder import bundled_paths
from labctl.report.analysis_text import analysis_document
from labctl.report.plots import plot_run
from labctl.report.run_text import run_lines
from labctl.report.summary import summary
from labctl.store.reader import Reader
from labctl.store.records import RunRecord
from tests.system.command_line import CommandLine

CURRENT_A = 0.4e-3 * math.pi * 0.3**2
HALF_CYCLE_C = 3.6 * math.pi * 0.3**2
TWICE_RT_F_V = 2 * 8.314462618 * 298.15 / 96485.33212


@dataclass(frozen=True)
class Ran:
    labctl: CommandLine
    reader: Reader
    run: RunRecord
    figures: RunFigures


def ran(directory, protocol, cycles):
    """The first cycles of a bundled protocol."""
    text = bundled_paths()[protocol].read_text(encoding="utf-8")
    text, loops = re.subn(r"loop: \d+", f"loop: {cycles}", text)
    text, schedules = re.subn(r"on_cycles: \[(.*)\]", lambda match: _until(cycles, match[1]), text)
    assert (loops, schedules) == (1, 1)
    (directory / "protocol.yaml").write_text(text, encoding="utf-8")
    labctl = CommandLine(directory)
    outcome = labctl("run", "protocol.yaml", "--no-stop-rules", "--json")
    assert outcome.code == 0, outcome.err
    reader = Reader(directory / "labctl.sqlite")
    run = reader.run("last")
    return Ran(labctl, reader, run, run_figures(reader, run))


def _until(cycles, listed):
    return f"on_cycles: {[cycle for cycle in map(int, listed.split(',')) if cycle <= cycles]}"


@pytest.fixture(scope="module")
def alloy(tmp_path_factory):
    """Na50K50, until its electrode is dead."""
    return ran(tmp_path_factory.mktemp("alloy"), "na50k50-symmetric", 52)


@pytest.fixture(scope="module")
def sodium(tmp_path_factory):
    return ran(tmp_path_factory.mktemp("sodium"), "na-symmetric", 3)


def resolved(figures, cycle):
    (spectrum,) = [s for s in figures.spectra if s.cycle == cycle]
    return spectrum, spectrum.fit


def test_two_arcs_from_cycle_1_to_40(alloy):
    for cycle in (1, 10, 20, 30, 35, 40):
        spectrum, fit = resolved(alloy.figures, cycle)
        assert fit.verdict() == "two arcs"
        assert spectrum.validity.valid
        assert fit.sei_ohm.is_known_within(1.05)
        assert fit.charge_transfer_ohm.is_known_within(1.05)
        total_ohm = fit.ohmic_ohm.value + fit.sei_ohm.value + fit.charge_transfer_ohm.value
        assert total_ohm == pytest.approx(spectrum.total_ohm, rel=0.01)


def test_half_a_kiloohm_after_cycle_1_and_seventy_after_cycle_50(alloy):
    _, first = resolved(alloy.figures, 1)
    assert first.ohmic_ohm.value + first.arcs_ohm == pytest.approx(500, rel=0.1)
    assert first.charge_transfer_ohm.value == pytest.approx(300, rel=0.1)
    _, last = resolved(alloy.figures, 50)
    assert last.arcs_ohm == pytest.approx(70e3, rel=0.2)


@pytest.mark.parametrize("cycle", [1, 10, 20, 30, 35, 40, 45, 50])
def test_the_small_signal_explains_the_polarisation(alloy, cycle):
    """One state, two measurements: exchange current and resistances of the spectrum give the overpotential.

    V = (R0 + R_SEI) i + 2 (2RT/F) asinh(i / 2 i0), against that at the end of the discharge before the spectrum. The
    surface at its end is what the spectrum sees; nothing of the simulated cell's parameters enters.
    """
    spectrum, fit = resolved(alloy.figures, cycle)
    current_A = spectrum.exchange_current_A.value
    assert current_A == pytest.approx(TWICE_RT_F_V / fit.charge_transfer_ohm.value)
    (half_cycle,) = [h for h in alloy.figures.half_cycles if (h.cycle, h.sign) == (cycle, -1)]
    expected_V = (fit.ohmic_ohm.value + fit.sei_ohm.value) * CURRENT_A
    expected_V += 2 * TWICE_RT_F_V * math.asinh(CURRENT_A / (2 * current_A))
    assert half_cycle.overpotential.end_V == pytest.approx(expected_V, rel=0.04)


def test_sodium_has_two_plateaus_in_each_half_cycle(sodium):
    assert len(sodium.figures.half_cycles) == 6
    for half_cycle in sodium.figures.half_cycles:
        low, high = half_cycle.plateaus
        assert high.level_V > 1.3 * low.level_V
        assert low.to_C < high.from_C


def test_the_alloy_has_none(alloy):
    assert {len(half_cycle.plateaus) for half_cycle in alloy.figures.half_cycles} == {0}


def test_every_half_cycle_of_living_metal_begins_with_a_spike(alloy, sodium):
    living = [h for h in alloy.figures.half_cycles if h.cycle <= 50]
    for half_cycle in (*living, *sodium.figures.half_cycles):
        assert 0.03 < half_cycle.spike.height_V < 0.12
        assert half_cycle.spike.peak_C < 0.01 * half_cycle.charge_C


@pytest.mark.parametrize("which", ["alloy", "sodium"])
def test_the_closing_sample_lies_at_the_end_of_its_step(which, request):
    """Without it a half-cycle of 9000 s sampled every 10 s would be short by up to 0.1 %."""
    found = request.getfixturevalue(which)
    columns = found.reader.samples(found.run.run_id, ("test_time_second", "current_ampere", "step_id"))
    time_s, current_A, step_id = columns.values()
    flowing = [
        s
        for s in found.reader.steps(found.run.run_id)
        if s.kind == "constant_current" and "capacity" in s.end_reason
    ]
    assert len(flowing) >= 6
    for step in flowing:
        inside = step_id == step.step_id
        assert time_s[inside][-1] == pytest.approx(step.end_s, abs=1e-6)
        charge_C = np.trapezoid(current_A[inside], time_s[inside]) + current_A[inside][0] * (
            time_s[inside][0] - step.start_s
        )
        assert abs(charge_C) == pytest.approx(HALF_CYCLE_C, rel=1e-4)
        assert abs(charge_C) == pytest.approx(step.charge_C, rel=1e-9)


@pytest.mark.parametrize("which", ["alloy", "sodium"])
def test_figures_from_samples_are_those_that_were_stored_while_running(which, request):
    found = request.getfixturevalue(which)
    stored = found.reader.half_cycles(found.run.run_id)
    assert len(stored) == len(found.figures.half_cycles)
    for known, row in zip(stored, found.figures.half_cycles, strict=True):
        assert (row.cycle, row.sign, row.complete) == (known.cycle, known.sign, known.complete)
        assert row.charge_C == pytest.approx(known.charge_C)
        assert abs(row.energy_J) == pytest.approx(known.energy_J)
        assert row.mean_voltage_V == pytest.approx(known.mean_voltage_V)
        assert row.overpotential.median_V == pytest.approx(known.overpotential_median_V)
        assert row.overpotential.end_V == pytest.approx(known.overpotential_end_V)
        assert row.overpotential.max_V == pytest.approx(known.overpotential_max_V)


def test_nothing_is_lost_in_a_cycle(sodium):
    assert [c.coulombic_efficiency for c in sodium.figures.cycles] == pytest.approx([1.0] * 3, abs=1e-4)


def test_the_command_says_so(sodium):
    outcome = sodium.labctl("analyse", "last")
    assert outcome.code == 0
    (row,) = [line for line in outcome.out.splitlines() if "% ok" in line]
    (spectrum,) = sodium.figures.spectra
    assert row.endswith(f"{1e6 * spectrum.exchange_current_A.value:.3g} uA")
    charge, discharge = sodium.figures.half_cycles[:2]
    levels = [", ".join(f"{1e3 * p.level_V:.1f}" for p in h.plateaus) for h in (charge, discharge)]
    assert " / ".join(levels) in outcome.out


def test_the_document_holds_it_all(sodium, capsys):
    print_json(analysis_document(sodium.run, sodium.figures))
    document = json.loads(capsys.readouterr().out)
    assert len(document["half_cycles"]) == 6
    assert len(document["cycles"]) == 3
    (spectrum,) = document["spectra"]
    for name in ("r0_ohm", "r_sei_ohm", "r_ct_ohm", "exchange_current_A"):
        assert spectrum[name]["low"] < spectrum[name]["value"] < spectrum[name]["high"]
    assert spectrum["lin_kk"]["valid"] is True
    assert spectrum["verdict"] == "two arcs"


def test_show_tells_the_lin_kk_residual(sodium):
    found = summary(str(sodium.labctl.directory / "labctl.sqlite"), "last")
    assert any("Lin-KK residual" in line for line in run_lines(found))
    (spectrum,) = found.as_document()["spectra"]
    assert spectrum["lin_kk_valid"] is True
    assert spectrum["lin_kk_rms_percent"] < 0.3


def test_pictures_of_the_fits_are_drawn(sodium, tmp_path):
    written = {
        path.name: path.stat().st_size for path in plot_run(sodium.reader, sodium.run, tmp_path / "na")
    }
    for name in ("na-resistances.png", "na-relaxation-times.png"):
        assert written[name] > 10_000
