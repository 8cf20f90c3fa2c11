"""A recorded file becomes a run in the database, so that everything that looks at runs can look at it.

The run is marked as imported: its driver is ``import``, it names the file and its SHA-256 where a run keeps its
protocol and the protocol's hash, and its first event says what was taken over. Steps and cycles are the file's, where
it has any; otherwise a step ends where the current begins, stops or reverses.
"""

import hashlib
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labctl.analysis.battery_data import BatteryData
from labctl.analysis.recordings import find_half_cycles
from labctl.errors import DataError
from labctl.exchange.file_name import shown_name
from labctl.exchange.imported_steps import ImportedStep, executed_steps
from labctl.exchange.reading import read_file
from labctl.half_cycle import HalfCycle, HalfCycleFigures
from labctl.instrument.channel import Identity
from labctl.instrument.impedance import Spectrum
from labctl.instrument.step import SafetyLimits, Sampling
from labctl.protocol.plan import CellDescription, Plan
from labctl.rules.replay import RecordedHalfCycle
from labctl.store.records import RunState
from labctl.store.store import Store
from labctl.store.writer import RunWriter

DRIVER = "import"


@dataclass(frozen=True, slots=True)
class Imported:
    """What has become of a file.

    Attributes:
        run: number of the run.
        file, sha256, made_by: what it was read from.
        samples, steps, half_cycles, spectra: how many.
        start: where its start on the calendar is from.
    """

    run: int
    file: str
    sha256: str
    made_by: str
    samples: int
    steps: int
    half_cycles: int
    spectra: int
    start: str

    def as_text(self, url: str) -> str:
        """For a person."""
        database = f"--db {shlex.quote(url)}"
        return (
            f"run {self.run}: imported from {self.file} ({self.made_by}): {self.samples} samples, {self.steps} steps, "
            f"{self.half_cycles} half-cycles, {self.spectra} spectra\n"
            f"  start: {self.start}\n"
            f"  next: labctl show {self.run} {database}  |  labctl rules replay {self.run} {database}"
        )


def import_file(path: str | Path, url: str, cell: CellDescription) -> Imported:
    """Read a file and write it into a database as a run.

    Args:
        path: the file.
        url: the database, which is made if it is not there.
        cell: what is known of the cell.

    Raises:
        DataError: the file cannot be read as what it claims to be; nothing is written then.
        StoreError: it could not be made durable.
    """
    path = Path(path)
    data = read_file(path)
    if not len(data.time_s) and not data.spectra:
        raise DataError(f"{data.name}: holds no readings")
    started_unix_s, start = _start(path, data)
    content = path.read_bytes()
    source = {
        "imported": data.name,
        "format": data.made_by,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "start": start,
    }
    steps = executed_steps(data)
    half_cycles = find_half_cycles(data)
    with (
        Store(url) as store,
        store.open_run(
            _plan(source, data, cell),
            identity=Identity(data.made_by, "file", data.name, "-"),
            driver=DRIVER,
            resource=shown_name(path),
            channel="imported",
            seed=None,
            speed=None,
            started_unix_s=started_unix_s,
        ) as writer,
    ):
        end_s = _write(writer, data, steps, half_cycles, cell, source)
        writer.finish(RunState.FINISHED, f"imported from {data.name}", end_s)
    return Imported(
        run=writer.run_id,
        file=data.name,
        sha256=str(source["sha256"]),
        made_by=data.made_by,
        samples=len(data.time_s),
        steps=len(steps),
        half_cycles=len(half_cycles),
        spectra=len(data.spectra),
        start=start,
    )


def _start(path: Path, data: BatteryData) -> tuple[float, str]:
    """When test time 0 was on the calendar, and how that is known."""
    if data.started_unix_s is not None:
        return data.started_unix_s, "as the file says it"
    duration_s = float(data.time_s[-1]) if len(data.time_s) else 0.0
    return path.stat().st_mtime - duration_s, "not in the file; taken from the date of the file itself"


