"""What each Rodeostat can do: ranges, traits, and which steps are refused with which reason.

Source: iorodeo/potentiostat, firmware 0.1.0, ps_constants.
"""

from labctl.errors import CannotHold
from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Step

LONGEST_ms = 4_294_967_295
"""The longest duration of a test."""

_VOLTS = {"1V": 1.0, "2V": 2.0, "5V": 5.0, "10V": 10.0}
_MICRO_uA = {"1uA": 1.0, "10uA": 10.0, "100uA": 100.0, "1000uA": 1000.0}
_MILLI_10_uA = {"10uA": 10.0, "100uA": 100.0, "1000uA": 1000.0, "10000uA": 10000.0}
_MILLI_24_uA = {"100uA": 100.0, "1000uA": 1000.0, "12000uA": 12024.0, "24000uA": 24048.0}
_NANO_uA = {"60nA": 0.06, "100nA": 0.1, "1uA": 1.0, "10uA": 10.0}
RANGES_uA = {
    "10V_microAmpV0.2": _MICRO_uA,
    "10V_10MilliAmpV0.2": _MILLI_10_uA,
    "10V_24MilliAmpV0.2": _MILLI_24_uA,
    "10V_nanoAmpV0.2": _NANO_uA,
}


def _traits(variant: str) -> Traits:
    return Traits(
        model=variant,
        voltage_max_V=max(_VOLTS.values()),
        current_max_A=1e-6 * max(RANGES_uA[variant].values()),
        shortest_interval_s=0.02,
        autonomous=False,
        off_mode="all electrodes disconnected",
        holds=("the time limit of the step, and no other limit: nothing in it limits the current",),
        host_silence="the end of the step's time: its test then disconnects the electrodes; no other cut-off is in it",
        second_session=False,
        impedance=None,
    )


MODELS = {variant: _traits(variant) for variant in RANGES_uA}


def check_step(step: Step, traits: Traits) -> None:
    """Hold a step against what a potentiostat with a timer can do.

    Raises:
        CannotHold: it cannot.
    """
    if step.control not in (Control.REST, Control.VOLTAGE, Control.SCAN):
        raise CannotHold(
            "a Rodeostat is a potentiostat without a galvanostat: it holds voltages and follows scans, "
            f"a {step.control} it cannot; take an instrument that sources current"
        )
    if step.control is Control.REST:
        return
    low_V, high_V = (step.value, step.value) if step.scan is None else step.scan.extremes_V
    safety = step.safety
    if not (safety.voltage_min_V <= low_V and high_V <= safety.voltage_max_V):
        raise CannotHold(f"{low_V:g} V .. {high_V:g} V leaves the safety window of the step")
    if not max(abs(low_V), abs(high_V)) <= traits.voltage_max_V:
        raise CannotHold(
            f"{low_V:g} V .. {high_V:g} V is beyond {traits.model}, which goes to {traits.voltage_max_V:g} V"
        )
    if not safety.current_max_A <= traits.current_max_A:
        raise CannotHold(
            f"a current up to {safety.current_max_A:g} A; {traits.model} reads up to {traits.current_max_A:g} A"
        )
    limit_s = step.time_limit_s()
    if limit_s is None or not 1e3 * limit_s < 0.9 * LONGEST_ms:
        raise CannotHold(
            "a voltage without a time limit: add `time` to `until`, at most 44 days; nothing else would open "
            "the circuit if the computer dies"
        )


def range_for(voltage_V: float) -> tuple[str, float]:
    """Name and end of the smallest range that holds a voltage, as its tests choose it."""
    return next((name, most_V) for name, most_V in _VOLTS.items() if abs(voltage_V) <= most_V)
