"""The way to a station for what a person asks of it, and what has to be true before anything is passed on.

Door          a station of this computer, or signed commands to another
Commands      reads a request, compares its confirmation with the cell that is meant, asks
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol
from uuid import uuid4

from labctl.protocol.plan_text import plan_to_text
from labctl.station.client import StationClient
from labctl.web.asked import CommandBody, SubmitBody
from labctl.web.live import Live
from labctl.web.plan_document import plan_to_run
from labctl.web.problem import Problem

VERBS = ("pause", "resume", "skip", "stop", "abort")
STARTING = ("resume", "skip")
"""After these, current can flow."""


class Door(Protocol):
    """Asks stations; one question, one answer, as the commands of ``labctl`` do."""

    def stations(self) -> Sequence[str] | None:
        """The stations that can be asked. None: those that are shown live can be commanded, and nothing else asked."""
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
        live: what is known of them.
        new_id: makes the id of a command that has none.
    """

    def __init__(self, door: Door, live: Live, new_id: Callable[[], str] = lambda: uuid4().hex) -> None:
        self._door = door
        self._live = live
        self._new_id = new_id

    @property
    def stations(self) -> Sequence[str]:
        """Those that can be commanded."""
        names = self._door.stations()
        if names is None:
            return [name for name, status in self._live.stations.items() if status.online]
        return names

    async def queue(self) -> dict[str, Any]:
        """The queues of all stations."""
        entries: list[dict[str, Any]] = []
        for station in self.stations:
            entries += [{"station": station, **entry} for entry in await self._entries(station)]
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
        names = self.stations
        if not names:
            await self._door.ask(station or "", "", "")  # says why nobody can be asked
        if station is None and len(names) == 1:
            return names[0]
        if station is None or station not in names:
            raise Problem(409, f"say which station is meant: {', '.join(names) or 'none is served'}")
        return station

    async def _name_of(self, station: str, target: str) -> str:
        """What a person has to say to show that they mean this: the cell's name, or, without one, the channel's."""
        for channel in await self._channels(station):
            if target in (channel["channel"], str(channel["run_id"]), channel["entry"]):
                return str(channel["cell"] or channel["channel"])
        for entry in await self._entries(station):
            if target in (entry["entry"], str(entry["run_id"])):
                return str(entry["cell"] or entry["channel"])
        raise Problem(
            404, f"station {station} has no run, channel or entry of its queue {target!r} that is not over"
        )

    async def _channels(self, station: str) -> list[dict[str, Any]]:
        if self._door.stations() is None:
            return [asdict(state) for (name, _), state in self._live.cells.items() if name == station]
        channels: list[dict[str, Any]] = (await self._door.ask(station, "status", ""))["channels"]
        return channels

    async def _entries(self, station: str) -> list[dict[str, Any]]:
        """The queue of a station; of one that can only be commanded, what its channels have to do with."""
        if self._door.stations() is not None:
            entries: list[dict[str, Any]] = await self._door.ask(station, "queue", "")
            return entries
        states = (state for (name, _), state in self._live.cells.items() if name == station and state.entry)
        return [
            {
                "entry": state.entry,
                "channel": state.channel,
                "state": state.state if state.state in ("queued", "held") else "running",
                "run_id": state.run_id,
                "cell": state.cell,
                "protocol": state.protocol,
            }
            for state in states
        ]
