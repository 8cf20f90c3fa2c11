"""The server as it listens: never open to everybody, TLS, slow connections, and its end."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from labctl.errors import ProtocolError, UserError
from labctl.protocol.document import parse
from labctl.protocol.problems import Problems
from labctl.station.listen import Listen, address_from, listen_from
from labctl.web import server
from labctl.web.server import serve_dashboard
from tests.web.parts import FakeDoor, FakeFeed, state, status

TOKEN = "5d2c7be07a4e4f9db0a1c2"


@asynccontextmanager
async def served(listen: Listen, database: str | None = None) -> AsyncIterator[str]:
    """A dashboard that listens; its address."""
    stop, ready = asyncio.Event(), asyncio.Event()
    addresses: list[str] = []

    def tell(address: str) -> None:
        addresses.append(address)
        ready.set()

    feeds = [FakeFeed([status(), state("a1")])]
    async with asyncio.timeout(30.0), asyncio.TaskGroup() as group:
        group.create_task(serve_dashboard(listen, feeds, database, FakeDoor(), os.getuid(), stop, tell))
        await ready.wait()
        try:
            yield addresses[0]
        finally:
            stop.set()


def token_file(folder: Path, text: str = TOKEN, mode: int = 0o600) -> Path:
    file = folder / "token"
    file.write_text(text)
    file.chmod(mode)
    return file


def certified(folder: Path) -> tuple[Path, Path, ssl.SSLContext]:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return certificate, key, trusting


async def test_over_loopback_the_kernel_says_who_commands() -> None:
    async with served(Listen(port=0)) as address, httpx.AsyncClient(base_url=address) as client:
        session = (await client.get("/api/v1/session")).json()
        assert session["may"]["stop"]
        assert (await client.get("/api/v1/channels")).json()["stations"][0]["station"] == "bench"
        assert "server" not in (await client.get("/")).headers


async def test_with_a_certificate_and_a_token_it_is_encrypted(tmp_path: Path) -> None:
    certificate, key, trusting = certified(tmp_path)
    listen = Listen("127.0.0.1", 0, certificate, key, token_file(tmp_path), ("localhost",))
    async with served(listen) as address, httpx.AsyncClient(base_url=address, verify=trusting) as client:
        assert address.startswith("https://localhost:")
        assert (await client.get("/api/v1/channels")).status_code == 401
        answer = await client.post("/api/v1/session", json={"token": TOKEN})
        assert answer.status_code == 200
        assert "Secure" in answer.headers["set-cookie"]
        assert "max-age" in answer.headers["strict-transport-security"]
        assert (await client.get("/api/v1/channels")).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_nothing_but_loopback_without_encryption_and_a_token(host: str, tmp_path: Path) -> None:
    certificate, key, _ = certified(tmp_path)
    token = token_file(tmp_path)
    Listen(host, 0, certificate, key, token).refuse_open()
    for listen in (
        Listen(host),
        Listen(host, token_file=token),
        Listen(host, certificate=certificate, key=key),
        Listen(host, certificate=certificate, token_file=token),
        Listen("127.0.0.1", key=key),
    ):
        with pytest.raises(UserError):
            listen.refuse_open()


async def test_a_certificate_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    certificate, key, _ = certified(tmp_path)
    for wrong in (
        Listen(port=0, certificate=key, key=certificate),
        Listen(port=0, certificate=tmp_path, key=key),
    ):
        with pytest.raises(ExceptionGroup) as refused:
            async with served(wrong):
                pass
        assert isinstance(refused.value.exceptions[0], UserError)


async def test_it_is_refused_before_anything_listens() -> None:
    with pytest.raises(ExceptionGroup) as refused:
        async with served(Listen("0.0.0.0", 0)):
            pass
    assert isinstance(refused.value.exceptions[0], UserError)


@pytest.mark.parametrize(("text", "mode"), [("short", 0o600), (TOKEN, 0o640), (TOKEN, 0o604), ("", 0o600)])
def test_a_token_that_can_be_guessed_or_read_is_refused(text: str, mode: int, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        Listen(token_file=token_file(tmp_path, text, mode)).token()
    assert TOKEN not in str(error.value)
    with pytest.raises(UserError):
        Listen(token_file=tmp_path / "none").token()


async def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    async with served(Listen(port=0)) as address:
        taken = httpx.URL(address).port or 0
        with pytest.raises(ExceptionGroup, match="unhandled errors") as refused:
            async with served(Listen(port=taken)):
                pass
    assert "give another with --listen" in str(refused.value.exceptions[0])


def test_small_answers_are_sent_at_once() -> None:
    with server._socket(Listen(port=0)) as listening:
        assert (
            listening.proto == socket.IPPROTO_TCP
        )  # without it asyncio leaves out TCP_NODELAY: 40 ms an answer


async def connected(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = httpx.URL(address)
    return await asyncio.open_connection(url.host, url.port)


async def test_a_head_that_comes_byte_by_byte_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADERS_WITHIN_S", 0.3)
    async with served(Listen(port=0)) as address:
        silent, a = await connected(address)
        slow, b = await connected(address)
        again, c = await connected(address)
        c.write(b"GET /api/v1/channels HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await again.readuntil(b"]}")
        c.write(b"GET /api/v1/ch")  # the second request of a connection
        b.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        assert await silent.read() == b""
        assert await slow.read() == b""
        assert await again.read() == b""
        for writer in (a, b, c):
            writer.close()


async def test_a_stream_outlives_the_deadline_for_heads_and_ends_with_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "HEADERS_WITHIN_S", 0.1)
    async with served(Listen(port=0)) as address:
        reader, writer = await connected(address)
        writer.write(b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b'"channel":"a1"')
        await asyncio.sleep(0.3)
        assert not reader.at_eof()
    assert b"0\r\n\r\n" in await reader.read()  # a whole answer, not a broken one
    writer.close()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("8420", ("127.0.0.1", 8420)),
        ("localhost:1", ("127.0.0.1", 1)),
        ("[::1]:0", ("::1", 0)),
        ("0.0.0.0:8443", ("0.0.0.0", 8443)),
    ],
)
def test_places_to_listen(text: str, place: tuple[str, int]) -> None:
    assert address_from(text) == place


@pytest.mark.parametrize(
    "text", ["", "x", "127.0.0.1", "bench:80", "127.0.0.1:65536", "127.0.0.1:-1", ":", "1:²"]
)
def test_what_is_no_place_to_listen(text: str) -> None:
    with pytest.raises(UserError):
        address_from(text)


def test_the_section_of_a_station_file(tmp_path: Path) -> None:
    def read(text: str) -> Listen:
        problems = Problems()
        return listen_from(parse("bench.yaml", text, problems), tmp_path, problems)

    whole = "{listen: '0.0.0.0:8443', certificate: c.pem, key: k.pem, token_file: t, names: [bench.example]}"
    assert read(whole) == Listen(
        "0.0.0.0", 8443, tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "t", ("bench.example",)
    )
    assert read("{listen: 9000}") == Listen(port=9000)
    for wrong in ("{listen: '0.0.0.0:8443'}", "{listen: x}", "{port: 5}", "{names: x}", "{key: k.pem}"):
        with pytest.raises(ProtocolError) as error:
            read(wrong)
        assert str(error.value).startswith("bench.yaml:1:")
