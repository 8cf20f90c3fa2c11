"""Keithley 2450: what is said for typed values, and what replies mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import CannotHold
from labctl.instrument.channel import Identity
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl_drivers.keithley_2450_codec import (
    MODELS,
    Setup,
    parse_error,
    parse_identity,
    parse_stored,
    setup_for,
)
from labctl_drivers.smu_setting import Setting


def _step(control: Control, value: float, safety: SafetyLimits | None = None, *cutoffs: Cutoff) -> Step:
    safety = safety or SafetyLimits(-1.0, 1.0, 5e-4)
    return Step(control, value, cutoffs or (Cutoff(Quantity.TIME, Side.ABOVE, 1.0),), safety, Sampling(10.0))


def _setup(control: Control, value: float, safety: SafetyLimits | None = None, *cutoffs: Cutoff) -> Setup:
    return setup_for(_step(control, value, safety, *cutoffs), MODELS["2450"], "smu")


@pytest.mark.parametrize(
    ("current_A", "range_A"),
    [
        (0.0, 1e-8),
        (1e-8, 1e-8),
        (1.05e-4, 1e-4),
        (1.131e-4, 1e-3),
        (-1.131e-4, 1e-3),
        (1.0, 1.0),
        (1.05, 1.0),
    ],
)
def test_the_range_is_the_smallest_that_holds_the_current(current_A: float, range_A: float) -> None:
    setup = _setup(Control.CURRENT, current_A, SafetyLimits(-1.0, 1.0, 2.0))
    assert setup.source_range == range_A


def test_a_rest_sources_nothing_on_a_small_range() -> None:
    setup = _setup(Control.REST, 0.0)
    assert (setup.source, setup.source_range, setup.limit) == ("CURR", 1e-6, 1.05)


@pytest.mark.parametrize(
    ("window_V", "limit_V", "range_V", "protection"),
    [
        ((-1.0, 1.0), 1.05, 2.0, "PROT2"),
        ((-0.1, 0.1), 0.12, 0.2, "PROT2"),
        ((2.5, 4.2), 4.41, 20.0, "PROT5"),
        ((-10.0, 0.0), 10.5, 20.0, "PROT20"),
        ((0.0, 200.0), 210.0, 200.0, "NONE"),
    ],
)
def test_what_is_armed_at_constant_current_lies_outside_the_safety_window(
    window_V: tuple[float, float], limit_V: float, range_V: float, protection: str
) -> None:
    setup = _setup(Control.CURRENT, 1e-4, SafetyLimits(*window_V, 1e-3))
    assert setup.limit == pytest.approx(limit_V)
    assert (setup.sense_range, setup.protection) == (range_V, protection)


def test_what_is_armed_at_constant_voltage_holds_the_current_inside_the_safety_limit() -> None:
    setup = _setup(Control.VOLTAGE, 4.2, SafetyLimits(2.5, 4.3, 1e-3))
    assert setup == Setup("VOLT", "CURR", 20.0, pytest.approx(0.99e-3), 1e-3, "PROT5")


@given(
    st.floats(0.0, 210.0), st.floats(0.0, 1.05), st.sampled_from([-1.0, 1.0]), st.sampled_from(sorted(MODELS))
)
def test_ranges_hold_what_is_armed(window_V: float, most_A: float, sign: float, name: str) -> None:
    model = MODELS[name]
    window_V = min(window_V, 1.05 * model.voltage_ranges_V[-1])
    safety = SafetyLimits(-window_V, window_V, most_A)
    galvanostatic = setup_for(_step(Control.CURRENT, sign * most_A, safety), model, name)
    assert galvanostatic.source_range * 1.05 >= most_A
    assert galvanostatic.sense_range * 1.05 >= galvanostatic.limit
    potentiostatic = setup_for(_step(Control.VOLTAGE, sign * window_V, safety), model, name)
    assert potentiostatic.source_range * 1.05 >= window_V
    assert potentiostatic.sense_range * 1.05 >= potentiostatic.limit
    if galvanostatic.protection != "NONE":
        assert int(galvanostatic.protection.removeprefix("PROT")) > galvanostatic.limit


@pytest.mark.parametrize("value", [1.1, -1.1, float("nan"), float("inf")])
def test_a_current_beyond_the_ranges_is_refused(value: float) -> None:
    with pytest.raises(CannotHold, match="smu"):
        _setup(Control.CURRENT, value, SafetyLimits(-1.0, 1.0, 5.0))


def test_set_points_beyond_the_safety_limits_are_refused() -> None:
    with pytest.raises(CannotHold):
        _setup(Control.CURRENT, 6e-4)
    for voltage_V in (1.01, -1.01, float("nan")):
        with pytest.raises(CannotHold):
            _setup(Control.VOLTAGE, voltage_V)


def test_a_cutoff_beyond_what_it_measures_is_refused() -> None:
    with pytest.raises(CannotHold, match="cut-off at 300 V"):
        _setup(
            Control.CURRENT, 1e-4, SafetyLimits(0.0, 400.0, 1.0), Cutoff(Quantity.VOLTAGE, Side.ABOVE, 300.0)
        )


def test_settings_are_messages_of_one_command() -> None:
    setup = _setup(Control.CURRENT, 1.131e-4)
    lines = [setting.set() for setting in (*setup.settings(), setup.level(-1.131e-4))]
    assert lines == [
        b":SOUR:FUNC CURR",
        b":OUTP:CURR:SMOD HIMP",
        b":OUTP:VOLT:SMOD HIMP",
        b':SENS:FUNC "VOLT"',
        b":SENS:VOLT:RSEN ON",
        b":SENS:VOLT:NPLC 1",
        b":SOUR:CURR:RANG 0.001",
        b":SENS:VOLT:RANG 2",
        b":SOUR:VOLT:PROT PROT2",
        b":SOUR:CURR:VLIM 1.05",
        b":SOUR:CURR:READ:BACK ON",
        b":SOUR:CURR -0.0001131",
    ]
    assert not any(b";" in line or b"\n" in line for line in lines)


@pytest.mark.parametrize(
    ("setting", "reply", "matches"),
    [
        (Setting(":SOUR:FUNC", "CURR", "CURR"), "CURR", True),
        (Setting(":SOUR:FUNC", "CURR", "CURR"), "VOLT", False),
        (Setting(":SENS:FUNC", '"VOLT"', '"VOLT:DC"'), '"VOLT:DC"', True),
        (Setting(":SENS:VOLT:RSEN", "ON", "1"), "1", True),
        (Setting(":SENS:VOLT:RSEN", "ON", "1"), "0", False),
        (Setting(":SOUR:CURR", "0.0001131", "0.0001131"), "1.131000E-04", True),
        (Setting(":SOUR:CURR", "0.0001131", "0.0001131"), "-1.131000E-04", False),
        (Setting(":SOUR:CURR", "0.0001131", "0.0001131"), "1.050000E-04", False),
        (Setting(":SOUR:CURR", "0", "0"), "0.000000E+00", True),
        (Setting(":SOUR:CURR", "0", "0"), "1.000000E-06", False),
    ],
)
def test_read_back(setting: Setting, reply: str, matches: bool) -> None:
    assert setting.matches(reply) is matches


@pytest.mark.parametrize(
    "reply",
    [
        "KEITHLEY INSTRUMENTS,MODEL 2450,04412345,1.7.12b",
        "KEITHLEY INSTRUMENTS INC.,MODEL 2450,04412345,1.7.12b",
        "KEITHLEY INSTRUMENTS,MODEL 2450-EC,04412345,1.7.12b",
    ],
)
def test_identity(reply: str) -> None:
    identity = parse_identity(reply)
    assert identity == Identity(reply.partition(",")[0], "2450", "04412345", "1.7.12b")


@pytest.mark.parametrize("reply", ["", "3.7001", "KEITHLEY INSTRUMENTS,MODEL 2450", "ACME,MODEL 2450,1,1"])
def test_what_is_no_identity(reply: str) -> None:
    assert parse_identity(reply) is None


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        ('0,"No error;0,0,0"', 0, "No error"),
        ('0,"No error;0;0 0"', 0, "No error"),
        ('-113,"Undefined header;1;2018/05/26 14:00:14.871"', -113, "Undefined header"),
        ('-109,"Missing parameter;1;2015/05/06 12:57:04.484"', -109, "Missing parameter"),
    ],
)
def test_errors_of_the_manual(reply: str, code: int, words: str) -> None:
    assert parse_error(reply) == (code, words)


def test_stored_readings_are_placed_by_the_instruments_own_time() -> None:
    setup = _setup(Control.CURRENT, 1e-4)
    rows = parse_stored("0.1,1E-4,12.5,Volt,0.2,1.1E-4,22.5,Volt", setup, time_s=1000.0, relative_s=2.5)
    assert [(s.time_s, s.voltage_V, s.current_A, rel) for s, rel in rows] == [
        (1010.0, 0.1, 1e-4, 12.5),
        (1020.0, 0.2, 1.1e-4, 22.5),
    ]
    with pytest.raises(ValueError, match="zip"):
        parse_stored("0.1,1E-4", setup, 0.0, 0.0)
    with pytest.raises(ValueError, match="something else"):
        parse_stored("0.1,1E-4,12.5,Ampere", setup, 0.0, 0.0)
