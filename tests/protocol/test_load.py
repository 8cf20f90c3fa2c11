"""Protocols become plans in amperes, seconds and coulombs."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from labctl.errors import UserError
from labctl.instrument.impedance import ImpedanceMode
from labctl.instrument.step import Control, Cutoff, Quantity, Side
from labctl.protocol import bundled, estimate, json_schema, load, parse_rule
from labctl.protocol.plan import ImpedanceNode, LoopNode, Passes, Plan, StepNode, TagNode
from labctl.protocol.rule_spec import Action, ImpedanceRise, OverpotentialJump, ShortCircuit

DESIGN_EXAMPLE = """\
protocol: na50k50-symmetric
cell: {electrode_diameter: 6 mm, active_mass: 2.8 mg, electrolyte: 1 M NaClO4 in EC/DMC + 5% FEC}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 10 s, voltage_change: 5 mV}
steps:
  - rest: {until: {time: 1 h}}
  - loop: 200
    steps:
      - constant_current: {current: +0.4 mA/cm2, until: {capacity: 1 mAh/cm2, voltage: 0.9 V}}
      - constant_current: {current: -0.4 mA/cm2, until: {capacity: 1 mAh/cm2, voltage: -0.9 V}}
      - impedance: {mode: galvanostatic, amplitude: 10 uA, from: 100 kHz, to: 0.1 Hz, points_per_decade: 10, \
on_cycles: [1, 10, 20, 30, 40, 50]}
stop_rules:
  - overpotential_jump: {factor: 2, baseline_cycles: 5, then: [impedance, stop]}
  - short_circuit: {then: stop}
