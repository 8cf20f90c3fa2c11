from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from labctl.analysis.battery_data import BatteryData
from labctl.analysis.recordings import find_half_cycles, from_data, from_run
from labctl.errors import DataError
from labctl.exchange.bdf_reader import read_battery_data
from labctl.half_cycle import HalfCycle
from labctl.rules.replay import Stretch, default_rules, replay

NAME = "SINTEF__LiGrR2032__2024-04-30__25degC__Landt.bdf.csv"
EXCERPT = Path(__file__).parents[1] / "data" / "bdf" / NAME
WHOLE = Path(__file__).parents[3] / "shared" / "data" / "bdf" / NAME


def recorded(currents, cycle=None):
    current_A = np.repeat(currents, 10).astype(float)
    count = len(current_A)
    return BatteryData("cell", 10.0 * np.arange(count), np.full(count, 3.7), current_A, cycle)


def found(data):
    return [
        (h.cycle, h.sign, [(s.first, s.after) for s in h.stretches], h.complete)
        for h in find_half_cycles(data)
    ]


@pytest.mark.parametrize("path", [EXCERPT, WHOLE], ids=["excerpt", "whole"])
@pytest.mark.parametrize("equilibrium_V", [None, 0.0])
def test_no_default_rule_stops_a_healthy_real_cell(path, equilibrium_V):
    if not path.exists():
        pytest.skip("the whole recordings are not here")
    recording = from_data(read_battery_data(path), equilibrium_V)
    assert [(h.cycle, h.sign, h.complete) for h in recording.half_cycles] == [
        (1, -1, True),
        (1, +1, True),
        (2, -1, False),
    ]
    assert len(default_rules(recording)) == (3 if equilibrium_V is None else 5)
    assert [verdict.decision for verdict in replay(recording)] == [None] * len(default_rules(recording))


def test_a_reversal_ends_a_half_cycle_and_a_pause_does_not():
    assert found(recorded([0, 1, 0, 1, -1, 0, 1, 0])) == [
        (1, +1, [(10, 20), (30, 40)], True),
        (1, -1, [(40, 50)], True),
        (2, +1, [(60, 70)], True),
    ]


def test_a_recording_that_ends_under_current_ends_in_an_unfinished_half_cycle():
    assert [complete for *_, complete in found(recorded([-1, 1]))] == [True, False]


def test_the_cycles_of_the_file_win_unless_it_never_counts():
    counted = np.repeat([7, 7, 8, 8, 9], 10)
    assert [h[:2] for h in found(recorded([1, -1, 1, 0, 1], counted))] == [(7, +1), (7, -1), (8, +1), (9, +1)]
    never = np.ones(40, dtype=int)
    assert [h[:2] for h in found(recorded([1, -1, 1, -1], never))] == [(1, +1), (1, -1), (2, +1), (2, -1)]


def test_offsets_and_single_wrong_readings_of_the_current_are_no_half_cycles():
    data = recorded([0.001, 1, -1, 0.001])
    data.current_A[14] = -1.0
    assert [(cycle, sign) for cycle, sign, *_ in found(data)] == [(1, +1), (1, -1)]


def test_the_set_current_is_not_that_of_a_decay_at_constant_voltage():
    data = recorded([1, 1, 1, 0.4, 0.2, 0.1, -1])
    assert find_half_cycles(data)[0].set_current_A == 1.0


def test_a_recording_without_current_is_refused(tmp_path):
    path = tmp_path / "rest.csv"
    path.write_text("Test Time / s,Voltage / V,Current / A\n0,3.7,0\n10,3.7,0\n")
    with pytest.raises(DataError, match="no current flows"):
        from_data(read_battery_data(path))


class StoredRun:
    """A fake reader: a rest, a charge in two steps with a pause between, and a discharge that was stopped."""

    columns = ("seq", "test_time_second", "voltage_volt", "current_ampere", "step_id")
    table = np.array(
        [
            (1, 10.0, 0.0, 0.0, 1),
            (2, 20.0, 0.1, 1.0, 2),
            (3, 30.0, 0.1, 1.0, 2),
            (4, 40.0, 0.0, 0.0, 3),
            (5, 60.0, 0.2, 1.0, 4),
            (6, 70.0, 0.2, 1.0, 4),
            (7, 80.0, -0.3, -1.0, 5),
        ]
    )

    def samples(self, run_id, columns):
        assert (run_id, columns) == (7, self.columns)
        return dict(zip(columns, self.table.T, strict=True))

    def steps(self, run_id):
        kinds = {1: "rest", 2: "constant_current", 3: "rest", 4: "constant_current", 5: "constant_current"}
        starts_s = {1: 0.0, 2: 12.0, 3: 30.0, 4: 52.0, 5: 70.5}
        return [SimpleNamespace(step_id=n, kind=kinds[n], start_s=starts_s[n]) for n in kinds]

    def half_cycles(self, run_id):
        figures = (1.0, 1.0, 0.1, 0.1, 0.1, 0.1)
        return [
            HalfCycle(1, +1, 12.0, 70.0, *figures, "capacity", complete=True),
            HalfCycle(1, -1, 70.5, 80.0, *figures, "a person asked to end", complete=False),
        ]

    def spectra(self, run_id):
        return [SimpleNamespace(spectrum="a spectrum")]


def test_a_stored_run_knows_its_half_cycles():
    run = SimpleNamespace(run_id=7, cell=SimpleNamespace(equilibrium_voltage_V=0.0))
    recording = from_run(StoredRun(), run)
    charge, discharge = recording.half_cycles
    assert charge.stretches == (Stretch(1, 3, 12.0), Stretch(4, 6, 52.0))
    assert discharge.stretches == (Stretch(6, 7, 70.5),)
    assert (charge.cycle, charge.sign, charge.set_current_A, charge.complete) == (1, +1, 1.0, True)
    assert (discharge.sign, discharge.set_current_A, discharge.complete) == (-1, -1.0, False)
    assert recording.seq.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert recording.equilibrium_voltage_V == 0.0
    assert recording.spectra == ("a spectrum",)
    assert recording.name == "run 7"
