"""What is given to a run writer is found again by a reader, complete, in order, and under the same numbers."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec, Spectrum
from labctl.instrument.step import SafetyLimits
from labctl.protocol.plan import Plan
from labctl.store import tables
from labctl.store import writer as writer_module
from labctl.store.reader import Reader
from labctl.store.records import EventRecord, RunState, StepRecord
from labctl.store.store import Store
from labctl.store.writer import RunWriter

OpenRun = Callable[..., RunWriter]
SAFETY = SafetyLimits(-1.0, 1.0, 5e-4)
ALL_COLUMNS = tuple(column.name for column in tables.sample.columns)


def begin_step(writer: RunWriter, start_s: float = 0.0) -> int:
    return writer.begin_step(cycle=1, path="steps[0].rest", kind="rest", start_s=start_s)


def wait_for_thread(writer: RunWriter) -> None:
    """Until what was handed over is durable, and no more."""
    writer._committer.submit(lambda _: None).result()


def test_samples_come_back_as_given(writer: RunWriter, path: Path) -> None:
    step = begin_step(writer)
    writer.sample(step, 0.0, 0.1, 1.131e-4)
    writer.sample(step, 10.0, 0.25, -1.131e-4, 5, 298.15)
    writer.flush_blocking()

    columns = Reader(path).samples(writer.run_id, ALL_COLUMNS)

    assert columns["run_id"].tolist() == [1.0, 1.0]
    assert columns["seq"].tolist() == [1.0, 2.0]
    assert columns["test_time_second"].tolist() == [0.0, 10.0]
    assert columns["unix_time_second"].tolist() == [1_790_000_000.0, 1_790_000_010.0]
    assert columns["step_id"].tolist() == [1.0, 1.0]
    assert columns["voltage_volt"].tolist() == [0.1, 0.25]
    assert columns["current_ampere"].tolist() == [1.131e-4, -1.131e-4]
    assert math.isnan(columns["temperature_kelvin"][0])
    assert columns["temperature_kelvin"][1] == 298.15
    assert columns["status"].tolist() == [0.0, 5.0]


@pytest.mark.parametrize("count", [1, 199, 200, 201, 1_999, 2_000, 2_001, 4_321])
def test_seq_has_no_gap_whatever_the_size_of_batches(writer: RunWriter, path: Path, count: int) -> None:
    step = begin_step(writer)
    for n in range(count):
        writer.sample(step, float(n), 0.1, 1e-4)
    assert writer.seq == count
    writer.flush_blocking()

    samples = Reader(path).samples(writer.run_id, ("seq", "test_time_second"))

    assert np.array_equal(samples["seq"], np.arange(1, count + 1))
    assert np.array_equal(samples["test_time_second"], np.arange(count))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(st.sampled_from(["sample"] * 6 + ["step", "event", "tick", "flush"]), max_size=40),
    batch_rows=st.integers(1, 5),
)
def test_any_order_of_calls_keeps_order_and_numbers(
    open_run: OpenRun, path: Path, calls: list[str], batch_rows: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_module, "BATCH_ROWS", batch_rows)
        writer = open_run()
    step_of_sample = []
    step = begin_step(writer)
    for n, call in enumerate(calls):
        if call == "sample":
            writer.sample(step, float(n), 0.1, 1e-4)
            step_of_sample.append(step)
        elif call == "step":
            writer.end_step(step, start_s=0.0, end_s=float(n), end_reason="time", charge_C=0.0, energy_J=0.0)
            step = begin_step(writer, float(n))
        elif call == "event":
            writer.event("tag", float(n), "plan", str(n))
        elif call == "tick":
            writer.tick()
        else:
            writer.flush_blocking()
    writer.close()

    reader = Reader(path)
    samples = reader.samples(writer.run_id, ("seq", "step_id"))
    assert samples["seq"].tolist() == [float(n) for n in range(1, len(step_of_sample) + 1)]
    assert samples["step_id"].tolist() == step_of_sample
    steps = reader.steps(writer.run_id)
    assert [record.step_id for record in steps] == list(range(1, step + 1))
    assert [record.end_reason for record in steps] == ["time"] * (step - 1) + [None]
    assert [int(event.message) for event in reader.events(writer.run_id)] == [
        n for n, call in enumerate(calls) if call == "event"
    ]


def test_times_count_from_the_start_of_the_run(open_run: OpenRun, path: Path) -> None:
    writer = open_run(origin_s=500.0)
    step = begin_step(writer, 500.0)
    writer.sample(step, 503.0, 0.1, 1e-4)
    writer.event("tag", 504.0, "plan", "here")
    writer.end_step(step, start_s=500.5, end_s=505.0, end_reason="time", charge_C=0.0, energy_J=0.0)
    writer.finish(RunState.FINISHED, "all steps done", 506.0)
    writer.close()

    reader = Reader(path)
    assert reader.samples(writer.run_id, ("test_time_second",))["test_time_second"].tolist() == [3.0]
    assert reader.events(writer.run_id)[0].unix_time_s == 1_790_000_004.0
    assert [(s.start_s, s.end_s) for s in reader.steps(writer.run_id)] == [(0.5, 5.0)]
    assert reader.run().ended_unix_s == 1_790_000_006.0


def test_steps_and_events(writer: RunWriter, path: Path) -> None:
    step = writer.begin_step(cycle=3, path="steps[1].rest", kind="rest", start_s=1.0)
    writer.end_step(step, start_s=1.0, end_s=61.0, end_reason="time >= 60 s", charge_C=0.25, energy_J=0.5)
    writer.event("decision", 61.0, "overpotential_jump", "doubled", {"threshold": 0.1, "samples": [1, 2]})
    writer.flush_blocking()

    reader = Reader(path)
    assert reader.steps(writer.run_id) == [
        StepRecord(1, 3, "steps[1].rest", "rest", 1.0, 61.0, "time >= 60 s", 0.25, 0.5)
    ]
    assert reader.events(writer.run_id) == [
        EventRecord(
            3,
            "decision",
            61.0,
            1_790_000_061.0,
            "overpotential_jump",
            "doubled",
            {"threshold": 0.1, "samples": [1, 2]},
        )
    ]


def test_half_cycles_come_back_as_given(writer: RunWriter, path: Path) -> None:
    known = HalfCycle(1, 1, 0.0, 9000.0, 1.018, 0.08, 0.0786, 0.078, 0.08, 0.091, "charge >= 1.018 C")
    unknown = dataclasses.replace(
        known,
        sign=-1,
        overpotential_median_V=None,
        overpotential_end_V=None,
        overpotential_max_V=None,
        complete=False,
    )
    writer.half_cycle(known)
    writer.half_cycle(unknown)
    writer.flush_blocking()

    assert Reader(path).half_cycles(writer.run_id) == [known, unknown]


@pytest.mark.parametrize(
    "spec",
    [
        ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, 0.0, 1e5, 0.1, 10, SAFETY),
        ImpedanceSpec(ImpedanceMode.POTENTIOSTATIC, 0.005, -0.02, 1e5, 0.1, 10, SAFETY),
        ImpedanceSpec(ImpedanceMode.POTENTIOSTATIC, 0.005, None, 1e5, 0.1, 10, SAFETY),
    ],
    ids=["galvanostatic", "potentiostatic", "at open circuit"],
)
def test_spectra_come_back_as_given(writer: RunWriter, path: Path, spec: ImpedanceSpec) -> None:
    points = tuple(
        ImpedancePoint(10.0 + n, f, 150.0 + n, -20.0 - n, n % 2) for n, f in enumerate(spec.frequencies_Hz())
    )
    spectra = [Spectrum(spec, 10, 10.0, points), Spectrum(spec, 20, 90.0, points[:3])]
    step = writer.begin_step(cycle=10, path="steps[2].impedance", kind="impedance", start_s=10.0)
    writer.spectrum(step, spectra[0], {"lin_kk_residual": 0.004})
    writer.spectrum(step, spectra[1])
    writer.flush_blocking()

    records = Reader(path).spectra(writer.run_id)

    assert [record.spectrum for record in records] == spectra
    assert [record.quality for record in records] == [{"lin_kk_residual": 0.004}, None]
    assert [(record.spectrum_id, record.step_id) for record in records] == [(1, 1), (2, 1)]


def test_figures_that_are_not_finite_are_refused(writer: RunWriter) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        writer.event("decision", 0.0, "rule", "odd", {"observed": math.nan})


def test_a_named_cell_is_found_again_and_an_unnamed_one_is_another(
    open_run: OpenRun, path: Path, plan: Plan
) -> None:
    other_area = dataclasses.replace(plan.cell, area_cm2=1.0)
    unnamed = dataclasses.replace(plan.cell, name="")
    for cell in (plan.cell, plan.cell, other_area, unnamed, unnamed, plan.cell):
        open_run(plan=dataclasses.replace(plan, cell=cell)).close()

    runs = Reader(path).runs()

    assert [run.cell_id for run in runs] == [1, 1, 2, 3, 4, 1]
    assert [run.cell for run in runs[1:4]] == [plan.cell, other_area, unnamed]


def test_a_row_waits_no_longer_than_a_second(
    writer: RunWriter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the clock moved on, a tick hands over what waits; before, it does not."""
    reader = Reader(path)
    writer.sample(begin_step(writer), 0.0, 0.1, 1e-4)
    writer.tick()
    wait_for_thread(writer)
    assert reader.run().sample_count == 0

    later = monotonic() + writer_module.BATCH_S
    monkeypatch.setattr(writer_module, "monotonic", lambda: later)
    writer.tick()
    wait_for_thread(writer)
    assert reader.run().sample_count == 1


