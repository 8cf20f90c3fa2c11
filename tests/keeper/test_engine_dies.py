"""The engine is killed, stopped, or stands still: the circuit is open within 1.5 s, by the instrument's own account."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.keeper.bench import Instruments, SharedKeeper, engines, instruments, pause

OPEN_WITHIN_S = 1.5
KILLS = 10


@pytest.mark.parametrize("kind", ["keithley-2450", "palmsens-emstat4"])
def test_killed_at_any_point_the_circuit_opens(
    tmp_path: Path, keeper: SharedKeeper, kind: str, record_property: Callable[[str, object], None]
) -> None:
    seed = 20260301
    random = Random(seed)
    kills = KILLS // 2
    with instruments(tmp_path, kind, kills) as bench, engines(keeper) as make:
        pids = [make.start(resource, kind) for resource in bench.resources]
        start_s = time.monotonic()
        moments = sorted((random.uniform(0.0, 1.5), index) for index in range(kills))
        killed_s = {}
        for moment_s, index in moments:
            pause(max(start_s + moment_s - time.monotonic(), 0.0))
            killed_s[index] = time.monotonic()
            os.kill(pids[index], signal.SIGKILL)
        took_s = {index: bench.open_after(killed_s[index], index) for index in killed_s}
        record_property("open after at most", f"{max(took_s.values()):.3f} s")
        assert max(took_s.values()) <= OPEN_WITHIN_S, (seed, moments, took_s)
        pause(max(killed_s.values()) + 1.2 - time.monotonic())
        assert not any(bench.closed(index) for index in range(kills)), "switched on again"
        assert any(bench.entries(index) for index in range(kills))


@pytest.mark.parametrize(("lease_s", "opens"), [(1.0, True), (30.0, False)])
def test_stopped_the_circuit_opens_because_the_lease_expires(
    bench: Instruments,
    keeper: SharedKeeper,
    lease_s: float,
    opens: bool,
    record_property: Callable[[str, object], None],
) -> None:
    """With the lease as the planted fault: a lease of half a minute leaves the circuit closed."""
    with engines(keeper) as make:
        pid = make.start(bench.resources[0], "keithley-2450", lease_s)
        bench.wait_until_energised()
        pause(0.3)
        stopped_s = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        took_s = bench.open_after(stopped_s, within_s=2.0)
        record_property("open after", f"{took_s:.3f} s")
        assert (took_s <= OPEN_WITHIN_S) is opens, took_s
        if opens:
            assert took_s > 0.3, "not the lease opened it"
            back_s = time.monotonic()
            os.kill(pid, signal.SIGCONT)
            pause(0.7)
            assert ":OUTP ON" not in bench.wire(since_s=back_s)
        with suppress(
            ProcessLookupError
        ):  # it has ended by itself when it learned that its lease had expired
            os.kill(pid, signal.SIGKILL)
        assert bench.open_after(time.monotonic()) <= OPEN_WITHIN_S
