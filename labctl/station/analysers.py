"""The analysers of a station file: named once, and shared by channels whose own instruments measure no impedance.

analysers:
  lcr: {driver: keysight-e4980a, resource: TCPIP::192.0.2.9::5025::SOCKET, deadline: 30 min}
channels:
  smu: {driver: keithley-2450, resource: TCPIP::192.0.2.7::5025::SOCKET, analyser: lcr}
"""

from labctl import plugins
from labctl.errors import InstrumentError, UserError
from labctl.instrument.analyser_queue import DEADLINE_S, AnalyserQueue
from labctl.instrument.composed import composed_traits
from labctl.link.address import port_name
from labctl.protocol.document import Node
from labctl.protocol.problems import Problems
from labctl.protocol.strict import did_you_mean
from labctl.station.connect import AnalyserSpec, ChannelSpec
from labctl.station.entries import mapping, seconds, word

_KEYS = ("driver", "resource", "model", "deadline")


def analysers(node: Node | None, problems: Problems) -> dict[str, AnalyserSpec]:
    """Those that a station names; none if it names none."""
    if node is None:
        return {}
    return {name: _analyser(name, each, problems) for name, each in mapping(node, None, problems).items()}


def _analyser(name: str, node: Node, problems: Problems) -> AnalyserSpec:
    parts = mapping(node, _KEYS, problems)
    given = {key: word(value, problems) for key, value in parts.items() if key != "deadline"}
    try:
        driver = plugins.driver(given.get("driver", ""))
    except UserError as error:
        problems.fatal(node.find(("driver",)).mark, f"analyser {name}: {error}")
    if (model := given.get("model")) not in (None, *driver.traits):
        problems.fatal(
            parts["model"].mark,
            f"{driver.name} knows no model {model!r}",
            did_you_mean(str(model), driver.traits),
        )
    if next(iter(driver.traits.values())).impedance is None:
        problems.fatal(node.mark, f"analyser {name}: {driver.name} measures no impedance")
    deadline_s = seconds(parts["deadline"], problems) if "deadline" in parts else DEADLINE_S
    return AnalyserSpec(driver.name, AnalyserQueue(name, deadline_s), given.get("resource", ""), model)


def chosen(
    name: str, own: ChannelSpec, node: Node, known: dict[str, AnalyserSpec], problems: Problems
) -> AnalyserSpec:
    """The analyser that a channel names.

    Args:
        name: of the analyser.
        own: the channel without it.
        node: where it is named.
        known: those of the station.
        problems: where what is wrong goes.
    """
    if name not in known:
        problems.fatal(node.mark, f"no analyser is called {name!r}", did_you_mean(name, known))
    analyser = known[name]
    if bool(own.resource) != bool(analyser.resource):
        problems.add(
            node.mark,
            f"channel {own.name} and analyser {name}: one is simulated, the other one is not",
            "give both a resource, or neither",
        )
    try:
        composed_traits(own.traits(), analyser.traits())
    except InstrumentError as error:
        problems.add(node.mark, f"channel {own.name}: {error}")
    return analyser


def refuse_shared(channels: dict[str, ChannelSpec], node: Node, problems: Problems) -> None:
    """No relay is switched by labctl: a real analyser is wired to one cell, and its port is nobody else's."""
    ports = {port_name(channel.place()): name for name, channel in channels.items() if channel.resource}
    users: dict[str, str] = {}
    for name, channel in channels.items():
        if channel.analyser is None or not channel.analyser.resource:
            continue
        port, analyser = port_name(channel.analyser.resource), channel.analyser.queue.name
        mark = node.find((name, "analyser")).mark
        if port in ports:
            problems.add(mark, f"analyser {analyser} is at the resource of channel {ports[port]}")
        if (first := users.setdefault(port, name)) != name:
            problems.add(
                mark,
                f"analyser {analyser} is that of channel {first} already, and labctl has no driver that switches it",
                "one analyser, one channel, unless they are simulated",
            )
