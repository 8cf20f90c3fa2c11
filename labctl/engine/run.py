"""One run: a plan executed on a channel, sample by sample, until there is a reason to end."""

import asyncio
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict

from labctl.clock import Clock
from labctl.engine import circuit, interruption, soaking
from labctl.engine.control import RunControl
from labctl.engine.gap import current_in, gap_between
from labctl.engine.half_cycles import HalfCycles
from labctl.engine.outcome import RunEnd, RunState
from labctl.engine.present_step import PresentStep
from labctl.engine.record import Record
from labctl.engine.safe import open_circuit
from labctl.engine.step_part import take_part
from labctl.engine.surroundings import Surroundings
from labctl.engine.sweeps import take_spectrum
from labctl.engine.taken_up import Past, TakenUp
from labctl.engine.walk import Place, Walk, continues_half_cycle
from labctl.engine.workplace import Workplace
from labctl.errors import LabctlError
from labctl.half_cycle import HalfCycle
from labctl.instrument.channel import Channel, Sample
from labctl.protocol.plan import IfInterrupted, ImpedanceNode, Plan, StepNode, TagNode
from labctl.protocol.rule_spec import Action
from labctl.rules import Decision, RuleSet
from labctl.store.progress import HalfCycleProgress, Opening, Passed, Progress


