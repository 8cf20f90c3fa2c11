"""A TCP socket on the event loop: what comes, what does not, and what must go first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from labctl.clock import LoopClock
from labctl.errors import LinkLost, LinkNonsense, Superseded
from labctl.link import Deadline, Link
from labctl.link.tcp import TcpPort, plain_socket
from labctl.link.turns import PortTurns

ANSWER = Deadline("an answer", slack_s=5.0)


class Peer:
    """What an instrument's socket does, by hand."""

    def __init__(self) -> None:
        self.writer: asyncio.StreamWriter | None = None
        self.heard = bytearray()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        while data := await reader.read(100):
            self.heard += data
            if data.endswith(b"?\n"):
                writer.write(b"1\n")
        writer.close()

    def say(self, data: bytes) -> None:
        assert self.writer is not None
        self.writer.write(data)


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Link, PortTurns, Peer]]:
    peer, clock = Peer(), LoopClock().in_turns()
    async with await asyncio.start_server(peer.serve, "127.0.0.1", 0) as server:
        port = TcpPort(server.sockets[0].getsockname()[:2], "peer", clock)
        link = Link(port, clock)
        await link.open()
        yield link, PortTurns("peer", clock), peer
        await link.close()
        server.close()


@pytest.mark.parametrize(
    ("resource", "address"),
    [
        ("TCPIP::192.0.2.7::5025::SOCKET", ("192.0.2.7", 5025)),
        ("tcpip0::smu.lab::5025::socket", ("smu.lab", 5025)),
        ("TCPIP::192.0.2.7::INSTR", None),
        ("TCPIP::192.0.2.7::hislip0::INSTR", None),
        ("GPIB0::6::INSTR via PRLGX-TCPIP0::192.0.2.8::1234::INTFC", None),
        ("ASRL/dev/ttyACM0::INSTR", None),
        ("/dev/ttyACM0", None),
    ],
)
def test_what_is_a_plain_socket(resource: str, address: tuple[str, int] | None) -> None:
    assert plain_socket(resource) == address


def test_who_names_a_library_wants_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_VISA_LIBRARY", "@ivi")
    assert plain_socket("TCPIP::192.0.2.7::5025::SOCKET") is None


async def test_a_question_is_answered_and_what_nobody_asked_for_is_seen() -> None:
    async with connected() as (link, _, peer):
        assert await link.ask(b"first?", ANSWER) == b"1"
        peer.say(b"late\n")
        with pytest.raises(LinkNonsense, match="unasked"):
            await ask_on(link)
        await link.resynchronise(quiet_s=0.01)
        assert await link.ask(b"third?", ANSWER) == b"1"


async def test_a_peer_that_has_gone_is_lost() -> None:
    async with connected() as (link, _, peer):
        assert await link.ask(b"there?", ANSWER) == b"1"
        assert peer.writer is not None
        peer.writer.close()
        with pytest.raises(LinkLost, match="closed the connection"):
            await link.receive(ANSWER)


async def test_nobody_listens() -> None:
    async with await asyncio.start_server(Peer().serve, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()[:2]
    port = TcpPort(address, "nobody", LoopClock().in_turns())
    with pytest.raises(LinkLost, match="cannot be opened"):
        await port.open()
    with pytest.raises(LinkLost, match="not open"):
        await port.write(b"x")


async def test_what_goes_first_interrupts_what_waits_and_drops_what_queues() -> None:
    async with connected() as (link, turns, peer):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(refused(turns, lambda: link.receive(ANSWER)))
            await asyncio.sleep(0.0)
            queued = group.create_task(refused(turns, lambda: link.ask(b"queued?", ANSWER)))
            await asyncio.sleep(0.0)
            await turns.call_first(lambda: link.send_anyway(b"OFF"))
        assert (waiting.result(), queued.result()) == (True, True)
        while b"OFF" not in peer.heard:
            await asyncio.sleep(0.0)
        assert b"queued" not in peer.heard


async def ask_on(link: Link) -> None:
    """What was said has arrived once the system has carried it across."""
    while True:
        await asyncio.sleep(0.0)
        await link.ask(b"second?", ANSWER)


async def refused(turns: PortTurns, make: object) -> bool:
    try:
        await turns.call(make)  # type: ignore[arg-type]
    except Superseded:
        return True
    return False


async def test_what_goes_first_is_not_stopped_by_cancelling_whoever_waits() -> None:
    async with connected() as (link, turns, peer):

        async def off() -> None:
            await asyncio.sleep(0.01)
            await link.send(b"OFF")

        async with asyncio.TaskGroup() as group:
            asking = group.create_task(turns.call_first(off))
            await asyncio.sleep(0.0)
            asking.cancel()
        while b"OFF" not in peer.heard:
            await asyncio.sleep(0.001)
