"""Measurements of the field become plain steps, loops and tags."""

from pathlib import Path

import pytest

from labctl.errors import ProtocolError
from labctl.instrument.step import Control, Quantity
from labctl.protocol import estimate, load
from labctl.protocol.plan import LoopNode, Node, Plan, StepNode, TagNode

TOP = """\
protocol: example
cell: {nominal_capacity: 0.1 mAh, electrode_area: 1 cm2}
safety: {voltage: [-1 V, 4.5 V], current: 5 mA}
record: {every: 10 s}
steps:
"""
WINDOW = "voltage: [2.5 V, 4 V]"


def plan_of(directory: Path, steps: str) -> Plan:
    path = directory / "example.yaml"
    path.write_text(TOP + steps)
    return load(path)


def brief(nodes: tuple[Node, ...]) -> list[object]:
    """Loops as (count, body), tags as text, steps as (value, quantity and threshold of what limits them)."""
    told: list[object] = []
    for node in nodes:
        if isinstance(node, LoopNode):
            told.append((node.count, brief(node.body)))
        elif isinstance(node, TagNode):
            told.append(node.text)
        else:
            assert isinstance(node, StepNode)
            limit = next(c for c in node.step.cutoffs if c.quantity is not Quantity.VOLTAGE)
            word = "pulse " if node.pulse else ""
            told.append(f"{word}{node.step.value * 1e3:g} mA, {limit}")
    return told


def test_formation(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, f"  - formation: {{current: C/10, cycles: 2, time: 15 h, {WINDOW}}}\n")
    cycle = [
        "0.01 mA, time >= 15 h",
        "0 mA, time >= 10 min",
        "-0.01 mA, time >= 15 h",
        "0 mA, time >= 10 min",
    ]
    assert brief(plan.nodes) == ["formation", (2, cycle)]
    assert plan.nodes[1].counts_cycles  # type: ignore[union-attr]
    steps = [n for n in plan.flat() if isinstance(n, StepNode) and n.step.control is Control.CURRENT]
    assert [n.step.cutoffs[0].threshold for n in steps] == [4.0, 2.5]


def test_rate_test(tmp_path: Path) -> None:
    text = f"  - rate_test: {{currents: [C/5, 2C], charge_current: C/2, cycles: 3, time: 9 h, rest: 1 min, {WINDOW}}}\n"
    told = brief(plan_of(tmp_path, text).nodes)
    rest = "0 mA, time >= 1 min"
    assert told == [
        "rate_test: C/5",
        (3, ["0.05 mA, time >= 9 h", rest, "-0.02 mA, time >= 9 h", rest]),
        "rate_test: 2C",
        (3, ["0.05 mA, time >= 9 h", rest, "-0.2 mA, time >= 9 h", rest]),
    ]
    assert estimate(plan_of(tmp_path, text)).cycles == 6


def test_gitt(tmp_path: Path) -> None:
    text = f"  - gitt: {{current: -C/10, pulse: 10 min, rest: 1 h, pulses: 40, {WINDOW}}}\n"
    plan = plan_of(tmp_path, text)
    pulse = ["gitt: pulse", "pulse -0.01 mA, time >= 10 min", "0 mA, time >= 1 h"]
    assert brief(plan.nodes) == [(40, pulse)]
    assert not plan.nodes[0].counts_cycles  # type: ignore[union-attr]
    paths = [node.path for node in plan.flat() if isinstance(node, StepNode)]
    assert paths == ["steps[0].gitt[0].steps[1].pulse", "steps[0].gitt[0].steps[2].rest"]


def test_hppc_has_a_charge_pulse_of_three_quarters(tmp_path: Path) -> None:
    text = f"  - hppc: {{pulse_current: 2C, discharge_current: C/3, {WINDOW}}}\n"
    ((count, body),) = brief(plan_of(tmp_path, text).nodes)  # type: ignore[misc]
    assert count == 9
    assert body == [
        "hppc: discharge pulse",
        "pulse -0.2 mA, time >= 10 s",
        "0 mA, time >= 40 s",
        "hppc: charge pulse",
        "pulse 0.15 mA, time >= 10 s",
        "0 mA, time >= 40 s",
        "hppc: to the next depth",
        "pulse -0.0333333 mA, capacity >= 0.01 mAh",
        "0 mA, time >= 1 h",
    ]


def test_dcir_in_some_cycles(tmp_path: Path) -> None:
    text = f"""\
  - loop: 10
    steps:
      - constant_current: {{current: C/2, until: {{voltage: 4 V, time: 3 h}}}}
      - dcir: {{current: -1C, every: 5, {WINDOW}, record: {{every: 1 s}}}}
"""
    plan = plan_of(tmp_path, text)
    (loop,) = plan.nodes
    assert isinstance(loop, LoopNode)
    measured = loop.body[1]
    assert isinstance(measured, LoopNode)
    assert (measured.count, measured.passes.every, measured.counts_cycles) == (1, 5, False)
    assert brief(measured.body)[1:] == ["dcir: pulse", "pulse -0.1 mA, time >= 10 s", "0 mA, time >= 10 min"]
    assert loop.counts_cycles
    assert estimate(plan).steps == 10 + 2 * 3


def test_critical_current_density(tmp_path: Path) -> None:
    text = """\
  - critical_current_density:
      {from: 0.1 mA/cm2, to: 0.4 mA/cm2, increase: 0.1 mA/cm2, capacity: 0.1 mAh/cm2, voltage: [-0.9 V, 0.9 V]}
"""
    plan = plan_of(tmp_path, text)
    told = brief(plan.nodes)
    assert told[::2] == [f"critical_current_density: 0.{n} mA/cm2" for n in (1, 2, 3, 4)]
    assert told[-1] == (1, ["0.4 mA, capacity >= 0.1 mAh", "-0.4 mA, capacity >= 0.1 mAh"])
    assert estimate(plan).cycles == 4


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("hppc: {pulse_current: 20 mA, discharge_current: C/3, voltage: [2.5 V, 4 V]}", "20 mA is not below"),
        (
            "gitt: {current: C/10, pulse: 10 min, rest: 1 h, pulses: 4, voltage: [2.5 V, 5 V]}",
            "5 V is not inside",
        ),
        ("dcir: {current: 1C}", "'voltage' is missing"),
        ("dcir: {current: 1C, every: 2, voltage: [2.5 V, 4 V]}", "there is no loop around"),
        (
            "critical_current_density: {from: 1 mA/cm2, to: 0.4 mA/cm2, increase: 0.1 mA/cm2, time: 1 h, "
            "voltage: [-0.9 V, 0.9 V]}",
            "are 0 currents",
        ),
        (
            "critical_current_density: {from: 1 mA, to: 2 mA/cm2, increase: 1 mA, time: 1 h, voltage: [-0.9 V, 0.9 V]}",
            "written in different ways",
        ),
        (
            "critical_current_density: {from: 1 mA, to: 2 mA, increase: 1 mA, voltage: [-0.9 V, 0.9 V]}",
            "exactly one of capacity, time",
        ),
    ],
)
def test_what_is_refused(steps: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=words) as refused:
        plan_of(tmp_path, f"  - {steps}\n")
    assert refused.value.line == 6


def test_hppc_needs_a_capacity(tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    text = "  - hppc: {pulse_current: 1 mA, discharge_current: 0.1 mA, voltage: [2.5 V, 4 V]}\n"
    path.write_text(TOP.replace("nominal_capacity: 0.1 mAh, ", "") + text)
    with pytest.raises(ProtocolError, match="a depth of discharge needs a capacity"):
        load(path)
