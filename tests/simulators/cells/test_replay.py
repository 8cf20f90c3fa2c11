import math

import pytest

from labctl_simulators.cells.recorded_half_cycles import RUN_AWAY_V
from labctl_simulators.cells.replay import OPEN_ohm, replay

CURRENT_A = 1e-3
R_ohm = 50.0


def written(tmp_path, rows, header="Test Time / s,Voltage / V,Current / A"):
    path = tmp_path / "cell.bdf.csv"
    path.write_text("\n".join([header, *(",".join(map(repr, row)) for row in rows)]) + "\n")
    return path


def recorded(tmp_path, sign=+1):
    """Charge from 3.0 to 4.0 V, a pause that relaxes to 3.8 V, a hold at 4.0 V, discharge to 3.0 V; R is 50 ohm."""
    rows = [(0.0, 2.95, 0.0), (10.0, 2.95, 0.0)]
    rows += [(20.0 + t, 3.0 + t / 1000, CURRENT_A) for t in range(0, 1001, 10)]
    rows += [(1030.0 + t, 3.8 + 0.15 * math.exp(-t / 50.0), 0.0) for t in range(0, 301, 10)]
    rows += [(1340.0 + t, 4.0, CURRENT_A * math.exp(-t / 100.0)) for t in range(0, 301, 10)]
    rows += [(1650.0 + t, 3.9 - t / 1000, -CURRENT_A) for t in range(0, 901, 10)]
    return written(tmp_path, [(t, v, sign * a) for t, v, a in rows])


@pytest.fixture
def cell(tmp_path):
    return replay(f"{recorded(tmp_path)},resistance={R_ohm}", 0)


def test_the_resistance_is_that_of_the_recorded_current_steps(tmp_path):
    rows = [
        (10.0 * k, 3.0 + R_ohm * a, a) for k, a in enumerate([0.0] * 5 + [CURRENT_A] * 5 + [-CURRENT_A] * 5)
    ]
    assert replay(str(written(tmp_path, rows)), 0).resistance_ohm == pytest.approx(R_ohm)


def test_voltage_is_a_function_of_the_charge_and_not_of_the_time(cell):
    assert cell.voltage_V(0.0) == pytest.approx(2.95)
    assert cell.voltage_V(CURRENT_A) == pytest.approx(3.0)
    cell.advance_current(1000.0, CURRENT_A / 2)
    assert cell.voltage_V(CURRENT_A) == pytest.approx(3.5)


def test_another_current_differs_by_the_resistance_and_nothing_else(cell):
    cell.advance_current(500.0, CURRENT_A)
    assert cell.voltage_V(2 * CURRENT_A) - cell.voltage_V(CURRENT_A) == pytest.approx(R_ohm * CURRENT_A)
    assert cell.current_A(cell.voltage_V(2 * CURRENT_A)) == pytest.approx(2 * CURRENT_A)


def test_a_pause_where_the_recording_paused_relaxes_as_recorded(cell):
    cell.advance_current(1000.0, CURRENT_A)
    cell.advance_current(50.0, 0.0)
    assert cell.voltage_V(0.0) == pytest.approx(3.8 + 0.15 / math.e, abs=1e-4)
    cell.advance_current(1e5, 0.0)
    assert cell.voltage_V(0.0) == pytest.approx(3.8, abs=1e-3)


def test_a_pause_elsewhere_shows_the_recorded_voltage_without_its_ohmic_part(cell):
    cell.advance_current(500.0, CURRENT_A)
    cell.advance_current(60.0, 0.0)
    assert cell.voltage_V(0.0) == pytest.approx(3.5 - R_ohm * CURRENT_A)


def test_a_held_voltage_passes_the_recorded_charge_in_the_recorded_time(cell):
    cell.advance_current(1000.0, CURRENT_A)
    passed_C = cell.advance_voltage(200.0, 4.0)
    assert passed_C == pytest.approx(CURRENT_A * 100.0 * (1 - math.exp(-2.0)), rel=2e-3)
    assert cell.current_A(4.0) == pytest.approx(CURRENT_A * math.exp(-2.0), rel=1e-2)


