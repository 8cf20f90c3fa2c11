"""What an instrument cannot hold is said with the step's line before anything is connected."""

import dataclasses
import re

import pytest

from labctl.errors import CannotHold
from labctl.instrument.channel import ImpedanceTraits, Traits
from labctl.instrument.impedance import ImpedanceMode
from labctl.instrument.step import Control, Step
from labctl.protocol import load
from labctl.protocol.refusals import refusals

ABLE = Traits(
    model="Test 1",
    voltage_max_V=5.0,
    current_max_A=0.01,
    shortest_interval_s=0.01,
    autonomous=False,
    off_mode="high impedance",
    holds=(),
    host_silence=None,
    second_session=False,
    impedance=ImpedanceTraits(frozenset(ImpedanceMode), 2e5, 0.01, 0.25, 0.001),
)


def test_an_able_instrument_holds_the_plan() -> None:
    assert refusals(load("na50k50-symmetric"), ABLE) == []


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        ({"voltage_max_V": 0.95}, None, ["safety", "1 V is beyond Test 1, which goes to 0.95 V"]),
        ({"voltage_max_V": 0.5}, 29, ["0.9 V is beyond"]),
        ({"current_max_A": 1e-4}, 29, ["-113.1 uA is beyond"]),
        ({"shortest_interval_s": 60.0}, 24, ["a sample every 10 s is too fast"]),
        ({"impedance": None}, 31, ["cannot measure impedance", "--without impedance"]),
    ],
)
def test_what_it_cannot_hold(change: dict[str, object], line: int | None, words: list[str]) -> None:
    found = refusals(load("na50k50-symmetric"), dataclasses.replace(ABLE, **change))  # type: ignore[arg-type]
    assert any(
        (line is None or f"line {line}, " in text) and all(w in text for w in words) for text in found
    ), found


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (
            {"modes": frozenset({ImpedanceMode.POTENTIOSTATIC})},
            "no galvanostatic impedance, only potentiostatic",
        ),
        ({"high_Hz": 1e4}, "100 kHz is above"),
        ({"low_Hz": 1.0}, "0.1 Hz is below"),
        ({"amplitude_max_A": 1e-6}, "amplitude of 10 uA is too large"),
    ],
)
def test_what_it_cannot_sweep(change: dict[str, object], word: str) -> None:
    assert ABLE.impedance is not None
    impedance = dataclasses.replace(ABLE.impedance, **change)  # type: ignore[arg-type]
    (sentence,) = refusals(load("na50k50-symmetric"), dataclasses.replace(ABLE, impedance=impedance))
    assert word in sentence


def test_without_impedance_it_is_enough() -> None:
    plan = load("na50k50-symmetric", without={"impedance"})
    assert refusals(plan, dataclasses.replace(ABLE, impedance=None)) == []


def test_a_driver_tells_what_its_traits_do_not() -> None:
    plan = load("na50k50-symmetric")
    told: list[Step] = []

    def refuse_rests(step: Step, traits: Traits) -> None:
        told.append(step)
        if step.control is Control.REST:
            raise CannotHold("no rests here")

    found = refusals(plan, ABLE, refuse_rests)
    assert found
    assert all(re.fullmatch(r"line \d+, rest: no rests here", sentence) for sentence in found)
    assert len(told) > len(found)
