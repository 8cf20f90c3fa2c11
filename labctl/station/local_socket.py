"""Questions and answers over a UNIX socket that only its owner can open: one JSON document a line each way.

A question is ``{"id": ..., "do": ..., ...}``; its answer carries the same id, and either ``ok`` or ``error``. What is
not a question ends the connection with an ``error``, and nothing else: what one client sends never touches another.
After ``"do": "watch"`` the client only listens: lines follow the answer as things happen.
"""

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from labctl.errors import StationError
from labctl.keeper.claim import runtime_directory
from labctl.keeper.values import error_to_plain

Question = dict[str, Any]
Answer = dict[str, Any]

LONGEST_bytes = 4 << 20
"""Longer than any plan, which is sent in one line."""

_MOST_CLIENTS = 64
_IDLE_S = 60.0
_SLOW_S = 5.0
_PREFIX, _SUFFIX = "station-", ".sock"


class Peer(NamedTuple):
    """The process at the other end, as the kernel knows it."""

    pid: int
    uid: int
    gid: int


def socket_path(station: str) -> Path:
    """Where the socket of a station is."""
    return runtime_directory() / f"{_PREFIX}{station}{_SUFFIX}"


def stations() -> list[str]:
    """The stations of this user that somebody serves."""
    found = []
    for path in sorted(runtime_directory().glob(f"{_PREFIX}*{_SUFFIX}")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(OSError):
            probe.connect(str(path))
            found.append(path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX))
    return found


def peer_of(connection: socket.socket) -> Peer:
    """Who is at the other end of a UNIX socket."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return Peer(*struct.unpack("3i", credentials))


class LocalSocket:
    """Answers questions at a socket of mode 0600.

    Whoever makes it holds the station's claim, so that a socket that lies there belongs to a dead process.

    Args:
        path: of the socket.
        answer: called with each question; returns its answer but for the id, and raises nothing.
        owner: the only user who is answered.
        listen: lines for a client that watches; what waits for one that reads slowly is bounded there.
    """

    def __init__(
        self,
        path: Path,
        answer: Callable[[Question], Awaitable[Answer]],
        owner: int,
        listen: Callable[[], AsyncGenerator[list[bytes], None]] | None = None,
    ) -> None:
        self._path = path
        self._answer = answer
        self._owner = owner
        self._listen = listen
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen.

        Raises:
            StationError: no socket can be made there.
        """
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self._path.unlink(missing_ok=True)
            listening.bind(str(self._path))
        except OSError as error:
            listening.close()
            raise StationError(f"no socket can be made at {self._path}: {error}") from error
        finally:
            os.umask(before)
        self._server = await asyncio.start_unix_server(self._converse, sock=listening, limit=LONGEST_bytes)

    async def close(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for client in self._clients:
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._answer_all(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the client is gone, or idle, or slow to read; or the socket is being closed
        finally:
            self._clients.discard(task)
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        unwelcome = self._unwelcome(peer_of(writer.get_extra_info("socket")))
        while True:
            try:
                async with asyncio.timeout(_IDLE_S):
                    line = await reader.readline()
            except ValueError:
                await _send(writer, _refusal(f"a line of more than {LONGEST_bytes} bytes"))
                return
            if not line:
                return
            if unwelcome:  # said after the question was read: closing on it would lose the refusal
                await _send(writer, _refusal(unwelcome))
                return
            question = _understood(line)
            if question is None:
                await _send(writer, _refusal('not a question: {"id": ..., "do": ...} in one line is'))
                return
            await _send(writer, {"id": question["id"], **await self._answer(question)})
            if question["do"] == "watch" and self._listen is not None:
                await _stream(writer, self._listen())

    def _unwelcome(self, peer: Peer) -> str:
        """Why somebody is not answered; empty if nothing speaks against it."""
        if peer.uid != self._owner:
            return f"this station belongs to user {self._owner}, not to {peer.uid}"
        if len(self._clients) > _MOST_CLIENTS:
            return f"{_MOST_CLIENTS} clients are connected already"
        return ""


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
    async with asyncio.timeout(_SLOW_S):
        await writer.drain()


async def _stream(writer: asyncio.StreamWriter, heard: AsyncGenerator[list[bytes], None]) -> None:
    """Send lines until the client is gone, or does not read for some seconds."""
    async with aclosing(heard):
        async for lines in heard:
            writer.write(b"\n".join(lines) + b"\n")
            async with asyncio.timeout(_SLOW_S):
                await writer.drain()


def _refusal(text: str) -> Answer:
    return {"id": None, "error": error_to_plain(StationError(text))}


def _understood(line: bytes) -> Question | None:
    try:
        question = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(question, dict) or not isinstance(question.get("id"), str) or "do" not in question:
        return None
    return question
