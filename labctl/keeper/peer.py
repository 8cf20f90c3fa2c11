"""The engine's end of a connection to a keeper: calls that are answered, and one stream at a time."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from labctl.keeper.frames import Frame, Frames
from labctl.keeper.values import error_from_plain


class KeeperLost(Exception):
    """The keeper is gone, or does not answer: whoever asked has to see to the circuit."""


class Stream:
    """What comes of one step or sweep, in order, ticks among it.

    Args:
        number: of the command.
        silent_s: a keeper that says nothing for so long, while it is waited for, is lost.
    """

    def __init__(self, number: int, silent_s: float) -> None:
        self.number = number
        self.ended = False
        self._silent_s = silent_s
        self._frames: deque[Frame] = deque()
        self._loop = asyncio.get_running_loop()
        self._heard_s = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._look: asyncio.TimerHandle | None = None

    @property
    def is_waited_for(self) -> bool:
        """Whether everything that came has been taken, and whoever took it has come back for more."""
        return self._waiter is not None and not self._waiter.done()

    def heard(self) -> None:
        """The keeper has said something that nobody has to take."""
        self._heard_s = self._loop.time()

    def put(self, frame: Frame) -> None:
        """A frame has come."""
        self._frames.append(frame)
        self._wake()

    def lose(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._wake()

    def close(self) -> None:
        """Nothing is waited for any more."""
        if self._look is not None:
            self._look.cancel()

    async def next(self) -> Frame:
        """The next frame.

        Raises:
            KeeperLost: the connection has ended, or the keeper says nothing.
        """
        while not self._frames:
            if self.ended:
                raise KeeperLost("the keeper is gone")
            self._waiter = self._loop.create_future()
            self._heard_s = self._loop.time()  # what it said while nobody waited does not matter
            if self._look is None:
                self._listen()
            await self._waiter
        return self._frames.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _listen(self) -> None:
        """One timer looks after all the waiting; one for each frame would cost as much as the frame."""
        self._look = None
        if not self.is_waited_for:  # then nothing is missed; the next wait begins anew
            return
        left_s = self._heard_s + self._silent_s - self._loop.time()
        if left_s > 0.0:
            self._look = self._loop.call_later(left_s, self._listen)
        else:
            assert self._waiter is not None
            self._waiter.set_exception(KeeperLost(f"the keeper has said nothing for {self._silent_s:g} s"))


class Peer:
    """A connection to a keeper.

    Args:
        pid: of the keeper's process.

    Attributes:
        epoch: of the channel, as the keeper said last.
        pid: of the keeper's process.
        lost: called once when the connection has ended without ``leave``.
        opening: called with the reason when the keeper opens the circuit by itself.
    """

    def __init__(self, pid: int = 0) -> None:
        self.frames = Frames(self._take, self._ended)
        self.epoch = 0
        self.pid = pid
        self.lost: Callable[[], None] = lambda: None
        self.opening: Callable[[Exception], None] = lambda cause: None
        self._numbers = count(1)
        self._calls: dict[int, asyncio.Future[Frame]] = {}
        self._stream: Stream | None = None
        self._gone = asyncio.Event()

    @property
    def there(self) -> bool:
        """Whether the keeper is there."""
        return self.frames.open

    async def call(self, verb: str, value: Any, within_s: float) -> Any:
        """Give a command and return its answer.

        Raises:
            LabctlError: the keeper's answer is this error.
            KeeperLost: there is no answer in time, or no keeper.
        """
        if not self.there:
            raise KeeperLost("the keeper is gone")
        number = next(self._numbers)
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        self.frames.send({"id": number, "do": verb, "with": value})
        try:
            async with asyncio.timeout(within_s):
                frame = await answer
        except TimeoutError:
            raise KeeperLost(f"the keeper has not answered to {verb!r} for {within_s:g} s") from None
        finally:
            del self._calls[number]
        if "error" in frame:
            raise error_from_plain(frame["error"])
        return frame["with"]

    def begin(self, verb: str, value: Any, epoch: int, silent_s: float) -> Stream:
        """Begin a step or sweep, as decided in an epoch; a keeper that is silent for ``silent_s`` is lost."""
        stream = self._stream = Stream(next(self._numbers), silent_s)
        self.frames.send({"id": stream.number, "do": verb, "with": value, "epoch": epoch})
        if not self.there:
            stream.lose()
        return stream

    def finish(self, stream: Stream) -> None:
        """Nobody takes frames from a stream any more; ticks are those of the time between steps from now on."""
        stream.close()
        if self._stream is stream:
            self._stream = None

    def complete(self, tick: int) -> None:
        """Everything that came before a tick has been evaluated and recorded."""
        self.frames.send({"done": tick})

    def leave(self) -> None:
        """End the connection on purpose."""
        self.lost = lambda: None
        self.frames.close()

    async def left(self) -> None:
        """End the connection on purpose; return when it has ended."""
        self.leave()
        await self._gone.wait()

    def _take(self, frame: Frame) -> None:
        if "epoch" in frame:
            self.epoch = max(self.epoch, int(frame["epoch"]))
        stream = self._stream
        if "re" in frame:
            if "of" not in frame and (answer := self._calls.get(frame["re"])) and not answer.done():
                answer.set_result(frame)
        elif "of" in frame:
            if stream is not None and frame["of"] == stream.number:
                stream.ended = "item" not in frame
                stream.put(frame)
        elif "tick" in frame or "alive" in frame:
            self._tick(frame, stream)
        elif "opening" in frame:
            self.opening(error_from_plain(frame["opening"]))

    def _tick(self, frame: Frame, stream: Stream | None) -> None:
        """A tick is completed when all that came before it is: at once if nothing of that is left."""
        if stream is not None and not stream.is_waited_for:
            stream.put(frame)
            return
        if stream is not None:
            stream.heard()
        if "tick" in frame:
            self.complete(frame["tick"])

    def _ended(self) -> None:
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(KeeperLost("the keeper is gone"))
        if self._stream is not None:
            self._stream.lose()
        self._gone.set()
        self.lost()
