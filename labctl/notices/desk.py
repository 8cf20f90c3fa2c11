"""Decides what each recipient is told and when; does no I/O, time is an argument.

Theory of operation. Every event that a rule covers opens a *matter*, or joins one that is open: the same kind on the
same channel of the same run, by the same author, is one matter. A matter is told at once to whom its rules name, except
that in a recipient's quiet hours only alarms are; the rest waits and then comes together. What joins a matter within
ten minutes of its last telling is counted and told with the next one. If its rule repeats, it is told again until
somebody acknowledges one of its events, which closes it.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from labctl.notices.settings import Recipient, Settings
from labctl.notices.wording import Notice, digest, still_open, word_it
from labctl.station import acknowledgement
from labctl.telemetry.messages import ChannelState, Event, Message, Severity, StationStatus

_SAME = timedelta(minutes=10)
_SILENT = timedelta(seconds=30)
_REMEMBERED = 10_000
_ENERGISED = ("running", "last step", "skipping", "pausing", "opening", "closing", "unsafe")

_Key = tuple[str, str, int | None, str, str]


class Letter(NamedTuple):
    """What is to be delivered to whom."""

    recipient: Recipient
    notice: Notice


@dataclass(slots=True)
class _Matter:
    notice: Notice
    told_at: datetime
    to: tuple[str, ...]
    repeat: timedelta | None
    ids: set[str]
    told: int = 1
    again: int = 0
    latest: Event | None = None


@dataclass(slots=True)
class Desk:
    """What is known and what is still to be told.

    Args:
        settings: the notices file.
    """

    settings: Settings
    _states: dict[tuple[str, str], ChannelState] = field(default_factory=dict)
    _matters: dict[_Key, _Matter] = field(default_factory=dict)
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _waiting: dict[str, list[Notice]] = field(default_factory=dict)
    _silent: dict[str, tuple[StationStatus, datetime]] = field(default_factory=dict)
    _letters: list[Letter] = field(default_factory=list)

    def hear(self, message: Message, now: datetime) -> None:
        """Take what telemetry says; ``now`` is local time."""
        match message:
            case ChannelState():
                self._states[message.station, message.channel] = message
            case StationStatus():
                self._hear_status(message, now)
            case Event(kind=acknowledgement.KIND):  # its data name the event that is meant
                self._close(str((message.data or {}).get("id", "")))
            case Event() if self._is_new(message.id):
                self._open(message, now)
            case _:
                pass

    def due(self, now: datetime) -> list[Letter]:
        """What is to be delivered by now; each letter is given once."""
        for station, (status, since) in list(self._silent.items()):
            if now - since >= _SILENT:
                del self._silent[station]
                self._open(_silence(status, since, self._energised(station)), now)
        for matter in self._matters.values():
            if matter.repeat is not None and now - matter.told_at >= matter.repeat:
                self._tell(matter.to, still_open(self._current(matter), matter.told), now)
                matter.told, matter.told_at, matter.again = matter.told + 1, now, 0
        for name in [name for name in self._waiting if not self._is_quiet(name, now)]:
            self._letters.append(Letter(self.settings.recipients[name], digest(self._waiting.pop(name))))
        letters, self._letters = self._letters, []
        return letters

    @property
    def is_waiting(self) -> bool:
        """Whether somebody is to be told of something that has happened already."""
        return bool(self._letters or self._waiting or self._silent)

    def _hear_status(self, status: StationStatus, now: datetime) -> None:
        if status.online:
            self._silent.pop(status.station, None)
            self._close(f"silent:{status.station}")
        else:
            self._silent.setdefault(status.station, (status, now))

    def _energised(self, station: str) -> list[str]:
        states = (state for (name, _), state in self._states.items() if name == station)
        return [state.channel for state in states if state.state in _ENERGISED]

    def _is_new(self, identity: str) -> bool:
        if identity in self._seen:
            return False
        self._seen[identity] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _open(self, event: Event, now: datetime) -> None:
        rules = [rule for rule in self.settings.rules if rule.covers(event)]
        if not rules:
            return
        key = (event.station, event.channel, event.run_id, event.kind, event.author)
        matter = self._matters.get(key)
        if matter is not None and now - matter.told_at < _SAME:
            matter.again += 1
            matter.latest = event
            matter.ids.add(event.id)
            return
        notice = word_it(event, self._state_of(event), same_again=matter.again if matter else 0)
        to = tuple(dict.fromkeys(name for rule in rules for name in rule.to))
        repeats = [rule.repeat_s for rule in rules if rule.repeat_s is not None]
        repeat = timedelta(seconds=min(repeats)) if repeats else None
        ids = {event.id} | (matter.ids if matter else set())
        self._matters[key] = _Matter(notice, now, to, repeat, ids)
        self._forget_old(now)
        self._tell(to, notice, now)

    def _close(self, identity: str) -> None:
        self._matters = {key: matter for key, matter in self._matters.items() if identity not in matter.ids}

    def _forget_old(self, now: datetime) -> None:
        """What is told once need not be remembered for longer than it is compared with."""
        self._matters = {
            key: matter
            for key, matter in self._matters.items()
            if matter.repeat is not None or now - matter.told_at < _SAME
        }

    def _current(self, matter: _Matter) -> Notice:
        if matter.latest is None:
            return matter.notice
        return word_it(matter.latest, self._state_of(matter.latest), same_again=matter.again)

    def _state_of(self, event: Event) -> ChannelState | None:
        return self._states.get((event.station, event.channel))

    def _tell(self, names: Iterable[str], notice: Notice, now: datetime) -> None:
        for name in names:
            if notice.severity is not Severity.ALARM and self._is_quiet(name, now):
                self._waiting.setdefault(name, []).append(notice)
            else:
                self._letters.append(Letter(self.settings.recipients[name], notice))

    def _is_quiet(self, name: str, now: datetime) -> bool:
        quiet = self.settings.recipients[name].quiet
        return quiet is not None and quiet.holds(now)


def _silence(status: StationStatus, since: datetime, energised: list[str]) -> Event:
    """A station that is not heard from any more, as an event; an alarm if cells were cycling there."""
    cells = f"; {', '.join(energised)} had cells under current" if energised else ""
    reason = f": {status.reason}" if status.reason else ""
    return Event(
        station=status.station,
        id=f"silent:{status.station}",
        unix_time_second=since.timestamp(),
        kind="station_silent",
        text=f"the station is not heard from{reason}{cells}",
        author="labctl",
        severity=Severity.ALARM if energised else Severity.WARNING,
    )
