"""Scans, powers, resistances and profiles in a protocol: what they become, and what is refused with which words."""

from pathlib import Path

import pytest

from labctl.errors import ProtocolError
from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Quantity, Side
from labctl.plugins import driver
from labctl.protocol import estimate, load
from labctl.protocol.plan import LoopNode, Plan, StepNode
from labctl.protocol.plan_text import plan_from_text, plan_to_text
from labctl.protocol.refusals import refusals
from labctl.report.plan_text import plan_lines

TOP = """\
protocol: example
cell: {nominal_capacity: 0.1 mAh, electrode_area: 1 cm2}
safety: {voltage: [2 V, 4.5 V], current: 1 mA}
record: {every: 10 s}
steps:
"""
CV = "  - cyclic_voltammetry: {start: open_circuit, vertex_1: 4.0 V, vertex_2: 2.5 V, scan_rate: 0.1 mV/s"
DRIVE = "time_s,current_mA\n0,0.1\n10,-0.2\n15,0\n60,0\n"


def plan_of(directory: Path, steps: str) -> Plan:
    path = directory / "example.yaml"
    path.write_text(TOP + steps)
    return load(path)


def step_of(directory: Path, steps: str) -> StepNode:
    (node,) = plan_of(directory, steps).nodes
    assert isinstance(node, StepNode)
    return node


def traits_of(name: str) -> Traits:
    return next(iter(driver(name).traits.values()))


def test_a_voltammogram(tmp_path: Path) -> None:
    node = step_of(tmp_path, CV + ", cycles: 3, until: {current: 0.5 mA}}\n")
    step = node.step
    assert (node.kind, step.control) == ("cyclic_voltammetry", Control.SCAN)
    assert step.scan is not None
    assert step.scan.start_V is None
    assert step.scan.turns_V == (4.0, 2.5)
    assert step.scan.interval_s == pytest.approx(10.0)
    assert step.scan.levels == 1 + 3 * 3000
    assert [(c.quantity, c.side) for c in step.cutoffs] == [
        (Quantity.CURRENT, Side.ABOVE),
        (Quantity.TIME, Side.ABOVE),
    ]
    assert step.cutoffs[-1].threshold == pytest.approx(90_010.0)
    assert list(step.scan.staircase_V(3.2))[:2] == pytest.approx([3.2, 3.201])
    total = estimate(plan_of(tmp_path, CV + "}\n"))
    assert (total.duration_s, total.rows_at_most) == (pytest.approx(30_010.0), 3001)


