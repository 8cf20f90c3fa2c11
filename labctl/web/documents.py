"""Records as the documents of the interface, under the names of the database's columns."""

import json
from collections.abc import Sequence
from itertools import groupby
from statistics import fmean
from typing import Any

from labctl.analysis.circuit_fit import Estimate
from labctl.analysis.spectrum_fit import ARCS, SpectrumFit
from labctl.analysis.spectrum_series import SpectrumFigures
from labctl.engine.choice import RESUMABLE
from labctl.half_cycle import HalfCycle
from labctl.protocol.plan import Plan
from labctl.report.plan_text import plan_lines
from labctl.store.records import EventRecord, RunRecord, RunState, SpectrumRecord, StepRecord
from labctl.telemetry.messages import Event, encode

Document = dict[str, Any]


def run(record: RunRecord) -> Document:
    """``Run``."""
    return {
        "run_id": record.run_id,
        "cell": record.cell.name,
        "protocol": record.protocol,
        "channel": record.channel,
        "instrument": str(record.identity),
        "state": record.state,
        "end_reason": record.end_reason,
        "started_unix_time_second": record.started_unix_s,
        "ended_unix_time_second": record.ended_unix_s,
        "sample_count": record.sample_count,
        "last_sample_second": record.last_sample_s,
    }


def run_in_full(record: RunRecord, plan: Plan | None) -> Document:
    """``RunInFull``, but for its steps."""
    cell = record.cell
    return {
        "run": run(record),
        "cell": {
            "name": cell.name,
            "area_square_centimetre": cell.area_cm2,
            "active_mass_gram": cell.active_mass_g,
            "nominal_capacity_coulomb": cell.nominal_capacity_C,
            "electrolyte": cell.electrolyte,
            "equilibrium_voltage_volt": cell.equilibrium_voltage_V,
        },
        "protocol_text": record.protocol_text,
        "protocol_sha256": record.protocol_sha256,
        "plan_lines": [] if plan is None else plan_lines(plan),
        "instrument": {
            "driver": record.driver,
            "resource": record.resource,
            "manufacturer": record.identity.manufacturer,
            "model": record.identity.model,
            "serial": record.identity.serial,
            "firmware": record.identity.firmware,
        },
        "software_version": record.software_version,
        "seed": record.seed,
        "speed": record.speed,
        "next": _what_to_do(record),
    }


def _what_to_do(record: RunRecord) -> str:
    number = record.run_id
    match record.state:
        case RunState.RUNNING:
            return "It goes on; nothing has to be done."
        case RunState.FINISHED:
            return "The plan was carried out; the cell can be taken off."
        case RunState.UNSAFE:
            return "Look at the cell: its circuit could not be confirmed open."
        case RunState.FAULTED:
            return "Look at the cell: a safety limit was crossed. labctl has opened the circuit."
        case state if state in RESUMABLE:
            return f"Look at the cell, then go on with labctl resume {number}, or leave it ended."
        case _:
            return "The circuit is open; look at why it ended before the next run."


def executed_step(record: StepRecord) -> Document:
    """``ExecutedStep``."""
    return {
        "step_id": record.step_id,
        "cycle": record.cycle,
        "path": record.path,
        "kind": record.kind,
        "start_time_second": record.start_s,
        "end_time_second": record.end_s,
        "end_reason": record.end_reason,
    }


def event(record: EventRecord) -> Document:
    """``RunEvent``."""
    return {
        "event_id": record.event_id,
        "kind": record.kind,
        "test_time_second": record.time_s,
        "unix_time_second": record.unix_time_s,
        "author": record.author,
        "message": record.message,
        "data": record.data,
    }


def recorded_event(event: Event, acknowledged_by: str | None) -> Document:
    """``RecordedEvent``."""
    return {**json.loads(encode(event)), "acknowledged_by": acknowledged_by}


