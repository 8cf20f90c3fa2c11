"""Takes commands from a broker: looks at who sent them, passes on what is to be carried out, and answers.

What was kept by the broker (``retain``), is too old, too long, for another station or signed with another key goes no
further than this process; the station puts it on record, at most so many rows a second however many come. Whoever
has no key gets no answer.
"""

import asyncio
from asyncio import TaskGroup
from collections import Counter

from aiomqtt import Client

from labctl.errors import LabctlError
from labctl.station.client import StationClient
from labctl.telemetry import topics
from labctl.telemetry.command import Answer, Command, Refused, answer_to_text, checked
from labctl.telemetry.hearing import Hearing

_AT_ONCE = 20
_ROWS_A_SECOND = 5
_TOO_MANY = "too many at once"


class Commander:
    """Takes commands for one station.

    Args:
        station: its name.
        key: with which they are signed.
        allowed: verbs.
        hearing: through which the station is told what was refused.
    """

    def __init__(self, station: str, key: bytes, allowed: tuple[str, ...], hearing: Hearing) -> None:
        self.topic = topics.station_topic(station, "command")
        self._answers = topics.station_topic(station, "answer")
        self._station = station
        self._key = key
        self._allowed = allowed
        self._hearing = hearing
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_AT_ONCE)
        self._refused: Counter[tuple[str, str, str]] = Counter()

    def receive(self, payload: bytes, *, retained: bool) -> None:
        """Something came under the topic of commands."""
        if retained:
            self._refuse("kept by the broker: a command is never retained")
            return
        try:
            self._waiting.put_nowait(payload)
        except asyncio.QueueFull:
            self._refuse(_TOO_MANY)

    async def live(self, connected: Client) -> None:
        """Carry out what comes in, until cancelled."""
        async with TaskGroup() as group:
            group.create_task(self._put_on_record())
            for _ in range(_AT_ONCE // 4):  # one that takes its time does not hold up the next
                group.create_task(self._work(connected))

    async def _work(self, connected: Client) -> None:
        while True:
            payload = await self._waiting.get()
            try:
                command = checked(payload, self._key, self._station, self._allowed)
            except Refused as refused:
                self._refuse(str(refused), refused.command)
                if refused.command is not None and refused.command.station == self._station:
                    await self._answer(connected, refused.command, ok=False, text=str(refused))
                continue
            try:
                text = await asyncio.to_thread(self._pass_on, command)
            except LabctlError as error:
                await self._answer(connected, command, ok=False, text=str(error))
            else:
                await self._answer(connected, command, ok=True, text=text)

    def _pass_on(self, command: Command) -> str:
        with StationClient(self._station) as client:
            answer = client.ask(
                "command",
                command=command.id,
                verb=command.verb,
                run=str(command.run),
                expires_unix_second=command.expires_unix_second,
            )
        return str(answer)

    async def _answer(self, connected: Client, command: Command, *, ok: bool, text: str) -> None:
        answer = Answer(station=self._station, id=command.id, ok=ok, text=text)
        await connected.publish(self._answers, answer_to_text(answer), qos=1)

    def _refuse(self, reason: str, command: Command | None = None) -> None:
        verb, run = ("", "") if command is None else (command.verb, str(command.run))
        known = (reason, verb, run)
        if known not in self._refused and len(self._refused) >= _ROWS_A_SECOND:
            known = (_TOO_MANY, "", "")
        self._refused[known] += 1

    async def _put_on_record(self) -> None:
        while True:
            refused, self._refused = self._refused, Counter()
            for (reason, verb, run), times in refused.items():
                if not await self._hearing.tell("refused", reason=reason, verb=verb, run=run, times=times):
                    self._refused[reason, verb, run] += times
            await asyncio.sleep(1.0)
