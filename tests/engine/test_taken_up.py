"""A run that is killed anywhere and taken up again is the run that nobody killed, through the whole stack in memory."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.engine import present_step
from labctl.engine.control import RunControl
from labctl.engine.outcome import RunState
from labctl.engine.past import rebuild
from labctl.errors import DataError, UserError, WrongInstrument
from labctl.protocol.plan import IfInterrupted
from labctl.protocol.rule_spec import Action
from labctl.rules import RuleSet
from labctl.station.resume import find, refuse_other_plan
from labctl.store import liveness
from labctl.store import reader as reader_module
from labctl.store.reader import Reader
from tests.engine.killed import Kills, half_cycles, rows, state_of, straight_run, taken_up
from tests.store.test_schema import run_sql

PROTOCOL = """\
protocol: killed-anywhere
cell: {electrode_diameter: 6 mm, equilibrium_voltage: 0 V}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 20 s, voltage_change: 20 mV}
steps:
  - rest: {until: {time: 1 min}}
  - loop: 2
    steps:
      - cccv: {current: 0.1 mA, voltage: 0.4 V, until: {current: 40 uA, time: 10 min}}
      - tag: half-way
      - constant_current: {current: -0.1 mA, until: {capacity: 12 uAh, voltage: -0.9 V}}
      - rest: {until: {time: 40 s}, on_cycles: [2]}
%s
stop_rules:
  - overpotential_jump: {baseline_cycles: 1, then: warn}
  - short_circuit: {then: warn}
  - soft_short
  - coulombic_efficiency: {minimum: 99.9 %%, cycles: 1, grace_cycles: 0, then: warn}
"""
SWEEP = (
    "      - impedance: {mode: galvanostatic, amplitude: 10 uA, from: 1 kHz, to: 1 Hz, points_per_decade: 2}"
)
CELL = "rc:R0=500,R1=500,C1=1e-2,C=0.15"
DRIVERS = {"palmsens-emstat4": SWEEP, "keithley-2450": ""}


def rule_state(run) -> list:
    return list(state_of(run._work.rules.rules))


@pytest.fixture(scope="module", params=list(DRIVERS))
def killed(request, tmp_path_factory: pytest.TempPathFactory) -> Kills:
    directory = tmp_path_factory.mktemp(request.param)
    protocol = directory / "protocol.yaml"
    protocol.write_text(PROTOCOL % DRIVERS[request.param])
    kills = Kills(directory, at=rule_state)
    end = straight_run(kills, protocol, request.param, CELL)
    assert end.state is RunState.FINISHED
    assert len(half_cycles(kills.straight)) == 4
    assert len(kills.copies) > 100
    return kills


def same_half_cycles(found: Path, wanted: Path) -> None:
    again, straight = half_cycles(found), half_cycles(wanted)
    assert [(h.cycle, h.sign, h.complete, h.end_reason) for h in again] == [
        (h.cycle, h.sign, h.complete, h.end_reason) for h in straight
    ]
    for one, other in zip(again, straight, strict=True):
        # A cell rebuilt from currents that were read is off by their noise, and relaxes while it is looked at.
        assert one.charge_C == pytest.approx(other.charge_C, rel=0.02)
        if one.sign < 0:  # ends on a charge: nothing but rounding and noise
            assert one.charge_C == pytest.approx(other.charge_C, rel=5e-4)


def whole(database: Path) -> None:
    """No sample missing, no second twice, all charge accounted for."""
    ((count, first, last),) = rows(database, "SELECT count(*), min(seq), max(seq) FROM sample")
    assert (first, last) == (1, count)
    times = [row[0] for row in rows(database, "SELECT test_time_second FROM sample ORDER BY seq")]
    assert all(before <= after for before, after in pairwise(times))
    assert rows(database, "SELECT count(*) FROM step WHERE end_time_second IS NULL") == [(0,)]
    steps = rows(database, "SELECT start_time_second, end_time_second FROM step ORDER BY step_id")
    assert all(end >= start for start, end in steps)
    assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(steps))
    ((passed,),) = rows(
        database, "SELECT sum(charge_coulomb) FROM step WHERE kind NOT IN ('rest', 'impedance')"
    )
    ((counted,),) = rows(database, "SELECT sum(charge_coulomb) FROM half_cycle")
    assert passed == pytest.approx(counted, rel=1e-9)


@settings(deadline=None, max_examples=12)
@given(data=st.data())
def test_killed_anywhere_the_half_cycles_are_those_of_the_straight_run(
    killed: Kills, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(killed.copies) - 1), label="killed at")
    copy = killed.copies[number]
    work = copy.with_name("work.sqlite")
    work.unlink(missing_ok=True)
    work.write_bytes(copy.read_bytes())
    if find_or_over(work) is None:
        return
    end = taken_up(work)
    assert end.state is RunState.FINISHED, end
    same_half_cycles(work, killed.straight)
    whole(work)
    assert len(rows(work, "SELECT 1 FROM event WHERE kind = 'gap'")) == 1
    assert rows(work, "SELECT count(*) FROM spectrum") == rows(
        killed.straight, "SELECT count(*) FROM spectrum"
    )
    assert rows(work, "SELECT count(*) FROM event WHERE kind = 'tag'")[0][0] in (2, 3)


def find_or_over(database: Path):
    """The run that can be taken up; None if it was over when the process was killed."""
    if Reader(database).run(1).state is RunState.FINISHED:
        return None
    return find(str(database), "last")


def test_rules_know_after_a_kill_what_they_knew_before(killed: Kills) -> None:
    """Their whole inside is the same, to the last bit."""
    compared = 0
    for copy, known in list(zip(killed.copies, killed.seen, strict=True))[:: len(killed.copies) // 40]:
        found = find_or_over(copy)
        if found is None:
            continue
        rules = RuleSet.of(found.plan.rules)
        rebuild(found.plan, Reader(copy), 1, found.progress, rules, 0.0)
        assert same(list(state_of(rules.rules)), known)
        compared += 1
    assert compared > 20


def same(found: list, known: list) -> bool:
    def alike(a, b) -> bool:
        return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))

    return len(found) == len(known) and all(map(alike, found, known))


def test_a_step_that_is_done_again_would_be_noticed(
    killed: Kills, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: what remains of a step is taken to be all of it."""
    copy = middle(killed, tmp_path, 0.34)
    monkeypatch.setattr(present_step, "remaining", lambda step, passed, shortest_s: step)
    taken_up(copy)
    with pytest.raises(AssertionError):
        same_half_cycles(copy, killed.straight)


