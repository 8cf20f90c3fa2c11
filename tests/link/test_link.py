"""The link's own discipline: epochs, poisoning, terminators, errors that say what happened."""

import asyncio

import pytest

from labctl.clock import VirtualClock
from labctl.errors import LinkNonsense, LinkPoisoned, LinkTimeout, Superseded
from labctl.link import Deadline, Fence, Link
from labctl.link.memory import MemoryPort
from tests.link.faulty import Fault, FaultyPort
from tests.link.peer import Peer

_DEADLINE = Deadline("an answer of the peer", slack_s=1.0)


async def _linked(fault: Fault | None = None) -> tuple[Link, FaultyPort]:
    clock = VirtualClock()
    port = FaultyPort(Peer, clock, lambda number: fault)
    link = Link(port, clock)
    await link.open()
    return link, port


async def test_what_was_decided_in_an_earlier_epoch_is_not_sent() -> None:
    link, port = await _linked()
    epoch = link.fence.epoch
    await link.send(b"on", epoch=epoch)
    link.fence.advance()
    for send in (link.send, link.send_anyway):
        with pytest.raises(Superseded):
            await send(b"echo ON", epoch=epoch)
    with pytest.raises(Superseded):
        await link.ask(b"echo ON", _DEADLINE, epoch=epoch)
    with pytest.raises(Superseded):
        await link.query(b"echo ON", _DEADLINE, epoch=epoch)
    assert port.sent == [b"on"]


async def test_a_superseded_question_leaves_the_link_sound() -> None:
    link, _ = await _linked()
    link.fence.advance()
    with pytest.raises(Superseded):
        await link.ask(b"echo 1", _DEADLINE, epoch=0)
    assert await link.ask(b"echo 2", _DEADLINE) == b"2"


def test_epochs_only_grow() -> None:
    fence = Fence()
    assert [fence.advance(), fence.advance()] == [1, 2]
    with pytest.raises(Superseded, match="epoch 1"):
        fence.check(1)


async def test_a_poisoned_link_refuses_everything_but_what_needs_no_answer() -> None:
    link, port = await _linked(Fault.LOST)
    with pytest.raises(LinkTimeout):
        await link.ask(b"echo 1", _DEADLINE)
    with pytest.raises(LinkPoisoned):
        await link.send(b"echo 2")
    with pytest.raises(LinkPoisoned):
        await link.ask(b"echo 3", _DEADLINE)
    with pytest.raises(LinkPoisoned):
        await link.receive(_DEADLINE)
    await link.send_anyway(b"off")
    assert port.sent == [b"echo 1", b"off"]


async def test_a_cancelled_exchange_poisons() -> None:
    class NeverPort(MemoryPort):
        async def read(self, until_s: float) -> bytes:
            if until_s > 0.0:
                await asyncio.sleep(3600.0)
            return b""

    clock = VirtualClock()
    link = Link(NeverPort(Peer, clock), clock)
    await link.open()
    async with asyncio.TaskGroup() as group:
        exchange = group.create_task(link.ask(b"echo 1", _DEADLINE))
        await asyncio.sleep(0)
        exchange.cancel()
    assert link.poisoned


async def test_a_line_without_end_is_nonsense() -> None:
    class Babbling(Peer):
        def receive(self, data: bytes, now_s: float) -> bytes:
            return b"x" * (1 << 21)

    clock = VirtualClock()
    link = Link(FaultyPort(Babbling, clock, lambda number: Fault.SPLIT), clock)
    await link.open()
    with pytest.raises(LinkNonsense, match="without end"):
        await link.ask(b"echo 1", _DEADLINE)
    assert link.poisoned


async def test_an_error_says_what_was_sent_and_what_came() -> None:
    link, _ = await _linked(Fault.DUPLICATED)
    with pytest.raises(LinkNonsense) as caught:
        await link.ask(b"echo 3.7", _DEADLINE)
    assert str(caught.value) == (
        "faulty: more than one line answered; sent 'echo 3.7'; received '3.7\\n3.7\\n'"
    )


async def test_a_deadline_counts_experiment_time_and_wall_time_apart() -> None:
    clock = VirtualClock()
    clock.speed = 100.0
    link = Link(MemoryPort(Peer, clock), clock)
    await link.open()
    with pytest.raises(LinkTimeout, match="a long integration"):
        await link.ask(b"silent", Deadline("a long integration", takes_s=30.0, slack_s=2.0))
    assert clock.now() == 30.0 + 2.0 * 100.0


class _Says:
    """Answers everything with the same bytes, and goes on saying something without being asked."""

    def __init__(self, answer: bytes, every_s: float | None = None) -> None:
        self._answer = answer
        self._every_s = every_s
        self._now_s = 0.0

    def receive(self, data: bytes, now_s: float) -> bytes:
        self._now_s = now_s
        return self._answer

    def next_wake(self) -> float | None:
        return None if self._every_s is None else self._now_s + self._every_s

    def wake(self, now_s: float) -> bytes:
        self._now_s = now_s
        return self._answer

    def close(self, now_s: float) -> None:
        pass


@pytest.mark.parametrize(
    "damaged", [b"\x0b.7001", b"4.4534E-0\t", b"3.7\x001", b"\x80", b"\x1b[0m", b"3.7\xb0C"]
)
@pytest.mark.parametrize("how", ["ask", "query"])
async def test_what_cannot_be_text_is_no_answer(damaged: bytes, how: str) -> None:
    """``float(b"\\x0b.7001")`` is 0.7001: a damaged 3.7001 would be a reading."""
    clock = VirtualClock()
    link = Link(MemoryPort(lambda: _Says(damaged + b"\n"), clock), clock)
    await link.open()
    with pytest.raises(LinkNonsense, match="no text"):
        await getattr(link, how)(b"MEAS?", _DEADLINE)
    assert link.poisoned


async def test_a_line_that_never_falls_silent_is_not_waited_for() -> None:
    clock = VirtualClock()
    link = Link(MemoryPort(lambda: _Says(b"7\n", every_s=0.1), clock), clock)
    await link.open()
    with pytest.raises(LinkNonsense, match="goes on sending"):
        await link.resynchronise()
    assert link.poisoned
    assert clock.now() < 4.0


async def test_a_long_message_is_not_repeated_in_full() -> None:
    link, _ = await _linked(Fault.LOST)
    with pytest.raises(LinkTimeout) as caught:
        await link.ask(b"echo " + 5_000 * b"x", _DEADLINE)
    assert len(str(caught.value)) < 400
    assert "5005 bytes" in str(caught.value)
