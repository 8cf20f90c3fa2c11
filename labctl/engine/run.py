"""One run: a plan executed on a channel, sample by sample, until there is a reason to end."""

import asyncio
import math
import traceback
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict

from labctl.clock import Clock
from labctl.engine import circuit
from labctl.engine.control import RunControl
from labctl.engine.gates import Gates
from labctl.engine.half_cycles import HalfCycles
from labctl.engine.outcome import RunEnd, RunState
from labctl.engine.record import Record
from labctl.engine.safe import open_circuit
from labctl.engine.walk import Place, Walk, continues_half_cycle
from labctl.errors import CellStateUnknown, LabctlError
from labctl.half_cycle import HalfCycle
from labctl.instrument.channel import Channel, Sample
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec, Spectrum
from labctl.protocol.plan import ImpedanceNode, Plan, StepNode, TagNode
from labctl.protocol.rule_spec import Action
from labctl.rules import Decision, RuleSet


class Run:
    """Executes a plan on a channel.

    A sample goes through the same gates in the same order every time: it must be a reading at all; safety limits;
    cut-offs; figures of the half-cycle; stop rules. It is stored whatever they say. Attributes show the present
    state to whoever displays it, from any thread.

    Args:
        plan: what to do.
        channel: a connected channel.
        record: where everything is written.
        rules: the stop rules of this run.
        clock: the time the channel lives in.
        control: what a person asks for.
        tell: called with (kind, sentence) whenever something worth a line happens.
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
    ) -> None:
        self.plan = plan
        self.place: Place | None = None
        self.sample: Sample | None = None
        self.half_cycles = HalfCycles(rules, plan.cell.equilibrium_voltage_V, self._keep)
        self._channel = channel
        self._record = record
        self._rules = rules
        self._clock = clock
        self._control = control
        self._tell = tell
        self._spectrum_wanted = False
        self._walk = Walk(plan.nodes, lambda: self.half_cycles.discharged_C)

    async def execute(self) -> RunEnd:
        """Carry the plan out; the circuit is open when this returns, or the end says that nobody knows."""
        trace = ""
        task = asyncio.current_task()
        if task is not None:
            self._control.attach(task)
        try:
            end = await self._carry_out()
        except asyncio.CancelledError:
            if not self._control.open_now:
                await self._end(RunEnd(RunState.ENDED, "the program was told to end"))
                raise
            end = RunEnd(RunState.ENDED, "a person had the circuit opened at once")
        except CellStateUnknown as error:
            end = RunEnd(RunState.UNSAFE, str(error))
        except LabctlError as error:
            end = RunEnd(RunState.FAILED, str(error))
        except Exception as error:  # noqa: BLE001  whatever it is, the circuit must be opened
            end = RunEnd(RunState.FAILED, f"a bug in labctl: {type(error).__name__}: {error}")
            trace = traceback.format_exc()
        self._control.detach()
        return await self._end(end, trace)

    async def _end(self, end: RunEnd, trace: str = "") -> RunEnd:
        """Open the circuit, whatever happened, and write the run's last rows."""
        kind, by = circuit.OPENED, circuit.asked_by(end)
        opened = "the circuit is open, confirmed by read-back"
        try:
            await open_circuit(self._channel)
        except asyncio.CancelledError:
            if not self._control.open_now:  # else it is the interruption that asked for this opening
                raise
        except LabctlError as error:
            kind, opened = circuit.UNKNOWN, str(error)
            end = RunEnd(RunState.UNSAFE, f"{end.reason}; and {error}")
        self._note(kind, f"{end.reason}: {opened}", by=by)
        if trace:
            self._note("bug", trace)
        for decision in self.half_cycles.end(end.reason, complete=False):
            self._note("decision", decision.reason, asdict(decision), decision.rule)
        self._record.finish(end.state, end.reason, self._clock.now())
        return end

    async def _carry_out(self) -> RunEnd:
        for place in self._walk:
            self.place = place
            match place.node:
                case StepNode():
                    end = await self._take(place, place.node)
                case ImpedanceNode(path=path, spec=spec):
                    end = await self._measure_spectrum(path, spec, place.cycle, circuit.PLAN)
                case TagNode(text=text):
                    self._note("tag", text, by=circuit.PLAN)
                    end = None
                case _:
                    raise AssertionError(f"a walk yields no {place.node}")
            if end is None and self._spectrum_wanted:
                end = await self._measure_wanted_spectrum(place.cycle)
            if end is None and self._control.stop_after_step:
                end = RunEnd(RunState.ENDED, "a person asked to end after the present step")
            if end is not None:
                return end
        return RunEnd(RunState.FINISHED, "the plan was carried out")

    async def _take(self, place: Place, node: StepNode) -> RunEnd | None:
        """Execute one step; returns a reason to end the run, or None to go on."""
        step = node.step
        start_s = self._clock.now()
        number = self._record.begin_step(cycle=place.cycle, path=node.path, kind=node.kind, start_s=start_s)
        self._note(*circuit.of_step(node.path, step), circuit.PLAN)
        gates = Gates(
            step,
            number,
            place.cycle,
            self._channel,
            self._record,
            self.half_cycles,
            self._rules,
            self._control,
        )
        try:
            async with aclosing(self._channel.run(step)) as samples:
                async for sample in samples:
                    self.sample = sample
                    if gates.pass_through(sample):
                        break
        finally:
            now_s = self._clock.now()
            reason = gates.end_reason
            self._record.end_step(
                number,
                start_s=start_s if gates.began_s is None else gates.began_s,
                end_s=now_s,
                end_reason=reason,
                charge_C=gates.charge_C,
                energy_J=gates.energy_J,
            )
        if gates.end is None and gates.cutoff is None and not gates.decisions:
            gates.end = RunEnd(
                RunState.FAILED, f"{node.path}: the instrument ended the step without a cut-off"
            )
        decisions = gates.decisions
        if gates.end is not None or decisions or not continues_half_cycle(place):
            complete = gates.cutoff is not None
            decisions = decisions + self.half_cycles.end(reason, complete=complete)
        return gates.end or await self._act(decisions, place.cycle)

    async def _measure_spectrum(self, path: str, spec: ImpedanceSpec, cycle: int, by: str) -> RunEnd | None:
        start_s = self._clock.now()
        number = self._record.begin_step(cycle=cycle, path=path, kind="impedance", start_s=start_s)
        self._note(*circuit.of_sweep(path, spec), by)
        points: list[ImpedancePoint] = []
        async with aclosing(self._channel.sweep(spec)) as sweep:
            async for point in sweep:
                if not (math.isfinite(point.real_ohm) and math.isfinite(point.imaginary_ohm)):
                    continue
                points.append(point)
                if self._control.open_now:
                    break
        now_s = self._clock.now()
        whole = len(points) == spec.point_count()
        reason = "sweep finished" if whole else f"{len(points)} of {spec.point_count()} points"
        self._record.end_step(
            number, start_s=start_s, end_s=now_s, end_reason=reason, charge_C=0.0, energy_J=0.0
        )
        if not points:
            self._note("no_spectrum", f"{path}: the sweep gave no valid point")
            return None
        spectrum = Spectrum(spec, cycle, start_s, tuple(points))
        self._record.spectrum(number, spectrum, None)
        self._tell(
            "spectrum", f"cycle {cycle}: |Z| {spectrum.total_ohm():.4g} ohm at {points[-1].frequency_Hz:g} Hz"
        )
        if self._control.open_now:
            return RunEnd(RunState.ENDED, "a person had the circuit opened at once")
        return await self._act(self._rules.spectrum(spectrum), cycle)

    async def _act(self, decisions: Sequence[Decision], cycle: int) -> RunEnd | None:
        """Do what the rules decided: a spectrum first, then the strongest of what else they ask for."""
        end = None
        for decision in decisions:
            self._note("decision", decision.reason, asdict(decision), decision.rule)
            self._tell("decision", f"{decision.rule}: {decision.reason}")
            if Action.IMPEDANCE in decision.actions:
                self._spectrum_wanted = True
            if Action.STOP in decision.actions or Action.STOP_AFTER_STEP in decision.actions:
                end = end or RunEnd(RunState.STOPPED, f"{decision.rule}: {decision.reason}")
        if end is not None and self._spectrum_wanted:
            return await self._measure_wanted_spectrum(cycle) or end
        return end

    async def _measure_wanted_spectrum(self, cycle: int) -> RunEnd | None:
        """The spectrum that a rule asked for: the plan's own, where the instrument can."""
        self._spectrum_wanted = False
        own = next((node for node in self.plan.flat() if isinstance(node, ImpedanceNode)), None)
        if own is None or self._channel.traits.impedance is None:
            self._note(
                "no_spectrum", "a rule asked for a spectrum, but none is planned or the instrument has none"
            )
            return None
        return await self._measure_spectrum(own.path, own.spec, cycle, circuit.RULE)

    def _keep(self, half_cycle: HalfCycle) -> None:
        self._record.half_cycle(half_cycle)
        self._tell("half_cycle", _half_cycle_line(half_cycle))

    def _note(
        self, kind: str, message: str, data: dict[str, object] | None = None, by: str = "engine"
    ) -> None:
        self._record.event(kind, self._clock.now(), by, message, data)


def _half_cycle_line(half_cycle: HalfCycle) -> str:
    kind = "charge" if half_cycle.sign > 0 else "discharge"
    line = f"cycle {half_cycle.cycle} {kind}: {half_cycle.charge_C / 3.6:.4f} mAh"
    if half_cycle.overpotential_median_V is not None:
        line += f", overpotential {half_cycle.overpotential_median_V * 1e3:.1f} mV"
    return f"{line}, ended by {half_cycle.end_reason}"
