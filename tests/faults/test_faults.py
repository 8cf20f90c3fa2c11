"""Each fault by itself on both instruments: what labctl makes of it, and that every invariant holds."""

from collections.abc import Iterator

import pytest

from labctl.engine.outcome import RunState
from labctl_simulators.chaos import Kind, parse
from tests.faults.invariants import violations
from tests.faults.scenario import pinned
from tests.faults.simulation import Laboratory

FINISHED, FAILED, FAULTED, UNSAFE = RunState.FINISHED, RunState.FAILED, RunState.FAULTED, RunState.UNSAFE

SMU, POTENTIOSTAT = "keithley-2450", "palmsens-emstat4"

# Fault, then how the run ends on the source-measure unit and on the potentiostat, and whether its circuit is open then.
EXPECTED = [
    ("late=1@40+2.1", FINISHED, FINISHED),
    ("lost=1@40+2.1", FINISHED, FINISHED),
    ("mute@40", UNSAFE, UNSAFE),
    ("mute@40+5", FINISHED, FINISHED),
    ("duplicated=1@40+2.1", FINISHED, FINISHED),
    ("merged=1@40+2.1", FINISHED, FINISHED),
    ("split=1", FINISHED, FINISHED),
    ("garbled=1@40+2.1", FINISHED, FINISHED),
    ("terminator=1@40+2.1", FINISHED, FINISHED),
    ("echo@40", UNSAFE, UNSAFE),
    ("echo@40+5", FINISHED, FINISHED),
    ("reset@40", FINISHED, FINISHED),
    ("fin@40", FINISHED, FINISHED),
    ("half_open@40", FINISHED, FINISHED),
    ("not_executed=0.05", FAILED, FINISHED),
    ("errors_full@40", FINISHED, FINISHED),
    ("interrupted@40", FINISHED, FINISHED),
    ("power_cycle@40", FAILED, FAILED),
    ("second_client@40", FINISHED, FINISHED),
    ("front_panel@40", FAILED, FINISHED),
    ("on_ignored", FAILED, FAILED),
    ("off_ignored=1@100", FAILED, FINISHED),
    ("off_ignored=2@100", FAILED, FINISHED),
    ("cell_open@40", FAULTED, FAILED),
    ("clipped=0.5@40", FAILED, FAILED),
    ("frozen@30", FAILED, FAULTED),
    ("sense_open@40", FINISHED, FINISHED),
    ("reversed@40", FINISHED, FINISHED),
    ("gone@40+3", FINISHED, FINISHED),
    ("drift=0.01", FINISHED, FINISHED),
]
LEFT_CLOSED = [
    ("off_ignored=always@40", SMU),
    ("off_ignored=always@40", POTENTIOSTAT),
    ("gone@40", SMU),
    ("swapped@40", SMU),
]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with Laboratory(tmp_path_factory.mktemp("faults")) as laboratory:
        yield laboratory


@pytest.mark.parametrize("instrument", [SMU, POTENTIOSTAT])
def test_without_faults(laboratory: Laboratory, instrument: str) -> None:
    outcome = laboratory.simulate(pinned(instrument, ""))
    assert outcome.run["state"] == FINISHED
    assert violations(outcome) == []
    assert outcome.injected().total() == 0


@pytest.mark.parametrize(("faults", "smu", "potentiostat"), EXPECTED, ids=[row[0] for row in EXPECTED])
def test_one_fault(laboratory: Laboratory, faults: str, smu: RunState, potentiostat: RunState) -> None:
    for instrument, state in ((SMU, smu), (POTENTIOSTAT, potentiostat)):
        outcome = laboratory.simulate(pinned(instrument, faults))
        assert outcome.run["state"] == state, f"{instrument}: {outcome.end}"
        assert not outcome.closed_at_end
        assert violations(outcome) == []


@pytest.mark.parametrize(("faults", "instrument"), LEFT_CLOSED)
def test_a_circuit_that_nobody_can_open_is_called_unsafe(
    laboratory: Laboratory, faults: str, instrument: str
) -> None:
    outcome = laboratory.simulate(pinned(instrument, faults))
    assert outcome.run["state"] == UNSAFE
    assert outcome.run["end_reason"].count("the cell:") == 1
    assert outcome.closed_at_end
    assert violations(outcome) == []
    assert any(row["kind"] == "circuit_unknown" for row in outcome.rows["event"])


def test_every_kind_of_fault_has_its_line() -> None:
    tried = {
        fault.kind
        for text in (*(row[0] for row in EXPECTED), *(row[0] for row in LEFT_CLOSED))
        for fault in parse(text)
    }
    assert set(Kind) == tried


@pytest.mark.parametrize("instrument", [SMU, POTENTIOSTAT])
def test_wrong_terminators_keep_a_run_from_beginning(laboratory: Laboratory, instrument: str) -> None:
    outcome = laboratory.simulate(pinned(instrument, "terminator=1"))
    assert outcome.end is None
    assert "LinkTimeout" in repr(outcome.error) or "LinkNonsense" in repr(outcome.error)
    assert violations(outcome) == []


def test_nothing_that_energises_goes_to_another_instrument(laboratory: Laboratory) -> None:
    for at_s in (5.0, 30.0, 69.99, 70.01, 137.0, 139.0):
        outcome = laboratory.simulate(pinned(SMU, f"swapped@{at_s}"))
        to_twin = [data for _, mark, data in outcome.log.entries if mark == ">twin"]
        assert to_twin, "it was spoken to"
        assert not any(b":OUTP" in data or b":SOUR" in data for data in to_twin)
        assert outcome.run["state"] == UNSAFE


@pytest.mark.parametrize("instrument", [SMU, POTENTIOSTAT])
@pytest.mark.parametrize("deed", ["stop", "open", "cancel", "reopen"])
@pytest.mark.parametrize("faults", ["late=0.3", "off_ignored=1"])
def test_a_person_and_a_fault(laboratory: Laboratory, instrument: str, deed: str, faults: str) -> None:
    """The first pair of faults to pin: a timeout, a cancellation, and opening the circuit."""
    for at_s in (11.0, 40.0, 70.05):
        outcome = laboratory.simulate(pinned(instrument, f"{faults}@10", person=(deed, at_s)))
        assert violations(outcome) == []


@pytest.mark.parametrize("instrument", [SMU, POTENTIOSTAT])
@pytest.mark.parametrize("commits", [1, 3, 6])
def test_a_disk_that_fails_ends_the_run_with_an_open_circuit(
    laboratory: Laboratory, instrument: str, commits: int
) -> None:
    outcome = laboratory.simulate(pinned(instrument, "", commits=commits))
    assert outcome.end is not None
    assert outcome.end.state is FAILED
    assert "input/output error" in outcome.end.reason
    assert outcome.acknowledged == 16 * (commits - 1)
    assert violations(outcome) == []