def _plan(source: dict[str, object], data: BatteryData, cell: CellDescription) -> Plan:
    """What stands where a run keeps its protocol; its limits are what was reached, for nobody knows what was set."""
    text = json.dumps(source, indent=1) + "\n"
    spectra = [spectrum.spec.safety for spectrum in data.spectra]
    voltages_V = [*(data.voltage_V.min(), data.voltage_V.max())] if len(data.voltage_V) else []
    voltages_V += [v for limits in spectra for v in (limits.voltage_min_V, limits.voltage_max_V)]
    currents_A = [float(np.abs(data.current_A).max())] if len(data.current_A) else []
    currents_A += [limits.current_max_A for limits in spectra]
    interval_s = float(np.median(np.diff(data.time_s))) if len(data.time_s) > 1 else 1.0
    return Plan(
        protocol="imported",
        text=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        cell=cell,
        safety=SafetyLimits(float(min(voltages_V)), float(max(voltages_V)), float(max(currents_A))),
        record=Sampling(every_s=interval_s),
        nodes=(),
        rules=(),
    )


def _write(
    writer: RunWriter,
    data: BatteryData,
    steps: list[ImportedStep],
    half_cycles: list[RecordedHalfCycle],
    cell: CellDescription,
    source: dict[str, object],
) -> float:
    """Write everything in the order of time; returns when the run ended, in test time."""
    writer.event("imported", 0.0, "import", f"imported from {data.name}", source)
    waiting = sorted(data.spectra, key=lambda spectrum: spectrum.started_s)
    end_s = 0.0
    for step in steps:
        while waiting and waiting[0].started_s <= step.start_s:
            end_s = _write_spectrum(writer, waiting.pop(0))
        end_s = _write_step(writer, data, step)
    for spectrum in waiting:
        end_s = max(end_s, _write_spectrum(writer, spectrum))
    for half_cycle in half_cycles:
        writer.half_cycle(_figures(data, half_cycle, cell))
    return end_s


def _figures(data: BatteryData, recorded: RecordedHalfCycle, cell: CellDescription) -> HalfCycle:
    began_s = recorded.stretches[0].began_s
    figures = HalfCycleFigures(recorded.cycle, recorded.sign, began_s, cell.equilibrium_voltage_V)
    for number, stretch in enumerate(recorded.stretches):
        if number:
            figures.resume(stretch.began_s)
        for reading in _readings(data, stretch.first, stretch.after):
            figures.add(*reading)
    return figures.finish(recorded.end_reason, recorded.complete)


def _readings(data: BatteryData, first: int, after: int) -> Iterator[tuple[float, float, float]]:
    """Time, voltage and current of some rows."""
    columns = (data.time_s, data.voltage_V, data.current_A)
    return zip(*(column[first:after].tolist() for column in columns), strict=True)


def _write_step(writer: RunWriter, data: BatteryData, step: ImportedStep) -> float:
    step_id = writer.begin_step(cycle=step.cycle, path=step.path, kind=step.kind, start_s=step.start_s)
    for time_s, voltage_V, current_A in _readings(data, step.first, step.after):
        writer.sample(step_id, time_s, voltage_V, current_A)
    rows = slice(step.first, step.after)
    times_s, powers_W = data.time_s[rows], data.voltage_V[rows] * data.current_A[rows]
    end_s = float(times_s[-1])
    writer.end_step(
        step_id,
        start_s=step.start_s,
        end_s=end_s,
        end_reason="as recorded",
        charge_C=float(abs(np.trapezoid(data.current_A[rows], times_s))),
        energy_J=float(abs(np.trapezoid(powers_W, times_s))),
    )
    return end_s


def _write_spectrum(writer: RunWriter, spectrum: Spectrum) -> float:
    end_s = max(point.time_s for point in spectrum.points)
    step_id = writer.begin_step(
        cycle=spectrum.cycle, path="recorded.impedance", kind="impedance", start_s=spectrum.started_s
    )
    writer.spectrum(step_id, spectrum)
    writer.end_step(
        step_id, start_s=spectrum.started_s, end_s=end_s, end_reason="as recorded", charge_C=0.0, energy_J=0.0
    )
    return end_s
