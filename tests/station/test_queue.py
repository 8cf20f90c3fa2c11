"""The queue of a station: what is durable, what is refused, and what waits for a person after a start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from labctl.errors import StationError
from labctl.instrument.channel import Identity
from labctl.protocol import load
from labctl.protocol.plan import Plan
from labctl.station.queue import STARTED_ANEW, Queue, settled
from labctl.store import tables
from labctl.store.queue import EntryState
from labctl.store.records import RunState
from labctl.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "labctl.sqlite") as opened:
        yield opened


def plan(cell: str) -> Plan:
    return load("na50k50-symmetric", cell={"name": cell})


def never(run_id: int) -> tuple[RunState, str]:
    raise AssertionError("no run was begun")


async def submit(queue: Queue, command: str, channel: str = "a", cell: str = "A") -> str:
    return str(await queue.submit(command, channel, plan(cell), "me", unattended=False))


async def test_entries_are_kept_in_order_and_wait_for_a_person_after_a_start(store: Store) -> None:
    queue = Queue(store, "bench")
    assert [await submit(queue, name) for name in ("x", "y", "z")] == ["q1", "q2", "q3"]
    await submit(Queue(store, "other bench"), "w", cell="B")
    anew = Queue(store, "bench")
    await anew.load(never)
    entries = anew.of("a")
    assert [str(entry) for entry in entries] == ["q1", "q2", "q3"]
    assert entries[0].plan == plan("A")
    assert [entry.state for entry in entries] == [EntryState.HELD, EntryState.QUEUED, EntryState.QUEUED]
    assert entries[0].row.reason == STARTED_ANEW


async def test_a_command_adds_one_entry_however_often_it_comes(store: Store) -> None:
    queue = Queue(store, "bench")
    assert await submit(queue, "x") == await submit(queue, "x") == "q1"
    anew = Queue(store, "bench")
    await anew.load(never)
    assert await submit(anew, "x") == "q1"
    await anew.change(anew.of()[0], EntryState.DONE)
    assert await submit(anew, "x") == "q1"
    assert anew.of() == []


async def test_of_two_who_change_an_entry_one_is_told_to_look_again(store: Store) -> None:
    queue = Queue(store, "bench")
    await submit(queue, "x")
    (entry,) = queue.of()
    await queue.change(entry, EntryState.REMOVED)
    with pytest.raises(StationError, match="q1 is not queued any more"):
        await queue.change(entry, EntryState.RUNNING)
    assert queue.of() == []


async def test_a_cell_is_on_one_channel(store: Store) -> None:
    queue = Queue(store, "bench")
    await submit(queue, "x", "a", "A")
    with pytest.raises(StationError, match=r"cell A is on channel a \(q1, queued\), not on b"):
        await submit(queue, "y", "b", "A")
    await queue.change(queue.of()[0], EntryState.DONE)
    assert await submit(queue, "z", "b", "A") == "q2"


async def test_a_channel_has_one_cell(store: Store) -> None:
    queue = Queue(store, "bench")
    await submit(queue, "x", "a", "A")
    with pytest.raises(StationError, match="channel a has cell A on it"):
        await submit(queue, "y", "a", "B")
    with pytest.raises(StationError, match="not a cell without a name"):
        await queue.submit("z", "a", load("na50k50-symmetric"), "me", unattended=False)
    assert await submit(queue, "w", "a", "A") == "q2"


async def test_cells_without_a_name_are_not_one_cell(store: Store) -> None:
    queue = Queue(store, "bench")
    nameless = load("na50k50-symmetric")
    for channel in ("a", "b", "a"):
        await queue.submit(channel + str(len(queue.of())), channel, nameless, "me", unattended=False)
    assert len(queue.of("a")) == 2


@pytest.mark.parametrize(
    ("state", "alone", "with_others"),
    [
        (RunState.FINISHED, EntryState.DONE, EntryState.DONE),
        (RunState.ENDED, EntryState.DONE, EntryState.HELD),
        (RunState.STOPPED, EntryState.DONE, EntryState.HELD),
        *(
            (state, EntryState.HELD, EntryState.HELD)
            for state in (
                RunState.FAILED,
                RunState.FAULTED,
                RunState.UNSAFE,
                RunState.PAUSED,
                RunState.INTERRUPTED,
            )
        ),
    ],
)
def test_only_what_was_done_as_planned_lets_the_next_begin(
    state: RunState, alone: EntryState, with_others: EntryState
) -> None:
    assert settled(state, others=False) is alone
    assert settled(state, others=True) is with_others


async def test_a_run_that_was_cut_off_is_held_with_its_reason(store: Store) -> None:
    queue = Queue(store, "bench")
    await submit(queue, "x")
    record = store.open_run(
        plan("A"),
        identity=Identity("maker", "model", "1", "1.0"),
        driver="d",
        resource="r",
        channel="a",
        seed=None,
        speed=1.0,
        started_unix_s=0.0,
    )
    await queue.change(queue.of()[0], EntryState.RUNNING, run_id=record.run_id)
    anew = Queue(store, "bench")
    await anew.load(lambda run_id: (RunState.INTERRUPTED, f"the process of {run_id} was cut off"))
    (entry,) = anew.of()
    assert entry.state is EntryState.HELD
    assert entry.row.reason == "run 1 interrupted: the process of 1 was cut off"


async def test_a_plan_that_cannot_be_read_is_kept_and_not_run(store: Store) -> None:
    queue = Queue(store, "bench")
    await submit(queue, "x")
    store.submit(lambda connection: connection.execute(update(tables.queue_entry).values(plan="{}"))).result()
    anew = Queue(store, "bench")
    await anew.load(never)
    (entry,) = anew.of()
    assert (entry.plan, entry.state, entry.protocol) == (None, EntryState.HELD, "a plan that cannot be read")
