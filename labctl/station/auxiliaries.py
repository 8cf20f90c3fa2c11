"""The thermometers and chambers of a station file: named once, and shared by the channels that they stand beside.

auxiliaries:
  oven: {driver: espec-pr3j, resource: TCPIP::192.0.2.20::57732::SOCKET}
channels:
  smu: {driver: keithley-2450, resource: TCPIP::192.0.2.7::5025::SOCKET, temperature: oven}

One sensor of several is ``temperature: logger/t2``.
"""

from collections.abc import Mapping

from labctl import plugins
from labctl.errors import StationError, UserError
from labctl.link.address import port_name
from labctl.protocol.document import Node
from labctl.protocol.problems import Problems
from labctl.protocol.strict import did_you_mean
from labctl.station.connect import ChannelSpec
from labctl.station.entries import mapping, word
from labctl.station.thermometers import AuxiliarySpec, ThermometerSpec

_KEYS = ("driver", "resource")


def auxiliaries(
    node: Node | None, channels: Mapping[str, ChannelSpec], problems: Problems
) -> dict[str, AuxiliarySpec]:
    """Those that a station names; none if it names none.

    Args:
        node: where they stand.
        channels: of the station, whose ports are nobody else's.
        problems: where what is wrong goes.
    """
    if node is None:
        return {}
    described = mapping(node, None, problems)
    found = {name: _auxiliary(name, each, problems) for name, each in described.items()}
    ports = {
        port_name(resource): f"channel {channel.name}"
        for channel in channels.values()
        for _, resource in channel.instruments()
        if resource
    }
    for name, spec in found.items():
        if not spec.resource:
            continue
        if (owner := ports.setdefault(port_name(spec.resource), name)) != name:
            problems.add(
                described[name].find(("resource",)).mark,
                f"{spec.resource} is the resource of {owner} already",
            )
    return found


def _auxiliary(name: str, node: Node, problems: Problems) -> AuxiliarySpec:
    named = mapping(node, None, problems).get("driver")
    try:
        driver = plugins.auxiliary("" if named is None else word(named, problems))
    except UserError as error:
        problems.fatal(node.find(("driver",)).mark, f"{name}: {error}")
    parts = mapping(node, (*_KEYS, *driver.settings), problems)
    given = {key: word(value, problems) for key, value in parts.items()}
    settings = tuple((key, given[key]) for key in driver.settings if key in given)
    spec = AuxiliarySpec(name, driver.name, given.get("resource", ""), settings)
    try:
        spec.sensors()
    except StationError as error:
        problems.fatal(node.mark, str(error))
    return spec


def thermometer(
    channel: Node, known: Mapping[str, AuxiliarySpec], problems: Problems
) -> ThermometerSpec | None:
    """What a channel names below ``temperature``; None if it names nothing.

    Args:
        channel: the channel as it stands in the file.
        known: those of the station.
        problems: where what is wrong goes.
    """
    node = mapping(channel, None, problems).get("temperature")
    if node is None:
        return None
    name, _, sensor = word(node, problems).partition("/")
    if name not in known:
        problems.fatal(node.mark, f"no thermometer or chamber is called {name!r}", did_you_mean(name, known))
    sensors = known[name].sensors()
    if sensor and sensor not in sensors:
        problems.fatal(node.mark, f"{name} has no sensor {sensor!r}", did_you_mean(sensor, sensors))
    return ThermometerSpec(known[name], sensor or sensors[0])
