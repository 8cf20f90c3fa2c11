"""The station file: which channels a computer has, by driver and resource, and what is allowed on them.

station: bench-1
limits: {voltage: [-5 V, 5 V], current: 100 mA}
channels:
  smu:
    driver: keithley-2450
    resource: TCPIP::192.0.2.7::5025::SOCKET
    serial: "04412345"
    limits: {voltage: [-1 V, 1 V], current: 1 mA}
  rehearsal:
    driver: palmsens-emstat4
    cell: na50k50

Analysers: see ``labctl.station.analysers``; thermometers and chambers: ``labctl.station.auxiliaries``.
"""

import os
import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from labctl import plugins
from labctl.errors import StationError, UserError
from labctl.link.address import port_name
from labctl.protocol.document import Node, parse
from labctl.protocol.finder import read
from labctl.protocol.problems import Problems
from labctl.protocol.strict import did_you_mean
from labctl.station.analysers import analysers, chosen, refuse_shared
from labctl.station.auxiliaries import auxiliaries, thermometer
from labctl.station.broker import Broker, broker_from
from labctl.station.bundled import bundled_stations
from labctl.station.connect import AnalyserSpec, ChannelSpec
from labctl.station.entries import limits, mapping, seconds, word
from labctl.station.limits import beyond_instrument
from labctl.station.listen import Listen, listen_from
from labctl.station.thermometers import AuxiliarySpec

_KEYS = ("driver", "resource", "cell", "model", "serial", "limits", "watchdog", "analyser", "temperature")
_TOP = ("station", "limits", "mqtt", "dashboard", "analysers", "auxiliaries", "channels")
_STATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CHANNEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_NO_CHANNEL = re.compile(r"true|false|yes|no|on|off|null|last|[qQ][0-9]+", re.IGNORECASE)
"""Words that YAML elsewhere takes for something else, and those that name a run or a place in the queue."""


@dataclass(frozen=True, slots=True)
class Station:
    """The named channels of one computer."""

    name: str
    file: str
    channels: dict[str, ChannelSpec]
    mqtt: Broker | None = None
    dashboard: Listen | None = None

    def auxiliaries(self) -> tuple[AuxiliarySpec, ...]:
        """Thermometers and chambers that stand beside some channel, each once."""
        specs = [
            each.thermometer.auxiliary for each in self.channels.values() if each.thermometer is not None
        ]
        return tuple(dict.fromkeys(specs))

    def channel(self, name: str | None) -> ChannelSpec:
        """The channel of that name; without a name, the only one.

        Raises:
            StationError: there is none, or there are several to choose from.
        """
        if name is None and len(self.channels) == 1:
            return next(iter(self.channels.values()))
        if name is None or name not in self.channels:
            asked = f"no channel is called {name!r}" if name else "there are several channels"
            raise StationError(f"{self.file}: {asked}; give --channel, one of {', '.join(self.channels)}")
        return self.channels[name]


def load_station(path_or_name: str) -> Station:
    """Read a station file, or the bundled station of that name.

    Raises:
        ProtocolError: with file, line and column of what is wrong.
        StationError: there is no such file.
    """
    problems = Problems()
    source = read(_found(path_or_name), problems)
    root = parse(source.name, source.text, problems)
    top = mapping(root, _TOP, problems)
    name = _station_name(path_or_name, top, root, problems)
    if "channels" not in top:
        problems.fatal(
            root.mark, "'channels' is missing", "name at least one channel with its driver and resource"
        )
    described = mapping(top["channels"], None, problems)
    if not described:
        problems.fatal(top["channels"].mark, "no channel is named", "name at least one")
    for key in described:
        _refuse_strange_name(key, top["channels"], problems)
    beside = analysers(top.get("analysers"), problems)
    channels = {
        key: _channel(key, node, top.get("limits"), beside, problems) for key, node in described.items()
    }
    thermometers = auxiliaries(top.get("auxiliaries"), channels, problems)
    channels = {
        key: replace(spec, thermometer=thermometer(described[key], thermometers, problems))
        for key, spec in channels.items()
    }
    _refuse_shared_ports(channels, described, problems)
    refuse_shared(channels, top["channels"], problems)
    broker = broker_from(top["mqtt"], Path(source.name).parent, problems) if "mqtt" in top else None
    folder = Path(source.name).parent
    dashboard = listen_from(top["dashboard"], folder, problems) if "dashboard" in top else None
    problems.raise_first()
    return Station(name, path_or_name, channels, broker, dashboard)


def _found(path_or_name: str) -> Path:
    bundled = bundled_stations()
    if os.path.exists(path_or_name):
        return Path(path_or_name)
    if path_or_name in bundled:
        return bundled[path_or_name]
    near = get_close_matches(path_or_name, bundled, 1, 0.6)
    hint = f"did you mean the bundled {near[0]}?" if near else f"bundled are {', '.join(bundled)}"
    raise StationError(
        f"{ascii(path_or_name)[1:-1]}: there is no such file, and no bundled station of this name; {hint}"
    )


