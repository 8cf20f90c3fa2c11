"""A plan as unicycler's JSON."""

import math
from collections.abc import Iterator

from labctl.exchange.protocols import unicycler_model as model
from labctl.exchange.protocols.decimals import scaled
from labctl.exchange.protocols.ends import simple_ends
from labctl.exchange.protocols.passes import unrolled
from labctl.exchange.protocols.report import Report
from labctl.instrument.impedance import ImpedanceMode
from labctl.instrument.step import Control, Sampling
from labctl.protocol.plan import IfInterrupted, ImpedanceNode, LoopNode, Node, Plan, StepNode, TagNode

LOOP_TAG = "loop "
"""Begins the tags that stand for loops."""
_USUAL_STAIR_V = 1e-3


def to_unicycler(plan: Plan, report: Report) -> model.CyclingProtocol:
    """Translate a plan; what cannot be said is named in ``report`` and left out.

    Raises:
        ValueError: nothing is left of it.
    """
    cell, safety = plan.cell, plan.safety
    method = list(_Steps(plan, report).techniques(unrolled(plan.nodes, report)))
    if not any(not isinstance(step, model.Tag | model.Loop) for step in method):
        raise ValueError("unicycler can say none of its steps")
    capacity_C = cell.nominal_capacity_C
    limit_mA = scaled(safety.current_max_A, 3)
    return model.CyclingProtocol(
        sample=model.Sample(
            name=cell.name or "$NAME",
            capacity_mAh=None if capacity_C is None else scaled(capacity_C / 3.6, 0),
        ),
        record=_record(plan.record),
        safety=model.Safety(
            max_voltage_V=safety.voltage_max_V,
            min_voltage_V=safety.voltage_min_V,
            max_current_mA=limit_mA,
            min_current_mA=-limit_mA,
        ),
        method=method,
    )


def _record(sampling: Sampling) -> model.Record:
    change_A = sampling.current_change_A
    return model.Record(
        time_s=sampling.every_s,
        voltage_V=sampling.voltage_change_V,
        current_mA=None if change_A is None else scaled(change_A, 3),
    )


class _Steps:
    """Translates the steps of one plan."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self._plan = plan
        self._report = report
        self._loops = 0
        self._tags = set[str]()

    def techniques(self, nodes: tuple[Node, ...]) -> Iterator[model.AnyTechnique]:
        """The steps, loops as a tag before and a loop behind."""
        for node in nodes:
            match node:
                case LoopNode():
                    yield from self._loop(node)
                case TagNode():
                    yield model.Tag(tag=self._unique(node.text, node.path))
                case ImpedanceNode():
                    self._say_interruption(node)
                    yield self._impedance(node)
                case StepNode():
                    self._say_interruption(node)
                    yield from self._step(node)

    def _loop(self, node: LoopNode) -> Iterator[model.AnyTechnique]:
        if node.retention is not None:
            self._report.lost.append(f"{node.path}.until: capacity_retention {node.retention:.4g}")
        self._loops += 1
        name = self._unique(f"{LOOP_TAG}{self._loops}", node.path)
        body = list(self.techniques(node.body))
        if body:
            yield model.Tag(tag=name)
            yield from body
            yield model.Loop(loop_to=name, cycle_count=node.count)

    def _step(self, node: StepNode) -> Iterator[model.AnyTechnique]:
        step, report = node.step, self._report
        if step.sampling != self._plan.record and step.control is not Control.SCAN:
            report.lost.append(f"{node.path}.record: every step records alike")
        match step.control:
            case Control.REST:
                yield model.OpenCircuitVoltage(until_time_s=self._time_s(node))
            case Control.CURRENT:
                ends = simple_ends(node, report, zero_volt=False)
                yield model.ConstantCurrent(
                    current_mA=scaled(step.value, 3),
                    until_time_s=ends.time_s,
                    until_voltage_V=ends.voltage_V,
                )
            case Control.VOLTAGE:
                ends = simple_ends(node, report, zero_volt=True)
                yield model.ConstantVoltage(
                    voltage_V=step.value,
                    until_time_s=ends.time_s,
                    until_current_mA=None if ends.current_A is None else scaled(ends.current_A, 3),
                )
            case Control.SCAN if step.scan is not None and not step.scan.cyclic:
                yield from self._scan(node)
            case _:
                report.lost.append(f"{node.path}: unicycler has no {node.kind}; the step is left out")

    def _time_s(self, node: StepNode) -> float:
        time_s = simple_ends(node, self._report, zero_volt=True).time_s
        return math.inf if time_s is None else time_s

    def _scan(self, node: StepNode) -> Iterator[model.AnyTechnique]:
        scan = node.step.scan
        if scan is None or scan.start_V is None:
            return
        if not math.isclose(scan.stair_V, _USUAL_STAIR_V):
            self._report.lost.append(f"{node.path}.step: a stair of {scan.stair_V * 1e3:g} mV")
        if len(node.step.cutoffs) > 1:
            ends = ", ".join(map(str, node.step.cutoffs[:-1]))
            self._report.lost.append(f"{node.path}.until: {ends}")
        yield model.VoltageScan(
            start_voltage_V=scan.start_V,
            end_voltage_V=scan.turns_V[0],
            scan_rate_mV_per_s=scaled(scan.rate_V_per_s, 3),
        )

    def _impedance(self, node: ImpedanceNode) -> model.ImpedanceSpectroscopy:
        spec = node.spec
        potentiostatic = spec.mode is ImpedanceMode.POTENTIOSTATIC
        if spec.bias is not None and (potentiostatic or spec.bias != 0.0):
            self._report.lost.append(f"{node.path}.bias: {spec.bias:g} {'V' if potentiostatic else 'A'}")
        return model.ImpedanceSpectroscopy(
            amplitude_V=spec.amplitude if potentiostatic else None,
            amplitude_mA=None if potentiostatic else scaled(spec.amplitude, 3),
            start_frequency_Hz=spec.high_Hz,
            end_frequency_Hz=spec.low_Hz,
            points_per_decade=spec.points_per_decade,
        )

    def _say_interruption(self, node: StepNode | ImpedanceNode) -> None:
        if node.if_interrupted is not IfInterrupted.ASK:
            self._report.lost.append(f"{node.path}.if_interrupted: {node.if_interrupted}")

    def _unique(self, text: str, path: str) -> str:
        """A tag can be there once."""
        name, number = text, 1
        while name in self._tags:
            number += 1
            name = f"{text} ({number})"
        if number > 1:
            self._report.changed.append(f"{path}: the tag {text!r} comes again as {name!r}")
        self._tags.add(name)
        return name
