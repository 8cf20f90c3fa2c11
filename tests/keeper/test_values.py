"""What crosses the socket is the same on the other side, to the last bit."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import errors, plugins
from labctl.errors import InstrumentRefused, LabctlError, LinkTimeout, ProtocolError
from labctl.instrument.channel import Identity, Sample, Traits
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.keeper.terms import Terms
from labctl.keeper.values import error_from_plain, error_to_plain, from_plain, to_plain

numbers = st.floats(allow_nan=False)
cutoffs = st.builds(Cutoff, st.sampled_from(Quantity), st.sampled_from(Side), numbers, numbers)
safety = st.builds(SafetyLimits, numbers, numbers, numbers)
maybe = st.none() | numbers
steps = st.builds(
    Step,
    st.sampled_from(Control),
    numbers,
    st.lists(cutoffs, max_size=4).map(tuple),
    safety,
    st.builds(Sampling, numbers, maybe, maybe),
)
specs = st.builds(
    ImpedanceSpec, st.sampled_from(ImpedanceMode), numbers, maybe, numbers, numbers, st.integers(), safety
)
samples = st.builds(Sample, numbers, numbers, numbers, st.integers(0, 1 << 40), st.none() | cutoffs)
points = st.builds(ImpedancePoint, numbers, numbers, numbers, numbers, st.integers(0, 1 << 40))


def across(value: object) -> object:
    return from_plain(type(value), json.loads(json.dumps(to_plain(value))))


@given(st.one_of(steps, specs, samples, points))
def test_values_come_back_equal(value: object) -> None:
    assert across(value) == value
    assert repr(across(value)) == repr(value)


def test_a_reading_that_is_none_is_not_hidden() -> None:
    there = from_plain(Sample, json.loads(json.dumps(to_plain(Sample(0.0, math.nan, math.inf)))))
    assert math.isnan(there.voltage_V)
    assert there.current_A == math.inf


@pytest.mark.parametrize("name", plugins.names("drivers"))
def test_traits_of_every_driver(name: str) -> None:
    for traits in plugins.driver(name).traits.values():
        assert across(traits) == traits
        assert isinstance(across(traits), Traits)


def test_identity_and_terms() -> None:
    identity = Identity("PalmSens", "EmStat4 HR", "ES4", "1.3")
    terms = Terms("a", "keithley-2450", "COM3", None, (("watchdog_s", 5.0),), 1.0, 2.5, 1.0, 5.0, 77, "0.1.0")
    assert across(identity) == identity
    assert across(terms) == terms


@pytest.mark.parametrize(
    "plain",
    [["rest"], ["rest", "1.0", [], [0, 1, 2], [1, None, None]], ["no", 0.0, [], [0, 1, 2], [1, 1, 1]]],
)
def test_what_is_no_step_is_refused(plain: list[object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        from_plain(Step, plain)


EVERY_ERROR = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LabctlError)
]


@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.__name__)
def test_every_error_keeps_its_type_and_words(kind: type[LabctlError]) -> None:
    if kind is ProtocolError:
        pytest.skip("has a file, and is none of the keeper's")
    error = kind("no answer in time")
    there = error_from_plain(error_to_plain(error))
    assert type(there) is kind
    assert str(there) == str(error)


def test_an_error_of_a_drivers_own_is_what_it_is_for_everybody_else() -> None:
    class RegisterRefused(InstrumentRefused):
        """Known to one driver only."""

    there = error_from_plain(error_to_plain(RegisterRefused("exception 2", "COM3")))
    assert type(there) is InstrumentRefused
    assert str(there) == "COM3: exception 2"


def test_a_wire_error_keeps_its_fields() -> None:
    error = LinkTimeout("no answer", "COM3", ":READ?", "3.7", "still charging")
    there = error_from_plain(error_to_plain(error))
    assert isinstance(there, LinkTimeout)
    assert (there.instrument, there.sent, there.received, there.cell) == (
        "COM3",
        ":READ?",
        "3.7",
        "still charging",
    )


@pytest.mark.parametrize("name", ["SystemExit", "dataclass", "no_such"])
def test_nothing_but_labctls_errors_is_made_of_a_name(name: str) -> None:
    there = error_from_plain([name, "words"])
    assert type(there) is RuntimeError
    assert not hasattr(errors, "SystemExit")
