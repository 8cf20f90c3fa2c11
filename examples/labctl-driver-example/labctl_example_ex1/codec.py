"""What goes over the EX-1's wire: bytes from values and values from bytes. Facts: facts.md, with the manual's pages."""

from typing import NamedTuple

from labctl.errors import CannotHold
from labctl.instrument.channel import Identity, Traits
from labctl.instrument.step import Control, SafetyLimits, Step

TRAITS = Traits(
    model="EX-1",
    voltage_max_V=5.0,
    current_max_A=10e-3,
    shortest_interval_s=0.05,
    autonomous=False,
    off_mode="output relay open",
    holds=("lowest and highest voltage and largest current: beyond them it opens its output",),
    host_silence=None,
    second_session=True,
    impedance=None,
)
_BEYOND, _LEAST_V, _LEAST_A = 0.05, 0.02, 1e-6


class Reading(NamedTuple):
    """An answer to ``MEAS?``."""

    voltage_V: float
    current_A: float
    output_on: bool


def refuse(step: Step, instrument: str) -> None:
    """Refuse what it cannot hold.

    Raises:
        CannotHold: a kind of step that it does not have, or a level beyond its ranges.
    """
    if step.scan is not None or step.profile is not None:
        raise CannotHold("it has neither scans nor profiles", instrument)
    most = TRAITS.voltage_max_V if step.control is Control.VOLTAGE else TRAITS.current_max_A
    if not step.tracks and not abs(step.value) <= most:
        raise CannotHold(f"{step.value:g} is beyond its {most:g}", instrument)


def limits(safety: SafetyLimits) -> bytes:
    """The limits that it is to hold by itself: a little beyond the safety window, so that labctl judges first."""
    lowest_V = safety.voltage_min_V - max(_BEYOND * abs(safety.voltage_min_V), _LEAST_V)
    highest_V = safety.voltage_max_V + max(_BEYOND * abs(safety.voltage_max_V), _LEAST_V)
    most_A = safety.current_max_A + max(_BEYOND * safety.current_max_A, _LEAST_A)
    return b"%.9g,%.9g,%.9g" % (lowest_V, highest_V, most_A)


def level(control: Control, value: float) -> bytes:
    """A level as ``SET`` takes it; powers and resistances are followed by currents."""
    return b"%s,%.9g" % (b"V" if control is Control.VOLTAGE else b"I", value)


def parse_reading(answer: bytes) -> Reading:
    """Raises ValueError if it is none."""
    voltage, current, output = answer.split(b",")
    return Reading(float(voltage), float(current), {b"1": True, b"0": False}[output])


def parse_identity(answer: bytes) -> Identity | None:
    """Who answers; None if it is no EX-1."""
    parts = answer.decode("ascii").split(",")
    if len(parts) != 4 or parts[:2] != ["EXAMPLE", "EX-1"]:
        return None
    return Identity(*parts)
