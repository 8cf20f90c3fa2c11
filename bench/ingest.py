"""How many samples a second the store makes durable, as a share of raw ``executemany`` in the same run.

Both sides write the same rows into the same table of the same SQLite with ``synchronous=FULL``. The raw side is a plain
loop in one thread, with its rows made beforehand; the store's time begins with the first ``RunWriter.sample`` and
ends when the last row is durable. Rounds are interleaved; medians are printed.

    python bench/ingest.py [--rows 200000] [--rounds 7]
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from labctl.instrument.channel import Identity
from labctl.instrument.step import SafetyLimits, Sampling
from labctl.protocol.plan import CellDescription, Plan
from labctl.store import batch, database, writer
from labctl.store.reader import Reader
from labctl.store.sqlite import load_dbapi
from labctl.store.store import Store
from labctl.store.writer import RunWriter

PLAN = Plan(
    protocol="ingest",
    text="",
    sha256="",
    cell=CellDescription("", None, None, None, "", None, None),
    safety=SafetyLimits(-1.0, 1.0, 1e-3),
    record=Sampling(10.0),
    nodes=(),
    rules=(),
)
INSERT = "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def open_run(store: Store) -> tuple[RunWriter, int]:
    """A run with one step."""
    run = store.open_run(
        PLAN,
        identity=Identity("", "", "", ""),
        driver="",
        resource="",
        channel="",
        seed=None,
        speed=None,
        started_unix_s=1_790_000_000.0,
    )
    step = run.begin_step(cycle=1, path="steps[0]", kind="rest", start_s=0.0)
    run.flush_blocking()
    return run, step


def readings(rows: int) -> list[tuple[float, float, float]]:
    """Time, voltage, current."""
    return [(10.0 * n, 0.08 + 1e-7 * n, 1.131e-4 + 1e-12 * n) for n in range(rows)]


def raw_executemany(path: Path, rows: int, batch_rows: int) -> float:
    """Seconds of a plain loop over the driver's own ``executemany``."""
    with Store(path) as store:
        open_run(store)
    values: list[batch.SampleRow] = [
        (1, n, time_s, 1_790_000_000.0 + time_s, 1, voltage_V, current_A, None, 0)
        for n, (time_s, voltage_V, current_A) in enumerate(readings(rows), start=1)
    ]
    with database.open_for_writing(database.locate(path)).connect() as connection:
        raw = connection.connection.cursor()
        start = perf_counter()
        for first in range(0, rows, batch_rows):
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(INSERT, values[first : first + batch_rows])
            raw.execute("COMMIT")
        return perf_counter() - start


def through_store(path: Path, rows: int, batch_rows: int) -> float:
    """Seconds from the first sample given to the last one durable."""
    writer.BATCH_ROWS = batch_rows
    values = readings(rows)
    with Store(path) as store:
        run, step = open_run(store)
        start = perf_counter()
        for time_s, voltage_V, current_A in values:
            run.sample(step, time_s, voltage_V, current_A)
        run.flush_blocking()
        return perf_counter() - start


def acknowledged_singly(path: Path, rows: int, batch_rows: int) -> float:
    """Seconds when every ``batch_rows`` samples are waited for until they are durable."""
    values = readings(rows)
    with Store(path) as store:
        run, step = open_run(store)
        start = perf_counter()
        for number, (time_s, voltage_V, current_A) in enumerate(values, start=1):
            run.sample(step, time_s, voltage_V, current_A)
            if number % batch_rows == 0:
                run.flush_blocking()
        return perf_counter() - start


def hot_path_ns(path: Path, rows: int) -> float:
    """What one call of ``sample`` costs its caller while no batch is full."""
    writer.BATCH_ROWS = rows + 1
    values = readings(rows)
    with Store(path) as store:
        run, step = open_run(store)
        start = perf_counter()
        for time_s, voltage_V, current_A in values:
            run.sample(step, time_s, voltage_V, current_A)
        return (perf_counter() - start) / rows * 1e9


def reading_rate(path: Path, rows: int) -> float:
    """Rows a second of three columns into arrays."""
    with Store(path) as store:
        run, step = open_run(store)
        for time_s, voltage_V, current_A in readings(rows):
            run.sample(step, time_s, voltage_V, current_A)
    reader = Reader(path)
    start = perf_counter()
    reader.samples(1)
    return rows / (perf_counter() - start)


def in_fresh_directory(measure: Callable[..., float], *arguments: int) -> float:
    """Each measurement has a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder) / "runs.db", *arguments)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    default_batch = writer.BATCH_ROWS

    cases: list[tuple[str, int, int, Callable[..., float]]] = [
        ("1, each waited for", 1, given.rows // 200, acknowledged_singly),
        ("100, each waited for", 100, given.rows // 10, acknowledged_singly),
        ("100", 100, given.rows // 10, through_store),
        ("1,000", 1_000, given.rows, through_store),
        (f"{default_batch:,} (as shipped)", default_batch, given.rows, through_store),
    ]
    print(f"SQLite {load_dbapi().sqlite_version}, WAL, synchronous=FULL; medians of {given.rounds} rounds\n")
    print("| rows a batch | raw executemany, rows/s | labctl store, rows/s | share |")
    print("|---|---|---|---|")
    for name, batch_rows, rows, ours in cases:
        raw_s, ours_s = [], []
        for _ in range(given.rounds):
            raw_s.append(in_fresh_directory(raw_executemany, rows, batch_rows))
            ours_s.append(in_fresh_directory(ours, rows, batch_rows))
        raw, store = rows / statistics.median(raw_s), rows / statistics.median(ours_s)
        share = statistics.median(a / b for a, b in zip(raw_s, ours_s, strict=True))
        print(f"| {name} | {raw:,.0f} | {store:,.0f} | {share:.2f} |", flush=True)
    hot = statistics.median(in_fresh_directory(hot_path_ns, given.rows) for _ in range(given.rounds))
    reading = statistics.median(in_fresh_directory(reading_rate, given.rows) for _ in range(given.rounds))
    print(f"\nOne call of RunWriter.sample: {hot:.0f} ns. Reading three columns: {reading:,.0f} rows/s.")


if __name__ == "__main__":
    main()
