"""Planted mistakes, one for each invariant and more: the simulations must notice every one of them."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from labctl.engine import safe
from labctl.engine.gates import Gates
from labctl.errors import LinkTimeout
from labctl.half_cycle import HalfCycleFigures
from labctl.instrument import pacing
from labctl.instrument.channel import Sample
from labctl.instrument.cutoff_watch import CutoffWatch
from labctl.instrument.frozen import Frozen
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Step
from labctl.link import Deadline, Fence, Link
from labctl.store.writer import RunWriter
from labctl_drivers.keithley_2450 import Keithley2450
from labctl_drivers.keithley_2450_step import Execution
from labctl_drivers.palmsens_emstat4 import PalmSensEmStat4
from tests.faults.invariants import violations
from tests.faults.scenario import pinned
from tests.faults.simulation import Laboratory
from tests.faults.truth import Hung

SMU, POTENTIOSTAT = "keithley-2450", "palmsens-emstat4"

Plant = Callable[[pytest.MonkeyPatch], None]


def _no_cutoffs(patch: pytest.MonkeyPatch) -> None:
    """Neither the driver nor the engine looks at voltages."""
    patch.setattr(CutoffWatch, "reached", lambda self, *figures: None)
    look = pacing.Approach.look
    patch.setattr(
        pacing.Approach, "look", lambda self, time_s, voltage_V, current_A: look(self, time_s, 0.0, current_A)
    )


def _no_limits(patch: pytest.MonkeyPatch) -> None:
    """Neither cut-offs nor the safety window."""
    _no_cutoffs(patch)
    patch.setattr(SafetyLimits, "left_by", lambda self, voltage_V, current_A: "")


def _late_cutoffs(patch: pytest.MonkeyPatch) -> None:
    """The end by a voltage comes five samples late."""
    pass_through, look = Gates.pass_through, pacing.Approach.look

    def late(self: Any, sample: Sample) -> bool:
        over = pass_through(self, sample)
        if self.cutoff is None or self.cutoff.quantity is not Quantity.VOLTAGE:
            return over
        self.cutoff, self.planted = None, getattr(self, "planted", 0) + 1
        return self.planted > 5  # type: ignore[no-any-return]

    def blind(self: pacing.Approach, *reading: float) -> Cutoff | None:
        cutoff = look(self, *reading)
        return None if cutoff is None or cutoff.quantity is Quantity.VOLTAGE else cutoff

    patch.setattr(Gates, "pass_through", late)
    patch.setattr(pacing.Approach, "look", blind)


def _off_not_confirmed(patch: pytest.MonkeyPatch) -> None:
    """What was sent is taken for what was done."""

    async def believe(self: Keithley2450) -> None:
        self.link.fence.advance()
        await self.link.send_anyway(b":OUTP:SMOD HIMP")
        await self.link.send_anyway(b":OUTP OFF")

    patch.setattr(Keithley2450, "make_safe", believe)


def _no_off(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*arguments: Any) -> None:
        pass

    patch.setattr(safe, "_persistently", nothing)


def _stranger_believed(patch: pytest.MonkeyPatch) -> None:
    """Who answers after a reconnection is not asked."""

    async def believe(self: Keithley2450) -> None:
        pass

    patch.setattr(Keithley2450, "prove", believe)


def _armed_again_unasked(patch: pytest.MonkeyPatch) -> None:
    """After a reconnection the step is armed and switched on again, whoever is there."""

    async def recover(self: Execution) -> tuple[()]:
        await self._smu.link.resynchronise()
        await self._arm()
        await self._switch_on()
        return ()

    patch.setattr(Execution, "recover", recover)


def _timeouts_forgiven(patch: pytest.MonkeyPatch) -> None:
    """After a timeout the link is used as it is: the late answer goes to the next question."""

    async def ask(self: Link, line: bytes, deadline: Deadline, *, epoch: int | None = None) -> bytes:
        await self.port.write(line + b"\n")
        until_s = self._clock.now() + deadline.takes_s + deadline.slack_s
        while b"\n" not in self._input:
            if not (more := await self.port.read(until_s)):
                raise LinkTimeout("planted")
            self._input += more
        answer, _, rest = bytes(self._input).partition(b"\n")
        self._input[:] = rest
        return answer

    async def nothing(self: Execution) -> tuple[()]:
        return ()

    patch.setattr(Link, "ask", ask)
    patch.setattr(Execution, "recover", nothing)


def _columns_swapped(patch: pytest.MonkeyPatch) -> None:
    measure = Execution.measure

    async def swapped(self: Execution) -> Sample:
        sample = await measure(self)
        return sample._replace(voltage_V=sample.current_A, current_A=sample.voltage_V * 1e-4)

    patch.setattr(Execution, "measure", swapped)


def _frozen_tolerated(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Frozen, "look", lambda self, voltage_V, current_A: False)


def _short_capacity_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CutoffWatch, "denies", lambda self, *figures: False)


def _samples_dropped(patch: pytest.MonkeyPatch) -> None:
    sample = RunWriter.sample

    def forgetful(self: RunWriter, *reading: Any) -> None:
        sample(self, *reading)
        if self.seq % 20 == 0:
            self._samples.pop()

    patch.setattr(RunWriter, "sample", forgetful)


def _acknowledged_too_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RunWriter, "flush_blocking", lambda self: None)
    patch.setattr(RunWriter, "_hand_over", lambda self: None)


def _fence_down(patch: pytest.MonkeyPatch) -> None:
    """A level that was decided before make_safe is sent after it."""
    make_safe = Keithley2450.make_safe

    async def interrupted(self: Keithley2450) -> None:
        await make_safe(self)
        await self.link.send_anyway(b":SOUR:CURR 0.0001")

    patch.setattr(Fence, "check", lambda self, epoch: None)
    patch.setattr(Keithley2450, "make_safe", interrupted)


def _on_again(patch: pytest.MonkeyPatch) -> None:
    make_safe = Keithley2450.make_safe

    async def undone(self: Keithley2450) -> None:
        await make_safe(self)
        await self.link.send_anyway(b":OUTP ON")

    patch.setattr(Keithley2450, "make_safe", undone)


def _charge_counted_twice(patch: pytest.MonkeyPatch) -> None:
    add = HalfCycleFigures.add

    def twice(self: HalfCycleFigures, time_s: float, voltage_V: float, current_A: float) -> float:
        return add(self, time_s, voltage_V, 1.5 * current_A)

    patch.setattr(HalfCycleFigures, "add", twice)


def _steps_replayed(patch: pytest.MonkeyPatch) -> None:
    """Each step that passes current is done twice."""

    run = Keithley2450.run

    def again(self: Keithley2450, step: Step) -> AsyncGenerator[Sample, None]:
        async def both() -> AsyncGenerator[Sample, None]:
            async for sample in run(self, step):
                yield sample._replace(cutoff=None)
            await self.clock.sleep_until(self.clock.now() + 0.1)
            async for sample in run(self, step):
                yield sample

        return both() if step.control is Control.CURRENT else run(self, step)

    patch.setattr(Keithley2450, "run", again)
    patch.setattr(CutoffWatch, "reached", lambda self, *figures: None)


def _a_bug(patch: pytest.MonkeyPatch) -> None:
    def broken(self: CutoffWatch, *figures: float) -> None:
        raise ZeroDivisionError("planted")

    patch.setattr(CutoffWatch, "reached", broken)


def _times_run_back(patch: pytest.MonkeyPatch) -> None:
    """Samples of a step count from when the host saw it begin, whatever the instrument's clock has said before."""
    run = PalmSensEmStat4._run

    async def forgetful(self: PalmSensEmStat4, step: Any, epoch: int) -> AsyncGenerator[Sample, None]:
        self._last_s = 0.0
        async for sample in run(self, step, epoch):
            yield sample

    patch.setattr(PalmSensEmStat4, "_run", forgetful)


