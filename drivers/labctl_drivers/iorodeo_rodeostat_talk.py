"""Talks to a Rodeostat: a line of JSON is a command, a line answers it, and a test sends samples in between.

An answer names its command, so that it cannot be taken for the answer to another one. A sample has ``t``; ``{}`` says
that a test has ended, or that ``stopTest`` was obeyed.

Source: iorodeo/potentiostat, documentation of the JSON commands and firmware 0.1.0.
"""

import json
import math
from typing import Any, Never, TypeVar

from labctl.errors import InstrumentRefused, LinkNonsense, LinkTimeout
from labctl.instrument.channel import Identity
from labctl.link import Deadline, Link

T = TypeVar("T", bool, float, str)

_ANSWER = Deadline("the answer to a command")
_MOST_SAMPLES = 5000  # five seconds of the quickest test
_PACKET = 64  # USB: a message of a multiple of it stays in the instrument until another comes


class Talk:
    """One instrument at the other end of a link.

    Attributes:
        ended: ``{}`` has come: a test has ended since this was set to False.
    """

    def __init__(self, link: Link) -> None:
        self.ended = False
        self._link = link

    async def identify(self) -> Identity:
        """Ask who it is; the serial number is the device id that its owner has given it."""
        variant = await self.ask("getVariant", "variant", str)
        number = await self.ask("getDeviceId", "deviceId", float)
        firmware = await self.ask("getVersion", "version", str)
        return Identity("IO Rodeo", variant, f"{number:.0f}", firmware)

    async def ask(self, command: str, key: str, kind: type[T]) -> T:
        """What a question is answered with."""
        return self.read(await self.tell(command), key, kind)

    async def set(
        self, command: str, key: str, value: bool | int | str, epoch: int, *, reads: str = ""
    ) -> None:
        """Set something, and read it back with a question of its own.

        Args:
            command: how it is set; the question is ``get`` in place of ``set``.
            key: what it is called in both.
            value: to be.
            epoch: what is sent belongs to.
            reads: another question.

        Raises:
            InstrumentRefused: it reads back as something else.
        """
        await self.tell(command, epoch, **{key: value})
        question = reads or f"get{command.removeprefix('set')}"
        found = (await self.tell(question)).get(key)
        if found != value or isinstance(found, bool) != isinstance(value, bool):
            raise InstrumentRefused("the setting was not taken", self._link.name, command, repr(found))

    async def tell(self, command: str, epoch: int | None = None, **arguments: Any) -> dict[str, Any]:
        """Send a command and return its response.

        Raises:
            InstrumentRefused: in the instrument's words.
            Superseded: the epoch is over; nothing was sent.
            LinkNonsense: what came is no answer to this command; the link is poisoned.
            LinkTimeout: nothing but samples came in time; the link is poisoned.
        """
        line = as_line(command, **arguments)
        await self._link.send(line, epoch=epoch)
        for _ in range(_MOST_SAMPLES):
            if (answer := self._answer(await self._link.receive(_ANSWER))) is not None:
                break
        else:
            self._link.poison()
            raise LinkTimeout("samples came, and no answer", self._link.name, line.decode())
        response = answer.get("response")
        if not isinstance(response, dict) or not isinstance(answer["success"], bool):
            self._nonsense("an answer without a response", line)
        if not answer["success"]:
            if response.get("command", command) != command:
                self._nonsense("the answer belongs to another command", line)
            words = str(answer.get("message", "no reason given"))
            raise InstrumentRefused(words, self._link.name, line.decode())
        if response.get("command") != command:
            self._nonsense("the answer belongs to another command", line)
        return response

    def read(self, response: dict[str, Any], key: str, kind: type[T]) -> T:
        """A value of a response; a number is finite."""
        value = response.get(key)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (isinstance(value, float) and not math.isfinite(value)):
            self._nonsense(f"no {key} in the answer", b"", repr(value))
        return value

    def _answer(self, line: bytes) -> dict[str, Any] | None:
        """What a line holds if it is an answer; None for a sample, or the end of them."""
        try:
            found = json.loads(line, parse_constant=float)
        except ValueError:
            self._nonsense("a line that is no JSON", b"", line.decode("ascii", "replace"))
        if not isinstance(found, dict) or not (found.keys() & {"success", "t"} or found == {}):
            self._nonsense("neither an answer nor a sample", b"", line.decode("ascii", "replace"))
        self.ended = self.ended or found == {}
        return found if "success" in found else None

    def _nonsense(self, problem: str, sent: bytes, received: str = "") -> Never:
        self._link.poison()
        raise LinkNonsense(problem, self._link.name, sent.decode("ascii", "replace"), received)


def as_line(command: str, **arguments: Any) -> bytes:
    """A command as it is sent, without its line end."""
    line = json.dumps({"command": command, **arguments}, separators=(",", ":")).encode("ascii")
    return b" " + line if (len(line) + 1) % _PACKET == 0 else line
