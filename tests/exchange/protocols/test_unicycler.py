import json
import math
from dataclasses import replace

import aurora_unicycler
import pytest

from labctl.errors import UserError
from labctl.exchange.protocols.protocol_text import Givens, plan_of
from labctl.exchange.protocols.translate import export_protocol, import_protocol
from labctl.instrument.impedance import ImpedanceSpec
from labctl.instrument.step import Cutoff
from labctl.protocol import bundled, load
from labctl.protocol.plan import ImpedanceNode, LoopNode, StepNode

WHOLE = """\
protocol: whole
cell: {name: cell 7, nominal_capacity: 1.5 mAh}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 10 s, voltage_change: 5 mV, current_change: 1 uA}
steps:
  - rest: {until: {time: 1 h}}
  - tag: formation
  - loop: 3
    steps:
      - constant_current: {current: C/10, until: {voltage: 0.9 V, time: 5 h}}
      - constant_voltage: {voltage: 0.9 V, until: {current: 1 uA, time: 1 h}}
      - loop: 2
        steps:
          - constant_current: {current: -0.1131 mA, until: {voltage: -0.9 V, time: 2.5 h}}
          - rest: {until: {time: 90 s}}
  - impedance: {mode: potentiostatic, amplitude: 10 mV, from: 100 kHz, to: 0.1 Hz, points_per_decade: 7}
  - impedance: {mode: galvanostatic, amplitude: 10 uA, from: 1 kHz, to: 1 Hz}
"""


def walked(nodes):
    """Every step in the order in which it is taken, without where it stands in a file."""
    for node in nodes:
        if isinstance(node, LoopNode):
            for number in range(1, node.count + 1):
                yield from walked(tuple(child for child in node.body if child.passes.include(number)))
        elif isinstance(node, StepNode):
            yield replace(node, path="", line=0, passes=type(node.passes)())
        elif isinstance(node, ImpedanceNode):
            yield node.spec
        else:
            yield node.text


def as_numbers(taken):
    """A step as a flat list, its floats to twelve digits."""
    if isinstance(taken, StepNode):
        step = taken.step
        cutoffs = sorted(
            (str(c.quantity), str(c.side), f"{c.threshold:.10g}", c.hold_s) for c in step.cutoffs
        )
        return (taken.kind, f"{step.value:.10g}", cutoffs, step.safety, step.sampling)
    if isinstance(taken, ImpedanceSpec):
        return (
            taken.mode,
            f"{taken.amplitude:.10g}",
            taken.bias,
            taken.high_Hz,
            taken.low_Hz,
            taken.points_per_decade,
        )
    return taken


def same_plan(one, other):
    assert [as_numbers(taken) for taken in walked(one.nodes)] == [as_numbers(t) for t in walked(other.nodes)]
    assert (one.safety, one.record, one.rules) == (other.safety, other.record, other.rules)
    assert one.cell.name == other.cell.name
    if one.cell.nominal_capacity_C is not None:
        assert math.isclose(one.cell.nominal_capacity_C, other.cell.nominal_capacity_C, rel_tol=1e-11)
    return True


def round_trip(plan):
    text = export_protocol(plan, "unicycler").text
    back = import_protocol(text, "p.json", None, Givens(plan.protocol))
    assert not back.report.lost
    assert not back.report.added
    return plan_of("p", back.text)


def test_what_unicycler_can_hold_comes_back_as_the_same_plan():
    plan = plan_of("p", WHOLE)
    assert not export_protocol(plan, "unicycler").report.lost
    assert same_plan(plan, round_trip(plan))


def test_what_is_said_in_other_words_takes_the_same_steps():
    text = WHOLE.replace(
        "until: {voltage: -0.9 V, time: 2.5 h}", "until: {voltage: -0.9 V, capacity: 0.1 mAh}"
    )
    text = text.replace("time: 90 s}}", "time: 90 s}, on_cycles: [2]}")
    plan = plan_of("p", text)
    report = export_protocol(plan, "unicycler").report
    assert not report.lost
    assert any("said as a time" in line for line in report.changed)
    assert any("2 passes are said as 2 loops" in line for line in report.changed)
    back = round_trip(plan)
    assert same_plan(back, round_trip(back))
    kinds = [getattr(taken, "kind", "") for taken in walked(plan.nodes)]
    assert kinds == [getattr(taken, "kind", "") for taken in walked(back.nodes)]
    at = [
        k for k, taken in enumerate(walked(back.nodes)) if getattr(taken, "kind", "") == "constant_current"
    ][1]
    times = [c for c in list(walked(back.nodes))[at].step.cutoffs if c.quantity == "time"]
    assert times[0].threshold == pytest.approx(0.1 * 3.6 / 0.1131e-3)


