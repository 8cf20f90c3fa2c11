"""Plans as text and back, and places in plans: what a run needs to be taken up again."""

from dataclasses import replace

import pytest

from labctl.errors import DataError, ProtocolError
from labctl.protocol import bundled, load
from labctl.protocol.plan import IfInterrupted, ImpedanceNode, LoopNode, StepNode
from labctl.protocol.plan_text import plan_from_text, plan_to_text
from labctl.protocol.position import Pass, Position, node_at
from labctl.protocol.rule_spec import (
    Action,
    CapacityRetention,
    CoulombicEfficiency,
    ImpedanceRise,
    OverpotentialJump,
    ShortCircuit,
    SoftShort,
)

RULES = (
    OverpotentialJump(hold_s=0.1 + 0.2, then=(Action.IMPEDANCE, Action.STOP)),
    ShortCircuit(),
    SoftShort(then=()),
    ImpedanceRise(factor=None, limit_ohm=1e4),
    CapacityRetention(),
    CoulombicEfficiency(),
)
FORMATION = """\
protocol: formation
cell: {nominal_capacity: 1 mAh}
safety: {voltage: [0 V, 4.5 V], current: 5 mA}
record: {every: 10 s}
steps:
  - constant_current: {current: C/20, until: {voltage: 4.2 V, time: 24 h}, if_interrupted: %s}
  - impedance: {mode: potentiostatic, amplitude: 10 mV, from: 1 kHz, to: 1 Hz, if_interrupted: %s}
"""


@pytest.mark.parametrize("name", [name for name, _, _ in bundled()])
def test_bundled_plans_come_back_exactly(name: str) -> None:
    plan = load(name, cell={"name": "cell 7"}, without=["impedance"])
    assert plan_from_text(plan_to_text(plan)) == plan


def test_every_rule_comes_back_as_itself() -> None:
    plan = replace(load("na50k50-symmetric"), rules=RULES)
    assert plan_from_text(plan_to_text(plan)).rules == RULES


@pytest.mark.parametrize("damage", ["", "{}", "[1]", "null", "cut", "renamed", "more"])
def test_a_damaged_plan_is_refused_in_one_line(damage: str) -> None:
    text = plan_to_text(load("na50k50-symmetric"))
    damaged = {
        "cut": text[: len(text) // 2],
        "more": text.replace('"count":', '"count_twice":true,"count":'),
        "renamed": text.replace('"if_interrupted"', '"if_broken"'),
    }.get(damage, damage)
    with pytest.raises(DataError, match="the stored plan") as caught:
        plan_from_text(damaged)
    assert "\n" not in str(caught.value)


def test_what_a_newer_labctl_knows_besides_has_its_default() -> None:
    plan = load("na50k50-symmetric")
    older = plan_to_text(plan).replace(',"if_interrupted":"ask"', "")
    assert "if_interrupted" not in older
    assert plan_from_text(older) == plan


def test_what_becomes_of_an_interrupted_step_is_declared(tmp_path) -> None:
    path = tmp_path / "formation.yaml"
    path.write_text(FORMATION % ("restart", "abort"))
    first, second = load(path).nodes
    assert isinstance(first, StepNode)
    assert isinstance(second, ImpedanceNode)
    assert (first.if_interrupted, second.if_interrupted) == (IfInterrupted.RESTART, IfInterrupted.ABORT)
    assert load("na50k50-symmetric").nodes[0].if_interrupted is IfInterrupted.ASK


@pytest.mark.parametrize("words", [("repeat", "ask"), ("restart", "continue"), ("yes", "ask")])
def test_other_words_are_refused(tmp_path, words: tuple[str, str]) -> None:
    path = tmp_path / "formation.yaml"
    path.write_text(FORMATION % words)
    with pytest.raises(ProtocolError, match=r"formation\.yaml:"):
        load(path)


def test_a_position_names_a_node_and_nothing_beyond() -> None:
    plan = load("na50k50-symmetric")
    loop = plan.nodes[1]
    assert isinstance(loop, LoopNode)
    here = Position((Pass(1, 3, 0.0, 0.0, 0),), 1, 3)
    assert node_at(plan, here) is loop.body[1]
    for wrong in (
        Position((), 1, 0),
        Position((), 7, 0),
        Position((), -1, 0),
        Position((Pass(0, 1, 0.0, 0.0, 0),), 0, 1),
        Position((Pass(1, 0, 0.0, 0.0, 0),), 0, 1),
        Position((Pass(1, loop.count + 1, 0.0, 0.0, 0),), 0, 1),
        Position((Pass(1, 1, 0.0, 0.0, 0),), 9, 1),
    ):
        with pytest.raises(ValueError, match=r"there is no|points at"):
            node_at(plan, wrong)
