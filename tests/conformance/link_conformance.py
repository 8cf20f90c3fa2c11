"""What every link promises, as functions that take a link to a ``tests.link.peer.Peer``."""

import time

import pytest

from labctl.clock import Clock
from labctl.errors import LinkLost, LinkNonsense, LinkPoisoned, LinkTimeout
from labctl.link import Deadline, Link

PATIENT = Deadline("an answer of the peer", slack_s=2.0)
HASTY = Deadline("an answer of the peer", slack_s=0.1)


async def answers_belong_to_questions(link: Link, clock: Clock) -> None:
    await link.open()
    for number in range(100):
        assert await link.ask(b"echo %d" % number, PATIENT) == b"%d" % number


async def a_split_answer_is_put_together(link: Link, clock: Clock) -> None:
    await link.open()
    assert await link.ask(b"split 3.7001", PATIENT) == b"3.7001"
    assert await link.ask(b"crlf 3.7001", PATIENT) == b"3.7001"


async def an_answer_of_several_lines_is_received_line_by_line(link: Link, clock: Clock) -> None:
    await link.open()
    assert await link.query(b"merge 1 2", PATIENT) == b"1"
    assert await link.receive(PATIENT) == b"2"
    assert await link.ask(b"echo 3", PATIENT) == b"3"


async def a_late_answer_is_never_taken_for_the_next(link: Link, clock: Clock) -> None:
    await link.open()
    with pytest.raises(LinkTimeout) as error:
        await link.ask(b"late 0.3 old", HASTY)
    assert "late 0.3 old" in str(error.value)
    with pytest.raises(LinkPoisoned):
        await link.ask(b"echo new", PATIENT)
    await clock.sleep_until(clock.now() + 0.4)
    await link.resynchronise(0.1)
    assert await link.ask(b"echo new", PATIENT) == b"new"


async def resynchronising_waits_for_what_is_still_on_its_way(link: Link, clock: Clock) -> None:
    await link.open()
    with pytest.raises(LinkTimeout):
        await link.ask(b"late 0.3 old", HASTY)
    await link.resynchronise(0.4, reopen=False)
    assert await link.ask(b"echo new", PATIENT) == b"new"


async def two_answers_to_one_question_are_nonsense(link: Link, clock: Clock) -> None:
    for question in (b"twice 1", b"merge 1 2"):
        await link.open()
        with pytest.raises(LinkNonsense):
            await link.ask(question, PATIENT)
        assert link.poisoned
        await link.resynchronise(0.05)
        assert await link.ask(b"echo 3", PATIENT) == b"3"


async def what_comes_unasked_is_nonsense(link: Link, clock: Clock) -> None:
    await link.open()
    assert await link.ask(b"chatter 1", PATIENT) == b"1"
    await clock.sleep_until(clock.now() + 0.1)
    with pytest.raises(LinkNonsense):
        await link.ask(b"echo 2", PATIENT)
    await link.resynchronise(0.05)
    assert await link.ask(b"echo 3", PATIENT) == b"3"


async def silence_ends_at_the_deadline(link: Link, clock: Clock) -> None:
    await link.open()
    began = clock.now()
    with pytest.raises(LinkTimeout):
        await link.ask(b"silent", HASTY)
    assert 0.1 <= clock.now() - began < 0.3


async def a_lost_peer_is_noticed_at_once(link: Link, clock: Clock) -> None:
    """Not at the deadline, and without keeping a processor busy until then."""
    await link.open()
    busy, began = time.process_time(), time.monotonic()
    with pytest.raises(LinkLost):
        await link.ask(b"hangup", Deadline("what never comes", slack_s=10.0))
    assert time.monotonic() - began < 1.0
    assert time.process_time() - busy < 0.5
    assert link.poisoned


async def a_lost_peer_can_be_opened_again(link: Link, clock: Clock) -> None:
    await link.open()
    with pytest.raises(LinkLost):
        await link.ask(b"hangup", PATIENT)
    await link.resynchronise(0.05)
    assert await link.ask(b"echo 1", PATIENT) == b"1"


async def closing_is_idempotent_and_final(link: Link, clock: Clock) -> None:
    await link.close()
    await link.open()
    await link.close()
    await link.close()
    with pytest.raises(LinkLost):
        await link.send(b"echo 1")


EVERY_LINK = (
    answers_belong_to_questions,
    a_split_answer_is_put_together,
    an_answer_of_several_lines_is_received_line_by_line,
    a_late_answer_is_never_taken_for_the_next,
    resynchronising_waits_for_what_is_still_on_its_way,
    two_answers_to_one_question_are_nonsense,
    what_comes_unasked_is_nonsense,
    silence_ends_at_the_deadline,
    closing_is_idempotent_and_final,
)
LINKS_WITH_A_CONNECTION = (a_lost_peer_is_noticed_at_once, a_lost_peer_can_be_opened_again)
