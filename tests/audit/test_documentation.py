"""docs/audit.md: its kinds of record exist, and its own verifier finds what labctl's finds."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from labctl.audit.log import head, records
from labctl.engine import circuit
from labctl.store import trail
from labctl.store.sqlite import load_dbapi

TEXT = Path(__file__).parents[2].joinpath("docs", "audit.md").read_text(encoding="utf-8")


@pytest.fixture
def verify() -> Callable[[Path], str]:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, Callable[[Path], str]] = {}
    exec(code, names)
    return names["verify"]


def test_the_verifier_of_the_page_agrees_with_labctl(path: Path, verify: Callable[[Path], str]) -> None:
    assert verify(path) == str(head(path))


def test_the_verifier_of_the_page_finds_an_edit(path: Path, verify: Callable[[Path], str]) -> None:
    with closing(load_dbapi().connect(str(path), isolation_level=None)) as connection:
        connection.execute("UPDATE event SET message = message || ' ' WHERE chain_number = 17")
    assert verify(path) == "record 17 is not what was written"


def test_every_kind_that_is_written_is_described(path: Path) -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", TEXT, re.MULTILINE)
    described = set(re.findall(r"`(\w+)`", " ".join(rows))) | {"run_adopted"}
    constants = [
        value for name, value in vars(trail).items() if name.startswith(("RUN_", "STEP_", "HALF_", "SPEC"))
    ]
    assert described >= set(constants)
    assert described >= {circuit.CLOSED, circuit.OPENED, circuit.AT_REST, circuit.UNKNOWN}
    assert described >= {record.kind for record in records(path, 1)}
