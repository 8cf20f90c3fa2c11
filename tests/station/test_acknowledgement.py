"""Acknowledgements: recorded with the run, in its chain, whether it goes on, has ended, or there is none."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from labctl.audit.verify import verify
from labctl.errors import UserError
from labctl.station.acknowledgement import KIND, Acknowledgements
from labctl.station.broadcast import Broadcast
from labctl.station.worker import Worker
from labctl.store.reader import Reader
from labctl.store.records import RunState
from labctl.store.store import Store
from tests.store.conftest import IDENTITY, PLAN


@dataclass
class Said:
    """What is said of a station, or noted in a run."""

    events: list[tuple[Any, ...]] = field(default_factory=list)

    def event(self, *said: Any) -> None:
        self.events.append(said)

    note = event


@dataclass
class Busy:
    """A channel with a run in progress."""

    run: Said
    run_id: int


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With run 1, which was stopped; its third event says why."""
    with Store(tmp_path / "runs.db") as store:
        options: dict[str, Any] = {"driver": "d", "resource": "r", "channel": "a1", "seed": 1, "speed": None}
        run = store.open_run(PLAN, identity=IDENTITY, started_unix_s=1.0, **options)
        number = run.begin_step(cycle=1, path="steps[0]", kind="rest", start_s=0.0)
        for n in range(1, 6):
            run.sample(number, float(n), 0.05, 1e-4)
        run.end_step(number, start_s=0.0, end_s=5.0, end_reason="time", charge_C=0.0, energy_J=0.0)
        run.event("decision", 5.0, "stop rule", "the overpotential jumped")
        run.finish(RunState.STOPPED, "overpotential_jump", 6.0)
        run.close()
        yield store


def acknowledgements(store: Store, said: Said, *busy: Busy) -> Acknowledgements:
    workers = {str(n): cast("Worker", one) for n, one in enumerate(busy)}
    return Acknowledgements(store, workers, cast("Broadcast", said))


async def test_of_an_ended_run_it_joins_the_chain_which_stays_intact(store: Store, tmp_path: Path) -> None:
    path, said = tmp_path / "runs.db", Said()
    before = verify(path)
    assert before.intact, before.findings
    words = await acknowledgements(store, said).acknowledge({"do": "acknowledge", "event": "1.3"})
    last = Reader(path).events(1)[-1]
    assert (last.kind, last.message, last.data) == (KIND, words, {"id": "1.3"})
    assert "looks after event 1.3" in words
    after = verify(path, str(before.head))
    assert after.intact, after.findings
    assert after.head.number == before.head.number + 1
    assert not said.events


async def test_of_several_persons_at_once_each_is_recorded(store: Store, tmp_path: Path) -> None:
    asked = acknowledgements(store, Said())
    async with asyncio.TaskGroup() as group:
        for n in (2, 3, 4):
            group.create_task(asked.acknowledge({"do": "acknowledge", "event": f"1.{n}"}))
    events = [event for event in Reader(tmp_path / "runs.db").events(1) if event.kind == KIND]
    assert {event.data["id"] for event in events if event.data} == {"1.2", "1.3", "1.4"}
    assert verify(tmp_path / "runs.db").intact


async def test_of_a_run_in_progress_its_own_writer_notes_it(store: Store, tmp_path: Path) -> None:
    in_run = Said()
    await acknowledgements(store, Said(), Busy(in_run, 1)).acknowledge({"do": "acknowledge", "event": "1.3"})
    ((kind, _, _, data),) = in_run.events
    assert (kind, data) == (KIND, {"id": "1.3"})
    assert KIND not in {event.kind for event in Reader(tmp_path / "runs.db").events(1)}


async def test_of_no_run_it_is_only_said(store: Store) -> None:
    said = Said()
    await acknowledgements(store, said).acknowledge({"do": "acknowledge", "event": "bench.17.250.4"})
    ((kind, *_, data),) = said.events
    assert (kind, data) == (KIND, {"id": "bench.17.250.4"})


async def test_of_a_run_that_is_not_there_it_is_refused(store: Store) -> None:
    with pytest.raises(UserError, match="no run 2 here"):
        await acknowledgements(store, Said()).acknowledge({"do": "acknowledge", "event": "2.1"})
