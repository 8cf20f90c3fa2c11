"""Simulated 2450s and a keeper, in processes that all tests share; each test has an instrument for itself."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from labctl.clock import LoopClock
from labctl.keeper.remote import RemoteChannel
from tests.keeper.bench import Instruments, SharedKeeper, instruments, shared_keeper

_PARK = 80
_taken = count()


def another_of(park: Instruments) -> Instruments:
    """An instrument that nobody has touched."""
    return park.part(next(_taken), 1)


@pytest.fixture(scope="session")
def park(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instruments]:
    with instruments(tmp_path_factory.mktemp("park"), count=_PARK) as made:
        yield made


@pytest.fixture(scope="session")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedKeeper]:
    with shared_keeper(tmp_path_factory.mktemp("keeper")) as made:
        yield made


@pytest.fixture
def bench(park: Instruments) -> Instruments:
    """One instrument that no other test has touched."""
    return another_of(park)


@pytest.fixture
def journal(keeper: SharedKeeper) -> Path:
    return keeper.journal


@pytest.fixture
async def channel(bench: Instruments, keeper: SharedKeeper) -> AsyncIterator[RemoteChannel]:
    made = RemoteChannel(f"cell-{bench.first}", bench.kind, bench.resources[0], LoopClock(), keeper.process)
    await made.connect()
    yield made
    await made.close()
