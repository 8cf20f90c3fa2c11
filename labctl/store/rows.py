"""Turns the contracts' values into rows and back, both directions side by side.

Rows hold seconds since the start of the run, whose experiment time is ``origin_s``; what is read back counts from 0.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from labctl.half_cycle import HalfCycle
from labctl.instrument.channel import Identity
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec, Spectrum
from labctl.instrument.step import SafetyLimits
from labctl.protocol.plan import CellDescription

Values = dict[str, Any]


def cell_row(cell: CellDescription) -> Values:
    """A row of ``cell``."""
    return {
        "name": cell.name,
        "area_square_centimetre": cell.area_cm2,
        "active_mass_gram": cell.active_mass_g,
        "nominal_capacity_coulomb": cell.nominal_capacity_C,
        "electrolyte": cell.electrolyte,
        "equilibrium_voltage_volt": cell.equilibrium_voltage_V,
        "simulate_as": cell.simulate_as,
    }


def cell_from(row: Row[Any]) -> CellDescription:
    """The cell of a row."""
    return CellDescription(
        name=row.name,
        area_cm2=row.area_square_centimetre,
        active_mass_g=row.active_mass_gram,
        nominal_capacity_C=row.nominal_capacity_coulomb,
        electrolyte=row.electrolyte,
        equilibrium_voltage_V=row.equilibrium_voltage_volt,
        simulate_as=row.simulate_as,
    )


def identity_row(identity: Identity) -> Values:
    """The columns of ``run`` that name the instrument."""
    return {
        "instrument_manufacturer": identity.manufacturer,
        "instrument_model": identity.model,
        "instrument_serial": identity.serial,
        "instrument_firmware": identity.firmware,
    }


def identity_from(row: Row[Any]) -> Identity:
    """The instrument of a row of ``run``."""
    return Identity(
        row.instrument_manufacturer, row.instrument_model, row.instrument_serial, row.instrument_firmware
    )


def half_cycle_row(half_cycle: HalfCycle, origin_s: float) -> Values:
    """A row of ``half_cycle``, but for its number."""
    return {
        "cycle": half_cycle.cycle,
        "sign": half_cycle.sign,
        "start_time_second": half_cycle.start_s - origin_s,
        "end_time_second": half_cycle.end_s - origin_s,
        "charge_coulomb": half_cycle.charge_C,
        "energy_joule": half_cycle.energy_J,
        "mean_voltage_volt": half_cycle.mean_voltage_V,
        "overpotential_median_volt": half_cycle.overpotential_median_V,
        "overpotential_end_volt": half_cycle.overpotential_end_V,
        "overpotential_maximum_volt": half_cycle.overpotential_max_V,
        "end_reason": half_cycle.end_reason,
        "complete": half_cycle.complete,
    }


def half_cycle_from(row: Row[Any]) -> HalfCycle:
    """The half-cycle of a row."""
    return HalfCycle(
        cycle=row.cycle,
        sign=row.sign,
        start_s=row.start_time_second,
        end_s=row.end_time_second,
        charge_C=row.charge_coulomb,
        energy_J=row.energy_joule,
        mean_voltage_V=row.mean_voltage_volt,
        overpotential_median_V=row.overpotential_median_volt,
        overpotential_end_V=row.overpotential_end_volt,
        overpotential_max_V=row.overpotential_maximum_volt,
        end_reason=row.end_reason,
        complete=row.complete,
    )


TEMPERATURE = "temperature_kelvin"
"""Of a spectrum, among its quality."""


def spectrum_quality(spectrum: Spectrum, quality: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is written beside a spectrum: figures of its quality, and the temperature."""
    known = {} if spectrum.temperature_K is None else {TEMPERATURE: spectrum.temperature_K}
    return {**(quality or {}), **known} or None


def spectrum_row(spectrum: Spectrum, origin_s: float) -> Values:
    """A row of ``spectrum``, but for its number, its step and its quality."""
    spec = spectrum.spec
    unit, other = ("volt", "ampere") if spec.mode is ImpedanceMode.POTENTIOSTATIC else ("ampere", "volt")
    return {
        "cycle": spectrum.cycle,
        "start_time_second": spectrum.started_s - origin_s,
        "mode": spec.mode,
        f"amplitude_{unit}": spec.amplitude,
        f"amplitude_{other}": None,
        f"bias_{unit}": spec.bias,
        f"bias_{other}": None,
        "high_frequency_hertz": spec.high_Hz,
        "low_frequency_hertz": spec.low_Hz,
        "points_per_decade": spec.points_per_decade,
        "safety_minimum_volt": spec.safety.voltage_min_V,
        "safety_maximum_volt": spec.safety.voltage_max_V,
        "safety_maximum_ampere": spec.safety.current_max_A,
    }


def spectrum_from(row: Row[Any], points: tuple[ImpedancePoint, ...]) -> Spectrum:
    """The sweep of a row and its points."""
    mode = ImpedanceMode(row.mode)
    in_volt = mode is ImpedanceMode.POTENTIOSTATIC
    spec = ImpedanceSpec(
        mode=mode,
        amplitude=row.amplitude_volt if in_volt else row.amplitude_ampere,
        bias=row.bias_volt if in_volt else row.bias_ampere,
        high_Hz=row.high_frequency_hertz,
        low_Hz=row.low_frequency_hertz,
        points_per_decade=row.points_per_decade,
        safety=SafetyLimits(row.safety_minimum_volt, row.safety_maximum_volt, row.safety_maximum_ampere),
    )
    quality = json_from(row.quality) or {}
    return Spectrum(spec, row.cycle, row.start_time_second, points, quality.get(TEMPERATURE))


def point_row(point: ImpedancePoint, origin_s: float) -> Values:
    """A row of ``impedance_point``, but for its numbers."""
    return {
        "test_time_second": point.time_s - origin_s,
        "frequency_hertz": point.frequency_Hz,
        "real_impedance_ohm": point.real_ohm,
        "imaginary_impedance_ohm": point.imaginary_ohm,
        "status": point.status,
    }


def point_from(row: Row[Any]) -> ImpedancePoint:
    """The point of a row."""
    return ImpedancePoint(
        row.test_time_second,
        row.frequency_hertz,
        row.real_impedance_ohm,
        row.imaginary_impedance_ohm,
        row.status,
    )


def json_text(data: Mapping[str, Any] | None) -> str | None:
    """Figures that have no column of their own; NaN and infinity are refused with a ``ValueError``."""
    return None if data is None else json.dumps(data, allow_nan=False)


def json_from(text: str | None) -> dict[str, Any] | None:
    """The figures of a JSON text."""
    return None if text is None else json.loads(text)
