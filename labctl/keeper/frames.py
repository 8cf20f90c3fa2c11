"""Frames on a local socket: one JSON document a line, handed over as soon as it is whole."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

Frame = dict[str, Any]

_LONGEST_FRAME = 1 << 20
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Frames(asyncio.Protocol):
    """One end of a connection.

    Nothing here waits for the other end to read. That is bounded all the same: whoever does not read does not
    complete ticks either, so that within the life of a lease the keeper has nothing more to say.

    Args:
        take: called with each frame.
        ended: called once, when the other end is gone or talks nonsense.
    """

    def __init__(self, take: Callable[[Frame], None], ended: Callable[[], None]) -> None:
        self._take = take
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._input = bytearray()

    @property
    def open(self) -> bool:
        """Whether the other end is there."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, frame: Frame) -> None:
        """Send a frame; without a connection it is dropped, and ``ended`` has been called."""
        if self._transport is not None:
            self._transport.write(_encode(frame).encode() + b"\n")

    def close(self) -> None:
        """End the connection when everything sent has left."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand over every frame that is whole."""
        self._input += data
        *lines, rest = self._input.split(b"\n")
        self._input = rest
        for line in lines:
            try:
                frame = json.loads(line)
                if not isinstance(frame, dict):
                    raise TypeError("a frame is a mapping")
                self._take(frame)
            except (
                ValueError,
                TypeError,
                KeyError,
            ):  # not what labctl says: the other end is not to be trusted
                self._abort()
                return
        if len(self._input) > _LONGEST_FRAME:
            self._abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The other end is gone."""
        self._transport = None
        self._ended()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
