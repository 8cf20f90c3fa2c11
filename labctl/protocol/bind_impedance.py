"""An impedance step becomes the specification of a sweep that stays inside the safety window."""

import math

from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.protocol import model
from labctl.protocol.document import Path
from labctl.protocol.frame import Frame
from labctl.units import Dimension, Quantity, show

MOST_POINTS = 1000


def impedance_spec(step: model.Impedance, path: Path, frame: Frame) -> ImpedanceSpec:
    """Bind a sweep; PEIS amplitudes are voltages, GEIS amplitudes are currents."""
    mode = ImpedanceMode(step.mode)
    amplitude = _in_mode(step.amplitude, mode, (*path, "amplitude"), frame)
    bias = 0.0 if mode is ImpedanceMode.GALVANOSTATIC else None
    if step.bias is not None:
        bias = _in_mode(step.bias, mode, (*path, "bias"), frame)
    spec = ImpedanceSpec(
        mode=mode,
        amplitude=amplitude,
        bias=bias,
        high_Hz=step.from_.value,
        low_Hz=step.to.value,
        points_per_decade=step.points_per_decade,
        safety=frame.safety,
    )
    _check_frequencies(spec, step, path, frame)
    _check_excursion(spec, path, frame)
    return spec


def _in_mode(quantity: Quantity, mode: ImpedanceMode, path: Path, frame: Frame) -> float:
    is_voltage = quantity.dimension is Dimension.VOLTAGE
    if is_voltage is (mode is ImpedanceMode.POTENTIOSTATIC):
        return quantity.value if is_voltage else frame.amperes(quantity, path)
    wanted, example = ("current", "10 uA") if is_voltage else ("voltage", "10 mV")
    frame.refuse(path, f"{quantity.text!r} is not a {wanted}", f"{mode} impedance wants, say, {example}")
    return math.nan


def _check_frequencies(spec: ImpedanceSpec, step: model.Impedance, path: Path, frame: Frame) -> None:
    if spec.low_Hz >= spec.high_Hz:
        frame.refuse(
            (*path, "from"),
            f"from {step.from_.text} to {step.to.text} does not fall",
            "spectra run from the high to the low frequency",
        )
    elif spec.point_count() > MOST_POINTS:
        frame.refuse(
            (*path, "points_per_decade"), f"{spec.point_count()} points", f"at most {MOST_POINTS} are taken"
        )


def _check_excursion(spec: ImpedanceSpec, path: Path, frame: Frame) -> None:
    """The amplitude about the bias stays inside the window; about an unknown bias it has to fit at all."""
    if spec.mode is ImpedanceMode.GALVANOSTATIC:
        frame.below_limit(abs(spec.bias or 0.0) + spec.amplitude, (*path, "amplitude"))
        return
    bias_V = frame.cell.equilibrium_voltage_V if spec.bias is None else spec.bias
    if bias_V is not None:
        middle_V = (frame.safety.voltage_min_V + frame.safety.voltage_max_V) / 2
        farthest_V = bias_V + math.copysign(spec.amplitude, bias_V - middle_V)
        frame.inside_window(farthest_V, (*path, "amplitude"))
        return
    width_V = frame.safety.voltage_max_V - frame.safety.voltage_min_V
    if 2 * spec.amplitude >= width_V:
        frame.refuse(
            (*path, "amplitude"),
            f"an amplitude of {show(spec.amplitude, 'V')} does not fit into the safety window",
            f"the window is {show(width_V, 'V')} wide; 10 mV is usual",
        )
