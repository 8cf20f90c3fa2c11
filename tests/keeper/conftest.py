"""A channel through a keeper to a simulated 2450, both processes of their own; the test is the engine."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from labctl.clock import LoopClock
from labctl.keeper.remote import RemoteChannel
from labctl.keeper.start import ChildKeepers
from tests.keeper.bench import Instruments, instruments


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Instruments]:
    with instruments(tmp_path) as made:
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "keeper.jsonl"


@pytest.fixture
async def channel(bench: Instruments, journal: Path) -> AsyncIterator[RemoteChannel]:
    keepers = ChildKeepers("keithley-2450", journal)
    made = RemoteChannel("cell", "keithley-2450", bench.resources[0], LoopClock(), keepers)
    await made.connect()
    yield made
    await made.close()