"""
FRAME = """\
protocol: bench
cell: {{nominal_capacity: 2 mAh, active_mass: 10 mg}}
safety: {{voltage: [-1 V, 5 V], current: 50 mA}}
record: {{every: 1 s}}
steps:
{steps}
"""


PlanOf = Callable[..., Plan]


@pytest.fixture
def plan_of(tmp_path: Path) -> PlanOf:
    def make(text: str, **options: Any) -> Plan:
        path = tmp_path / "bench.yaml"
        path.write_text(text)
        return load(path, **options)

    return make


def steps(plan: Plan) -> list[StepNode]:
    return [node for node in plan.flat() if isinstance(node, StepNode)]


def test_the_example_of_the_design(plan_of: PlanOf) -> None:
    plan = plan_of(DESIGN_EXAMPLE)
    rest, charge, discharge = steps(plan)
    loop, sweep = plan.nodes[1], next(n for n in plan.flat() if isinstance(n, ImpedanceNode))
    assert rest.step.time_limit_s() == 3600
    assert charge.step.value == pytest.approx(113.097e-6, rel=1e-5)
    assert discharge.step.value == -charge.step.value
    assert charge.step.cutoffs[0] == Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.9)
    assert discharge.step.cutoffs[0] == Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.9)
    assert charge.step.cutoffs[1].threshold == pytest.approx(0.282743e-3 * 3600, rel=1e-5)
    assert charge.step.time_limit_s() == pytest.approx(9000, rel=1e-12)
    assert (charge.path, charge.line) == ("steps[1].steps[0].constant_current", 9)
    assert isinstance(loop, LoopNode)
    assert (loop.count, loop.counts_cycles, loop.path, loop.line) == (200, True, "steps[1].loop", 7)
    assert sweep.passes == Passes(frozenset({1, 10, 20, 30, 40, 50}))
    assert (sweep.spec.mode, sweep.spec.amplitude, sweep.spec.bias) == (
        ImpedanceMode.GALVANOSTATIC,
        1e-5,
        0.0,
    )
    assert sweep.spec.point_count() == 61
    assert plan.cell.equilibrium_voltage_V == 0.0
    assert plan.cell.area_cm2 == pytest.approx(0.282743, rel=1e-5)
    assert plan.rules[0] == OverpotentialJump(
        factor=2.0, baseline_cycles=5, then=(Action.IMPEDANCE, Action.STOP)
    )
    assert plan.rules[1] == ShortCircuit(then=(Action.STOP,))
    assert plan.text == DESIGN_EXAMPLE
    assert len(plan.sha256) == 64


def test_what_the_example_amounts_to(plan_of: PlanOf) -> None:
    total = estimate(plan_of(DESIGN_EXAMPLE))
    assert (total.steps, total.cycles, total.spectra) == (407, 200, 6)
    assert total.by_kind == {"rest": 1, "constant_current": 400, "impedance": 6}
    assert total.duration_s == pytest.approx(3600 + 400 * 9000, rel=1e-3)
    assert total.charge_C == pytest.approx(400 * 0.2827433e-3 * 3600, rel=1e-5)
    assert 361_000 < total.rows_at_most < 540_000


def test_impedance_can_be_left_out(plan_of: PlanOf) -> None:
    text = DESIGN_EXAMPLE + "  - impedance_rise\n  - short_circuit: {fraction: 50 %, then: impedance}\n"
    plan = plan_of(text, without={"impedance"})
    assert not plan.has_impedance()
    assert [rule.then for rule in plan.rules] == [(Action.STOP,), (Action.STOP,), (Action.WARN,)]
    assert not any(isinstance(rule, ImpedanceRise) for rule in plan.rules)
    with pytest.raises(UserError, match="cannot leave out rest"):
        plan_of(text, without={"rest"})


def test_the_cell_can_be_another(plan_of: PlanOf) -> None:
    plan = plan_of(DESIGN_EXAMPLE, cell={"electrode_area": "1 cm2", "name": "cell 7"})
    assert steps(plan)[1].step.value == pytest.approx(0.4e-3)
    assert (plan.cell.name, plan.cell.active_mass_g) == ("cell 7", pytest.approx(2.8e-3))


@pytest.mark.parametrize(
    ("current", "expected_A"),
    [("C/5", 0.4e-3), ("-0.5C", -1e-3), ("1 mA", 1e-3), ("50 mA/g", 0.5e-3), ("-C/10", -0.2e-3)],
)
def test_currents_of_the_cell(current: str, expected_A: float, plan_of: PlanOf) -> None:
    end = "4.2 V" if expected_A > 0 else "0 V"
    plan = plan_of(
        FRAME.format(
            steps=f"  - constant_current: {{current: {current}, until: {{time: 9 h, voltage: {end}}}}}"
        )
    )
    assert steps(plan)[0].step.value == pytest.approx(expected_A, rel=1e-12)


def test_zero_and_negative_cutoffs_are_ordinary(plan_of: PlanOf) -> None:
    text = FRAME.format(
        steps="  - constant_current: {current: -1 mA, until: {time: 9 h, voltage: 0 V}}\n"
        "  - constant_current: {current: -1 mA, until: {time: 9 h, voltage: -0.5 V}}\n"
        "  - constant_current: {current: 1 mA, until: {time: 9 h, voltage: 0 V}}\n"
    )
    ends = [node.step.cutoffs[0] for node in steps(plan_of(text))]
    assert [(end.threshold, end.side) for end in ends] == [
        (0.0, Side.BELOW),
        (-0.5, Side.BELOW),
        (0.0, Side.ABOVE),
    ]


def test_a_side_said_in_words_is_taken_at_its_word(plan_of: PlanOf) -> None:
    charge = (
        "constant_current: {current: 0.4 mA/cm2, until: {time: 1 h, voltage: {above: -0.2 V, hold: 5 s}}}"
    )
    plan = plan_of(DESIGN_EXAMPLE.replace("rest: {until: {time: 1 h}}", charge))
    assert steps(plan)[0].step.cutoffs[0] == Cutoff(Quantity.VOLTAGE, Side.ABOVE, -0.2, 5.0)


def test_every_termination(plan_of: PlanOf) -> None:
    text = FRAME.format(
        steps="  - rest: {until: {time: 1h30m, voltage: {below: 0.1 V, above: 3 V},\n"
        "      voltage_rate: {value: 1 mV/min, hold: 2 min}}}\n"
        "  - constant_current: {current: C/2, until: {voltage: 4 V, capacity: 1 mAh, time: 3 h, energy: 5 mWh}}\n"
        "  - constant_voltage: {voltage: 4 V, until:\n"
        "      {current: {value: C/20, hold: 10 s}, time: 1 h, capacity: 100 mAh/g}}\n"
    )
    rest, current, voltage = (node.step.cutoffs for node in steps(plan_of(text)))
    assert rest == (
        Cutoff(Quantity.TIME, Side.ABOVE, 5400.0),
        Cutoff(Quantity.VOLTAGE, Side.ABOVE, 3.0),
        Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.1),
        Cutoff(Quantity.VOLTAGE_RATE, Side.BELOW, pytest.approx(1e-3 / 60), 120.0),
    )
    assert {(c.quantity, c.side, c.threshold) for c in current} == {
        (Quantity.VOLTAGE, Side.ABOVE, 4.0),
        (Quantity.CHARGE, Side.ABOVE, 3.6),
        (Quantity.TIME, Side.ABOVE, 10800.0),
        (Quantity.ENERGY, Side.ABOVE, 18.0),
    }
    assert voltage[0] == Cutoff(Quantity.CURRENT, Side.BELOW, pytest.approx(1e-4), 10.0)
    assert voltage[2] == Cutoff(Quantity.CHARGE, Side.ABOVE, pytest.approx(3.6))


def test_cccv_is_two_steps(plan_of: PlanOf) -> None:
    text = FRAME.format(
        steps="  - cccv: {current: 0.5C, voltage: 4.2 V, until: {current: C/20, time: 3 h}, record: {every: 5 s}}"
    )
    first, second = steps(plan_of(text))
    assert (first.kind, second.kind) == ("constant_current", "constant_voltage")
    assert first.path == "steps[0].cccv.constant_current"
    assert first.step.cutoffs == (
        Cutoff(Quantity.VOLTAGE, Side.ABOVE, 4.2),
        Cutoff(Quantity.TIME, Side.ABOVE, 10800.0),
    )
    assert (second.step.control, second.step.value) == (Control.VOLTAGE, 4.2)
    assert second.step.cutoffs[0].threshold == pytest.approx(1e-4)
    assert {node.step.sampling.every_s for node in (first, second)} == {5.0}


LOOPS = """\
  - tag: formation
  - loop: 3
    until: {capacity_retention: {below: 80 %, reference: 2, hold: 2}}
    steps:
      - loop: 10
        steps:
          - constant_current: {current: 1 mA, until: {time: 1 h, voltage: 4 V}}
          - constant_current: {current: -1 mA, until: {time: 1 h, voltage: 3 V}}
          - tag: {text: half way, every: 5}
      - impedance: {mode: potentiostatic, amplitude: 10 mV, from: 10 kHz, to: 1 Hz, every: 2}
      - rest: {until: {time: 10 min}, on_cycles: [3]}
