"""Numbers of MethodSCRIPT against the samples of PalmSens' documents."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.firmware.methodscript_errors import Code, ScriptFault
from labctl_simulators.firmware.methodscript_values import literal_value, pack

EXPONENTS = dict(zip("afpnum kMGTPE", range(-18, 19, 3), strict=True)) | {"i": 0}


def unpack(text: str) -> float:
    """What a client makes of a packed value, as the manual defines it."""
    return (int(text[:7], 16) - (1 << 27)) * 10.0 ** EXPONENTS[text[7]]


SAMPLES = [
    (3.7, "8387520u"),
    (-3.7, "7C78AE0u"),
    (5e-3, "84C4B40n"),
    (-5e-3, "7B3B4C0n"),
    (25.0, "97D7840u"),
    (1e-9, "80F4240f"),
    (100e3, "DF5E100m"),
    (0.1, "DF5E100n"),
    (134.217727e-6, "FFFFFFFp"),
    (134.217728e-6, "8020C4An"),
    (8.0, "87A1200u"),
    (8, "8000008i"),
    (-2.995, "7D24CC8u"),
    (9885.956, "896D904m"),
    (-0.499905, "7F85F3Fu"),
    (-57.847747e-6, "48D503Dp"),
    (99.999732, "DF5DFF4u"),
    (-9.990953e-6, "7678CD7p"),
]


@pytest.mark.parametrize(("value", "text"), SAMPLES)
def test_a_documented_value_packs_and_unpacks(value: float, text: str) -> None:
    assert pack(value) == text
    assert unpack(text) == pytest.approx(value, rel=3e-6)


def test_the_sample_of_a_sender_that_did_not_take_the_finest_prefix_means_the_same() -> None:
    assert unpack("800000Am") == pytest.approx(unpack(pack(0.01)))


def test_zero_has_no_prefix() -> None:
    assert pack(0.0) == pack(-0.0) == "8000000 "
    assert pack(0) == "8000000i"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2e26, 1 << 27, -(1 << 27)])
def test_what_cannot_be_written_is_nan(value: float) -> None:
    assert pack(value) == "     nan"


@given(st.floats(min_value=1e-15, max_value=1e26), st.sampled_from([1.0, -1.0]))
def test_packing_keeps_seven_digits_and_the_finest_prefix(magnitude: float, sign: float) -> None:
    text = pack(sign * magnitude)
    integer = int(text[:7], 16) - (1 << 27)
    assert unpack(text) == pytest.approx(sign * magnitude, rel=5e-6)
    assert abs(integer) < 1 << 27
    assert abs(integer) >= 134_217 or text[7] == "a"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3700m", 3.7), ("-5m", -0.005), ("100k", 1e5), ("+2", 2.0), ("1M", 1e6), ("30u", 30e-6),
        ("10i", 10), ("-3i", -3), ("0x1F", 31), ("0x48i", 72), ("0b101", 5), ("0", 0.0),
    ],
)  # fmt: skip
def test_literals(text: str, value: float) -> None:
    got = literal_value(text)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.5", Code.LITERAL_MALFORMED), ("1e3", Code.LITERAL_MALFORMED), ("3700mm", Code.LITERAL_MALFORMED),
        ("-", Code.LITERAL_MALFORMED), ("0xZZ", Code.LITERAL_MALFORMED), ("1q", Code.LITERAL_MALFORMED),
        ("99999999999", Code.LITERAL_MALFORMED), ("0x10m", Code.PREFIXED_BITS), ("0b1k", Code.PREFIXED_BITS),
    ],
)  # fmt: skip
def test_malformed_literals(text: str, code: Code) -> None:
    with pytest.raises(ScriptFault) as caught:
        literal_value(text, column=7)
    assert (caught.value.code, caught.value.column) == (code, 7)
