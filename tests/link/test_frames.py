"""Binary frames over a link: however the bytes are split, one question has one answer, or the link is poisoned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.clock import VirtualClock
from labctl.errors import LinkNonsense, LinkPoisoned, LinkTimeout, Superseded
from labctl.link import Deadline, Link

_DEADLINE = Deadline("a frame of the peer", slack_s=1.0)


def _size(received: bytes) -> int:
    """A frame of the tests: 0xA5, the length of what follows, and that many bytes."""
    if received[0] != 0xA5:
        raise ValueError("no frame begins so")
    return received[1] + 2 if len(received) > 1 else 0


class _Pieces:
    """A port that gives what it was told to give, piece by piece, once something was written."""

    name = "pieces"

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self.sent: list[bytes] = []

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def write(self, data: bytes) -> None:
        """Remember it."""
        self.sent.append(data)

    async def read(self, until_s: float) -> bytes:
        """The next piece, if there was a question."""
        if not self.sent or not self._pieces:
            return b""
        return self._pieces.pop(0)


def _link(*pieces: bytes) -> tuple[Link, _Pieces]:
    port = _Pieces(list(pieces))
    return Link(port, VirtualClock(), b""), port


@given(cuts=st.lists(st.integers(1, 5), max_size=3))
async def test_a_frame_in_any_pieces_is_one_frame(cuts: list[int]) -> None:
    frame, pieces = b"\xa5\x04\x00\x0d\x0a\xff", []
    rest = frame
    for cut in cuts:
        pieces, rest = [*pieces, rest[:cut]], rest[cut:]
    link, port = _link(*(piece for piece in (*pieces, rest) if piece))
    assert await link.exchange(b"\x01?", _size, _DEADLINE) == frame
    assert port.sent == [b"\x01?"]
    assert not link.poisoned


@pytest.mark.parametrize(
    ("pieces", "error", "words"),
    [
        ([b"\xa5\x04\x00"], LinkTimeout, "received 'a5 04 00'"),
        ([b"\x00"], LinkNonsense, "no frame begins so"),
        ([b"\xa5\x01\x02\xa5\x01\x03"], LinkNonsense, "more than one frame answered"),
    ],
)
async def test_what_is_not_one_whole_frame_poisons(
    pieces: list[bytes], error: type[Exception], words: str
) -> None:
    link, _ = _link(*pieces)
    with pytest.raises(error, match=words):
        await link.exchange(b"\x01?", _size, _DEADLINE)
    with pytest.raises(LinkPoisoned):
        await link.exchange(b"\x01?", _size, _DEADLINE)


async def test_a_frame_of_an_earlier_epoch_is_not_sent() -> None:
    link, port = _link(b"\xa5\x00")
    link.fence.advance()
    with pytest.raises(Superseded):
        await link.exchange(b"\x01!", _size, _DEADLINE, epoch=0)
    assert port.sent == []
    assert not link.poisoned


async def test_bytes_that_came_unasked_are_no_answer() -> None:
    link, port = _link(b"\xa5\x00")
    await port.write(b"")
    with pytest.raises(LinkNonsense, match="unasked"):
        await link.exchange(b"\x01?", _size, _DEADLINE)


async def test_frames_that_come_by_themselves_are_taken_one_by_one() -> None:
    link, port = _link(b"\xa5\x01\x07\xa5\x01", b"\x08")
    await port.write(b"")
    assert [await link.receive_frame(_size, _DEADLINE) for _ in range(2)] == [
        b"\xa5\x01\x07",
        b"\xa5\x01\x08",
    ]
