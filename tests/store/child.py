"""Processes that end badly: run as a script by the tests of crashes and full disks.

``child.py crash honest|hasty`` forks, for each path read from standard input, a process that writes a run there until
it is killed, and prints its process id, then each sample number that was acknowledged. The honest one acknowledges
what was flushed; the hasty one what was merely given, which is the fault that the test must be able to find.

``child.py full PATH BYTES`` writes a run to a disk that takes no more than so many bytes a file; ``mended`` in place of
``full`` takes the limit away after the failure, and goes on with the same store.

``child.py power PATH SYNCHRONOUS`` writes some runs under that setting, and prints how many samples are acknowledged.
"""

import os
import resource
import sys
from typing import Any

from sqlalchemy import Engine, event

from labctl.errors import StoreError
from labctl.instrument.channel import Identity
from labctl.instrument.step import SafetyLimits, Sampling
from labctl.protocol.plan import CellDescription, Plan
from labctl.store import sqlite
from labctl.store.store import Store
from labctl.store.writer import RunWriter

CELL = CellDescription("A7", 0.2827, None, None, "", 0.0, None)
PLAN = Plan("p", "", "", CELL, SafetyLimits(-1.0, 1.0, 5e-4), Sampling(10.0), (), ())


def say(text: object) -> None:
    os.write(1, f"{text}\n".encode())


def open_run(store: Store) -> RunWriter:
    return store.open_run(
        PLAN,
        identity=Identity("", "", "", ""),
        driver="",
        resource="",
        channel="",
        seed=None,
        speed=1.0,
        started_unix_s=1_790_000_000.0,
    )


def write_for_ever(path: str, honest: bool) -> None:
    writer = open_run(Store(path))
    step = writer.begin_step(cycle=1, path="steps[0]", kind="rest", start_s=0.0)
    while True:
        for _ in range(1 + writer.seq % 300):
            writer.sample(step, writer.seq * 0.1, 0.1, 1e-4)
        if honest:
            writer.flush_blocking()
        else:
            writer.tick()
        say(writer.seq)


def crash(honest: bool) -> None:
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            say(os.getpid())
            write_for_ever(line.strip(), honest)
        os.waitpid(pid, 0)
        say("gone")


def fill(path: str, limit: int, *, mended: bool) -> None:
    store = Store(path)
    writer = open_run(store)
    step = writer.begin_step(cycle=1, path="steps[0]", kind="rest", start_s=0.0)
    writer.flush_blocking()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        while True:
            for _ in range(100):
                writer.sample(step, writer.seq * 0.1, 0.1, 1e-4)
            writer.flush_blocking()
            acknowledged = writer.seq
    except StoreError as error:
        say(acknowledged)
        say(error)
    for call in (writer.tick, writer.flush_blocking, writer.close, *(() if mended else (store.close,))):
        try:
            call()
        except StoreError:
            say("StoreError")
    if mended:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        store.reopen()
        say(writer.seq)
        with open_run(store) as after:
            after.begin_step(cycle=1, path="steps[0]", kind="rest", start_s=0.0)
        store.close()


def until_the_power_goes(path: str, synchronous: str) -> None:
    """Several runs, with checkpoints, a log that is begun anew, and a database that is closed and opened again."""
    sqlite.CHECKPOINT_PAGES, sqlite.LOG_LIMIT_BYTES = 20, 60_000

    def set_synchronous(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA synchronous = {synchronous}")

    event.listen(Engine, "connect", set_synchronous)
    samples = 0
    for _ in range(3):
        with Store(path) as store, open_run(store) as writer:
            step = writer.begin_step(cycle=1, path="steps[0]", kind="rest", start_s=0.0)
            for batch in range(60):
                for _ in range(1 + batch * 7 % 40):
                    writer.sample(step, writer.seq * 0.1, 0.1, 1e-4)
                writer.flush_blocking()
                say(samples + writer.seq)
        samples += writer.seq


if __name__ == "__main__":
    if sys.argv[1] == "crash":
        crash(honest=sys.argv[2] == "honest")
    elif sys.argv[1] == "power":
        until_the_power_goes(sys.argv[2], sys.argv[3])
    else:
        fill(sys.argv[2], int(sys.argv[3]), mended=sys.argv[1] == "mended")