def _station_name(path_or_name: str, top: dict[str, Node], root: Node, problems: Problems) -> str:
    """As the file says, or its own name without the ending."""
    name = word(top["station"], problems) if "station" in top else Path(path_or_name).stem
    if not _STATION.fullmatch(name):
        problems.add(
            top["station"].mark if "station" in top else root.mark,
            f"{name[:40]!r} is no name for a station",
            "write `station: bench-1`, with letters, digits and . _ -",
        )
    return name


def _refuse_strange_name(name: str, channels: Node, problems: Problems) -> None:
    if _NO_CHANNEL.fullmatch(name) or not _CHANNEL.fullmatch(name):
        problems.add(
            channels.key_marks[name],
            f"{name[:40]!r} is no name for a channel",
            "begin with a letter, go on with letters, digits, _ and -, as in smu-1",
        )


def _channel(
    name: str,
    node: Node,
    limits_of_station: Node | None,
    beside: dict[str, AnalyserSpec],
    problems: Problems,
) -> ChannelSpec:
    named = mapping(node, None, problems).get("driver")
    try:
        driver = plugins.driver("" if named is None else word(named, problems))
    except UserError as error:
        problems.fatal(node.find(("driver",)).mark, f"channel {name}: {error}")
    parts = mapping(node, (*_KEYS, *driver.settings), problems)
    given = {key: word(value, problems) for key, value in parts.items() if key not in ("limits", "watchdog")}
    if ("resource" in given) == ("cell" in given):
        problems.add(
            node.mark,
            f"channel {name} needs either a resource or a simulated cell",
            "write `resource: TCPIP::192.0.2.7::5025::SOCKET`, or `cell: na50k50` to rehearse",
        )
    if (model := given.get("model")) not in (None, *driver.traits):
        problems.fatal(
            parts["model"].mark,
            f"{driver.name} knows no model {model!r}",
            did_you_mean(str(model), driver.traits),
        )
    if "cell" in given:
        _refuse_unknown_cell(given["cell"], parts["cell"], problems)
    if "watchdog" in parts and driver.watchdog is None:
        problems.fatal(
            parts["watchdog"].mark, f"{driver.name} has no watchdog to arm", "leave `watchdog` out"
        )
    limits_node = parts.get("limits", limits_of_station)
    spec = ChannelSpec(
        name,
        driver.name,
        resource=given.get("resource", ""),
        cell=given.get("cell", ""),
        model=model,
        serial=given.get("serial"),
        limits=None if limits_node is None else limits(limits_node, problems),
        watchdog_s=seconds(parts["watchdog"], problems) if "watchdog" in parts else None,
        settings=tuple((key, given[key]) for key in driver.settings if key in given),
    )
    if (
        limits_node is not None
        and spec.limits is not None
        and (wrong := beyond_instrument(spec.limits, spec.traits()))
    ):
        problems.add(
            limits_node.mark, f"channel {name}: {wrong}", "narrow `limits` to what the instrument holds"
        )
    if "analyser" in given:
        spec = replace(spec, analyser=chosen(given["analyser"], spec, parts["analyser"], beside, problems))
    return spec


def _refuse_unknown_cell(cell: str, node: Node, problems: Problems) -> None:
    try:
        plugins.cell(cell, 0)
    except UserError as error:
        problems.add(node.mark, str(error))


def _refuse_shared_ports(
    channels: dict[str, ChannelSpec], nodes: dict[str, Node], problems: Problems
) -> None:
    """One port under two names would be two channels that open and close each other's circuit."""
    ports: dict[str, tuple[ChannelSpec, str]] = {}
    serials: dict[tuple[str, str], ChannelSpec] = {}
    for name, channel in channels.items():
        if not channel.resource:
            continue
        named = {"resource": (channel.place(), channel.resource)}
        named |= {key: (port, port) for key, port in channel.further_ports().items()}
        for key, (place, shown) in named.items():
            this = (channel, shown)
            first = ports.setdefault(port_name(place), this)
            if first is not this:
                problems.add(
                    nodes[name].find((key,)).mark,
                    f"{shown} is the resource of channel {first[0].name} already"
                    + ("" if first[1] == shown else f", written {first[1]}"),
                    "one instrument, one channel",
                )
        if channel.serial is None:
            continue
        owner = serials.setdefault((channel.driver, channel.serial), channel)
        if owner is not channel:
            problems.add(
                nodes[name].find(("serial",)).mark,
                f"serial number {channel.serial} is that of channel {owner.name} already",
                "one instrument, one channel",
            )
