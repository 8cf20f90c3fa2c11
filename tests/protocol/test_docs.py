"""Every example of docs/protocols.md becomes a plan."""

import re
from pathlib import Path

import pytest

from labctl.protocol import load
from labctl.protocol.finder import LARGEST_FILE_bytes
from labctl.protocol.model import STEPS
from labctl.protocol.plan_text import plan_from_text, plan_to_text
from labctl.protocol.rule_text import RULE_NAMES

PAGE = Path(__file__).parents[2] / "docs" / "protocols.md"
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
(DRIVE,) = re.findall(r"^```csv\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
TOP = """\
protocol: example
cell: {nominal_capacity: 1.5 mAh, equilibrium_voltage: 3 V}
safety: {voltage: [-0.5 V, 4.5 V], current: 5 mA}
record: {every: 10 s}
steps:
"""
CYCLES = """\
  - loop: 100
    steps:
      - constant_current: {current: C/5, until: {voltage: 4.2 V, time: 8 h}}
      - constant_current: {current: -C/5, until: {voltage: 2.5 V, time: 8 h}}
      - impedance: {mode: potentiostatic, amplitude: 10 mV, from: 100 kHz, to: 10 mHz}
"""


def whole(example: str) -> str:
    """The example as a file: whole, a list of steps, or stop rules."""
    if example.startswith("protocol:"):
        return example
    if example.startswith("stop_rules:"):
        return TOP + CYCLES + example
    return TOP + "".join(f"  {line}\n" for line in example.splitlines())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("\n", 1)[0])
def test_the_example_becomes_a_plan(example: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(whole(example))
    (tmp_path / "drive.csv").write_text(DRIVE)
    plan = load(path)
    assert plan.nodes
    assert plan_from_text(plan_to_text(plan)) == plan


def test_every_kind_of_block_is_there() -> None:
    assert len(EXAMPLES) == 10


def test_the_page_names_every_step() -> None:
    assert all(f"- {name}:" in PAGE.read_text() for name in STEPS)


def test_the_page_names_every_rule_and_the_size() -> None:
    assert all(f"- {name}" in PAGE.read_text() for name in RULE_NAMES)
    assert f"{LARGEST_FILE_bytes // 1024} kB" in PAGE.read_text()
