"""Quantities: the table against pint, what is refused, and the way back to text."""

import math
import re
from decimal import Decimal
from fractions import Fraction

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.units import Dimension, QuantityError, parse, parse_count, parse_number, show, show_duration
from labctl.units.dimension import UNITS

REGISTRY: pint.UnitRegistry = pint.UnitRegistry()
REGISTRY.define("ampere_hour = ampere * hour = Ah")
REGISTRY.define("watt_hour = watt * hour = Wh")
REGISTRY.define("ampere_second = ampere * second = As")


def in_pint(unit: str) -> str:
    """The same unit in pint's words."""
    words = unit.replace("\u207b\u00b2", "-2").replace("\u00b2", "2").replace("^", "").replace("\u00b7", " ")
    words = re.sub(r"(m)(-?2)$", r"\1**\2", words)  # powers of lengths
    return words.replace(" ", " * ").replace("Ohm", "ohm").replace("%", "percent")


@pytest.mark.parametrize(
    "dimension",
    [d for d in Dimension if d not in (Dimension.RATE, Dimension.TEMPERATURE)],
    ids=lambda d: d.name,
)
def test_factors_are_those_of_pint(dimension: Dimension) -> None:
    """All but C-rates, which pint takes for coulombs, and temperatures, whose offset is tested below."""
    si_unit = "" if dimension is Dimension.FRACTION else in_pint(dimension.si_unit)
    for unit in UNITS[dimension]:
        theirs = REGISTRY.Quantity(1.0, in_pint(unit)).to(si_unit).magnitude
        assert float(UNITS[dimension][unit]) == pytest.approx(theirs, rel=1e-12), unit


@given(
    digits=st.decimals(min_value="0.001", max_value="999", places=6),
    unit=st.sampled_from(sorted(UNITS[Dimension.CURRENT])),
    sign=st.sampled_from(["", "+", "-"]),
)
def test_the_value_is_the_nearest_float(digits: Decimal, unit: str, sign: str) -> None:
    exact = Fraction(digits) * UNITS[Dimension.CURRENT][unit] * (-1 if sign == "-" else 1)
    assert parse(f"{sign}{digits} {unit}", Dimension.CURRENT).value == float(exact)


@given(st.floats(1e-9, 100, allow_nan=False), st.sampled_from(["", " "]))
def test_numbers_of_a_program_are_read_back(value: float, space: str) -> None:
    assert parse(f"{value!r}{space}A", Dimension.CURRENT).value == value


@given(st.integers(0, 999), st.integers(0, 59), st.integers(0, 59))
def test_compound_times(hours: int, minutes: int, seconds: int) -> None:
    total = hours * 3600 + minutes * 60 + seconds
    for text in (f"{hours}h{minutes}m{seconds}s", f"{hours} h {minutes} min {seconds} s"):
        assert parse(text, Dimension.TIME).value == total