def test_rules_that_are_not_shown_the_past_would_be_noticed(
    killed: Kills, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the rules are not shown what half-cycles came to."""
    monkeypatch.setattr(RuleSet, "end_half_cycle", lambda self, half_cycle: [])
    found = find(str(killed.copies[-20]), "1")
    rules = RuleSet.of(found.plan.rules)
    rebuild(found.plan, Reader(killed.copies[-20]), 1, found.progress, rules, 0.0)
    assert not same(list(state_of(rules.rules)), killed.seen[-20])


def test_progress_that_lags_behind_its_samples_is_noticed(
    killed: Kills, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: a batch is stored with the progress of the batch before."""
    copy = middle(killed, tmp_path)
    stale = Reader(killed.copies[-43]).checkpoint(1).progress
    monkeypatch.setattr(reader_module, "decode", lambda text: stale)
    with pytest.raises(DataError, match="progress after"):
        taken_up(copy)


def middle(killed: Kills, tmp_path: Path, share: float = 0.6) -> Path:
    """A copy of a database whose run was killed within a half-cycle."""
    wanted = killed.copies[int(share * len(killed.copies))]
    copy = tmp_path / "run.sqlite"
    copy.write_bytes(wanted.read_bytes())
    assert find(str(copy), "1").progress.half_cycle is not None
    return copy


def test_killed_twice_and_taken_up_twice(killed: Kills, tmp_path: Path) -> None:
    copy = middle(killed, tmp_path, 0.34)

    class Impatient(RunControl):
        """Opens the circuit when it has been looked at so often."""

        looks = 0

        @property
        def at_once(self) -> bool:
            self.looks += 1
            if self.looks == 9:
                self.request_open()
            return self.open_now

        @at_once.setter
        def at_once(self, wanted: bool) -> None:
            pass

    for _ in range(3):  # each time within two samples of the half-cycle
        assert taken_up(copy, control=Impatient()).state is RunState.ENDED
        assert half_cycles(copy)[-1].complete is False
    assert taken_up(copy).state is RunState.FINISHED
    same_half_cycles(copy, killed.straight)
    whole(copy)
    assert len(rows(copy, "SELECT 1 FROM event WHERE kind = 'gap'")) == 4


def test_steps_of_the_wall_clock_change_nothing(
    killed: Kills, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(database: Path) -> list:
        return [
            rows(database, f"SELECT * FROM {table} ORDER BY 1, 2")
            for table in ("sample", "step", "half_cycle", "spectrum", "impedance_point")
        ]

    (tmp_path / "a").mkdir()
    usual = middle(killed, tmp_path / "a")
    taken_up(usual)
    real = liveness.unix_time_s
    for number, jump_s in enumerate((-3600.0, 3600.0, 3e8)):
        (tmp_path / str(number)).mkdir()
        copy = middle(killed, tmp_path / str(number))
        monkeypatch.setattr(liveness, "unix_time_s", lambda jump_s=jump_s: real() + jump_s)
        taken_up(copy)
        assert measured(copy) == measured(usual)


def test_a_restarted_step_begins_again(killed: Kills, tmp_path: Path) -> None:
    copy = middle(killed, tmp_path)
    before = find(str(copy), "1").progress
    assert taken_up(copy, IfInterrupted.RESTART).state is RunState.FINISHED
    whole(copy)
    ended = [h for h in half_cycles(copy) if h.start_s == pytest.approx(before.half_cycle.start_s)]
    straight = half_cycles(killed.straight)[len(half_cycles(copy)) - 4 :]
    assert len(half_cycles(copy)) == 4
    if ended[0].sign < 0:
        assert ended[0].charge_C == pytest.approx(
            straight[1].charge_C + before.step.passed.charge_C, rel=1e-3
        )


def test_an_aborted_run_is_closed_without_current(killed: Kills, tmp_path: Path) -> None:
    copy = middle(killed, tmp_path)
    samples = Reader(copy).run(1).sample_count
    end = taken_up(copy, IfInterrupted.ABORT)
    assert end.state is RunState.ENDED
    assert Reader(copy).run(1).sample_count == samples
    assert half_cycles(copy)[-1].complete is False
    whole(copy)


def test_a_rule_that_had_decided_stops_the_run_that_is_taken_up(killed: Kills, tmp_path: Path) -> None:
    """The process died between the decision and the end of the run: the decision still holds."""
    copy = middle(killed, tmp_path, 0.75)
    found = find(str(copy), "1")
    stopping = replace(
        found.plan, rules=tuple(replace(rule, then=(Action.STOP,)) for rule in found.plan.rules)
    )
    past = rebuild(stopping, Reader(copy), 1, found.progress, RuleSet.of(stopping.rules), 0.0)
    assert past.stop is not None
    assert past.stop.state is RunState.STOPPED
    assert "coulombic efficiency" in past.stop.reason


def test_a_last_sample_beyond_the_safety_limits_is_a_fault(killed: Kills, tmp_path: Path) -> None:
    copy = middle(killed, tmp_path)
    run_sql(copy, "UPDATE sample SET voltage_volt = 1.3 WHERE seq = (SELECT max(seq) FROM sample)")
    end = taken_up(copy)
    assert end.state is RunState.FAULTED
    assert "1.3 V" in end.reason


@pytest.mark.parametrize(
    ("edit", "error", "word"),
    [
        ("UPDATE run SET instrument_serial = '123'", WrongInstrument, "run 1 was begun on"),
        ("UPDATE run SET instrument_model = 'other'", WrongInstrument, "run 1 was begun on"),
        ("UPDATE run SET driver = 'other'", UserError, "no driver is called 'other'"),
        ("UPDATE run SET state = 'finished', end_reason = 'x'", UserError, "run 1 is over"),
        ("UPDATE run SET state = 'stopped', end_reason = 'x'", UserError, "run 1 is over"),
        ("UPDATE run SET state = 'faulted', end_reason = 'x'", UserError, "run 1 is over"),
        ("DELETE FROM sample WHERE seq = (SELECT max(seq) FROM sample)", DataError, "samples"),
        ("UPDATE sample SET current_ampere = 2 * current_ampere", DataError, "add up to"),
        ("UPDATE progress SET data = substr(data, 1, 99)", DataError, "hash does not fit"),
        ("UPDATE progress SET version = 9", DataError, "newer labctl"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    killed: Kills, tmp_path: Path, edit: str, error: type[Exception], word: str
) -> None:
    copy = middle(killed, tmp_path)
    run_sql(copy, edit)
    before = (
        rows(copy, "SELECT count(*), max(event_id) FROM event"),
        rows(copy, "SELECT count(*) FROM sample"),
    )
    with pytest.raises(error, match=word) as caught:
        taken_up(copy)
    assert "\n" not in str(caught.value)
    after = rows(copy, "SELECT count(*), max(event_id) FROM event"), rows(copy, "SELECT count(*) FROM sample")
    assert after[1] == before[1]
    assert after[0][0][0] - before[0][0][0] <= 1  # that the process was cut off


def test_another_plan_is_refused(killed: Kills, tmp_path: Path) -> None:
    found = find(str(middle(killed, tmp_path)), "1")
    refuse_other_plan(found, found.plan)
    for other, word in (
        (replace(found.plan, text="edited", sha256="0" * 64), "another text"),
        (replace(found.plan, rules=()), "other stop rules"),
        (replace(found.plan, cell=replace(found.plan.cell, name="B")), "another cell"),
        (replace(found.plan, nodes=found.plan.nodes[1:]), "other steps left out"),
    ):
        with pytest.raises(UserError, match=word):
            refuse_other_plan(found, other)
