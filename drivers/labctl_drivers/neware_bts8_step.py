"""Writes a step as a step file for a Neware cycler; refuses beforehand what such a file cannot say.

Voltages are V * 10000, currents mA, times ms, capacities mAh * 3600 (which is mC); the step type carries the sign.

Source: step files of BTS Client 8.0.0 and of aurora-unicycler 0.4.6; a capacity as a limit (``Cap``) and protections
below 0 V as in step files of Li-Li cells that were published with their data.
"""

from xml.etree import ElementTree

from labctl.errors import CannotHold
from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Side, Step
from labctl_drivers.programmed_step import Short, check_programmed

_CHARGE, _DISCHARGE, _HOLD_CHARGING, _REST, _END, _HOLD_DISCHARGING = 1, 2, 3, 4, 6, 19

_VOLT, _MILLI = 1e4, 1e3
_PROTECT_AFTER_S = 1.0
_BELOW_PROTECTION = 0.99  # a current limit at the protection itself would trip it with its noise
_LONGEST_S = 3.1e7  # Assumed: a year fits

SHORT = Short(time_s=2e-3, voltage_V=1e-4, part=1e-4)
"""By how much the last row may fall short of the cut-off that ended its step."""


def check_step(step: Step, traits: Traits) -> None:
    """Hold a step against the cycler's ranges, and against what a step file can say.

    Raises:
        CannotHold: it cannot be held.
    """
    check_programmed(step, traits, "a step file")
    for cutoff in step.cutoffs:
        _check_cutoff(step, cutoff, traits)


def _check_cutoff(step: Step, cutoff: Cutoff, traits: Traits) -> None:
    quantity, side, threshold = cutoff.quantity, cutoff.side, cutoff.threshold
    if quantity is Quantity.TIME and side is Side.ABOVE and 0.0 < threshold <= _LONGEST_S:
        return
    if (
        step.control is not Control.REST
        and quantity is Quantity.CHARGE
        and side is Side.ABOVE
        and threshold > 0.0
    ):
        return
    if step.control is Control.CURRENT and quantity is Quantity.VOLTAGE:
        ahead = Side.ABOVE if step.value > 0.0 else Side.BELOW
        if side is ahead and abs(threshold) <= traits.voltage_max_V:
            return
        raise CannotHold(
            f"cut-off {cutoff}: above in a charge, below in a discharge, up to {traits.voltage_max_V:g} V"
        )
    if (
        step.control is Control.VOLTAGE
        and quantity is Quantity.CURRENT
        and side is Side.BELOW
        and threshold > 0.0
    ):
        return
    raise CannotHold(f"cut-off {cutoff} has no meaning in a {step.control} step of a step file")


def step_file(step: Step, open_circuit_V: float) -> bytes:
    """The step file of a step that ``check_step`` has passed: the step, then the end.

    Args:
        step: what to do.
        open_circuit_V: the cell's present voltage; a voltage above it is held charging, one below it discharging.
    """
    root = ElementTree.Element("root")
    config = ElementTree.SubElement(root, "config", type="Step File", version="17")
    head = ElementTree.SubElement(config, "Head_Info")
    for name, value in (("Operate", "66"), ("Scale", "1"), ("Start_Step", "1"), ("RateType", "103")):
        ElementTree.SubElement(head, name, Value=value)
    whole = ElementTree.SubElement(config, "Whole_Prt")
    _protect(whole, step.safety)
    record = ElementTree.SubElement(ElementTree.SubElement(whole, "Record"), "Main")
    _value(record, "Time", step.sampling.every_s * _MILLI)
    if step.sampling.voltage_change_V:
        _value(record, "Volt", step.sampling.voltage_change_V * _VOLT)
    if step.sampling.current_change_A:
        _value(record, "Curr", step.sampling.current_change_A * _MILLI)
    info = ElementTree.SubElement(config, "Step_Info", Num="2")
    kind = str(_kind(step, open_circuit_V))
    first = ElementTree.SubElement(info, "Step1", Step_ID="1", Step_Type=kind)
    main = ElementTree.SubElement(ElementTree.SubElement(first, "Limit"), "Main")
    if step.control is Control.CURRENT:
        _value(main, "Curr", abs(step.value) * _MILLI)
    elif step.control is Control.VOLTAGE:
        _value(main, "Volt", step.value * _VOLT)
        _value(main, "Curr", _BELOW_PROTECTION * step.safety.current_max_A * _MILLI)
    for cutoff in step.cutoffs:
        name, scale = _LIMITS[cutoff.quantity]
        _value(main, name, cutoff.threshold * scale)
    ElementTree.SubElement(info, "Step2", Step_ID="2", Step_Type=str(_END))
    return b'<?xml version="1.0" ?>' + bytes(ElementTree.tostring(root))


_LIMITS = {
    Quantity.TIME: ("Time", _MILLI),
    Quantity.VOLTAGE: ("Stop_Volt", _VOLT),
    Quantity.CURRENT: ("Stop_Curr", _MILLI),
    Quantity.CHARGE: ("Cap", _MILLI),
}


def _kind(step: Step, open_circuit_V: float) -> int:
    if step.control is Control.REST:
        return _REST
    if step.control is Control.CURRENT:
        return _CHARGE if step.value > 0.0 else _DISCHARGE
    return _HOLD_CHARGING if step.value >= open_circuit_V else _HOLD_DISCHARGING


def _protect(whole: ElementTree.Element, safety: SafetyLimits) -> None:
    main = ElementTree.SubElement(ElementTree.SubElement(whole, "Protect"), "Main")
    volt = ElementTree.SubElement(main, "Volt")
    _value(volt, "Upper", safety.voltage_max_V * _VOLT)
    _value(volt, "Lower", safety.voltage_min_V * _VOLT)
    curr = ElementTree.SubElement(main, "Curr")
    _value(curr, "Upper", safety.current_max_A * _MILLI)
    _value(curr, "Lower", -safety.current_max_A * _MILLI)
    _value(main, "Delay_Time", _PROTECT_AFTER_S * _MILLI)


def _value(parent: ElementTree.Element, name: str, value: float) -> None:
    ElementTree.SubElement(parent, name, Value=f"{value:.6f}")
