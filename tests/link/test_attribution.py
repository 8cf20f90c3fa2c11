"""No value under the wrong name: thousands of exchanges over a port that misbehaves."""

import random
from collections.abc import Callable

import pytest

from labctl.clock import VirtualClock
from labctl.errors import LinkError
from labctl.link import Deadline, Link
from tests.link.faulty import Fault, FaultyPort
from tests.link.peer import Peer

_DEADLINE = Deadline("an answer of the peer", slack_s=1.0)
_FAULTS = [
    fault for fault in Fault if fault is not Fault.GARBLED
]  # a link cannot know how a right answer looks


@pytest.mark.parametrize("keeps_answers", [False, True], ids=["connection", "serial line"])
@pytest.mark.parametrize("seed", range(4))
async def test_no_answer_is_taken_for_another(
    seed: int, keeps_answers: bool, record_property: Callable[[str, object], None]
) -> None:
    """Exchanges 0.1 s apart, 1 % of the answers faulty, the proof after resynchronising as well."""
    clock = VirtualClock()
    rng = random.Random(seed)
    port = FaultyPort(
        Peer,
        clock,
        lambda number: rng.choice(_FAULTS) if rng.random() < 0.01 else None,
        late_s=rng.uniform(1.0, 5.0),
        keeps_answers=keeps_answers,
    )
    link = Link(port, clock)
    await link.open()
    right = wrong = failed = 0
    for number in range(5_000):
        await clock.sleep_until(clock.now() + 0.1)
        try:
            answer = await link.ask(b"echo %d" % number, _DEADLINE)
        except LinkError:
            failed += 1
            await _prove(link, number)
            continue
        right += answer == b"%d" % number
        wrong += answer != b"%d" % number
    record_property("right, failed, wrong", f"{right}, {failed}, {wrong}")
    assert wrong == 0
    assert failed >= 20
    assert right + failed == 5_000


async def _prove(link: Link, number: int) -> None:
    for attempt in range(20):
        try:
            await link.resynchronise()
            nonce = b"proof-%d-%d" % (number, attempt)
            if await link.ask(b"echo " + nonce, _DEADLINE) == nonce:
                return
        except LinkError:
            continue
        link.poison()
    raise AssertionError("the link does not come back")


async def test_without_poisoning_the_same_faults_do_misattribute() -> None:
    """The test above can fail: a link that goes on after a timeout gives every later answer to the wrong question."""
    clock = VirtualClock()
    link = Link(FaultyPort(Peer, clock, lambda number: Fault.LATE if number == 3 else None), clock)
    await link.open()
    wrong = 0
    for number in range(10):
        await clock.sleep_until(clock.now() + 2.5)
        try:
            wrong += await link.query(b"echo %d" % number, _DEADLINE) != b"%d" % number
        except LinkError:
            link.poisoned = False
    assert wrong > 0
