import json

import pytest

from labctl.errors import UserError
from labctl.exchange.protocols.protocol_text import Givens, plan_of
from labctl.exchange.protocols.translate import export_protocol, import_protocol
from tests.exchange.protocols.test_unicycler import WHOLE, as_numbers, walked

GIVENS = Givens("p", ("2.0 V", "4.4 V"), "5 mA", nominal_capacity="2 mAh")
PLAIN = """\
protocol: plain
cell: {nominal_capacity: 2 mAh}
safety: {voltage: [2.0 V, 4.4 V], current: 5 mA}
record: {every: 10 s}
steps:
  - rest: {until: {time: 1 h}}
  - loop: 3
    steps:
      - constant_current: {current: C/10, until: {voltage: 4.1 V, time: 12 h}}
      - constant_voltage: {voltage: 4.1 V, until: {current: 50 uA, time: 2 h}}
      - constant_current: {current: -C/10, until: {voltage: 2.5 V, time: 12 h}, record: {every: 30 s}}
      - constant_power: {power: 0.5 mW, until: {voltage: 4.0 V, time: 1 h}}
      - constant_resistance: {resistance: 10 kohm, until: {voltage: 2.5 V, time: 1 h}}
  - rest: {until: {time: 90 s}}
"""


def steps(text, givens=GIVENS):
    made = import_protocol(text, "e.txt", None, givens)
    return plan_of("p", made.text), made.report


def test_what_pybamm_can_hold_comes_back_as_the_same_steps():
    plan = plan_of("p", PLAIN)
    text = export_protocol(plan, "pybamm").text
    back, report = steps(text)
    assert not report.lost
    assert [as_numbers(t) for t in walked(plan.nodes)] == [as_numbers(t) for t in walked(back.nodes)]
    assert [node.count for node in back.nodes if hasattr(node, "count")] == [3]


def test_each_cycle_is_a_list_and_the_direction_is_a_word():
    items = json.loads(export_protocol(plan_of("p", PLAIN), "pybamm").text)
    assert items[0] == "Rest for 3600 seconds (10 second period)"
    assert items[1] == items[2] == items[3]
    assert items[1] == [
        "Charge at 0.0002 A for 43200 seconds or until 4.1 V (10 second period)",
        "Hold at 4.1 V for 7200 seconds or until 0.00005 A (10 second period)",
        "Discharge at 0.0002 A for 43200 seconds or until 2.5 V (30 second period)",
        "Charge at 0.0005 W for 3600 seconds or until 4 V (10 second period)",
        "Discharge at 10000 Ohm for 3600 seconds or until 2.5 V (10 second period)",
    ]


def test_everything_that_pybamm_has_no_place_for_is_named():
    text = WHOLE.replace("{time: 90 s}", "{time: 90 s}, if_interrupted: continue")
    lost = "\n".join(export_protocol(plan_of("p", text), "pybamm").report.lost)
    assert "rest.if_interrupted: continue" in lost
    for said in (
        "safety.voltage",
        "safety.current",
        "cell.name",
        "record.voltage_change: 0.005 V",
        "impedance;",
        "tag",
    ):
        assert said in lost


@pytest.mark.parametrize(
    ("text", "kind", "value", "ends"),
    [
        (
            "Discharge at C/10 for 10 hours or until 3.3 V",
            "constant_current",
            -0.2e-3,
            {"voltage": 3.3, "time": 36000.0},
        ),
        ("Charge at 0.5C until 4.2 V", "constant_current", 1e-3, {"voltage": 4.2, "time": 86400.0}),
        ("Charge at 1 C until 4.2V", "constant_current", 2e-3, {"voltage": 4.2, "time": 86400.0}),
        ("Discharge at 1 mA for 20 minutes", "constant_current", -1e-3, {"voltage": 2.0024, "time": 1200.0}),
        ("Discharge at 1 mW until 3 V", "constant_power", -1e-3, {"voltage": 3.0, "time": 86400.0}),
        ("Discharge at 5000 Ohm for 1 h", "constant_resistance", 5e3, {"voltage": 2.0024, "time": 3600.0}),
        ("Hold at 4.1 V until 0.05 mA", "constant_voltage", 4.1, {"current": 5e-5, "time": 86400.0}),
        (
            "Hold at 4.1V until C/50 (1 minute period)",
            "constant_voltage",
            4.1,
            {"current": 4e-5, "time": 86400.0},
        ),
        ("Hold at 4100 mV for 30 sec", "constant_voltage", 4.1, {"time": 30.0}),
        ("Rest for 0.5 hours (10 second period)", "rest", 0.0, {"time": 1800.0}),
    ],
)
def test_strings_are_understood(text, kind, value, ends):
    plan, _ = steps(text)
    (node,) = plan.nodes
    assert (node.kind, node.step.value) == (kind, pytest.approx(value))
    assert {str(c.quantity): c.threshold for c in node.step.cutoffs} == pytest.approx(ends)