@given(st.text(max_size=20), st.sampled_from(list(Dimension)))
def test_any_text_is_a_quantity_or_refused(text: str, dimension: Dimension) -> None:
    try:
        quantity = parse(text, dimension)
    except QuantityError:
        return
    assert math.isfinite(quantity.value)
    assert quantity.text == text


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("C/5", Dimension.RATE, 1 / 18000),
        ("-C/2.5", Dimension.RATE, -1 / 9000),
        ("0.5C", Dimension.RATE, 1 / 7200),
        ("1 C", Dimension.RATE, 1 / 3600),
        ("25 degC", Dimension.TEMPERATURE, 298.15),
        ("-10 \u00b0C", Dimension.TEMPERATURE, 263.15),
        ("0 V", Dimension.VOLTAGE, 0.0),
        ("1e-3 A", Dimension.CURRENT, 1e-3),
        ("3.6 As", Dimension.CHARGE, 3.6),
        ("60 mV/min", Dimension.VOLTAGE_RATE, 1e-3),
        ("1 Mohm", Dimension.RESISTANCE, 1e6),
    ],
)
def test_read(text: str, dimension: Dimension, value: float) -> None:
    assert parse(text, dimension).value == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "dimension", "word"),
    [
        ("1 C", Dimension.CHARGE, "is a C-rate"),
        ("C/0", Dimension.RATE, "divides by zero"),
        ("D/2", Dimension.RATE, "not a number"),
        ("1 kohm", Dimension.VOLTAGE, "is a resistance"),
        ("90 m 1 h", Dimension.TIME, "unknown unit"),
        ("1 h 2 h", Dimension.TIME, "unknown unit"),
        ("1 h ", Dimension.TIME, "unknown unit"),
        ("- 1 V", Dimension.VOLTAGE, "not a number"),
        ("5. V", Dimension.VOLTAGE, "write 5 V"),
        (".5 V", Dimension.VOLTAGE, "write 0.5 V"),
        ("\u22120.5 V", Dimension.VOLTAGE, "ordinary '-'"),
        ("0.4\u00a0V", Dimension.VOLTAGE, "U+00A0"),
        ("1 mah", Dimension.CHARGE, "did you mean 1 mAh?"),
        ("1 mA/cm^3", Dimension.AREAL_CURRENT, "did you mean 1 mA/cm^2?"),
        ("2 Volt", Dimension.VOLTAGE, "unknown unit"),
        ("1e-30 A", Dimension.CURRENT, "smaller than any current"),
        ("1e400 A", Dimension.CURRENT, "beyond any current"),
        ("1 A; OUTP ON", Dimension.CURRENT, "unknown unit"),
        ("1" * 100 + " A", Dimension.CURRENT, "too long"),
        ("", Dimension.CURRENT, "no value"),
    ],
)
def test_refused(text: str, dimension: Dimension, word: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse(text, dimension)
    assert word in str(caught.value)


def test_no_spelling_has_two_meanings_in_one_field() -> None:
    currents = (Dimension.CURRENT, Dimension.AREAL_CURRENT, Dimension.SPECIFIC_CURRENT, Dimension.RATE)
    capacities = (Dimension.CHARGE, Dimension.AREAL_CAPACITY, Dimension.SPECIFIC_CAPACITY)
    for together in (currents, (Dimension.VOLTAGE, *currents), capacities):
        spellings = [unit for dimension in together for unit in UNITS[dimension]]
        assert len(spellings) == len(set(spellings))


def test_a_quantity_keeps_its_unit() -> None:
    quantity = parse("0.4 mA/cm2", Dimension.AREAL_CURRENT)
    assert quantity.si(Dimension.AREAL_CURRENT) == 4.0
    assert str(quantity) == "0.4 mA/cm2"
    with pytest.raises(TypeError, match="areal current"):
        quantity.si(Dimension.CURRENT)


def test_plain_numbers() -> None:
    assert (parse_number("2"), parse_number("-0.5"), parse_count("20", 1, 20)) == (2.0, -0.5, 20)
    for text in ("1,5", "0x10", "2 V", "nan", "-0", "1e99", ""):
        with pytest.raises(QuantityError):
            parse_number(text)
    for text in ("0", "21", "1.0", "1e1", "+1", "010", "1_0", "\uff11"):
        with pytest.raises(QuantityError):
            parse_count(text, 1, 20)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.13097e-4, "A", "113.1 uA"),
        (-0.9, "V", "-0.9 V"),
        (0.0, "V", "0 V"),
        (70e3, "ohm", "70 kohm"),
        (1e-3, "A", "1 mA"),
        (0.2827e-3, "Ah", "282.7 uAh"),
        (12.5, "s", "12.5 s"),
        (9000.0, "s", "2 h 30 min"),
        (1e-12, "A", "0.001 nA"),
        (1234.5, "cm2", "1234 cm2"),
    ],
)
def test_shown(value: float, unit: str, text: str) -> None:
    assert show(value, unit) == text


def test_shown_times() -> None:
    assert [show_duration(s) for s in (0.5, 59, 3599.7, 90_000, 36_000 + 86400 * 10)] == [
        "0.5 s",
        "59 s",
        "1 h",
        "1 d 1 h",
        "10 d 10 h",
    ]
