"""What a run has come to: why it ended, what it measured, and what to look at next."""

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labctl.analysis.spectrum_series import validity
from labctl.audit.log import head
from labctl.engine.choice import RESUMABLE
from labctl.engine.soaking import THERMOMETER
from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.store.chain import Head
from labctl.store.reader import Reader
from labctl.store.records import EventRecord, RunRecord, RunState, SpectrumRecord
from labctl.units import show_celsius


@dataclass(frozen=True, slots=True)
class Summary:
    """One run, in short; ``head`` is its last record in the chain of events.

    Attributes:
        temperatures_K: the lowest and the highest beside the cell; None: nothing showed any.
    """

    database: str
    run: RunRecord
    half_cycles: list[HalfCycle]
    spectra: list[SpectrumRecord]
    events: list[EventRecord]
    head: Head
    temperatures_K: tuple[float, float] | None = None

    def as_document(self) -> dict[str, Any]:
        """For machines."""
        run = self.run
        return {
            "run": run.run_id,
            "state": run.state,
            "reason": run.end_reason,
            "database": self.database,
            "protocol": run.protocol,
            "protocol_sha256": run.protocol_sha256,
            "cell": run.cell,
            "channel": run.channel,
            "driver": run.driver,
            "resource": run.resource,
            "instrument": run.identity,
            "seed": run.seed,
            "started": _calendar(run.started_unix_s),
            "ended": _calendar(run.ended_unix_s),
            "duration_s": run.last_sample_s,
            "samples": run.sample_count,
            "cycles": self.cycles(),
            "half_cycles": self.half_cycles,
            "spectra": [_spectrum(record.spectrum) for record in self.spectra],
            "events": self.events,
            "temperatures_K": self.temperatures_K,
            "audit_head": str(self.head),
        }

    def as_text(self) -> str:
        """For a person."""
        run = self.run
        lines = [
            f"run {run.run_id}: {run.protocol} on {run.cell.name or 'an unnamed cell'}, "
            f"channel {run.channel} ({run.identity})",
            f"  {run.state}: {self._why()}",
            f"  {self._measured()}",
        ]
        lines += [f"  {line}" for line in self._health()]
        lines.append(f"  data: {self.database}, run {run.run_id}")
        lines.append(f"  audit head: {self.head}")
        verbs = ["resume", "plot", "show"] if run.state in RESUMABLE else ["plot", "show"]
        lines.append("  next: " + "  |  ".join(f"labctl {v} {run.run_id}{self._option()}" for v in verbs))
        return "\n".join(lines) + "\n"

    def cycles(self) -> int:
        """Cycles begun."""
        return max((h.cycle for h in self.half_cycles), default=0)

    def _why(self) -> str:
        run = self.run
        if run.state is RunState.INTERRUPTED:
            return (
                f"{run.end_reason} after {(run.last_sample_s or 0.0) / 3600.0:.2f} h of the experiment; "
                f"its last rows were written at {_calendar(run.last_written_unix_s)}"
            )
        return run.end_reason or "it goes on"

    def _measured(self) -> str:
        last_s = self.run.last_sample_s or 0.0
        return (
            f"measured {last_s / 3600.0:.1f} h, {self.cycles()} cycles, {self.run.sample_count} samples, "
            f"{len(self.spectra)} spectra; began {_calendar(self.run.started_unix_s)}"
        )

    def _health(self) -> list[str]:
        lines = []
        seen = [h for h in self.half_cycles if h.overpotential_median_V is not None and h.complete]
        if seen:
            first, last = seen[0], seen[-1]
            lines.append(
                f"overpotential: {_mV(first.overpotential_median_V)} in cycle {first.cycle}, "
                f"{_mV(last.overpotential_median_V)} in cycle {last.cycle}"
            )
        if self.spectra:
            first_z, last_z = self.spectra[0].spectrum, self.spectra[-1].spectrum
            lines.append(
                f"total impedance: {first_z.total_ohm():.4g} ohm after cycle {first_z.cycle}, "
                f"{last_z.total_ohm():.4g} ohm after cycle {last_z.cycle}"
            )
        if self.temperatures_K is not None:
            low, high = map(show_celsius, self.temperatures_K)
            lines.append(f"temperature: {low} to {high}")
        return lines

    def _option(self) -> str:
        return f" --db {shlex.quote(self.database)}"


def summary(database: str, reference: int | str) -> Summary:
    """Read a run's summary.

    Raises:
        DataError: there is no such database or run.
    """
    reader = Reader(database)
    run = reader.run(reference)
    events = reader.events(run.run_id)
    shown = any(event.kind == THERMOMETER for event in events)
    return Summary(
        database,
        run,
        reader.half_cycles(run.run_id),
        reader.spectra(run.run_id),
        events,
        head(database, run.run_id),
        reader.temperatures_K(run.run_id) if shown else None,
    )


def _spectrum(spectrum: Spectrum) -> dict[str, Any]:
    found = validity(spectrum)
    return {
        "cycle": spectrum.cycle,
        "time_s": spectrum.started_s,
        "total_ohm": spectrum.total_ohm(),
        "lin_kk_rms_percent": found.rms_percent if found else None,
        "lin_kk_valid": found.valid if found else None,
    }


def _mV(voltage_V: float | None) -> str:
    return "unknown" if voltage_V is None else f"{voltage_V * 1e3:.1f} mV"


def _calendar(unix_s: float | None) -> str | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")