def test_what_is_filled_in_is_told():
    _, report = steps("Charge at 1 mA for 1 hour\nHold at 4.1 V until 50 mA".replace("50 mA", "1 mA"))
    assert report.added == [
        "string 1.until.voltage: 4.3976 V, just inside the safety window",
        "string 2.until.time: 24 h",
        "record.every: 1 min, as in PyBaMM",
    ]


def test_periods_stay_with_their_steps():
    plan, _ = steps("Rest for 1 hour\nRest for 1 hour (10 second period)")
    assert [node.step.sampling.every_s for node in plan.nodes] == [60.0, 10.0]
    plan, _ = steps("Rest for 1 hour (10 second period)\nRest for 2 hours (10 seconds period)")
    assert plan.record.every_s == 10.0


def test_equal_cycles_become_a_loop():
    cycle = ["Charge at 1 mA until 4.0 V", "Discharge at 1 mA until 3.0 V"]
    plan, _ = steps(json.dumps(["Rest for 1 hour", cycle, cycle, cycle, ["Rest for 1 hour"]]))
    assert [getattr(node, "count", 0) for node in plan.nodes] == [0, 3, 1]


@pytest.mark.parametrize(
    "text",
    [
        "Sleep for 1 hour",
        "Charge at 1 mA",
        "Charge at 1 horse until 4 V",
        "Charge at 1 Ohm until 4 V",
        "Discharge at 1 W until 3 A",
        "Charge at 4 V until 1 mA",
        "Charge at 1 mA until 5 mA",
        "Hold at 4.1 V until 3 V",
        "Rest for 1 fortnight",
        "Rest until 3 V",
        "Run US06",
        "=cmd|' /C calc'!A0",
        "Charge at C/0 until 4 V",
        "Charge at 1 mA for 1 hour or until 9 V",
        "Charge at 1 mA for 1 hour\n\x1b[2J",
        "[]",
        "[1, 2]",
        '["Rest for 1 hour"',
        '[["Rest for 1 hour", ["Rest for 1 hour"]]]',
        "[" * 3000,
    ],
)
def test_what_is_not_understood_is_refused_with_one_line(text):
    with pytest.raises(UserError) as refused:
        steps(text)
    assert str(refused.value).isprintable()
    assert str(refused.value).startswith("e.txt: ")


def test_charge_without_an_end_is_given_both(tmp_path):
    with pytest.raises(UserError, match="has no safety window"):
        steps("Rest for 1 hour", Givens("p"))


def test_more_strings_than_pybamm_runs_through_are_refused():
    text = PLAIN[: PLAIN.index("steps:")] + "steps: [{loop: 20000, steps: [{rest: {until: {time: 90 s}}}]}]\n"
    with pytest.raises(UserError, match="PyBaMM has no loops"):
        export_protocol(plan_of("p", text), "pybamm")


def test_a_step_shorter_than_the_period_records_at_its_end():
    plan, report = steps("Rest for 1 hour\nRest for 30 seconds")
    assert [node.step.sampling.every_s for node in plan.nodes] == [60.0, 30.0]
    assert "steps[1].rest.record.every: 30 s, because it lasts no longer" in report.added
