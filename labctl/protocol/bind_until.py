"""Terminations of a step become cut-offs: which side, inside the window, and never none."""

import dataclasses

from labctl.instrument.step import Cutoff, Quantity, Side
from labctl.protocol import until
from labctl.protocol.bind_cell import charge_C
from labctl.protocol.document import Path
from labctl.protocol.frame import Frame
from labctl.units import Quantity as TextQuantity
from labctl.units import show

_AFTER_A_VALUE = {"above": Side.ABOVE, "below": Side.BELOW}


def rest_cutoffs(ends: until.RestUntil, path: Path, frame: Frame) -> tuple[Cutoff, ...]:
    """Ends of a rest; a voltage needs its side, since nothing says where it drifts."""
    cutoffs = [_time(ends.time)]
    if ends.voltage is not None:
        if ends.voltage.value is not None:
            frame.refuse(
                (*path, "voltage"),
                "at rest a voltage may be reached from either side",
                f"write `voltage: {{above: {ends.voltage.value}}}` or `{{below: ...}}`",
            )
        cutoffs += _sided(Quantity.VOLTAGE, ends.voltage, Side.ABOVE)
    return (*cutoffs, *_sided(Quantity.VOLTAGE_RATE, ends.voltage_rate, Side.BELOW))


def current_cutoffs(
    ends: until.CurrentUntil, current_A: float, path: Path, frame: Frame
) -> tuple[Cutoff, ...]:
    """Ends of a galvanostatic step: a voltage on the side to which the current drives it, and a time or charge."""
    if not abs(current_A) > 0:  # zero, or unknown: told already, and there is no side to speak of
        return ()
    ahead = Side.ABOVE if current_A > 0 else Side.BELOW
    voltages = _sided(Quantity.VOLTAGE, ends.voltage, ahead)
    if not any(cutoff.side is ahead for cutoff in voltages):
        example = "0.9 V" if ahead is Side.ABOVE else "-0.9 V"
        frame.refuse(
            path,
            f"no voltage ends this step at {'the upper' if ahead is Side.ABOVE else 'the lower'} side",
            f"add a cut-off inside the safety window, as in `voltage: {example}`",
        )
    if ends.capacity is None and ends.time is None:
        frame.refuse(
            path, "neither time nor capacity limits this step", "add `time: 10 h` or `capacity: 1 mAh/cm2`"
        )
    for key, threshold in until.thresholds(ends.voltage):
        place = (*path, "voltage", key)
        frame.inside_window(threshold.value, place)
        if key == "value":
            _refuse_wrong_side(threshold, ahead, place, frame)
    return (
        *voltages,
        *_capacity(ends.capacity, path, frame),
        *([_time(ends.time)] if ends.time is not None else []),
        *_energy(ends.energy, path, frame),
        *_sided(Quantity.VOLTAGE_RATE, ends.voltage_rate, Side.BELOW),
    )


def voltage_cutoffs(
    ends: until.VoltageUntil | until.CccvUntil, path: Path, frame: Frame
) -> tuple[Cutoff, ...]:
    """Ends of a potentiostatic step: a time limit always, since the current may never fall as far as hoped."""
    common = (*_current(ends.current, path, frame), *time_limit(ends.time, path, frame))
    if isinstance(ends, until.CccvUntil):
        return common
    return (*common, *_capacity(ends.capacity, path, frame), *_energy(ends.energy, path, frame))


def time_limit(time: TextQuantity | None, path: Path, frame: Frame) -> tuple[Cutoff, ...]:
    """The time limit that a held voltage needs."""
    if time is None:
        frame.refuse(
            path, "no time limits this step, and its current may never fall so far", "add `time: 10 h`"
        )
        return ()
    return (_time(time),)


def power_cutoffs(ends: until.CurrentUntil, power_W: float, path: Path, frame: Frame) -> tuple[Cutoff, ...]:
    """Ends of a step at constant power: those of a current in the same direction."""
    cutoffs = current_cutoffs(ends, power_W, path, frame)
    for cutoff in cutoffs:
        if cutoff.quantity is Quantity.VOLTAGE and (cutoff.side is Side.ABOVE) is (power_W > 0):
            place = (*path, "voltage")
            if cutoff.threshold <= 0.0:
                frame.refuse(place, "a power needs an endless current at 0 V", "end above 0 V")
            else:
                frame.below_limit(power_W / cutoff.threshold, place)
    return cutoffs