def test_a_linear_scan(tmp_path: Path) -> None:
    step = step_of(tmp_path, "  - voltage_scan: {from: 4 V, to: 2.5 V, scan_rate: 1 mV/s, step: 5 mV}\n").step
    assert step.scan is not None
    levels = list(step.scan.staircase_V(4.0))
    assert len(levels) == step.scan.levels == 301
    assert (levels[0], levels[-1]) == (4.0, 2.5)
    assert step.in_words() == "4 V to 2.5 V at 1 mV/s in steps of 5 mV until time >= 25 min 5 s"


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (
            CV + ", step: 7 mV}\n",
            r"is 214.3 steps of 7 mV; it has to be a whole number of them, .*step: 6.977 mV",
        ),
        (CV.replace("open_circuit", "4.2 V") + "}\n", "the start at 4.2 V is not between the vertices"),
        (CV.replace("open_circuit", "3.0005 V") + "}\n", "999.5 steps of 1 mV"),
        (CV.replace("4.0 V", "4.6 V") + "}\n", "4.6 V is not inside the safety window"),
        (CV.replace("4.0 V", "2.5 V") + "}\n", "both vertices are the same"),
        (CV.replace("0.1 mV/s", "0.2 uV/s") + "}\n", "a step of 1 mV takes 1 h 23 min"),
        (CV + ", if_interrupted: continue}\n", "'continue' is not known here"),
        ("  - voltage_scan: {from: 3 V, to: 3 V, scan_rate: 1 mV/s}\n", "ends where it begins"),
        ("  - voltage_scan: {from: 3 V, to: 4 V}\n", "'scan_rate' is missing; add it, as in"),
        ("  - constant_power: {power: 0 mW, until: {voltage: 3 V, time: 1 h}}\n", "no power flows"),
        (
            "  - constant_power: {power: -1 mW, until: {time: 1 h}}\n",
            "no voltage ends this step at the lower",
        ),
        ("  - constant_power: {power: -5 mW, until: {voltage: 2.5 V, time: 1 h}}\n", "2 mA is not below"),
        ("  - constant_power: {power: 1 mA, until: {voltage: 2.5 V, time: 1 h}}\n", "power"),
        ("  - constant_resistance: {resistance: 4 kohm, until: {voltage: 2.5 V, time: 1 h}}\n", "1.125 mA"),
        (
            "  - constant_resistance: {resistance: 40 kohm, until: {voltage: 2.5 V}}\n",
            "neither time nor capa",
        ),
        ("  - profile: {file: none.csv, until: {voltage: {below: 2.5 V}}}\n", "none.csv cannot be read"),
        ("  - profile: {file: /etc/passwd, until: {voltage: {below: 2.5 V}}}\n", "is not a file beside"),
        ("  - profile: {file: ../a.csv, until: {voltage: {below: 2.5 V}}}\n", "is not a file beside"),
        ("  - profile: {file: drive.csv, until: {voltage: {below: 2.5 V}}}\n", "add `above: ...`"),
        ("  - profile: {file: drive.csv, until: {voltage: 2.5 V}}\n", "to either side"),
    ],
)
def test_what_is_refused(steps: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "drive.csv").write_text(DRIVE)
    with pytest.raises(ProtocolError, match=words) as refused:
        plan_of(tmp_path, steps)
    assert refused.value.line == 6


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "begins with ''"),
        ("time_s,volts\n0,1\n1,1\n", "not with the columns time_s and one of current_A"),
        ("time_s,current_A,power_W\n0,1,1\n1,1,1\n", "not with the columns"),
        ("time_s,current_A\n0,1e-4\n", "has 1 rows"),
        ("time_s,current_A\n1,1e-4\n2,0\n", "line 2: it has to begin at 0 s, not at 1 s"),
        ("time_s,current_A\n0,1e-4\n5,0\n5,1e-4\n", "line 4: 5 s does not come after 5 s"),
        ("time_s,current_A\n0,1e-4\n5,nan\n", "line 3: '5,nan' is not a time and a value"),
        ("time_s,current_A\n0,1e-4\n5;0\n", "line 3: '5;0' is not a time and a value"),
        ("time_s,current_A\n0,0.1\n60,0\n", "0.1 A is not below the safety current"),
    ],
)
def test_a_file_that_is_no_profile(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "drive.csv").write_text(content)
    with pytest.raises(ProtocolError, match=words):
        plan_of(tmp_path, "  - profile: {file: drive.csv, until: {voltage: {above: 4 V, below: 2.5 V}}}\n")


@pytest.mark.parametrize(
    "content", [DRIVE, "rate_C,time_s\n1,0\n-2,10\n0,15\n0,60\n", DRIVE.replace("\n", "\r\n")]
)
def test_a_profile_stays_with_its_plan(content: str, tmp_path: Path) -> None:
    (tmp_path / "drive.csv").write_bytes(content.encode())
    text = "  - profile: {file: drive.csv, until: {voltage: {above: 4 V, below: 2.5 V}}}\n"
    plan = plan_of(tmp_path, text)
    profile = plan.nodes[0].step.profile  # type: ignore[union-attr]
    assert profile is not None
    assert profile.values == pytest.approx((1e-4, -2e-4, 0.0))
    assert (profile.ends_s, profile.powers) == ((10.0, 15.0, 60.0), False)
    assert len(profile.sha256) == 64
    assert plan_from_text(plan_to_text(plan)) == plan
    assert any("drive.csv (sha256 " in line for line in plan_lines(plan))
    assert estimate(plan).charge_C == pytest.approx(2e-3)


def test_what_an_instrument_cannot_follow_is_said_before_it_is_connected(tmp_path: Path) -> None:
    fast = plan_of(tmp_path, CV.replace("0.1 mV/s", "100 mV/s") + "}\n")
    (said,) = refusals(fast, traits_of("keithley-2450"))
    assert "a step of 1 mV every 10 ms is too fast for 2450" in said
    assert "write `step: 10 mV` or more" in said
    (tmp_path / "drive.csv").write_text(
        "time_s,current_mA\n" + "".join(f"{k},{k % 2 / 10}\n" for k in range(400))
    )
    long = plan_of(tmp_path, "  - profile: {file: drive.csv, until: {voltage: {above: 4 V, below: 2.5 V}}}\n")
    (said,) = refusals(long, traits_of("palmsens-emstat4"))
    assert "has 399 set points, and EmStat4 HR has room for 300" in said
    assert refusals(long, traits_of("keithley-2450")) == []


def test_scans_are_no_cycles(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, f"  - loop: 3\n    steps:\n    {CV}}}\n")
    (loop,) = plan.nodes
    assert isinstance(loop, LoopNode)
    assert not loop.counts_cycles