@pytest.mark.parametrize("parts", [1, 7, 400])
def test_a_hold_in_many_parts_is_the_same_hold(cell, parts):
    cell.advance_current(300.0, CURRENT_A)
    passed_C = sum(cell.advance_voltage(900.0 / parts, 3.6) for _ in range(parts))
    assert passed_C == pytest.approx(0.35 * CURRENT_A * 1000.0, rel=1e-6)
    assert abs(cell.current_A(3.6)) < 1e-6


def test_a_reversal_goes_to_the_next_half_cycle_of_that_direction(cell):
    cell.advance_current(100.0, CURRENT_A)
    assert cell.voltage_V(-CURRENT_A) == pytest.approx(3.9)
    cell.advance_current(100.0, -CURRENT_A)
    assert cell.voltage_V(-CURRENT_A) == pytest.approx(3.8)


def test_beyond_its_recorded_charge_a_half_cycle_runs_away_to_the_cut_off(cell):
    cell.advance_current(100.0, CURRENT_A)
    cell.advance_current(900.0, -CURRENT_A)
    assert cell.voltage_V(-CURRENT_A) == pytest.approx(3.0)
    cell.advance_current(9.0, -CURRENT_A)
    assert cell.voltage_V(-CURRENT_A) == pytest.approx(3.0 - RUN_AWAY_V / 100.0)


def test_after_the_last_half_cycle_the_leads_are_open(cell):
    cell.advance_current(10.0, CURRENT_A)
    cell.advance_current(10.0, -CURRENT_A)
    cell.advance_current(10.0, CURRENT_A)
    assert cell.voltage_V(CURRENT_A) > 0.5 * OPEN_ohm * CURRENT_A
    assert abs(cell.current_A(4.0)) < 1e-7
    assert abs(cell.advance_voltage(10.0, 4.0)) < 1e-6
    assert cell.impedance_ohm(1.0) == OPEN_ohm


def test_a_recording_holds_no_impedance(cell):
    assert cell.impedance_ohm(1e3) == cell.impedance_ohm(1e-3) == R_ohm


def test_a_recording_whose_discharge_is_positive_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the other sign"):
        replay(str(recorded(tmp_path, sign=-1)), 0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "holds no readings"),
        ([(0.0, 3.0, 0.0), (1.0, 3.0, 0.0)], "no current flows"),
        ([(float(k), 3.0, 1e-3) for k in range(9)], "add ,resistance=OHM"),
        ([(0.0, 3.0, 1e-3), (-1.0, 3.0, 1e-3)], "line 3 of the recording: the time goes back"),
        ([(0.0, 3.0, math.nan)], "line 2 of the recording: 'nan' is not a number"),
        ([(0.0, 3.0)], "line 2 of the recording: '' is not a number"),
    ],
)
def test_what_cannot_be_played_is_refused_with_one_line(tmp_path, rows, said):
    with pytest.raises(ValueError, match=said) as refused:
        replay(str(written(tmp_path, rows)), 0)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        (None, "needs its recording"),
        ("/nowhere/cell.bdf.csv", "cannot be read: No such file"),
        ("/", "cannot be read"),
    ],
)
def test_without_a_recording_there_is_no_cell(argument, said):
    with pytest.raises(ValueError, match=said):
        replay(argument, 0)


def test_a_resistance_is_a_positive_number(tmp_path):
    for given in ("0", "-1", "nan", "inf", "x"):
        with pytest.raises(ValueError, match="above 0 ohm"):
            replay(f"{recorded(tmp_path)},resistance={given}", 0)


def test_columns_are_found_by_their_machine_names_too(tmp_path):
    path = written(
        tmp_path,
        [(1e-3 if k > 4 else 0.0, 10.0 * k, 3.0 + (0.05 if k > 4 else 0.0)) for k in range(10)],
        "current_ampere,test_time_second,voltage_volt",
    )
    assert replay(str(path), 0).resistance_ohm == pytest.approx(R_ohm)