def resistance_cutoffs(ends: until.ResistanceUntil, path: Path, frame: Frame) -> tuple[Cutoff, ...]:
    """Ends of a discharge through a resistance."""
    return (*current_cutoffs(ends, -1.0, path, frame), *_current(ends.current, path, frame))


def profile_cutoffs(
    ends: until.ProfileUntil, drives: tuple[Side, ...], path: Path, frame: Frame
) -> tuple[Cutoff, ...]:
    """Ends of a profile: a voltage on every side to which it drives the cell."""
    if ends.voltage.value is not None:
        frame.refuse(
            (*path, "voltage"),
            "a profile may drive the voltage to either side",
            "write `above:` and `below:`",
        )
    voltages = _sided(Quantity.VOLTAGE, ends.voltage, Side.ABOVE)
    for cutoff, (key, _) in zip(voltages, until.thresholds(ends.voltage), strict=True):
        frame.inside_window(cutoff.threshold, (*path, "voltage", key))
    for side in drives:
        if not any(cutoff.side is side for cutoff in voltages):
            word = "above" if side is Side.ABOVE else "below"
            frame.refuse((*path, "voltage"), f"no voltage ends this profile {word}", f"add `{word}: ...`")
    return (*voltages, *([_time(ends.time)] if ends.time is not None else []))


def scan_cutoffs(ends: until.ScanUntil, path: Path, frame: Frame) -> tuple[Cutoff, ...]:
    """Ends of a scan before its last level; a plain current is one that is too large."""
    return (*_current(ends.current, path, frame, Side.ABOVE), *_capacity(ends.capacity, path, frame))


def _time(time: TextQuantity) -> Cutoff:
    return Cutoff(Quantity.TIME, Side.ABOVE, time.value)


def _capacity(capacity: TextQuantity | None, path: Path, frame: Frame) -> list[Cutoff]:
    if capacity is None:
        return []
    return [Cutoff(Quantity.CHARGE, Side.ABOVE, frame.bound(charge_C, capacity, (*path, "capacity")))]


def _energy(energy: until.Threshold[TextQuantity] | None, path: Path, frame: Frame) -> list[Cutoff]:
    if energy is not None and energy.below is not None:
        frame.refuse(
            (*path, "energy", "below"),
            "the energy of a step begins at zero",
            f"write `energy: {energy.below}`",
        )
    return _sided(Quantity.ENERGY, energy, Side.ABOVE)


def _current(
    current: until.Threshold[TextQuantity] | None, path: Path, frame: Frame, usual: Side = Side.BELOW
) -> list[Cutoff]:
    cutoffs = []
    for cutoff, (key, text) in zip(
        _sided(Quantity.CURRENT, current, usual), until.thresholds(current), strict=True
    ):
        amperes = frame.amperes(text, (*path, "current", key))
        frame.below_limit(amperes, (*path, "current", key))
        cutoffs.append(dataclasses.replace(cutoff, threshold=amperes))
    return cutoffs


def _sided(quantity: Quantity, given: until.Threshold[TextQuantity] | None, usual: Side) -> list[Cutoff]:
    """The thresholds of one quantity in SI units; ``usual`` is the side of a plain value."""
    hold_s = given.hold.value if given is not None and given.hold is not None else 0.0
    return [
        Cutoff(quantity, _AFTER_A_VALUE.get(key, usual), threshold.value, hold_s)
        for key, threshold in until.thresholds(given)
    ]


def _refuse_wrong_side(threshold: TextQuantity, ahead: Side, path: Path, frame: Frame) -> None:
    """A cell at its equilibrium voltage is already beyond such a cut-off: most likely a sign is reversed."""
    equilibrium_V = frame.cell.equilibrium_voltage_V
    if equilibrium_V is None:
        return
    behind = threshold.value < equilibrium_V if ahead is Side.ABOVE else threshold.value > equilibrium_V
    if behind:
        drives = (
            "charging drives the voltage up" if ahead is Side.ABOVE else "discharging drives the voltage down"
        )
        frame.refuse(
            path,
            f"{threshold.text} is behind the equilibrium voltage, {show(equilibrium_V, 'V')}: {drives}",
            "reverse the sign of the current or of the voltage (positive current charges), or say "
            f"`{{{'above' if ahead is Side.ABOVE else 'below'}: {threshold.text}}}` if it is meant",
        )
