"""A plan as lines of text: what is going to be done to the cell."""

from collections.abc import Iterator

from labctl.protocol import estimate
from labctl.protocol.plan import ImpedanceNode, LoopNode, Node, Passes, Plan, StepNode, TagNode
from labctl.units import show, show_duration


def plan_lines(plan: Plan) -> list[str]:
    """The cell, the limits, every step with its cut-offs, the stop rules, and what it adds up to."""
    cell, safety = plan.cell, plan.safety
    lines = [f"protocol {plan.protocol} (sha256 {plan.sha256[:12]})"]
    described = [cell.electrolyte] if cell.electrolyte else []
    if cell.area_cm2 is not None:
        described.append(f"area {cell.area_cm2:.4f} cm2")
    if cell.nominal_capacity_C is not None:
        described.append(f"nominal capacity {show(cell.nominal_capacity_C / 3.6, 'mAh')}")
    lines.append(f"cell: {cell.name or 'unnamed'}{', ' if described else ''}{', '.join(described)}")
    lines.append(
        f"safety: {show(safety.voltage_min_V, 'V')} .. {show(safety.voltage_max_V, 'V')}, "
        f"at most {show(safety.current_max_A, 'A')}"
        + ("" if plan.temperature is None else f", {plan.temperature}")
    )
    lines += _nodes(plan.nodes, 0)
    for rule in plan.rules:
        lines.append(f"stop rule {rule.name}: then {', '.join(rule.then)}")
    total = estimate(plan)
    lines.append(
        f"adds up to {total.steps} steps in {total.cycles} cycles, {show_duration(total.duration_s)} "
        f"(at most {show_duration(total.duration_at_most_s)}), {show(total.charge_C / 3.6, 'mAh')} passed, "
        f"at most {total.rows_at_most} rows, {total.spectra} spectra"
    )
    return lines


def _nodes(nodes: tuple[Node, ...], depth: int) -> Iterator[str]:
    for node in nodes:
        indent = "  " * depth
        match node:
            case LoopNode(count=count, body=body):
                yield f"{indent}- {count} times:{_passes(node.passes)}"
                yield from _nodes(body, depth + 1)
            case StepNode():
                yield f"{indent}- {node.in_words()}{_passes(node.passes)}"
            case ImpedanceNode(spec=spec):
                unit = "A" if spec.mode == "galvanostatic" else "V"
                yield (
                    f"{indent}- impedance, {spec.mode}, {show(spec.amplitude, unit)}, {show(spec.high_Hz, 'Hz')} .. "
                    f"{show(spec.low_Hz, 'Hz')}, {spec.point_count()} points{_passes(node.passes)}"
                )
            case TagNode(text=text):
                yield f"{indent}- tag {text!r}{_passes(node.passes)}"


def _passes(passes: Passes) -> str:
    if passes.listed is not None:
        return f" (in passes {', '.join(map(str, sorted(passes.listed)))})"
    return f" (every {passes.every} passes)" if passes.every is not None else ""
