"""The way to a station for what a person asks of it, and what has to be true before anything is passed on.

Door          a station of this computer, or signed commands to another
Commands      reads a request, compares its confirmation with the cell that is meant, asks
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from uuid import uuid4

from labctl.protocol.plan_text import plan_to_text
from labctl.station.client import StationClient
from labctl.web.asked import CommandBody, SubmitBody
from labctl.web.plan_document import plan_to_run
from labctl.web.problem import Problem

VERBS = ("pause", "resume", "skip", "stop", "abort")
STARTING = ("resume", "skip")
"""After these, current can flow."""


class Door(Protocol):
    """Asks stations; one question, one answer, as the commands of ``labctl`` do."""

    def stations(self) -> Sequence[str]:
        """The stations that can be asked."""
        ...

    async def ask(self, station: str, verb: str, command_id: str, **more: object) -> Any:
        """The answer of a station.

        Raises:
            LabctlError: what it objects.
        """
        ...


class LocalDoor:
    """The stations that this user serves on this computer.

    Args:
        names: of the stations.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def stations(self) -> Sequence[str]:
        """Those given."""
        return self._names

    async def ask(self, station: str, verb: str, command_id: str, **more: object) -> Any:
        """Through the station's socket, in a thread: a command may take some seconds."""

        def ask() -> Any:
            with StationClient(station) as client:
                return client.ask(verb, command_id, **more)

        return await asyncio.to_thread(ask)


class NoDoor:
    """Nobody can be asked.

    Args:
        reason: why, in one sentence.
    """

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def stations(self) -> Sequence[str]:
        """None."""
        return ()

    async def ask(self, station: str, verb: str, command_id: str, **more: object) -> Any:
        """Refuses.

        Raises:
            Problem: always.
        """
        raise Problem(409, self._reason, "no-door")


class Commands:
    """What viewers ask of stations.

    Args:
        door: the way to them.
        new_id: makes the id of a command that has none.
    """

    def __init__(self, door: Door, new_id: Callable[[], str] = lambda: uuid4().hex) -> None:
        self._door = door
        self._new_id = new_id

    @property
    def stations(self) -> Sequence[str]:
        """Those that can be asked."""
        return self._door.stations()

    async def queue(self) -> dict[str, Any]:
        """The queues of all stations."""
        entries: list[dict[str, Any]] = []
        for station in self._door.stations():
            found = await self._door.ask(station, "queue", "")
            entries += [{"station": station, **entry} for entry in found]
        return {"entries": entries}

    async def submit(self, asked: SubmitBody) -> dict[str, Any]:
        """Put a run at the end of a queue.

        Raises:
            LabctlError: the protocol is wrong, or what the station objects.
        """
        station = await self._meant(asked.station)
        plan = await asyncio.to_thread(plan_to_run, asked.protocol, asked.cell)
        answer = await self._door.ask(
            station,
            "submit",
            asked.command_id or self._new_id(),
            channel=asked.channel,
            plan=plan_to_text(plan),
            unattended=asked.unattended,
        )
        behind = f", behind {answer['before']} others" if answer["before"] else ""
        return {"message": f"{answer['entry']} is in the queue of channel {answer['channel']}{behind}"}

    async def command(self, target: str, verb: str, asked: CommandBody) -> dict[str, Any]:
        """Ask something of a run, once it is clear that this one is meant.

        Raises:
            Problem: the confirmation does not name its cell.
            LabctlError: what the station objects.
        """
        station = await self._meant(asked.station)
        name = await self._name_of(station, target)
        if asked.confirm != name:
            raise Problem(
                409, f"to {verb} {target}, confirm with {name!r}; that is what is connected", "confirm"
            )
        more: dict[str, object] = {"target": target}
        if verb == "resume":
            more |= {"policy": asked.policy, "any_voltage": asked.any_voltage}
        message = await self._door.ask(station, verb, asked.command_id or self._new_id(), **more)
        return {"message": str(message)}

    async def acknowledge(self, event_id: str, station: str | None) -> dict[str, Any]:
        """Say that somebody looks after an event.

        Raises:
            LabctlError: what the station objects.
        """
        meant = await self._meant(station)
        message = await self._door.ask(meant, "acknowledge", self._new_id(), event=event_id)
        return {"message": str(message)}

    async def _meant(self, station: str | None) -> str:
        names = self._door.stations()
        if not names:
            await self._door.ask(station or "", "", "")  # says why nobody can be asked
        if station is None and len(names) == 1:
            return names[0]
        if station is None or station not in names:
            raise Problem(409, f"say which station is meant: {', '.join(names) or 'none is served'}")
        return station

    async def _name_of(self, station: str, target: str) -> str:
        """What a person has to say to show that they mean this: the cell's name, or, without one, the channel's."""
        status = await self._door.ask(station, "status", "")
        for channel in status["channels"]:
            if target in (channel["channel"], str(channel["run_id"]), channel["entry"]):
                return str(channel["cell"] or channel["channel"])
        for entry in await self._door.ask(station, "queue", ""):
            if target in (entry["entry"], str(entry["run_id"])):
                return str(entry["cell"] or entry["channel"])
        raise Problem(
            404, f"station {station} has no run, channel or entry of its queue {target!r} that is not over"
        )
