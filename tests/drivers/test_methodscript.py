"""The codec of the MethodSCRIPT wire: values, packages, refusals."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import CannotHold, InvalidReading, LinkNonsense
from labctl_drivers.methodscript import (
    Reading,
    literal,
    parse_package,
    parse_reading,
    parse_refusal,
    parse_value,
    whole,
)
from tests.drivers.palmsens_transcript import pack, package

# Source: MethodSCRIPT manual v1.8 and the example data of PalmSens' repositories.
VALUES = [
    (b"8387520u", 3.7),
    (b"7C78AE0u", -3.7),
    (b"84C4B40n", 5e-3),
    (b"7B3B4C0n", -5e-3),
    (b"97D7840u", 25.0),
    (b"80F4240f", 1e-9),
    (b"DF5E100m", 100e3),
    (b"DF5E100n", 0.1),
    (b"FFFFFFFp", 134.217727e-6),
    (b"8020C4An", 134.218e-6),
    (b"8000000a", 0.0),
    (b"8000000 ", 0.0),
    (b"87A1200u", 8.0),
    (b"8000008i", 8.0),
    (b"7D24CC8u", -2.995),
    (b"896D904m", 9885.956),
    (b"7F85F3Fu", -0.499905),
    (b"48D503Dp", -57.847747e-6),
    (b"DF5DFF4u", 99.999732),
    (b"800000Am", 0.01),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_packed_value_is_read(text: bytes, value: float) -> None:
    assert parse_value(text) == pytest.approx(value, rel=1e-12, abs=0.0)


def test_a_packed_value_prints_as_a_person_would_write_it() -> None:
    assert str(parse_value(b"8387520u")) == "3.7"
    assert str(parse_value(b"8AD39DBn")) == "0.011352539"


@given(st.floats(-1e18, 1e18, allow_subnormal=False))
def test_packing_and_reading_lose_at_most_what_28_bits_lose(value: float) -> None:
    # Between two prefixes the integer has at least 134217 steps; the finest prefix ends at 1e-18.
    assert parse_value(pack(value)) == pytest.approx(value, rel=4e-6, abs=1e-18)


def test_nan_is_read_as_nan() -> None:
    assert math.isnan(parse_value(b"     nan"))


@pytest.mark.parametrize(
    "text", [b"", b"8387520", b"8387520x", b"83G7520u", b"83_7520u", b"+387520u", b"8387520u0"]
)
def test_anything_else_is_nonsense(text: bytes) -> None:
    with pytest.raises(LinkNonsense):
        parse_value(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.7, "3700m"),
        (-5e-3, "-5m"),
        (100e3, "100k"),
        (0.0, "0"),
        (9000.0, "9k"),
        (3600.0, "3600"),
        (1e6, "1M"),
        (113.097336e-6, "113097336p"),
        (1 / 3, "333333333n"),
        (0.02, "20m"),
    ],
)
def test_a_literal_is_an_integer_with_a_prefix(value: float, text: str) -> None:
    assert literal(value) == text


def test_an_integer_says_that_it_is_one() -> None:
    assert whole(11) == "11i"


@given(st.floats(1e-12, 1e12) | st.floats(-1e12, -1e-12))
def test_a_literal_loses_less_than_a_part_in_a_million(value: float) -> None:
    text = literal(value)
    exponents = dict(zip("afpnumkMGTPE", [-18, -15, -12, -9, -6, -3, 3, 6, 9, 12, 15, 18], strict=True))
    digits, exponent = (text[:-1], exponents[text[-1]]) if text[-1].isalpha() else (text, 0)
    assert abs(int(digits)) < 2**31
    assert int(digits) * 10.0**exponent == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30, 1e-25])
def test_what_no_literal_holds_is_refused(value: float) -> None:
    with pytest.raises(CannotHold):
        literal(value)


def test_a_package_of_a_sweep_is_read() -> None:
    values, status = parse_package(b"PdcDF5DFF4u;cc896D904m,10,287;cd82DB1A8u,10,287")
    assert values == {"dc": 99.999732, "cc": 9885.956, "cd": 2.994600}
    assert status == 0


def test_unknown_metadata_is_skipped_and_status_bits_are_joined_without_underload() -> None:
    assert parse_package(b"Pda7F0BDF9u;ba7678CD7p,9ABC,12,20F,40;ab8000000a,1D")[1] == 0b1011
    assert parse_package(b"Pba7678CD7p,14,20F")[1] == 0


def test_a_reading_is_read_the_fast_and_the_slow_way_alike() -> None:
    fast = b"Peb80F4240u;ab8387520u,10,206;db84C4B40n,10,218"
    assert parse_reading(fast) == Reading(1.0, 3.7, 5e-3, 0, 0)
    assert parse_reading(fast + b",40") == Reading(1.0, 3.7, 5e-3, 0, 0)
    assert parse_reading(fast.replace(b",10,206", b",12,206")) == Reading(1.0, 3.7, 5e-3, 2, 0)
    assert parse_reading(fast.replace(b",10,206", b"")) == Reading(1.0, 3.7, 5e-3, 0, 0)
    assert parse_reading(fast + b";ja8000003i") == Reading(1.0, 3.7, 5e-3, 0, 3)
    assert parse_reading(b"Peb80F4240u;ab8387520u,10,206") == Reading(1.0, 3.7, 0.0, 0, 0)


@given(st.floats(1e-3, 1e5), st.floats(-6, 6), st.floats(-1, 1), st.integers(0, 20))
def test_every_packed_reading_comes_back(
    time_s: float, voltage_V: float, current_A: float, mark: int
) -> None:
    reading = parse_reading(package(time_s, voltage_V, current_A, mark)[:-1])
    assert reading[:3] == pytest.approx((time_s, voltage_V, current_A), rel=4e-6, abs=1e-17)
    assert reading.mark == mark


@given(st.data())
def test_a_damaged_reading_is_nonsense_or_an_error_never_a_crash(data: st.DataObject) -> None:
    line = bytearray(package(12.5, 0.1, 1e-4)[:-1])
    line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(LinkNonsense, InvalidReading):
        parse_reading(bytes(line[: data.draw(st.integers(0, len(line)))]))


def test_a_reading_that_is_not_a_number_is_no_reading() -> None:
    with pytest.raises(InvalidReading):
        parse_reading(b"Peb80F4240u;ab     nan,10,206;ba84C4B40n,10,218")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"e!4001: Line 2, Col 1", "error 4001: the script command is not known (Line 2, Col 1)"),
        (b"!0032: Line 12", "error 0032: critical overload of the cell; stopped to prevent damage (Line 12)"),
        (b"Z!0006", "error 0006: not possible in the present communication mode"),
        (b"e!7777", "error 7777: an error that the manual v1.8 does not list"),
    ],
)
def test_a_refusal_tells_code_meaning_and_place(line: bytes, text: str) -> None:
    assert str(parse_refusal(line)) == text


@pytest.mark.parametrize("line", [b"", b"e", b"M000A", b"Tdone!4001", b"e!none", b"*"])
def test_other_lines_are_no_refusal(line: bytes) -> None:
    assert parse_refusal(line) is None
