"""From events of the database to messages: each event becomes one, in the order of the chain."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Row

from labctl.store import database, outbox, schema, trail
from labctl.store.records import RunState
from labctl.store.rows import json_from
from labctl.telemetry.messages import Cycle, Event, Severity, SpectrumTaken

RecordedMessage = Cycle | SpectrumTaken | Event

T = TypeVar("T")

_NOT_SAID = (trail.ROWS, trail.POINTS, trail.TAKEN_BACK, "first_seq", "last_seq", "samples_sha256")
"""What an event carries for the audit only."""

_OF_KIND = {
    "decision": Severity.WARNING,
    "bug": Severity.WARNING,
    "circuit_unknown": Severity.ALARM,
    trail.RUN_STARTED: Severity.NOTICE,
    "resumed": Severity.NOTICE,
    "gap": Severity.NOTICE,
    "thermometer_lost": Severity.WARNING,
    "thermometer_back": Severity.NOTICE,
    "temperature_set": Severity.NOTICE,
    "temperature_reached": Severity.NOTICE,
    "no_spectrum": Severity.NOTICE,
    "hazard": Severity.NOTICE,
    "remote_command": Severity.NOTICE,
}
_OF_END = {
    RunState.FINISHED: Severity.NOTICE,
    RunState.ENDED: Severity.NOTICE,
    RunState.PAUSED: Severity.NOTICE,
    RunState.STOPPED: Severity.WARNING,
    RunState.INTERRUPTED: Severity.WARNING,
    RunState.FAILED: Severity.WARNING,
    RunState.FAULTED: Severity.ALARM,
    RunState.UNSAFE: Severity.ALARM,
}


class Outbox:
    """What a station has recorded, read from its database without ever writing there.

    Each call is a short transaction in a thread.

    Args:
        url: of the database, or its path.
        station: whose events.
    """

    def __init__(self, url: str, station: str) -> None:
        self._address = database.locate(url)
        self._station = station

    async def head(self) -> int:
        """The place of the last event there is.

        Raises:
            DataError: the database cannot be read.
        """
        return await self._read(outbox.head)

    async def delivered(self) -> int:
        """The place up to which everything has been delivered.

        Raises:
            DataError: the database cannot be read.
        """
        return await self._read(lambda connection: outbox.delivered(connection, self._station))

    async def after(self, place: int, most: int) -> list[RecordedMessage]:
        """What was recorded after a place, in order.

        Raises:
            DataError: the database cannot be read.
        """

        def read(connection: Connection) -> list[RecordedMessage]:
            rows = outbox.events_after(connection, self._station, place, most)
            return [_message(connection, self._station, row) for row in rows]

        return await self._read(read)

    async def _read(self, read: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._read_now, read)

    def _read_now(self, read: Callable[[Connection], T]) -> T:
        engine = database.open_for_reading(self._address)
        with database.reading(self._address), engine.connect() as connection:
            schema.check(connection, self._address)
            return read(connection)


def _message(connection: Connection, station: str, row: Row[Any]) -> RecordedMessage:
    data = json_from(row.data) or {}
    common = _common(station, row)
    copied = data.get(trail.ROWS, {})
    if row.kind == trail.HALF_CYCLE_ENDED and "half_cycle" in copied:
        return Cycle(**common, **_columns(copied["half_cycle"][0]))
    if row.kind == trail.SPECTRUM_MEASURED and "spectrum" in copied:
        return _spectrum(connection, common, copied["spectrum"][0])
    return event_of(station, row)


def event_of(station: str, row: Row[Any]) -> Event:
    """The event that a row is: of the table ``event``, with the ``channel`` of its run and the name of its ``cell``."""
    data = json_from(row.data) or {}
    return Event(
        **_common(station, row),
        kind=row.kind,
        text=row.message,
        author=row.author,
        severity=_severity(row.kind, row.message),
        data={name: value for name, value in data.items() if name not in _NOT_SAID} or None,
    )


def _common(station: str, row: Row[Any]) -> dict[str, Any]:
    return {
        "station": station,
        "id": f"{row.run_id}.{row.event_id}",
        "seq": row.chain_number,
        "event_id": row.event_id,
        "channel": row.channel,
        "run_id": row.run_id,
        "cell": row.cell,
        "unix_time_second": row.unix_time_second,
        "test_time_second": row.test_time_second,
    }


def kinds_from(severity: Severity) -> tuple[str, ...]:
    """Kinds of events that can ask as much of a person, or more; for ``INFO``, which any kind can, empty."""
    if severity is Severity.INFO:
        return ()
    ranks = list(Severity)
    wanted = ranks[ranks.index(severity) :]
    return (trail.RUN_ENDED, *(kind for kind, asks in _OF_KIND.items() if asks in wanted))


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "run_id"}


def _spectrum(connection: Connection, common: dict[str, Any], row: dict[str, Any]) -> SpectrumTaken:
    points = outbox.spectrum_points(connection, row["run_id"], row["spectrum_id"])
    kept = ("spectrum_id", "cycle", "start_time_second", "mode", "amplitude_volt", "amplitude_ampere")
    return SpectrumTaken(
        **common,
        **{name: row[name] for name in kept},
        frequency_hertz=tuple(point.frequency_hertz for point in points),
        real_impedance_ohm=tuple(point.real_impedance_ohm for point in points),
        imaginary_impedance_ohm=tuple(point.imaginary_impedance_ohm for point in points),
    )


def _severity(kind: str, message: str) -> Severity:
    """How much an event asks of a person; the end of a run says first how the run stands."""
    if kind == trail.RUN_ENDED:
        state = message.partition(":")[0]
        return _OF_END[RunState(state)] if state in list(RunState) else Severity.WARNING
    return _OF_KIND.get(kind, Severity.INFO)
