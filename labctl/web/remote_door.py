"""The way to stations elsewhere: commands over MQTT, signed with a key that both ends have."""

from collections import OrderedDict
from typing import Any

from labctl.errors import StationError
from labctl.station.broker import COMMANDS, Broker
from labctl.telemetry.command import new
from labctl.telemetry.remote_hand import send

_REMEMBERED = 1000


class RemoteDoor:
    """Stations that take commands at a broker.

    Args:
        broker: where.
        key: of the stations.
    """

    def __init__(self, broker: Broker, key: bytes) -> None:
        self._broker = broker
        self._key = key
        self._answered: OrderedDict[str, str] = OrderedDict()

    def stations(self) -> None:
        """Whichever publish there; a station that takes no commands says so, or nothing."""
        return

    async def ask(self, station: str, verb: str, command_id: str, **more: object) -> Any:
        """Pass a command on; to one that was answered before, the same answer.

        Raises:
            StationError: what the station objects, or it is asked for what only its own computer does.
        """
        if verb not in COMMANDS:
            raise StationError(
                f"{verb} is done at the computer of station {station}: signed commands do not go so far"
            )
        target = str(more.get("target", ""))
        if not (target.isascii() and target.isdecimal()) or more.get("policy") or more.get("any_voltage"):
            raise StationError(
                f"over MQTT a run in progress is commanded by its number; {target} is for the computer of {station}"
            )
        if command_id not in self._answered:
            answer = await send(self._broker, new(station, int(target), verb, self._key))
            self._answered[command_id] = answer
            if len(self._answered) > _REMEMBERED:
                self._answered.popitem(last=False)
        return self._answered[command_id]
