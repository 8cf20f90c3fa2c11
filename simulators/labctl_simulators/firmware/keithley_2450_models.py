"""Ranges, limits and noise of the 2450 family: what differs between the 2450, 2460, 2461 and 2470."""

import math
from dataclasses import dataclass
from typing import NamedTuple


class Range(NamedTuple):
    """One range; over-range to 105 % of full scale (2450: 1.05 A on the 1 A range, 210 V on 200 V)."""

    full_scale: float
    maximum: float
    """Largest magnitude the range reads or sources."""
    resolution: float
    """Of a measurement: 6 digits below the first digit of full scale (SPEC-2450 Rev. A p. 2)."""
    source_noise: float
    """RMS noise of the source below 10 Hz."""


def make_ranges(*full_scale_and_noise: tuple[float, float]) -> tuple[Range, ...]:
    """Ranges from their full scales and source noise, smallest first."""
    return tuple(
        Range(full, 1.05 * full, 10.0 ** (math.floor(math.log10(full)) - 6), noise)
        for full, noise in full_scale_and_noise
    )


@dataclass(frozen=True, slots=True)
class Model:
    """What one model of the family can source, measure and be limited to. All in V and A."""

    name: str
    voltage_ranges: tuple[Range, ...]
    current_ranges: tuple[Range, ...]
    maximum_voltage_V: float
    maximum_current_A: float
    voltage_limit_V: tuple[float, float, float]
    """Smallest, largest and default :SOUR:CURR:VLIM."""
    current_limit_A: tuple[float, float, float]
    """Smallest, largest and default :SOUR:VOLT:ILIM."""
    protection_V: tuple[int, ...]
    """Levels of :SOUR:VOLT:PROT."""


# SPEC-2450 Rev. A (July 2013) p. 2.
_VOLTAGE_2450 = make_ranges((0.02, 1e-6), (0.2, 1e-6), (2.0, 10e-6), (20.0, 100e-6), (200.0, 1e-3))
_CURRENT_2450 = make_ranges(
    (10e-9, 500e-15),
    (100e-9, 500e-15),
    (1e-6, 5e-12),
    (10e-6, 40e-12),
    (100e-6, 400e-12),
    (1e-3, 5e-9),
    (10e-3, 40e-9),
    (0.1, 100e-9),
    (1.0, 3e-6),
)
# Full scales: 2461 Reference Manual pp. 6-64 and 6-97. Assumed: noise as on the 2450's range of the same size.
_VOLTAGE_2461 = make_ranges(
    (0.2, 1e-6), (2.0, 10e-6), (7.0, 50e-6), (10.0, 50e-6), (20.0, 100e-6), (100.0, 1e-3)
)
_CURRENT_2461 = (*_CURRENT_2450[2:], *make_ranges((4.0, 12e-6), (5.0, 15e-6), (7.0, 20e-6), (10.0, 30e-6)))
_OVP_2461 = (2, 5, 10, 20, 40, 60, 80)

MODELS = {
    model.name: model
    for model in (
        # 2450 Reference Manual pp. 6-71 to 6-73 (limits); OVP levels as Tektronix' tm_devices lists them.
        Model(
            "2450",
            _VOLTAGE_2450,
            _CURRENT_2450,
            maximum_voltage_V=210.0,
            maximum_current_A=1.05,
            voltage_limit_V=(0.02, 210.0, 21.0),
            current_limit_A=(1e-9, 1.05, 105e-6),
            protection_V=(2, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180),
        ),
        # Assumed: the 2460 has the 2461's ranges and limits up to 7 A (it lacks the pulsed 10 A range).
        Model(
            "2460",
            _VOLTAGE_2461,
            _CURRENT_2461[:-1],
            maximum_voltage_V=105.0,
            maximum_current_A=7.35,
            voltage_limit_V=(0.2, 105.0, 7.35),
            current_limit_A=(1e-6, 7.35, 105e-6),
            protection_V=_OVP_2461,
        ),
        # 2461 Reference Manual pp. 6-94 to 6-101.
        Model(
            "2461",
            _VOLTAGE_2461,
            _CURRENT_2461,
            maximum_voltage_V=105.0,
            maximum_current_A=7.35,
            voltage_limit_V=(0.2, 105.0, 7.35),
            current_limit_A=(1e-6, 7.35, 105e-6),
            protection_V=_OVP_2461,
        ),
        # 2470 Reference Manual p. 12-78. Assumed: its ranges and smallest limits, and its OVP levels.
        Model(
            "2470",
            make_ranges((0.2, 1e-6), (2.0, 10e-6), (20.0, 100e-6), (200.0, 1e-3), (1000.0, 5e-3)),
            _CURRENT_2450,
            maximum_voltage_V=1100.0,
            maximum_current_A=1.05,
            voltage_limit_V=(0.02, 1100.0, 0.21),
            current_limit_A=(1e-9, 1.05, 105e-6),
            protection_V=(20, 40, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000),
        ),
    )
}


def smallest_range(ranges: tuple[Range, ...], value: float) -> Range | None:
    """The range an instrument goes to for ``value``: the smallest that holds it, None if none does."""
    for candidate in ranges:
        if -candidate.maximum <= value <= candidate.maximum:
            return candidate
    return None
