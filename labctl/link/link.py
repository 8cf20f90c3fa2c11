"""A link: lines or frames over a port, where no answer can be taken for the answer to another question."""

from collections.abc import Callable

from labctl.clock import Clock
from labctl.errors import LinkNonsense, LinkPoisoned, LinkTimeout
from labctl.link.fence import Fence
from labctl.link.port import Deadline, Port

_LONGEST_LINE = 1 << 20
_NEVER_SILENT_S = 3.0  # on the wall: a line that goes on sending for so long does not fall silent by itself
_UNPRINTABLE = bytes({*range(256)} - {*range(0x20, 0x7F)})
_LONGEST_SHOWN = 160
_LONGEST_SHOWN_BYTES = 48
_AT_ONCE = 0.0  # a time that has always passed: what has come, without waiting

FrameSize = Callable[[bytes], int]
"""How many bytes the frame has that begins so; 0 while that cannot be told; ValueError if no frame begins so."""


class Link:
    """Framing and discipline over one port.

    An exchange that is left early, by a timeout, nonsense or cancellation, poisons the link: from then on every
    exchange is refused until ``resynchronise`` has emptied or reopened the port. The driver then proves with an
    identification that question and answer belong together again, before it trusts a reading.

    Attributes:
        fence: the epochs of this port.
        poisoned: an exchange was left early.
    """

    def __init__(
        self, port: Port, clock: Clock, terminator: bytes = b"\n", fence: Fence | None = None
    ) -> None:
        self.port = port
        self.fence = fence or Fence()
        self.poisoned = False
        self._clock = clock
        self._terminator = terminator
        self._input = bytearray()
        self._last_sent = b""

    @property
    def name(self) -> str:
        """The port's name, for messages."""
        return self.port.name

    async def open(self) -> None:
        """Open the port."""
        self._input.clear()
        await self.port.open()
        self.poisoned = False

    async def close(self) -> None:
        """Close the port."""
        await self.port.close()

    async def send(self, line: bytes, *, epoch: int | None = None) -> None:
        """Send one line; the terminator is added.

        Args:
            line: without terminator.
            epoch: for what energises, the epoch in which it was decided.

        Raises:
            Superseded: the epoch is over; nothing was sent.
            LinkPoisoned: an earlier exchange was left early; nothing was sent.
            LinkLost: the port is gone.
        """
        self._refuse_if_poisoned(line)
        await self.send_anyway(line, epoch=epoch)

    async def send_anyway(self, line: bytes, *, epoch: int | None = None) -> None:
        """Send although the link may be poisoned: opening the circuit needs no answer to be right."""
        if epoch is not None:
            self.fence.check(epoch)
        self._last_sent = line
        await self.port.write(line + self._terminator)

    async def receive(self, deadline: Deadline) -> bytes:
        """Return the next line without its terminator (a CR before it is dropped).

        Raises:
            LinkTimeout: no complete line in time; the link is poisoned.
            LinkNonsense: a line without end; the link is poisoned.
            LinkLost: the port is gone.
        """
        self._refuse_if_poisoned(b"")
        if self._input and (line := self._take_line()) is not None:
            return line
        self.poisoned = True  # until the line is complete, leaving in any way leaves the exchange open
        until_s = self._clock.now() + deadline.takes_s + deadline.slack_s * self._clock.speed
        while True:
            data = await self.port.read(until_s)
            if not data:
                raise self._too_late(deadline, self._input)
            end = data.find(self._terminator)
            if end >= 0 and end + len(self._terminator) == len(data) and not self._input:
                # one line and nothing else, as most often
                return self._answer(data[:end].removesuffix(b"\r"))
            self._input += data
            if (line := self._take_line()) is not None:
                return line
            if len(self._input) > _LONGEST_LINE:
                raise self._nonsense("a line without end", self._input)

    async def ask(self, line: bytes, deadline: Deadline, *, epoch: int | None = None) -> bytes:
        """Send a line and return the one line that answers it, without its terminator.

        Whatever comes besides, before the question or together with the answer, leaves it open which question was
        answered: that is nonsense, and poisons the link.

        Raises:
            Superseded: the epoch is over; nothing was sent.
            LinkPoisoned: an earlier exchange was left early; nothing was sent.
            LinkTimeout, LinkNonsense, LinkLost: the exchange failed; the link is poisoned.
        """
        if self.poisoned:
            self._refuse_if_poisoned(line)
        port, terminator = self.port, self._terminator
        if unasked := self._input or await port.read(_AT_ONCE):
            raise self._nonsense("bytes came unasked for", unasked)
        if epoch is not None:
            self.fence.check(epoch)
        self._last_sent = line
        self.poisoned = True  # until the answer is complete, leaving in any way leaves the exchange open
        await port.write(line + terminator)
        until_s = self._clock.now() + deadline.takes_s + deadline.slack_s * self._clock.speed
        received = await port.read(until_s)
        while (end := received.find(terminator)) < 0:
            more = await port.read(until_s)
            if not more:
                raise self._too_late(deadline, received)
            received += more
            if len(received) > _LONGEST_LINE:
                raise self._nonsense("a line without end", received)
        if end + len(terminator) != len(received):
            raise self._nonsense("more than one line answered", received)
        return self._answer(received[:end].removesuffix(b"\r"))

    async def query(self, line: bytes, deadline: Deadline, *, epoch: int | None = None) -> bytes:
        """Send a line and return the first line of its answer; ``receive`` returns those that follow.

        Raises:
            LinkNonsense: something unasked for had arrived before; the link is poisoned.
        """
        if self._input:
            raise self._nonsense("bytes came unasked for", self._input)
        await self.send(line, epoch=epoch)
        return await self.receive(deadline)

    async def exchange(
        self, request: bytes, size: FrameSize, deadline: Deadline, *, epoch: int | None = None
    ) -> bytes:
        """Send a binary frame and return the one frame that answers it.

        As with ``ask``, whatever comes besides is nonsense. Whether the frame is whole (its checksum) and answers
        this very request is for the driver to see; if it does not, the driver poisons the link.

        Args:
            request: sent as it is.
            size: of the answer, from its first bytes.

        Raises:
            Superseded: the epoch is over; nothing was sent.
            LinkPoisoned: an earlier exchange was left early; nothing was sent.
            LinkTimeout, LinkNonsense, LinkLost: the exchange failed; the link is poisoned.
        """
        self._refuse_if_poisoned(request)
        if unasked := self._input or await self.port.read(_AT_ONCE):
            raise self._nonsense("bytes came unasked for", unasked)
        if epoch is not None:
            self.fence.check(epoch)
        self._last_sent = request
        self.poisoned = True  # until the answer is complete, leaving in any way leaves the exchange open
        await self.port.write(request)
        frame = await self._frame(size, deadline)
        if self._input:
            raise self._nonsense("more than one frame answered", self._input)
        return frame

    async def receive_frame(self, size: FrameSize, deadline: Deadline) -> bytes:
        """Return the next binary frame of an instrument that sends them unasked.

        Raises:
            LinkTimeout, LinkNonsense, LinkLost: it did not come, or is none; the link is poisoned.
        """
        self._refuse_if_poisoned(b"")
        self.poisoned = True
        return await self._frame(size, deadline)

    def poison(self) -> None:
        """What came cannot be right: trust nothing until ``resynchronise``."""
        self.poisoned = True

    async def resynchronise(self, quiet_s: float = 0.2, *, reopen: bool = True) -> None:
        """Make the line silent and empty: reopen the port, then drop what still comes for ``quiet_s`` on the wall.

        The caller proves afterwards, with an identification, that questions and answers belong together.

        Raises:
            LinkNonsense: it does not fall silent.
            LinkLost: the port cannot be opened.
        """
        if reopen:
            await self.port.close()
            await self.port.open()
        self._input.clear()
        clock = self._clock
        quiet, until_s = quiet_s * clock.speed, clock.now() + _NEVER_SILENT_S * clock.speed
        while data := await self.port.read(clock.now() + quiet):
            if clock.now() >= until_s:
                raise self._nonsense("it goes on sending", data)
        self.poisoned = False

    async def _frame(self, size: FrameSize, deadline: Deadline) -> bytes:
        received = self._input
        until_s = self._clock.now() + deadline.takes_s + deadline.slack_s * self._clock.speed
        while True:
            try:
                whole = size(bytes(received)) if received else 0
            except ValueError as error:
                raise self._nonsense(str(error), received) from None
            if whole > _LONGEST_LINE or len(received) > _LONGEST_LINE:
                raise self._nonsense("a frame without end", received)
            if 0 < whole <= len(received):
                frame = bytes(received[:whole])
                del received[:whole]
                self.poisoned = False
                return frame
            data = await self.port.read(until_s)
            if not data:
                raise self._too_late(deadline, received)
            received += data

    def _take_line(self) -> bytes | None:
        end = self._input.find(self._terminator)
        if end < 0:
            return None
        line = bytes(self._input[:end])
        del self._input[: end + len(self._terminator)]
        return self._answer(line.removesuffix(b"\r"))

    def _answer(self, line: bytes) -> bytes:
        """A line is whole, and the exchange with it; what a text may not contain was damaged on its way.

        Number parsers take control characters for blanks: ``\\x0b.7001`` would be read as 0.7001.
        """
        if len(line.translate(None, _UNPRINTABLE)) != len(line):
            raise self._nonsense("bytes that are no text", line)
        self.poisoned = False
        return line

    def _refuse_if_poisoned(self, line: bytes) -> None:
        if self.poisoned:
            raise LinkPoisoned(
                "an earlier exchange was left early, resynchronise first", self.name, _text(line)
            )

    def _too_late(self, deadline: Deadline, received: bytes | bytearray) -> LinkTimeout:
        return LinkTimeout(
            f"no answer in time ({deadline.reason})", self.name, _text(self._last_sent), _text(received)
        )

    def _nonsense(self, problem: str, received: bytes | bytearray) -> LinkNonsense:
        self.poisoned = True
        return LinkNonsense(problem, self.name, _text(self._last_sent), _text(received))


def _text(data: bytes | bytearray) -> str:
    """As it may stand in a message: a script is a line of thousands of characters on the wire, a frame is no text."""
    if data.translate(None, _UNPRINTABLE) != data.translate(None, b"\r\n"):
        shown = data[:_LONGEST_SHOWN_BYTES].hex(" ")
        return shown if len(data) <= _LONGEST_SHOWN_BYTES else f"{shown} ... ({len(data)} bytes)"
    text = bytes(data[:_LONGEST_SHOWN]).decode("ascii", "replace")
    return text if len(data) <= _LONGEST_SHOWN else f"{text} ... ({len(data)} bytes)"