class Run:
    """Executes a plan on a channel.

    A sample goes through the same gates in the same order every time: it must be a reading at all; safety limits;
    cut-offs; figures of the half-cycle; stop rules. It is stored whatever they say. Attributes show the present
    state to whoever displays it, from any thread, ``end`` how the run ended, once its circuit has been seen to;
    ``progress`` is what is stored with each batch of samples.

    Args:
        plan: what to do.
        channel: a connected channel; its circuit is open if the run is taken up.
        record: where everything is written.
        rules: the stop rules of this run.
        clock: the time the channel lives in.
        control: what a person asks for.
        tell: called with (kind, sentence) whenever something worth a line happens.
        taken_up: where an earlier process has left the run; None: the run begins.
        surroundings: what is known of the cell's temperature; None: no thermometer stands beside it.
    """

    def __init__(
        self,
        plan: Plan,
        channel: Channel,
        record: Record,
        rules: RuleSet,
        clock: Clock,
        control: RunControl,
        tell: Callable[[str, str], None] = lambda kind, sentence: None,
        taken_up: TakenUp | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self.plan = plan
        self.place: Place | None = None
        self.end: RunEnd | None = None
        self.control = control
        self.half_cycles = HalfCycles(rules, plan.cell.equilibrium_voltage_V, self._keep)
        self._work = Workplace(channel, record, rules, clock, control, self.half_cycles, tell, surroundings)
        self._taken_up = taken_up
        start = None if taken_up is None else taken_up.progress.position
        self._places = iter(Walk(plan.nodes, lambda: self.half_cycles.discharged_C, start))
        self._present: PresentStep | None = None
        self._done = False
        self._spectrum_wanted = False
        self._opening: Opening | None = None
        if taken_up is None:
            record.follow(self.progress)

    @property
    def sample(self) -> Sample | None:
        """The latest sample."""
        return self._work.sample

    @property
    def temperature_K(self) -> float | None:
        """Beside the cell, by now; None if it is not known."""
        return self._work.temperature_K()

    @property
    def elapsed_s(self) -> float | None:
        """Time of the latest sample since the run's start; None before the first."""
        sample = self._work.sample
        return None if sample is None else sample.time_s - self._work.record.origin_s

    def note(
        self, kind: str, message: str, by: str = "station", data: dict[str, object] | None = None
    ) -> None:
        """Write down what happened around the run, not in it."""
        self._work.note(kind, message, data, by)

    def progress(self) -> Progress:
        """How far the run has come: the samples up to the present one, and what follows from them."""
        place, present, figures = self.place, self._present, self.half_cycles.present
        return Progress(
            time_s=self._work.clock.now(),
            seq=self._work.record.seq,
            position=None if place is None else place.position,
            done=self._done,
            spectrum_wanted=self._spectrum_wanted,
            step=None if present is None else present.progress(),
            half_cycle=None
            if figures is None
            else HalfCycleProgress(
                figures.cycle, figures.sign, figures.start_s, figures.charge_C, figures.energy_J
            ),
            discharged_C=self.half_cycles.discharged_C,
            opening=self._opening,
        )

    async def execute(self) -> RunEnd:
        """Carry the plan out; the circuit is open when this returns, or the end says that nobody knows."""
        trace, failure, control = "", None, self._work.control
        task = asyncio.current_task()
        if task is not None:
            control.attach(task)
        try:
            with soaking.watched(self._work, self.plan):
                end = soaking.doubt(self._work, self.plan) or await self._carry_out()
        except asyncio.CancelledError:
            if not control.open_now:
                await self._end(RunEnd(RunState.PAUSED, "labctl was told to end"))
                raise
            end = control.opening
        except LabctlError as error:  # an unknown state of the cell, too: what follows opens it or says so
            failure, end = error, RunEnd(RunState.FAILED, str(error))
        except Exception as error:  # noqa: BLE001  whatever it is, the circuit must be opened
            end = RunEnd(RunState.FAILED, f"a bug in labctl: {type(error).__name__}: {error}")
            trace = traceback.format_exc()
        control.detach()
        return await self._end(end, failure, trace)

    async def _end(self, end: RunEnd, failure: LabctlError | None = None, trace: str = "") -> RunEnd:
        """Open the circuit, whatever happened, and write the run's last rows."""
        work, asked_s = self._work, self._work.clock.now()
        kind, by = circuit.OPENED, circuit.asked_by(end)
        said = f"{end.reason}: the circuit is open, confirmed by read-back"
        try:
            await open_circuit(work.channel, work.clock, work.tell)
        except asyncio.CancelledError:
            if not work.control.open_now:  # else it is the interruption that asked for this opening
                raise
        except LabctlError as error:
            kind, self._opening = circuit.UNKNOWN, None
            said = _nobody_knows(end.reason if failure is None else failure.account, error)
            end = RunEnd(RunState.UNSAFE, said)
        if kind is circuit.OPENED:
            self._opening = self._opening or Opening(asked_s, work.clock.now())
        work.note(kind, said, by=by)
        if trace:
            work.note("bug", trace)
        last = self.progress()  # with the half-cycle in progress: whoever takes the run up goes on with it
        work.record.follow(lambda: last)
        for decision in self.half_cycles.end(end.reason, complete=False):
            work.note("decision", decision.reason, asdict(decision), decision.rule)
        work.record.finish(end.state, end.reason, work.clock.now())
        self.end = end
        return end

    async def _carry_out(self) -> RunEnd:
        end = None if self._taken_up is None else await self._take_up(self._taken_up)
        while end is None:
            place = next(self._places, None)
            if place is None:
                return RunEnd(RunState.FINISHED, "the plan was carried out")
            end = await self._visit(place)
        return end

    async def _visit(self, place: Place, present: PresentStep | None = None) -> RunEnd | None:
        """Do what is to be done at a place; ``present`` is its step, if that has begun in an earlier process."""
        self.place, self._present, self._done = place, present, False
        end = None
        match place.node:
            case StepNode() as node:
                end = await self._take(place, present or PresentStep(node))
            case ImpedanceNode() as node:
                end = await self._measure(node, circuit.PLAN)
            case TagNode(text=text):
                self._work.note("tag", text, by=circuit.PLAN)
                self._done = True
            case _:
                raise AssertionError(f"a walk yields no {place.node}")
        return end or await self._leave()

    async def _leave(self) -> RunEnd | None:
        """What is to be done before the next place."""
        if self._spectrum_wanted and (end := await self._measure_wanted()):
            return end
        if self._work.control.stop_after_step:
            return RunEnd(RunState.ENDED, "a person asked to end after the present step")
        if self._work.control.pause_wanted:
            return await self._pause(None)
        return None

    async def _take(self, place: Place, present: PresentStep) -> RunEnd | None:
        """Take one step, with whatever pauses there are; returns a reason to end the run, or None to go on."""
        self._present = present
        while not present.is_over:
            if end := await soaking.begin(self._work, present.node):
                return end
            self._opening = None
            if not await take_part(self._work, present, place.cycle):
                break
            if end := await self._pause(present):
                return end
        self._work.control.skipped()
        if present.end is None and not present.is_over:
            present.end = RunEnd(
                RunState.FAILED, f"{present.node.path}: the instrument ended the step without a cut-off"
            )
        present.end = present.end or soaking.end(self._work, present)
        if present.end is not None:
            return present.end
        decisions = present.decisions
        if present.stops or not continues_half_cycle(place):
            complete = present.cutoff is not None
            decisions = decisions + self.half_cycles.end(present.end_reason, complete=complete)
        self._done = True
        return await self._act(decisions)

    async def _measure(self, node: ImpedanceNode, by: str) -> RunEnd | None:
        """Take a spectrum, again after a pause; ask the rules about it."""
        work = self._work
        assert self.place is not None
        while True:
            self._opening = None
            spectrum = await take_spectrum(work, node, self.place.cycle, by)
            if not work.control.pause_wanted or spectrum is not None:
                break
            if end := await self._pause(None):
                return end
        work.control.skipped()
        self._done = True
        if by == circuit.RULE:
            self._spectrum_wanted = False
        if work.control.open_now:
            return work.control.opening
        return None if spectrum is None else await self._act(work.rules.spectrum(spectrum))

    async def _measure_wanted(self) -> RunEnd | None:
        """The spectrum that a rule asked for: the plan's own, where the instrument can."""
        own = next((node for node in self.plan.flat() if isinstance(node, ImpedanceNode)), None)
        if own is None or self._work.channel.traits.impedance is None:
            self._spectrum_wanted = False
            self._work.note(
                "no_spectrum", "a rule asked for a spectrum, but none is planned or the instrument has none"
            )
            return None
        return await self._measure(own, circuit.RULE)

    async def _act(self, decisions: Sequence[Decision]) -> RunEnd | None:
        """Do what the rules decided: a spectrum first, then the strongest of what else they ask for."""
        end = None
        for decision in decisions:
            self._work.note("decision", decision.reason, asdict(decision), decision.rule)
            self._work.tell("decision", f"{decision.rule}: {decision.reason}")
            if Action.IMPEDANCE in decision.actions:
                self._spectrum_wanted = True
            if Action.STOP in decision.actions or Action.STOP_AFTER_STEP in decision.actions:
                end = end or RunEnd(RunState.STOPPED, f"{decision.rule}: {decision.reason}")
        if end is not None and self._spectrum_wanted:
            return await self._measure_wanted() or end
        return end

    async def _pause(self, present: PresentStep | None) -> RunEnd | None:
        """Open the circuit, wait, and see to it that the same half-cycle can go on."""
        work, last = self._work, self._work.sample
        self._opening = opening = await interruption.open_for_pause(work)
        await interruption.wait(work)
        current_A = 0.0 if present is None or last is None else current_in(present.node.step, last.current_A)
        last_s = opening.not_before_s if last is None else last.time_s
        gap = gap_between(last_s, opening, work.clock.now(), current_A, "paused by a person")
        interruption.bridge(work, gap, *self._where(), present)
        return await interruption.check_open_circuit(work, self.plan, self._where()[0], last)

    async def _take_up(self, known: TakenUp) -> RunEnd | None:
        """Go on where an earlier process has left the run; returns a reason to end it instead."""
        work, progress, past = self._work, known.progress, known.past
        present = self._restore(progress, past)
        work.record.go_on(RunState.RUNNING)
        if past.reopened:
            work.record.reopen_half_cycle()
        if (row := past.unfinished) is not None:
            work.record.end_step(
                row.step_id,
                start_s=row.start_s,
                end_s=row.end_s,
                end_reason=known.gap.reason,
                charge_C=row.passed.charge_C,
                energy_J=row.passed.energy_J,
            )
        work.note("resumed", f"taken up again: {known.choice}", by=known.by)
        interruption.bridge(work, known.gap, *self._where(), present)
        self._opening = Opening(known.gap.end_s, known.gap.end_s)
        work.record.follow(self.progress)
        if past.stop is not None:
            return past.stop
        if known.choice is IfInterrupted.ABORT:
            return RunEnd(RunState.ENDED, "it was not to be taken up again")
        before = None if known.any_voltage else past.before
        if end := await interruption.check_open_circuit(work, self.plan, self._where()[0], before):
            return end
        if end := await soaking.again(work, past.soaked, present, self._where()[0]):
            return end
        if self.place is None:
            return None
        if self._done:
            return await self._leave()
        over = progress.step is not None and progress.step.cutoff is not None
        if present is not None and known.choice is IfInterrupted.RESTART and not over:
            present.restart()
        return await self._visit(self.place, present)

    def _restore(self, progress: Progress, past: Past) -> PresentStep | None:
        """Be where the run was left; returns the step it was left in, if it was in one."""
        self._work.sample = past.sample
        self.half_cycles.restore(past.present, past.last, past.discharged_C)
        self._spectrum_wanted, self._done = progress.spectrum_wanted, progress.done
        if progress.position is None:
            return None
        self.place = next(self._places)
        if progress.done or not isinstance(self.place.node, StepNode):
            return None
        stored = progress.step
        self._present = PresentStep(
            self.place.node, Passed() if stored is None else stored.passed, past.decisions
        )
        if stored is not None:
            self._present.restore(stored)
        return self._present

    def _where(self) -> tuple[int, str]:
        """Cycle and path of the present place."""
        return (0, "") if self.place is None else (self.place.cycle, self.place.node.path)

    def _keep(self, half_cycle: HalfCycle) -> None:
        self._work.record.half_cycle(half_cycle)
        self._work.tell("half_cycle", _half_cycle_line(half_cycle))


def _half_cycle_line(half_cycle: HalfCycle) -> str:
    kind = "charge" if half_cycle.sign > 0 else "discharge"
    line = f"cycle {half_cycle.cycle} {kind}: {half_cycle.charge_C / 3.6:.4f} mAh"
    if half_cycle.overpotential_median_V is not None:
        line += f", overpotential {half_cycle.overpotential_median_V * 1e3:.1f} mV"
    return f"{line}, ended by {half_cycle.end_reason}"


def _nobody_knows(why: str, error: LabctlError) -> str:
    """Why a run ended whose circuit is not confirmed open; what is the same is said once."""
    account = why if error.words in why else f"{why}; and {error.account}"
    return f"{account}; the cell: unknown, look at the instrument"
