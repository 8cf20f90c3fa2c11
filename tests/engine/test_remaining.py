"""What is left of a step, what passed unseen, and what an open-circuit voltage says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.engine.gap import current_in, gap_between, left_of
from labctl.engine.open_circuit_check import doubt, rest_step
from labctl.engine.remaining import remaining
from labctl.instrument.step import Control, Cutoff, Quantity, Side, Step
from labctl.store.progress import Opening, Passed
from tests.engine.test_run import EVERY, SAFETY, plan

CHARGE = Cutoff(Quantity.CHARGE, Side.ABOVE, 1.0)
TIME = Cutoff(Quantity.TIME, Side.ABOVE, 2000.0)
ENERGY = Cutoff(Quantity.ENERGY, Side.ABOVE, 1.0)
VOLTAGE = Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.9, 5.0)
STEP = Step(Control.CURRENT, 0.001, (VOLTAGE, CHARGE, TIME), SAFETY, EVERY)


@given(st.floats(0.0, 0.99))
def test_what_has_passed_and_what_is_left_are_the_whole(share: float) -> None:
    left = remaining(STEP, Passed(1000.0 * share, 1.0 * share, 0.1), 0.1)
    assert isinstance(left, Step)
    thresholds = [cutoff.threshold for cutoff in left.cutoffs]
    assert thresholds == pytest.approx([0.9, 1.0 - share, 2000.0 - 1000.0 * share])
    assert left.cutoffs[0] == VOLTAGE
    assert (left.control, left.value, left.safety) == (STEP.control, STEP.value, STEP.safety)
    limit_s = left.time_limit_s()
    assert limit_s is not None
    assert left.sampling.every_s <= limit_s


@pytest.mark.parametrize(
    ("passed", "reached"),
    [
        (Passed(10.0, 1.0), CHARGE),
        (Passed(10.0, 1.5), CHARGE),
        (Passed(10.0, 0.99995), CHARGE),
        (Passed(2000.0, 0.1), TIME),
        (Passed(1999.95, 0.1), TIME),
    ],
)
def test_a_limit_that_is_as_good_as_reached_ends_the_step(passed: Passed, reached: Cutoff) -> None:
    assert remaining(STEP, passed, 0.1) is reached


def test_an_energy_limit_is_reduced_too() -> None:
    energy = Cutoff(Quantity.ENERGY, Side.ABOVE, 2.0)
    held = Step(
        Control.VOLTAGE, 1.0, (energy, Cutoff(Quantity.CURRENT, Side.BELOW, 1e-4), TIME), SAFETY, EVERY
    )
    left = remaining(held, Passed(100.0, 0.3, 1.5), 0.1)
    assert isinstance(left, Step)
    assert [cutoff.threshold for cutoff in left.cutoffs] == [0.5, 1e-4, 1900.0]


@pytest.mark.parametrize(
    ("step", "passed", "over"),
    [
        (replace(STEP, cutoffs=(CHARGE,)), Passed(10.0, 0.9998), False),  # 0.2 mC, a reading passes 0.1 mC
        (replace(STEP, cutoffs=(CHARGE,)), Passed(10.0, 0.9999), True),
        (
            replace(STEP, cutoffs=(replace(CHARGE, threshold=2.0),)),
            Passed(10.0, 1.99985),
            True,
        ),  # 1e-4 of 2 C
        (replace(STEP, value=0.01, cutoffs=(CHARGE,)), Passed(10.0, 0.9991), True),  # a reading passes 1 mC
        (replace(STEP, value=-0.01, cutoffs=(CHARGE,)), Passed(10.0, 0.9991), True),
        (replace(STEP, value=0.01, cutoffs=(CHARGE,)), Passed(10.0, 0.9989), False),
        (replace(STEP, control=Control.VOLTAGE, value=0.01, cutoffs=(CHARGE,)), Passed(10.0, 0.9991), False),
        (replace(STEP, value=0.01, cutoffs=(ENERGY,)), Passed(10.0, 0.1, 0.9991), False),
        (replace(STEP, cutoffs=(TIME,)), Passed(1999.75, 0.0), False),
        (replace(STEP, cutoffs=(TIME,)), Passed(1999.875, 0.0), True),
    ],
)
def test_what_is_too_little_to_go_on_for(step: Step, passed: Passed, over: bool) -> None:
    assert isinstance(remaining(step, passed, 0.125 if step.cutoffs == (TIME,) else 0.1), Cutoff) is over


def test_samples_are_asked_for_at_least_once_in_what_is_left() -> None:
    every_s = STEP.sampling.every_s
    only_time = replace(STEP, cutoffs=(TIME,))

    def left_s(passed_s: float) -> float:
        left = remaining(only_time, Passed(passed_s), 0.1)
        assert isinstance(left, Step)
        return left.sampling.every_s

    assert left_s(2000.0 - 2.0 * every_s) == every_s
    assert left_s(2000.0 - every_s / 2.0) == every_s / 2.0
    no_end = replace(STEP, control=Control.VOLTAGE, cutoffs=(VOLTAGE,))
    assert remaining(no_end, Passed(5.0), 0.1) == no_end


def test_what_flows_in_a_step_that_nobody_watches() -> None:
    rest = replace(STEP, control=Control.REST, value=0.0)
    held = replace(STEP, control=Control.VOLTAGE, value=0.5)
    assert current_in(STEP, 5.0) == 0.001
    assert current_in(held, -0.0003) == -0.0003
    assert current_in(rest, 5.0) == 0.0
    assert current_in(None, 5.0) == 0.0


def test_a_circuit_that_was_found_closed_leaves_little_doubt() -> None:
    gap = gap_between(100.0, Opening(400.0, 402.0), 430.0, -0.001, "cut off")
    assert (gap.least_C, gap.most_C) == pytest.approx((0.3, 0.302))
    assert gap.uncertainty_C == pytest.approx(0.002)
    assert gap.passed == pytest.approx(Passed(302.0, 0.302))


def test_a_circuit_that_was_found_open_leaves_all_of_it() -> None:
    gap = gap_between(100.0, Opening(100.0, 400.0), 430.0, 0.001, "cut off")
    assert (gap.least_C, gap.uncertainty_C) == pytest.approx((0.0, 0.3))


def test_an_instrument_that_ends_a_step_by_itself_passes_no_more_than_the_step() -> None:
    held = left_of(STEP, Passed(900.0, 0.9))
    gap = gap_between(100.0, Opening(100.0, 90_000.0), 90_000.0, 0.001, "cut off", held)
    assert gap.most_C == pytest.approx(0.1)
    unlimited = gap_between(100.0, Opening(100.0, 90_000.0), 90_000.0, 0.001, "cut off")
    assert unlimited.most_C == pytest.approx(89.9)


def test_an_opening_before_the_last_sample_lets_nothing_pass() -> None:
    gap = gap_between(100.0, Opening(50.0, 60.0), 430.0, 0.001, "cut off")
    assert gap.most_C == 0.0
    assert gap.passed == Passed()
    assert "no charge passed" in str(gap)


@pytest.mark.parametrize(
    ("open_V", "last_V", "last_A", "equilibrium_V", "plausible"),
    [
        (0.05, 0.1, 1e-3, 0.0, True),  # relaxes towards equilibrium
        (0.0, 0.1, 1e-3, 0.0, True),
        (-0.05, 0.1, 1e-3, 0.0, True),  # within what a reading may be off
        (0.19, 0.1, 1e-3, 0.0, True),
        (0.4, 0.1, 1e-3, 0.0, False),  # another cell
        (-0.3, 0.1, 1e-3, 0.0, False),
        (-0.05, -0.1, -1e-3, 0.0, True),
        (0.5, 0.2, -1e-3, 0.0, True),  # the current had driven it towards equilibrium: it relaxes back
        (-0.2, 0.2, -1e-3, 0.0, False),
        (0.05, 0.1, 0.0, 0.0, True),
        (0.6, 0.9, 1e-3, None, True),
        (0.2, 0.9, 1e-3, None, False),
        (0.95, 0.9, 1e-3, None, True),
        (-0.6, -0.9, -1e-3, None, True),
        (0.3, -0.9, -1e-3, None, False),
        (0.5, 0.5, 0.0, None, True),
        (0.3, 0.5, 0.0, None, False),
    ],
)
def test_an_open_circuit_voltage_follows_from_the_last_reading_or_not(
    open_V: float, last_V: float, last_A: float, equilibrium_V: float | None, plausible: bool
) -> None:
    base = plan()
    described = replace(base, cell=replace(base.cell, equilibrium_voltage_V=equilibrium_V))
    said = doubt(open_V, last_V, last_A, described)
    assert (said == "") is plausible
    assert "\n" not in said


def test_the_look_at_open_circuit_sends_no_current_and_ends() -> None:
    step = rest_step(plan())
    assert step.control is Control.REST
    assert step.safety == SAFETY
    assert step.time_limit_s() == 30.0