def _ends_unsaid(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RunWriter, "finish", lambda self, *end: None)


PLANTED: list[tuple[Plant, str, str, str]] = [
    (_no_cutoffs, SMU, "", "no missed cut-off"),
    (_late_cutoffs, SMU, "", "no sample beyond a limit but the last"),
    (_no_limits, SMU, "cell_open@40", "no sample beyond a limit but the last"),
    (_frozen_tolerated, POTENTIOSTAT, "frozen@75", "no missed cut-off"),
    (_no_off, SMU, "", "circuit open, or unsafe and loud"),
    (_off_not_confirmed, SMU, "off_ignored=2@100", "circuit open, or unsafe and loud"),
    (_stranger_believed, SMU, "swapped@40", "circuit open, or unsafe and loud"),
    (_armed_again_unasked, SMU, "swapped@40", "nothing energises after make_safe"),
    (_timeouts_forgiven, SMU, "late=1@40+2.1", "no value under the wrong name"),
    (_columns_swapped, SMU, "", "no value under the wrong name"),
    (_samples_dropped, SMU, "", "no sample lost"),
    (_acknowledged_too_early, POTENTIOSTAT, "", "no sample lost"),
    (_times_run_back, POTENTIOSTAT, "drift=0.01", "no sample lost"),
    (_fence_down, SMU, "", "nothing energises after make_safe"),
    (_on_again, SMU, "", "circuit open, or unsafe and loud"),
    (_charge_counted_twice, SMU, "", "charge is the cell's, none twice"),
    (_steps_replayed, SMU, "", "no missed cut-off"),
    (_short_capacity_believed, POTENTIOSTAT, "clipped=0.5@20", "a cut-off means what it says"),
    (_a_bug, SMU, "", "it ends, readable"),
    (_ends_unsaid, POTENTIOSTAT, "", "it ends, readable"),
]


@pytest.mark.parametrize(
    ("plant", "instrument", "faults", "invariant"),
    PLANTED,
    ids=[f"{plant.__name__[1:]} {faults}" for plant, _, faults, _ in PLANTED],
)
def test_a_planted_mistake_is_found(
    plant: Plant,
    instrument: str,
    faults: str,
    invariant: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = pinned(instrument, faults)
    with Laboratory(tmp_path) as laboratory:
        assert violations(laboratory.simulate(scenario)) == []
    plant(monkeypatch)
    with Laboratory(tmp_path) as laboratory:
        found = {violation.invariant for violation in violations(laboratory.simulate(scenario))}
    assert invariant in found


def test_a_hang_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def again_and_again(self: Execution) -> Sample:
        while True:
            await self._smu.ask(b"*IDN?")

    monkeypatch.setattr(Execution, "measure", again_and_again)
    with Laboratory(tmp_path) as laboratory, pytest.raises(Hung, match="calls of the port"):
        laboratory.simulate(pinned(SMU, ""))
