"""Ranges and limits of the 2400 series: what differs between the 2400, 2401, 2410, 2420 and 2440.

Assumed: full scales and protection levels as in the series' data sheet; the 2400S-900-01 manual pages that were read
give the protection levels of the 2400 and 2440 only (p. 18-81), and a resolution of 5 1/2 digits.
"""

import math

from labctl_simulators.firmware.keithley_2450_models import Model, Range


def _ranges(*full_scales: float) -> tuple[Range, ...]:
    """105 % of full scale, five digits below its first."""
    return tuple(
        Range(full, 1.05 * full, 10.0 ** (math.floor(math.log10(full)) - 5), 0.0) for full in full_scales
    )


def _model(
    name: str, volts: tuple[float, ...], amperes: tuple[float, ...], protection_V: tuple[int, ...]
) -> Model:
    most_V, most_A = 1.05 * volts[-1], 1.05 * amperes[-1]
    return Model(
        name,
        _ranges(*volts),
        _ranges(*amperes),
        maximum_voltage_V=1100.0 if name == "2410" else most_V,
        maximum_current_A=most_A,
        voltage_limit_V=(2e-4, most_V, 21.0),
        current_limit_A=(1e-9, most_A, 105e-6),
        protection_V=protection_V,
    )


_MILLI = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
_HIGH = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
_LEVELS_2400 = (20, 40, 60, 80, 100, 120, 160)

MODELS = {
    model.name: model
    for model in (
        _model("2400", (0.2, 2.0, 20.0, 200.0), _MILLI, _LEVELS_2400),
        _model("2401", (0.2, 2.0, 20.0), _MILLI, (20,)),
        _model("2410", (0.2, 2.0, 20.0, 1000.0), (1e-6, 1e-5, 1e-4, 1e-3, 0.02, 0.1, 1.0), ()),
        _model("2420", (0.2, 2.0, 20.0, 60.0), (*_HIGH, 3.0), ()),
        _model("2440", (0.2, 2.0, 10.0, 40.0), (*_HIGH, 5.0), (4, 8, 12, 16, 20, 24, 28, 32)),
    )
}
