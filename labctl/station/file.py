"""The station file: which channels a computer has, by driver and resource.

station: bench-1
channels:
smu:
driver: keithley-2450
resource: TCPIP::192.0.2.7::5025::SOCKET
serial: "04412345"
rehearsal:
driver: palmsens-emstat4
cell: na50k50
"""

from dataclasses import dataclass

from labctl import plugins
from labctl.errors import StationError, UserError
from labctl.protocol.document import Node, parse
from labctl.protocol.finder import read
from labctl.protocol.problems import Problems
from labctl.protocol.strict import did_you_mean
from labctl.station.connect import ChannelSpec

_KEYS = ("driver", "resource", "cell", "model", "serial")


@dataclass(frozen=True, slots=True)
class Station:
    """The named channels of one computer."""

    name: str
    file: str
    channels: dict[str, ChannelSpec]

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


def load_station(path: str) -> Station:
    """Read a station file.

    Raises:
        ProtocolError: with file, line and column of what is wrong.
    """
    problems = Problems()
    source = read(path, problems)
    root = parse(source.name, source.text, problems)
    top = _mapping(root, ("station", "channels"), problems)
    name = _text(top["station"], problems) if "station" in top else ""
    if "channels" not in top:
        problems.fatal(
            root.mark, "'channels' is missing", "name at least one channel with its driver and resource"
        )
    described = _mapping(top["channels"], None, problems)
    channels = {key: _channel(key, node, problems) for key, node in described.items()}
    _refuse_shared_resources(channels, described, problems)
    problems.raise_first()
    return Station(name, path, channels)


def _channel(name: str, node: Node, problems: Problems) -> ChannelSpec:
    given = {key: _text(value, problems) for key, value in _mapping(node, _KEYS, problems).items()}
    driver = given.get("driver", "")
    try:
        plugins.driver(driver)
    except UserError as error:
        problems.fatal(node.find(("driver",)).mark, f"channel {name}: {error}")
    if ("resource" in given) == ("cell" in given):
        problems.add(
            node.mark,
            f"channel {name} needs either a resource or a simulated cell",
            "write `resource: TCPIP::192.0.2.7::5025::SOCKET`, or `cell: na50k50` to rehearse",
        )
    return ChannelSpec(
        name,
        driver,
        resource=given.get("resource", ""),
        cell=given.get("cell", ""),
        model=given.get("model"),
        serial=given.get("serial"),
    )


def _refuse_shared_resources(
    channels: dict[str, ChannelSpec], nodes: dict[str, Node], problems: Problems
) -> None:
    owners: dict[str, str] = {}
    for name, channel in channels.items():
        if not channel.resource:
            continue
        owner = owners.setdefault(channel.resource.upper(), name)
        if owner != name:
            problems.add(
                nodes[name].find(("resource",)).mark,
                f"{channel.resource} is the resource of channel {owner} already",
                "one instrument, one channel",
            )


def _mapping(node: Node, keys: tuple[str, ...] | None, problems: Problems) -> dict[str, Node]:
    if not isinstance(node.content, dict):
        wanted = ", ".join(keys) if keys else "names of channels"
        problems.fatal(node.mark, "a mapping is wanted here", f"write `key: value` with {wanted}")
    for key in node.content:
        if keys is not None and key not in keys:
            problems.add(node.key_marks[key], f"unknown key {key!r}", did_you_mean(key, keys))
    return node.content


def _text(node: Node, problems: Problems) -> str:
    if not isinstance(node.content, str) or not node.content:
        problems.fatal(node.mark, "a word is wanted here", "write one value")
    return node.content
