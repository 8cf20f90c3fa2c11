"""What the store gives back: runs, steps, spectra and events as plain values, times relative to the run's start."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from labctl.instrument.channel import Identity
from labctl.instrument.impedance import Spectrum
from labctl.protocol.plan import CellDescription, Plan
from labctl.store.progress import Progress

CUT_OFF = "the process was cut off"
"""Why an interrupted run ended."""


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    PAUSED = "paused"  # the circuit is open; it can go on
    FINISHED = "finished"  # all of the plan was done
    STOPPED = "stopped"  # by a stop rule
    ENDED = "ended"  # by a person
    FAULTED = "faulted"  # a safety limit was crossed
    FAILED = "failed"  # the instrument, the link or the store failed
    UNSAFE = "unsafe"  # the circuit could not be confirmed open
    INTERRUPTED = "interrupted"  # the process was cut off


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution of a plan on a cell.

    Attributes:
        run_id: its number in this database.
        cell_id, cell: what it ran on.
        protocol, protocol_text, protocol_sha256: name, exact text and hash of the text.
        channel, driver, resource, identity: what the cell was connected to.
        software_version: of labctl.
        seed: of the simulation; None on hardware.
        speed: experiment seconds in a second on the wall; None in virtual time.
        state: how it stands; a run whose process is gone is INTERRUPTED.
        end_reason: why it ended, in words; None while it runs.
        started_unix_s, ended_unix_s: on the calendar, in experiment time; of an interrupted run: its last sample.
        last_written_unix_s: when rows were last handed to the database, by the clock on the wall.
        host, process_id: who wrote it.
        sample_count: samples stored.
        last_sample_s: time of the last one since the run's start; None if there is none.
    """

    run_id: int
    cell_id: int
    cell: CellDescription
    protocol: str
    protocol_text: str
    protocol_sha256: str
    channel: str
    driver: str
    resource: str
    identity: Identity
    software_version: str
    seed: int | None
    speed: float | None
    state: RunState
    end_reason: str | None
    started_unix_s: float
    ended_unix_s: float | None
    last_written_unix_s: float
    host: str
    process_id: int
    sample_count: int
    last_sample_s: float | None


@dataclass(frozen=True, slots=True)
class StepRecord:
    """An executed step; what is known only at its end is None until then.

    Attributes:
        step_id: counted from 1 within the run.
        cycle: cycle of the run it belongs to; 0 outside of cycles.
        path, kind: its place in the protocol and the word used there.
        start_s, end_s: time since the run's start.
        end_reason: the cut-off that ended it, or what else did.
        charge_C, energy_J: passed in the step, as the engine counted them.
    """

    step_id: int
    cycle: int
    path: str
    kind: str
    start_s: float
    end_s: float | None
    end_reason: str | None
    charge_C: float | None
    energy_J: float | None


@dataclass(frozen=True, slots=True)
class SpectrumRecord:
    """A stored sweep.

    Attributes:
        spectrum_id, step_id: counted from 1 within the run.
        spectrum: conditions and points.
        quality: figures such as the Lin-KK residual, and the temperature; None if there are none.
    """

    spectrum_id: int
    step_id: int
    spectrum: Spectrum
    quality: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that was decided, tagged or noticed.

    Attributes:
        event_id: counted from 1 within the run.
        kind: ``decision``, ``tag``, ...
        time_s, unix_time_s: since the run's start, and on the calendar.
        author: who decided: a rule, a person, the engine.
        message: one sentence.
        data: the numbers behind it.
    """

    event_id: int
    kind: str
    time_s: float
    unix_time_s: float
    author: str
    message: str
    data: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What it takes to go on with a run.

    Attributes:
        plan: the plan, as it was bound when the run was begun.
        progress: how far it has come, times from the run's start.
        silent_s: how long ago that was written, in seconds on the wall; by the computer's own running time, or, if
            it was started anew since, by the clock on the wall.
        rebooted: the computer was started anew since.
    """

    plan: Plan
    progress: Progress
    silent_s: float
    rebooted: bool