def test_unicycler_itself_takes_what_is_written():
    for name, *_ in [*bundled(), (None,)]:
        plan = load(name) if name else plan_of("p", WHOLE)
        theirs = aurora_unicycler.CyclingProtocol.from_dict(
            json.loads(export_protocol(plan, "unicycler").text)
        )
        assert theirs.record.time_s == plan.record.every_s


def test_every_step_of_unicycler_is_understood():
    theirs = aurora_unicycler.CyclingProtocol(
        sample={"name": "x", "capacity_mAh": 2.0},
        record={"time_s": 30.0, "voltage_V": 0.01},
        safety={
            "max_voltage_V": 4.5,
            "min_voltage_V": 2.0,
            "max_current_mA": 10,
            "min_current_mA": -5,
            "delay_s": 3,
        },
        method=[
            {"step": "open_circuit_voltage", "until_time_s": 60},
            {"step": "tag", "tag": "longterm"},
            {"step": "constant_current", "rate_C": "C/5", "until_voltage_V": 4.2, "id": "a1"},
            {"step": "constant_voltage", "voltage_V": 4.2, "until_rate_C": 0.05},
            {"step": "constant_current", "rate_C": "D/2", "until_time_s": 7200},
            {
                "step": "impedance_spectroscopy",
                "amplitude_V": 0.01,
                "start_frequency_Hz": 1,
                "end_frequency_Hz": 1e4,
            },
            {"step": "loop", "loop_to": "longterm", "cycle_count": 5},
            {"step": "voltage_scan", "start_voltage_V": 2.5, "end_voltage_V": 4.0, "scan_rate_mV_per_s": 1.0},
        ],
    )
    made = import_protocol(theirs.to_json(), "theirs.json", None, Givens("theirs"))
    plan = plan_of("theirs", made.text)
    rest, loop, scan = plan.nodes
    assert (rest.kind, loop.count, scan.kind) == ("rest", 5, "voltage_scan")
    tag, charge, hold, discharge, spectrum = loop.body
    assert tag.text == "longterm"
    assert [charge.step.value, discharge.step.value] == pytest.approx([0.4e-3, -1e-3])
    assert Cutoff("voltage", "<=", 2.0025) in discharge.step.cutoffs
    assert min(c.threshold for c in hold.step.cutoffs if c.quantity == "current") == pytest.approx(0.1e-3)
    assert spectrum.spec.high_Hz == 1e4
    assert made.report.lost == ["safety.delay_s: 3", "method[3].id: 'a1'"]
    assert len(made.report.added) == 3
    assert any("10 mA in both directions" in line for line in made.report.changed)


LOSSES = {
    "energy": ("time: 5 h}", "time: 5 h, energy: 4 mWh}", "until: energy"),
    "hold": (
        "voltage: 0.9 V, time",
        "voltage: {value: 0.9 V, hold: 5 s}, time",
        "until: voltage >= 0.9 V for 5 s",
    ),
    "0 V": ("voltage: -0.9 V, time", "voltage: 0 V, time", "until: voltage <= 0 V"),
    "rate": ("{time: 90 s}", "{time: 90 s, voltage_rate: 1 mV/min}", "until: voltage rate"),
    "bias": ("amplitude: 10 mV", "amplitude: 10 mV, bias: 0.1 V", "impedance.bias: 0.1 V"),
    "record": (
        "until: {time: 1 h}}",
        "until: {time: 1 h}, record: {every: 1 s}}",
        "rest.record: every step records",
    ),
    "interrupted": ("{time: 90 s}", "{time: 90 s}, if_interrupted: continue", "if_interrupted: continue"),
    "rules": (
        "steps:\n  - rest",
        "stop_rules: [short_circuit]\nsteps:\n  - rest",
        "stop_rules.short_circuit",
    ),
    "retention": (
        "loop: 3\n",
        "loop: 3\n    until: {capacity_retention: 80 %}\n",
        "until: capacity_retention 0.8",
    ),
    "mass": ("name: cell 7", "name: cell 7, active_mass: 1 mg", "cell.active_mass: 0.001"),
    "hazard": ("name: cell 7", "name: cell 7, hazard: pyrophoric, relay: K1", "cell.hazard: pyrophoric"),
    "description": ("protocol: whole", "protocol: whole\ndescription: all of it", 'description: "all of it"'),
}