def test_a_silent_run_is_marked_as_alive(
    writer: RunWriter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(path)
    before = reader.run().last_written_unix_s
    for wait_s, written in ((writer_module.BATCH_S, False), (writer_module.SIGN_OF_LIFE_S, True)):
        later = monotonic() + wait_s
        with monkeypatch.context() as patch:
            patch.setattr(writer_module, "monotonic", lambda later=later: later)
            writer.tick()
        wait_for_thread(writer)
        assert (reader.run().last_written_unix_s > before) is written


async def test_flush_lets_the_event_loop_run(writer: RunWriter, path: Path) -> None:
    writer.sample(begin_step(writer), 0.0, 0.1, 1e-4)
    await writer.flush()
    assert Reader(path).run().sample_count == 1


def test_two_runs_at_once_keep_apart(open_run: OpenRun, path: Path) -> None:
    writers = [open_run(channel="1"), open_run(channel="2")]
    steps = [begin_step(writer) for writer in writers]
    for n in range(50):
        for writer, step in zip(writers, steps, strict=True):
            writer.sample(step, float(n), 0.1 * writer.run_id, 1e-4)
    for writer in writers:
        writer.close()

    reader = Reader(path)
    for writer in writers:
        samples = reader.samples(writer.run_id, ("seq", "voltage_volt"))
        assert np.array_equal(samples["seq"], np.arange(1, 51))
        assert set(samples["voltage_volt"]) == {0.1 * writer.run_id}


def test_a_store_that_is_closed_has_closed_its_runs(path: Path, store: Store, writer: RunWriter) -> None:
    writer.sample(begin_step(writer), 0.0, 0.1, 1e-4)
    store.close()
    store.close()
    assert writer.closed
    assert Reader(path).run().sample_count == 1
    assert not list(path.parent.glob("*.lock"))
