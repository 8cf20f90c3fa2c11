"""A plan, an instrument and a database for the tests of the store."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.instrument.channel import Identity
from labctl.instrument.step import SafetyLimits, Sampling
from labctl.protocol.plan import CellDescription, Plan
from labctl.store.store import Store
from labctl.store.writer import RunWriter

CELL = CellDescription("A7", 0.2827, 0.0028, None, "1 M NaClO4", 0.0, "na50k50")
PLAN = Plan(
    "symmetric",
    "protocol: symmetric\n",
    "5a" * 32,
    CELL,
    SafetyLimits(-1.0, 1.0, 5e-4),
    Sampling(10.0),
    (),
    (),
)
IDENTITY = Identity("KEITHLEY INSTRUMENTS", "MODEL 2450", "04612345", "1.7.12b")
START_UNIX_S = 1_790_000_000.0

OpenRun = Callable[..., RunWriter]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store(path) as store:
        yield store


@pytest.fixture
def open_run(store: Store) -> OpenRun:
    """Begin a run in ``store``, or in the one given; keywords replace what it is begun with."""

    def begin(in_store: Store = store, **changes: Any) -> RunWriter:
        options: dict[str, Any] = {
            "plan": PLAN,
            "identity": IDENTITY,
            "driver": "keithley-2450",
            "resource": "TCPIP::127.0.0.1::5025::SOCKET",
            "channel": "1",
            "seed": 7,
            "speed": None,
            "started_unix_s": START_UNIX_S,
        }
        options |= changes
        return in_store.open_run(options.pop("plan"), **options)

    return begin


@pytest.fixture
def plan() -> Plan:
    return PLAN


@pytest.fixture
def identity() -> Identity:
    return IDENTITY


@pytest.fixture
def writer(open_run: OpenRun) -> RunWriter:
    return open_run()
