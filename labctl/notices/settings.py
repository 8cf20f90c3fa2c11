"""The notices file: who can be told, and which rules decide what each is told.

recipients:
  phone: {url: "ntfys://ntfy.example.org/cells-of-bench-1"}
  mail: {url_from: /etc/labctl/mail.url, quiet: "22:00-07:00"}
rules:
  - {severity: alarm, to: [phone, mail], repeat: 15 min}
  - {severity: warning, to: [mail]}
  - {kinds: [run_ended], cells: "na50k50-*", to: [phone]}
"""

import os
import re
import stat
from dataclasses import dataclass
from datetime import datetime, time
from fnmatch import fnmatchcase
from pathlib import Path

from labctl.errors import UserError
from labctl.protocol.document import Node, parse
from labctl.protocol.finder import read
from labctl.protocol.problems import Problems
from labctl.protocol.strict import did_you_mean
from labctl.station.entries import mapping, seconds, word
from labctl.telemetry.messages import Event, Severity

_RECIPIENT = ("url", "url_from", "quiet")
_RULE = ("severity", "kinds", "stations", "channels", "cells", "to", "repeat")
_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")
_SHORTEST_REPEAT_S = 60.0
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of every day, by the wall clock of this computer, in which what can wait waits."""

    begins: time
    ends: time

    def holds(self, now: datetime) -> bool:
        """Whether ``now``, in local time, is one of them."""
        at = now.time()
        if self.begins <= self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who can be told.

    Attributes:
        name: as rules call them.
        url: where to, as apprise writes it (``ntfys://...``, ``mailtos://...``, ``jsons://...``); may hold a secret.
        quiet: when only alarms are delivered; the rest comes together afterwards. None: never.
    """

    name: str
    url: str
    quiet: Quiet | None = None

    def __repr__(self) -> str:
        return f"Recipient({self.name!r})"  # the address may hold a secret


@dataclass(frozen=True, slots=True)
class Rule:
    """Who is told of which events.

    Attributes:
        to: names of recipients.
        severity: at least so much.
        kinds: of events; empty: all.
        stations, channels, cells: patterns with ``*`` and ``?``.
        repeat_s: told again so often until somebody has acknowledged it; None: told once.
    """

    to: tuple[str, ...]
    severity: Severity = Severity.WARNING
    kinds: tuple[str, ...] = ()
    stations: str = "*"
    channels: str = "*"
    cells: str = "*"
    repeat_s: float | None = None

    def covers(self, event: Event) -> bool:
        """Whether it is about such an event."""
        return (
            _RANKS[event.severity] >= _RANKS[self.severity]
            and (not self.kinds or event.kind in self.kinds)
            and fnmatchcase(event.station, self.stations)
            and fnmatchcase(event.channel, self.channels)
            and fnmatchcase(event.cell, self.cells)
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """A notices file."""

    recipients: dict[str, Recipient]
    rules: tuple[Rule, ...]


def load_settings(path: str) -> Settings:
    """Read a notices file.

    Raises:
        ProtocolError: with file, line and column of what is wrong.
        UserError: there is no such file, or others can read the secrets in it.
    """
    file = Path(path)
    if not file.exists():
        raise UserError(f"{path}: there is no such file")
    problems = Problems()
    source = read(file, problems)
    top = mapping(parse(source.name, source.text, problems), ("recipients", "rules"), problems)
    described = mapping(top["recipients"], None, problems) if "recipients" in top else {}
    recipients = {name: _recipient(name, node, file, problems) for name, node in described.items()}
    rules = _rules(top.get("rules"), recipients, problems)
    problems.raise_first()
    if not rules:
        raise UserError(f"{path}: nobody would be told anything; write `recipients:` and `rules:`")
    return Settings(recipients, rules)


def _recipient(name: str, node: Node, file: Path, problems: Problems) -> Recipient:
    parts = mapping(node, _RECIPIENT, problems)
    if ("url" in parts) == ("url_from" in parts):
        problems.fatal(
            node.mark,
            f"{name} needs either a url or a url_from",
            "write `url: ntfys://ntfy.sh/TOPIC`, or `url_from: FILE` or `url_from: $VARIABLE` for one with a secret",
        )
    url = word(parts["url"], problems) if "url" in parts else _secret(parts["url_from"], file, problems)
    quiet = _quiet(parts["quiet"], problems) if "quiet" in parts else None
    return Recipient(name, url, quiet)


def _secret(node: Node, file: Path, problems: Problems) -> str:
    """An address out of a file that only its owner can read, or out of the environment."""
    place = word(node, problems)
    if place.startswith("$"):
        if not (found := os.environ.get(place[1:])):
            problems.fatal(node.mark, f"the environment has no {place[1:]}", "set it, or name a file")
        return found
    path = file.parent / place
    try:
        mode = path.stat().st_mode
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.fatal(node.mark, f"{path}: {error}", "write the address into it, and chmod 600 it")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        problems.fatal(node.mark, f"{path} can be read by others", f"chmod 600 {path}")
    return text


def _quiet(node: Node, problems: Problems) -> Quiet:
    found = _QUIET.fullmatch(word(node, problems))
    if found is None:
        problems.fatal(node.mark, f"{node.content!r} is no part of a day", 'write quiet: "22:00-07:00"')
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    return Quiet(time(from_hour, from_minute), time(to_hour, to_minute))


def _rules(node: Node | None, recipients: dict[str, Recipient], problems: Problems) -> tuple[Rule, ...]:
    if node is None:
        return ()
    if not isinstance(node.content, list):
        problems.fatal(node.mark, "rules are a list", "write `- {severity: alarm, to: [phone]}`")
    return tuple(_rule(item, recipients, problems) for item in node.content)


def _rule(node: Node, recipients: dict[str, Recipient], problems: Problems) -> Rule:
    parts = mapping(node, _RULE, problems)
    if "to" not in parts:
        problems.fatal(node.mark, "this rule tells nobody", f"write `to: [{', '.join(recipients)}]`")
    repeat_s = seconds(parts["repeat"], problems) if "repeat" in parts else None
    if repeat_s is not None and repeat_s < _SHORTEST_REPEAT_S:
        problems.add(parts["repeat"].mark, "nobody reads that often", "repeat after 1 min or more")
    return Rule(
        to=_choices(parts["to"], tuple(recipients), problems),
        severity=Severity(_choices(parts["severity"], tuple(Severity), problems)[0])
        if "severity" in parts
        else Severity.INFO
        if "kinds" in parts
        else Severity.WARNING,
        kinds=_words(parts["kinds"], problems) if "kinds" in parts else (),
        repeat_s=repeat_s,
        **{key: word(parts[key], problems) for key in ("stations", "channels", "cells") if key in parts},
    )


def _words(node: Node, problems: Problems) -> tuple[str, ...]:
    items = node.content if isinstance(node.content, list) else [node]
    return tuple(word(item, problems) for item in items)


def _choices(node: Node, known: tuple[str, ...], problems: Problems) -> tuple[str, ...]:
    chosen = _words(node, problems)
    for name in chosen:
        if name not in known:
            problems.fatal(node.mark, f"{name!r} is none of {', '.join(known)}", did_you_mean(name, known))
    return chosen
