"""The door of a station: who may open it, and what nobody can break by knocking."""

import asyncio
import errno
import json
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from labctl.errors import StationError
from labctl.station.local_socket import Answer, LocalSocket, LONGEST_bytes, Question, socket_path, stations


@pytest.fixture(autouse=True)
def _own_runtime_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="labctl") as folder:  # a socket's path must be short
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield


async def echo(question: Question) -> Answer:
    return {"ok": question.get("with")}


@asynccontextmanager
async def door(owner: int = os.getuid()) -> AsyncIterator[Path]:
    path = socket_path("bench")
    opened = LocalSocket(path, echo, owner)
    await opened.open()
    try:
        yield path
    finally:
        await opened.close()


async def say(path: Path, *sent: bytes) -> list[bytes]:
    """What comes back until the other end has nothing more to say."""
    reader, writer = await asyncio.open_unix_connection(str(path), limit=LONGEST_bytes)
    for part in sent:
        writer.write(part)
        await writer.drain()
    writer.write_eof()
    async with asyncio.timeout(10.0):
        answer = await reader.read()
    writer.close()
    return answer.splitlines()


def question(number: str, given: object = None) -> bytes:
    return json.dumps({"id": number, "do": "echo", "with": given}).encode() + b"\n"


async def test_answers_carry_the_ids_of_their_questions() -> None:
    async with door() as path:
        asked = question("a", 1) + question("b", "\u00e9\n2")
        answers = [json.loads(line) for line in await say(path, asked[:7], asked[7:])]
    assert answers == [{"id": "a", "ok": 1}, {"id": "b", "ok": "\u00e9\n2"}]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\n",
        b"{}\n",
        b'{"id": 1, "do": "echo"}\n',
        b'["id", "do"]\n',
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"[" * 100_000 + b"\n",
        b"x" * (LONGEST_bytes + 10) + b"\n",
    ],
    ids=["bytes", "empty", "number", "list", "http", "nested", "oversized"],
)
async def test_garbage_ends_its_own_connection_only(garbage: bytes) -> None:
    async with door() as path:
        reader, writer = await asyncio.open_unix_connection(str(path))
        try:
            (refused,) = await say(path, garbage)
        except ConnectionError:  # the rest of what is too long meets a closed door
            refused = b'{"id": null, "error": []}'
        assert json.loads(refused)["id"] is None
        assert "error" in json.loads(refused)
        writer.write(question("a", 1))
        assert json.loads(await reader.readline()) == {"id": "a", "ok": 1}
        writer.close()


async def test_half_a_question_is_not_answered() -> None:
    async with door() as path:
        assert await say(path, question("a")[:-1] + b"") in ([], [b'{"id": "a", "ok": null}'])
        assert len(await say(path, question("a")[:10])) == 1


async def test_too_many_clients_are_refused_and_others_go_on() -> None:
    async with door() as path:
        writers = [(await asyncio.open_unix_connection(str(path)))[1] for _ in range(64)]
        await asyncio.sleep(0.05)
        (refused,) = await say(path, question("a"))
        assert "64 clients" in json.loads(refused)["error"][1]
        for writer in writers:
            writer.close()
        await asyncio.sleep(0.05)
        assert json.loads((await say(path, question("a", 2)))[0]) == {"id": "a", "ok": 2}


async def test_another_users_process_is_not_answered() -> None:
    async with door(owner=os.getuid() + 1) as path:
        (refused,) = await say(path, question("a"))
    assert "belongs to user" in json.loads(refused)["error"][1]


async def test_only_its_owner_can_open_it() -> None:
    async with door() as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        if os.geteuid() == 0:
            for folder in (path.parent.parent, path.parent):  # so that the socket's own mode is what refuses
                folder.chmod(0o755)
            assert await asyncio.to_thread(knock_as, 65534, path) == errno.EACCES
            path.parent.chmod(0o700)


def knock_as(user: int, path: Path) -> int:
    """What a connection by another user's process fails with; 0 if it does not."""
    child = os.fork()
    if child == 0:
        os.setuid(user)
        with socket.socket(socket.AF_UNIX) as connection:
            os._exit(connection.connect_ex(str(path)))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def test_a_dead_process_leaves_a_socket_that_is_replaced() -> None:
    path = socket_path("bench")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert stations() == []
    async with door():
        assert stations() == ["bench"]
        assert len(await say(path, question("a"))) == 1
    assert not path.exists()


async def test_a_path_that_is_too_long_is_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(StationError, match="no socket can be made at"):
        await LocalSocket(socket_path("x" * 120), echo, os.getuid()).open()
