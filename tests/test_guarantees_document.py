"""Every test that the table of guarantees names is there, and the document is of the present table."""

import ast
import re
from functools import cache
from pathlib import Path

import guarantees_page
import guarantees_reached
import pytest
from guarantees_table import GUARANTEES, LONG, Guarantee

TESTS = Path(__file__).parent


@cache
def functions_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_bytes())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def is_there(node: str) -> bool:
    file, _, rest = node.partition("::")
    function, _, case = rest.partition("[")
    path = TESTS / file
    if not path.is_file() or not functions_in(path) >= ({function} if function else set()):
        return False
    source = path.read_text(encoding="utf-8")
    return all(part in source for part in re.split("[- ]", case.rstrip("]")))


@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda guarantee: guarantee.name)
def test_every_test_that_is_named_exists(guarantee) -> None:
    missing = [node for node in (*guarantee.tests, *guarantee.planted) if not is_there(node)]
    assert missing == []
    assert set(guarantee.long) <= set(LONG)
    assert guarantee.tests or guarantee.falls_short


@pytest.mark.parametrize(
    "node",
    [
        "link/test_none.py",
        "link/test_link.py::test_none",
        "faults/test_planted.py::test_a_planted_mistake_is_found[no_such_mistake gone@40]",
    ],
)
def test_a_test_that_is_gone_is_noticed(node: str) -> None:
    assert not is_there(node)


def test_the_document_is_of_this_table() -> None:
    page = guarantees_page.DOCUMENT.read_text(encoding="utf-8")
    for guarantee in GUARANTEES:
        assert f"| {guarantee.words} |" in page, "write it again: python bench/guarantees_reached.py --write"
        assert all(f"`tests/{node}`" in page for node in (*guarantee.tests, *guarantee.planted))


def test_a_case_that_failed_or_is_missing_is_no_guarantee() -> None:
    case, guarantee = guarantees_reached.Case, Guarantee("G0", "", ("a.py::test",), ("b.py",))
    passed = [case("a.py::test[1]", True, properties=(("took_s", "0.4"),)), case("b.py::test", True)]
    failed = [*passed, case("a.py::test[2]", False)]
    skipped = [*passed, case("a.py::test[2]", False, skipped=True)]
    assert guarantees_reached.verdict(guarantee, passed, {}) == "held"
    assert guarantees_reached.reached(guarantee, passed, {}).endswith(
        "1 of 1 planted faults found; took_s 0.4"
    )
    assert guarantees_reached.verdict(guarantee, failed, {}) == "FAILED"
    assert guarantees_reached.verdict(guarantee, passed[:1], {}) == "FAILED"
    assert guarantees_reached.verdict(guarantee, skipped, {}) == "held in part"
    assert guarantees_reached.verdict(guarantee._replace(planted=()), passed, {}) == "held in part"
