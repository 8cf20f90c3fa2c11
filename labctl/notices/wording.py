"""What a notice says: which cell, what, since when, what labctl did, what to do."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from labctl.engine.circuit import OPENED, UNKNOWN
from labctl.invisible import visible
from labctl.store.records import RunState
from labctl.store.trail import RUN_ENDED
from labctl.telemetry.messages import ChannelState, Event, Severity
from labctl.units import show


@dataclass(frozen=True, slots=True)
class Notice:
    """One matter, in words.

    Attributes:
        subject: one line.
        text: a few lines.
        severity: of what happened.
    """

    subject: str
    text: str
    severity: Severity


_TO_DO = {
    "circuit_unknown": "Go there. Open the circuit by hand: switch the instrument's output off, or unplug the cell.",
    "station_silent": "Look whether that computer runs; `labctl safety` there says what opens each circuit.",
    "run_started": "Nothing.",
    "run_ended": "Look at it: labctl show {run}. The channel can take the next run.",
    "decision": "Look at it: labctl plot {run}.",
    "companion": "Nothing for the cells. Look at what labctl serve says of it.",
    "service": "Nothing for the cells. Look at what labctl serve says of it.",
    "bug": "Send the report that labctl wrote; the run can be taken up again: labctl resume {run}.",
}
_OTHERWISE = {
    Severity.ALARM: "Look at the cell at once: labctl watch, then labctl show {run}.",
    Severity.WARNING: "Look at it today: labctl show {run}.",
    Severity.NOTICE: "Nothing has to be done.",
    Severity.INFO: "Nothing has to be done.",
}
_CONFIRMED_OPEN = tuple(
    RunState(state) for state in ("finished", "stopped", "ended", "paused", "failed", "faulted")
)
"""How a run ends whose circuit was read back as open; not one whose process was cut off."""

_NO_RUN = ("held", "idle", "queued")


def word_it(event: Event, state: ChannelState | None, *, same_again: int = 0) -> Notice:
    """A notice of an event.

    Args:
        event: what happened.
        state: what its channel did last, as far as it is known.
        same_again: how often the same has happened since it was told last.
    """
    where = "/".join(filter(None, (event.station, event.channel)))
    cell = f"cell {event.cell}" if event.cell else "no cell"
    subject = " ".join(visible(f"{_LABELS[event.severity]} {where}, {cell}: {_short(event.text)}").split())
    lines = [
        f"Cell: {event.cell or 'none'}, {where}" + (f", run {event.run_id}" if event.run_id else ""),
        f"What: {event.text} (decided by: {event.author})",
        f"Since: {_since(event)}",
        f"The cell: {_now(event, state)}",
        f"To do: {_to_do(event)}",
    ]
    if same_again:
        lines.append(f"The same has happened {same_again} more time{'s' if same_again > 1 else ''} since.")
    return Notice(subject, visible("\n".join(lines)), event.severity)


def still_open(notice: Notice, told: int) -> Notice:
    """The same notice, told once more because nobody has acknowledged it."""
    return replace(
        notice,
        subject=f"(not acknowledged, {told + 1}) {notice.subject}",
        text=f"{notice.text}\nNobody has acknowledged this yet: the dashboard's list of events has a button for it.",
    )


def digest(notices: list[Notice]) -> Notice:
    """What waited through quiet hours, together."""
    if len(notices) == 1:
        return notices[0]
    return Notice(
        f"{len(notices)} notices from the quiet hours: {notices[0].subject}, ...",
        "\n\n".join(f"{notice.subject}\n{notice.text}" for notice in notices),
        max((notice.severity for notice in notices), key=list(Severity).index),
    )


_LABELS = {
    Severity.ALARM: "ALARM",
    Severity.WARNING: "Warning",
    Severity.NOTICE: "Notice",
    Severity.INFO: "Note",
}


def _short(text: str) -> str:
    return text if len(text) <= 100 else text[:97] + "..."


def _since(event: Event) -> str:
    at = datetime.fromtimestamp(event.unix_time_second, UTC)
    run = "" if event.test_time_second is None else f", {event.test_time_second / 3600.0:.2f} h into the run"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC{run}"


def _now(event: Event, state: ChannelState | None) -> str:
    ended = event.text.partition(":")[0] if event.kind == RUN_ENDED else ""
    doing = "" if state is None else state.state
    if event.kind == UNKNOWN or ended == RunState.UNSAFE or doing == "unsafe":
        return "NOT confirmed disconnected; labctl tried every way, and will not energise it again by itself"
    if event.kind == OPENED or ended in _CONFIRMED_OPEN or doing == "paused":
        return "disconnected; the circuit is open, confirmed by read-back"
    if doing in _NO_RUN:
        return "no run is in progress there"
    if state is None or state.voltage_volt is None:
        return "not known to whoever sent this"
    current = "" if state.current_ampere is None else f", {show(state.current_ampere, 'A')}"
    return f"{doing}, {show(state.voltage_volt, 'V')}{current}, cycle {state.cycle}"


def _to_do(event: Event) -> str:
    kind = event.kind
    if kind == RUN_ENDED and event.severity is Severity.ALARM:
        # An alarming end asks for more than looking at the run.
        kind = UNKNOWN if event.text.startswith(f"{RunState.UNSAFE}:") else ""
    return _TO_DO.get(kind, _OTHERWISE[event.severity]).format(run=event.run_id or "last")
