"""The tables of a run's page, as plain rows of text."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from labctl.analysis.circuit_fit import Estimate
from labctl.analysis.run_figures import RunFigures
from labctl.protocol.plan import Plan
from labctl.report.run_text import ROUTINE
from labctl.report.summary import Summary
from labctl.store.records import RunRecord
from labctl.units import show, show_celsius, show_duration

_MOST_CYCLES = 60
_MOST_EVENTS = 200

Row = TypeVar("Row")


class Table(NamedTuple):
    """A table: what it is about, the heads of its columns, its rows, and what a reader must know of it."""

    caption: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


def why(run: RunRecord) -> str:
    """Why the run ended, in one sentence."""
    return run.end_reason or "it goes on"


def in_short(told: Summary) -> dict[str, str]:
    """What a reader looks for first."""
    run, spectra = told.run, [record.spectrum for record in told.spectra]
    found = {
        "lasted": show_duration(run.last_sample_s or 0.0),
        "cycles": f"{told.cycles()}",
        "samples": f"{run.sample_count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
        "spectra": f"{len(spectra)}",
    }
    known = [h for h in told.half_cycles if h.overpotential_median_V is not None and h.complete]
    if known:
        first, last = known[0], known[-1]
        found["median overpotential"] = (
            f"{_mV(first.overpotential_median_V)} mV in cycle {first.cycle}, "
            f"{_mV(last.overpotential_median_V)} mV in cycle {last.cycle}"
        )
    if spectra:
        found["total impedance"] = (
            f"{show(spectra[0].total_ohm(), 'ohm')} after cycle {spectra[0].cycle}, "
            f"{show(spectra[-1].total_ohm(), 'ohm')} after cycle {spectra[-1].cycle}"
        )
    if told.temperatures_K is not None:
        found["temperature"] = " to ".join(map(show_celsius, told.temperatures_K))
    return found


def facts(run: RunRecord, plan: Plan | None) -> dict[str, str]:
    """What was run, on what, with which limits."""
    cell = run.cell
    known: dict[str, str | None] = {
        "protocol": run.protocol,
        "cell": cell.name or "unnamed",
        "electrolyte": cell.electrolyte or None,
        "electrode area": None if cell.area_cm2 is None else f"{cell.area_cm2:.4g} cm\N{SUPERSCRIPT TWO}",
        "active mass": None if cell.active_mass_g is None else f"{1e3 * cell.active_mass_g:.4g} mg",
        "nominal capacity": (
            None if cell.nominal_capacity_C is None else f"{cell.nominal_capacity_C / 3.6:.4g} mAh"
        ),
        "safety limits": None if plan is None else _limits(plan),
        "stop rules": ", ".join(rule.name.replace("_", " ") for rule in plan.rules) or "none"
        if plan
        else None,
        "instrument": str(run.identity),
        "firmware": run.identity.firmware,
        "driver": run.driver,
        "connected through": run.resource,
        "channel": run.channel,
        "simulated": None if not run.resource.startswith("simulated") else f"yes, seed {run.seed}",
        "began": _calendar(run.started_unix_s),
        "ended": _calendar(run.ended_unix_s),
        "labctl": run.software_version,
    }
    return {name: value for name, value in known.items() if value is not None}


def cycles(figures: RunFigures) -> Table:
    """Capacity, efficiency and overpotential of the cycles; of many cycles some."""
    rows = {(row.cycle, row.sign): row for row in figures.half_cycles}

    def overpotentials(cycle: int) -> Iterator[str]:
        for sign in (1, -1):
            row = rows.get((cycle, sign))
            known = row.overpotential if row else None
            yield "" if known is None else _mV(known.median_V)
            yield "" if known is None else _mV(known.end_V)

    shown = _spread(figures.cycles, _MOST_CYCLES)
    return _without_empty_columns(
        "Cycles",
        (
            "cycle",
            "charge / mAh",
            "discharge / mAh",
            "coulombic efficiency",
            "charge: median overpotential / mV",
            "at its end / mV",
            "discharge: median overpotential / mV",
            "at its end / mV",
        ),
        [
            (
                f"{row.cycle}",
                f"{row.charge_C / 3.6:.5f}",
                f"{row.discharge_C / 3.6:.5f}",
                "" if row.coulombic_efficiency is None else f"{row.coulombic_efficiency:.5f}",
                *overpotentials(row.cycle),
            )
            for row in shown
        ],
        _of_many(len(shown), len(figures.cycles), "cycles; labctl analyse --json has all of them"),
    )


def spectra(run: RunRecord, figures: RunFigures) -> Table:
    """Validity and resistances of every spectrum."""
    symmetric = run.cell.equilibrium_voltage_V == 0.0
    found = []
    for spectrum in figures.spectra:
        fit, tested = spectrum.fit, spectrum.validity
        validity = "not tested" if tested is None else f"{tested.rms_percent:.2f} %"
        if tested is not None and not tested.valid:
            validity += ", fails"
        found.append(
            (
                f"{spectrum.cycle}",
                f"{spectrum.started_s / 3600.0:.2f}",
                f"{spectrum.total_ohm:.4g}",
                validity,
                _resistance(fit.ohmic_ohm if fit else None),
                _resistance(fit.sei_ohm if fit else None),
                _resistance(fit.charge_transfer_ohm if fit else None),
                _exchange(spectrum.exchange_current_A if symmetric else None),
                "; ".join(spectrum.remarks),
            )
        )
    return _without_empty_columns(
        "Spectra",
        (
            "after cycle",
            "time / h",
            "|Z| at the lowest frequency / ohm",
            "Lin-KK residual",
            "ohmic / ohm",
            "SEI / ohm",
            "charge transfer / ohm",
            "exchange current / uA",
            "remarks",
        ),
        found,
        "Resistances with 95 % confidence. Not resolved: the data do not say." if found else "",
    )


def events(told: Summary) -> Table:
    """What was decided, by whom and why; what every step leaves behind is left out."""
    worth = [event for event in told.events if event.kind not in ROUTINE]
    shown = worth[-_MOST_EVENTS:]
    return Table(
        "Events and decisions",
        ("time / h", "what", "by", "in words"),
        [
            (
                f"{event.time_s / 3600.0:.3f}",
                event.kind.replace("_", " "),
                event.author,
                event.message,
            )
            for event in shown
        ],
        _of_many(len(shown), len(worth), "events, the last ones"),
    )


def _without_empty_columns(
    caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], note: str
) -> Table:
    """A full cell has no overpotentials, and well-behaved spectra no remarks."""
    kept = [place for place in range(len(heads)) if any(row[place] for row in rows)]
    return Table(caption, tuple(heads[k] for k in kept), [tuple(row[k] for k in kept) for row in rows], note)


def _limits(plan: Plan) -> str:
    safety = plan.safety
    return (
        f"{show(safety.voltage_min_V, 'V')} to {show(safety.voltage_max_V, 'V')}, "
        f"at most {show(safety.current_max_A, 'A')}"
        + ("" if plan.temperature is None else f", {plan.temperature}")
    )


def _spread(rows: Sequence[Row], most: int) -> Sequence[Row]:
    """First, last, and evenly between."""
    if len(rows) <= most:
        return rows
    last = len(rows) - 1
    return [rows[round(k * last / (most - 1))] for k in range(most)]


def _of_many(shown: int, there: int, what: str) -> str:
    return f"{shown} of {there} {what}" if shown < there else ""


def _mV(voltage_V: float | None) -> str:
    return "" if voltage_V is None else f"{1e3 * voltage_V:.1f}"


def _resistance(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not resolved"
    share = 50.0 * (estimate.high - estimate.low) / estimate.value
    return f"{estimate.value:.4g}\N{NO-BREAK SPACE}(\N{PLUS-MINUS SIGN}{share:.2g}\N{NO-BREAK SPACE}%)"


def _exchange(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{1e6 * estimate.value:.3g}"


def _calendar(unix_s: float | None) -> str | None:
    return None if unix_s is None else f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