def half_cycle(record: HalfCycle) -> Document:
    """``HalfCycle``."""
    return {
        "cycle": record.cycle,
        "sign": record.sign,
        "start_time_second": record.start_s,
        "end_time_second": record.end_s,
        "charge_coulomb": record.charge_C,
        "energy_joule": record.energy_J,
        "mean_voltage_volt": record.mean_voltage_V,
        "overpotential_median_volt": record.overpotential_median_V,
        "overpotential_end_volt": record.overpotential_end_V,
        "overpotential_maximum_volt": record.overpotential_max_V,
        "end_reason": record.end_reason,
        "complete": record.complete,
    }


def cycles(records: Sequence[HalfCycle]) -> Document:
    """Half-cycles, and the cycles that they make up."""
    grouped = groupby(records, key=lambda record: record.cycle)
    return {
        "half_cycles": [half_cycle(record) for record in records],
        "cycles": [_cycle(number, list(rows)) for number, rows in grouped],
    }


def _cycle(number: int, rows: Sequence[HalfCycle]) -> Document:
    """``CycleFigures``; what needs both half-cycles is null until both are complete."""
    charge_C = sum(row.charge_C for row in rows if row.sign > 0)
    discharge_C = sum(row.charge_C for row in rows if row.sign < 0)
    # The energy of a half-cycle is a magnitude; its mean voltage says which way it flowed.
    taken_J = sum(row.charge_C * row.mean_voltage_V for row in rows if row.sign > 0)
    given_J = sum(row.charge_C * row.mean_voltage_V for row in rows if row.sign < 0)
    whole = charge_C > 0.0 and discharge_C > 0.0 and all(row.complete for row in rows)
    seen = [row.overpotential_median_V for row in rows if row.overpotential_median_V is not None]
    return {
        "cycle": number,
        "charge_coulomb": charge_C,
        "discharge_coulomb": discharge_C,
        "coulombic_efficiency": discharge_C / charge_C if whole else None,
        "energy_efficiency": given_J / taken_J if whole and given_J > 0.0 and taken_J > 0.0 else None,
        "voltage_gap_volt": taken_J / charge_C - given_J / discharge_C if whole else None,
        "overpotential_volt": fmean(seen) if seen else None,
    }


def spectrum(record: SpectrumRecord, figures: SpectrumFigures | None) -> Document:
    """``Spectrum``."""
    points = record.spectrum.points
    return {
        "spectrum_id": record.spectrum_id,
        "cycle": record.spectrum.cycle,
        "start_time_second": record.spectrum.started_s,
        "mode": record.spectrum.spec.mode,
        "frequency_hertz": [point.frequency_Hz for point in points],
        "real_impedance_ohm": [point.real_ohm for point in points],
        "imaginary_impedance_ohm": [point.imaginary_ohm for point in points],
        "status": [point.status for point in points],
        "total_ohm": record.spectrum.total_ohm() if points else None,
        "fit": _fit(figures.fit) if figures is not None and figures.fit is not None else None,
        "remarks": list(figures.remarks) if figures is not None else [],
    }


def _fit(fit: SpectrumFit) -> Document:
    names = ARCS if len(fit.arcs) == len(ARCS) else ("arc",)
    return {
        "series_ohm": _estimate(fit.ohmic_ohm),
        "charge_transfer_ohm": _estimate(fit.charge_transfer_ohm),
        "verdict": fit.verdict(),
        "arcs": [
            {
                "name": name,
                "resistance_ohm": _estimate(arc.resistance_ohm),
                "time_constant_second": _estimate(arc.time_constant_s),
                "doubt": arc.doubt,
            }
            for name, arc in zip(names, fit.arcs, strict=False)
        ],
    }


def _estimate(estimate: Estimate | None) -> Document | None:
    return (
        None if estimate is None else dict(zip(("value", "low", "high"), map(_finite, estimate), strict=True))
    )


def _finite(value: float) -> float | None:
    """An interval that is open towards infinity has no end that JSON could say."""
    return float(value) if abs(value) < float("inf") else None