"""


def test_loops_in_loops(plan_of: PlanOf) -> None:
    plan = plan_of(FRAME.format(steps=LOOPS))
    outer = plan.nodes[1]
    assert isinstance(outer, LoopNode)
    inner, sweep, rest = outer.body
    assert isinstance(inner, LoopNode)
    assert isinstance(sweep, ImpedanceNode)
    assert (outer.counts_cycles, inner.counts_cycles) == (False, True)
    assert (outer.retention, outer.retention_reference, outer.retention_passes) == (0.8, 2, 2)
    assert [n.text for n in plan.flat() if isinstance(n, TagNode)] == ["formation", "half way"]
    assert sweep.spec.bias is None
    assert rest.passes == Passes(frozenset({3}))
    total = estimate(plan)
    assert (total.cycles, total.spectra, total.by_kind["constant_current"], total.by_kind["rest"]) == (
        30,
        1,
        60,
        1,
    )


def test_the_walk_and_the_sum_agree(plan_of: PlanOf) -> None:
    plan = plan_of(FRAME.format(steps=LOOPS))

    def walk(nodes: tuple[object, ...], number: int) -> int:
        done = 0
        for node in nodes:
            if not node.passes.include(number):  # type: ignore[attr-defined]
                continue
            if isinstance(node, LoopNode):
                done += sum(walk(node.body, k + 1) for k in range(node.count))
            else:
                done += not isinstance(node, TagNode)
        return done

    assert estimate(plan).steps == walk(plan.nodes, 1)


def test_the_duration_uses_the_nominal_capacity(plan_of: PlanOf) -> None:
    total = estimate(
        plan_of(FRAME.format(steps="  - constant_current: {current: C/2, until: {time: 9 h, voltage: 4 V}}"))
    )
    assert (total.duration_s, total.duration_at_most_s) == (pytest.approx(7200), 9 * 3600)


def test_graded_rules(plan_of: PlanOf) -> None:
    text = (
        DESIGN_EXAMPLE
        + "  - overpotential_jump: {factor: 1.5, minimum_rise: 5 mV, hold: 5 min, then: warn}\n  - soft_short\n"
    )
    rules = plan_of(text).rules
    assert rules[2] == OverpotentialJump(factor=1.5, minimum_rise_V=0.005, hold_s=300.0, then=(Action.WARN,))
    assert rules[3].name == "soft_short"


def test_rules_of_a_command_line() -> None:
    rule = parse_rule(
        "overpotential_jump", {"factor": "3", "grace_fraction": "10 %", "then": "impedance+stop"}
    )
    assert rule == OverpotentialJump(factor=3.0, grace_fraction=0.1, then=(Action.IMPEDANCE, Action.STOP))
    assert parse_rule("impedance_rise", {"limit": "10 kohm"}) == ImpedanceRise(factor=None, limit_ohm=1e4)
    assert parse_rule("short_circuit", {}) == ShortCircuit()
    for name, parameters, word in [
        ("shrot_circuit", {}, "did you mean 'short_circuit'"),
        ("short_circuit", {"hodl": "1 min"}, "did you mean 'hold'"),
        ("short_circuit", {"hold": "60"}, "no unit"),
        ("overpotential_jump", {"factor": "1"}, "out of range"),
        ("overpotential_jump", {"baseline_cycles": "2.5"}, "whole number"),
        ("short_circuit", {"then": "explode"}, "unknown action"),
    ]:
        with pytest.raises(UserError, match=word):
            parse_rule(name, parameters)


def test_bundled_protocols() -> None:
    for name, path, summary in bundled():
        plan = load(name)
        assert (plan.protocol, plan.text) == (name, path.read_text())
        assert summary
        assert plan.cell.simulate_as


def test_bundled_symmetric_cells() -> None:
    for name in ("na-symmetric", "na50k50-symmetric", "na60k40-symmetric", "na80k20-symmetric"):
        plan = load(name)
        assert plan.cell.simulate_as == name.removesuffix("-symmetric")
        assert {1, 30, 40, 50} <= next(n for n in plan.flat() if isinstance(n, ImpedanceNode)).passes.listed  # type: ignore[operator]
        assert math.isclose(steps(plan)[1].step.value, 113.097e-6, rel_tol=1e-5)
        assert estimate(plan).duration_s > 799 * 3600


def test_the_schema_knows_the_bundled_keys() -> None:
    schema = json_schema()
    assert schema["required"] == ["protocol", "safety", "record", "steps"]
    assert schema["additionalProperties"] is False
    assert {"rest", "loop", "cccv"} <= {
        key for d in schema["$defs"].values() for key in d.get("properties", {})
    }
    jump = schema["$defs"]["OverpotentialJumpText"]["properties"]
    assert {"factor", "hold", "minimum_rise", "then"} <= set(jump)
    dangling = [ref for ref in _references(schema) if ref.removeprefix("#/$defs/") not in schema["$defs"]]
    assert dangling == []


def test_the_schema_agrees_with_the_reader() -> None:
    """Editors accept the bundled files and the example, and refuse what the reader refuses for its structure."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    reader = YAML(typ="safe", pure=True)
    for _, path, _ in bundled():
        assert list(validator.iter_errors(reader.load(path.read_text()))) == []
    assert list(validator.iter_errors(reader.load(DESIGN_EXAMPLE + "  - soft_short\n"))) == []
    for old, new in [
        ("steps:", "stepps:"),
        ("rest:", "rset:"),
        ("10 uA", "{}"),
        ("loop: 200", "loop: 0"),
        ("stop}", "halt}"),
    ]:
        assert list(validator.iter_errors(reader.load(DESIGN_EXAMPLE.replace(old, new, 1)))), new


def _references(part: object) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [ref for value in part.values() for ref in _references(value)]
    return [ref for value in part for ref in _references(value)] if isinstance(part, list) else []


def test_a_plan_does_not_wait_for_the_parsers() -> None:
    code = "import sys, labctl.protocol.plan; print({'pydantic', 'ruamel', 'ruamel.yaml'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
