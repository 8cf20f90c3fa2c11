"""What the audit trail costs: verifying a long chain, and sealing samples while they are written.

    python bench/audit.py [--records 1000000] [--samples 2000000]

The first figure is the time that `labctl audit verify` takes for a chain of so many records of the usual mixture
(three in five copy a row and seal samples); the second, the time per sample that the seal adds to writing, against the
time that a sample takes altogether; the third, how fast samples are compared with their seals.
"""

import argparse
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from labctl.audit.log import head
from labctl.audit.verify import verify
from labctl.half_cycle import HalfCycle
from labctl.instrument.channel import Identity
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.protocol.plan import CellDescription, Plan
from labctl.store.records import RunState
from labctl.store.seal import SampleSeal
from labctl.store.store import Store
from labctl.store.writer import RunWriter

SAFETY = SafetyLimits(-1.0, 1.0, 5e-4)
CELL = CellDescription("bench", 0.2827, None, None, "", 0.0, None)
PLAN = Plan("bench", "", "", CELL, SAFETY, Sampling(10.0), (), ())
STEP = Step(Control.CURRENT, 1e-4, (Cutoff(Quantity.CHARGE, Side.ABOVE, 1.0),), SAFETY, Sampling(10.0))
RECORDS_A_HALF_CYCLE = 5


def open_run(store: Store) -> RunWriter:
    """A run to write to."""
    return store.open_run(
        PLAN,
        identity=Identity("", "bench", "", ""),
        driver="",
        resource="",
        channel="",
        seed=0,
        speed=None,
        started_unix_s=1.79e9,
    )


def half_cycle(writer: RunWriter, number: int, samples: int) -> None:
    """One half-cycle as the engine writes it: five records."""
    start_s = 10.0 * number * samples
    step = writer.begin_step(cycle=number, path="steps[1].steps[0]", kind="constant_current", start_s=start_s)
    writer.event("circuit_closed", start_s, "plan", "steps[1].steps[0]: current 100 uA", asdict(STEP))
    for n in range(1, samples + 1):
        writer.sample(step, start_s + 10.0 * n, 0.05 + 1e-6 * n, 1e-4)
    end_s = start_s + 10.0 * samples
    writer.end_step(step, start_s=start_s, end_s=end_s, end_reason="capacity", charge_C=1.0, energy_J=0.05)
    writer.half_cycle(HalfCycle(number, 1, start_s, end_s, 1.0, 0.05, 0.05, 0.05, 0.06, 0.07, "capacity"))
    writer.event("decision", end_s, "overpotential_jump", "a warning", {"threshold": 0.1, "observed": 0.11})
    writer.event("tag", end_s, "plan", "half-cycle over")


def verify_records(path: Path, records: int) -> None:
    """Write a long chain and verify it."""
    with Store(path) as store, open_run(store) as writer:
        for number in range(1, records // RECORDS_A_HALF_CYCLE + 1):
            half_cycle(writer, number, 1)
            if number % 1000 == 0:
                writer.flush_blocking()
        writer.finish(RunState.FINISHED, "done", 1e9)
    began, used = time.perf_counter(), time.process_time()
    report = verify(path, str(head(path)), records_only=True)
    took_s, used_s = time.perf_counter() - began, time.process_time() - used
    assert report.intact, report.findings[:5]
    print(
        f"{report.records} records, {report.rows} rows verified in {took_s:.1f} s, "
        f"of which {used_s:.1f} s of processor time"
    )


def verify_samples(path: Path, samples: int) -> None:
    """Write many samples, and compare them with their seals."""
    with Store(path) as store, open_run(store) as writer:
        for number in range(1, samples // 2000 + 1):
            half_cycle(writer, number, 2000)
        writer.finish(RunState.FINISHED, "done", 1e9)
    began = time.perf_counter()
    report = verify(path)
    took_s = time.perf_counter() - began
    assert report.intact, report.findings[:5]
    print(
        f"{report.samples} samples verified in {took_s:.1f} s, {took_s / report.samples * 1e6:.2f} us a sample"
    )


def seal() -> None:
    """What the seal adds to a sample."""
    rows = [(1, n, 10.0 * n, 1.79e9 + 10.0 * n, 3, 0.05 + 1e-6 * n, 1e-4, None, 0) for n in range(1, 100_001)]
    best_s = min(_timed(rows) for _ in range(5))
    print(f"the seal adds {best_s / len(rows) * 1e6:.2f} us to each sample")


def _timed(rows: list[tuple[int, int, float, float, int, float, float, None, int]]) -> float:
    began = time.process_time()
    SampleSeal(1).add(rows)
    return time.process_time() - began


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--records", type=int, default=1_000_000)
    arguments.add_argument("--samples", type=int, default=2_000_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        seal()
        verify_samples(Path(directory, "samples.db"), given.samples)
        verify_records(Path(directory, "records.db"), given.records)


if __name__ == "__main__":
    main()