@pytest.mark.parametrize("name", LOSSES)
def test_every_field_that_unicycler_cannot_hold_is_named(name):
    before, after, said = LOSSES[name]
    assert before in WHOLE
    lost = export_protocol(plan_of("p", WHOLE.replace(before, after, 1)), "unicycler").report.lost
    assert any(said in line for line in lost), lost


def test_a_step_that_could_never_end_is_not_written_even_if_loss_is_accepted():
    text = WHOLE.replace("{voltage: 0.9 V, time: 5 h}", "{voltage: 0 V, energy: 1 mWh, capacity: 1 mAh}")
    assert export_protocol(plan_of("p", text), "unicycler").text  # the capacity is a time
    plan = plan_of("p", WHOLE)
    loop = plan.nodes[2]
    endless = replace(loop.body[0], step=replace(loop.body[0].step, cutoffs=(Cutoff("energy", ">=", 1.0),)))
    broken = replace(plan, nodes=(replace(loop, body=(endless,)),))
    with pytest.raises(UserError, match="a step without end is not written"):
        export_protocol(broken, "unicycler")


REFUSED = {
    "[1": "is not JSON",
    "{}": "record: Field required",
    '{"record": {"time_s": 1}, "method": []}': "method: List should have at least 1",
    '{"record": {"time_s": 1}, "method": [{"step": "magic"}]}': "magic",
    '{"record": {"time_s": 1}, "method": [{"step": "tag", "tag": "a"}], "more": 1}': "more",
    '{"record": {"time_s": 1}, "method": [{"step": "open_circuit_voltage", "until_time_s": 9}]}': "--safety-voltage",
    '{"record": {"time_s": NaN}, "method": [{"step": "tag", "tag": "a"}]}': "finite",
}
TWICE = {"step": "loop", "cycle_count": 2}
WINDOW = Givens("p", ("2 V", "4 V"), "1 mA")


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_protocol_is_refused_with_one_line(text):
    with pytest.raises(UserError) as refused:
        import_protocol(text, "p.json", "unicycler", Givens("p"))
    assert REFUSED[text] in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ([{"step": "loop", "loop_to": 1, "cycle_count": 2}], "loops to 1, which is not before it"),
        (["rest", {"step": "loop", "loop_to": "x", "cycle_count": 2}], "loops to 'x'"),
        (
            [
                "rest",
                "rest",
                {"step": "loop", "loop_to": 1, "cycle_count": 2},
                {"step": "loop", "loop_to": 2, "cycle_count": 2},
            ],
            "inside of another loop",
        ),
        ([{"step": "constant_current", "until_time_s": 1}], "neither rate_C nor current_mA"),
        ([{"step": "constant_current", "rate_C": 1, "until_time_s": 1}], "needs a capacity"),
        (
            [{"step": "impedance_spectroscopy", "start_frequency_Hz": 1, "end_frequency_Hz": 2}],
            "one of amplitude_V and amplitude_mA",
        ),
    ],
)
def test_what_labctl_would_not_run_is_refused(method, said):
    rest = {"step": "open_circuit_voltage", "until_time_s": 60}
    text = json.dumps(
        {"record": {"time_s": 1}, "method": [rest if step == "rest" else step for step in method]}
    )
    with pytest.raises(UserError, match=said):
        import_protocol(text, "p.json", None, WINDOW)


@pytest.mark.parametrize(("target", "begins"), [("neware", "<"), ("biologic", "EC-LAB SETTING FILE")])
def test_through_unicycler_to_vendors(target, begins):
    made = export_protocol(plan_of("p", WHOLE), target)
    assert made.text.lstrip("\ufeff").startswith(begins)
    lost = "\n".join(made.report.lost)
    assert "tag: 'formation'" in lost
    assert ("impedance_spectroscopy" in lost) is (target == "neware")
