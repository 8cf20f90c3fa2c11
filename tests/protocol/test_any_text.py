"""Whatever a file says, the answer is a plan or a problem with a place; never another exception."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.protocol import all_problems, document, load
from labctl.protocol.finder import bundled_paths
from labctl.protocol.problems import Problems

TEXT = bundled_paths()["na50k50-symmetric"].read_text()
WORDS = sorted(set(TEXT.replace("{", " ").replace("}", " ").replace(",", " ").split()))
ODD = [
    "{",
    "}",
    "[",
    "]",
    "- ",
    ": ",
    "\n",
    "  ",
    '"',
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "!!x ",
    "<<: ",
    "? ",
    "#",
    "0",
    "-",
    "~",
    "%",
]


def judge(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")
    problems = all_problems(path)
    if not problems:
        assert load(path).nodes
    lines = text.count("\n") + text.count("\r") + 2
    for problem in problems:
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
        assert "\n" not in str(problem)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text(text: str, tmp_path: Path) -> None:
    judge(tmp_path / "any.yaml", text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.sampled_from(WORDS + ODD), max_size=40))
def test_any_words(words: list[str], tmp_path: Path) -> None:
    judge(tmp_path / "any.yaml", " ".join(words))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.integers(0, len(TEXT)),
    length=st.integers(0, 30),
    new=st.one_of(
        st.sampled_from(WORDS + ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    ),
)
def test_any_edit_of_a_good_protocol(start: int, length: int, new: str, tmp_path: Path) -> None:
    judge(tmp_path / "edited.yaml", TEXT[:start] + new + TEXT[start + length :])


TREE = document.parse("good", TEXT, Problems()).plain()
STRANGERS = [
    "",
    "x",
    [],
    {},
    [[]],
    [{}],
    {"x": "y"},
    ["x", "y", "z"],
    {"rest": ""},
    {"short_circuit": [[]]},
    {"value": {}},
]


def places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(part, (dict, list)):
        for key in part if isinstance(part, dict) else range(len(part)):
            yield from places(part[key], (*path, key))


@pytest.mark.parametrize("stranger", STRANGERS, ids=repr)
def test_any_structure_anywhere(stranger: object, tmp_path: Path) -> None:
    for path in places(TREE):
        tree: Any = [copy.deepcopy(TREE)]
        parent = tree
        for key in (0, *path)[:-1]:
            parent = parent[key]
        parent[(0, *path)[-1]] = stranger
        judge(tmp_path / "strange.yaml", json.dumps(tree[0], indent=1))


def test_json_is_yaml(tmp_path: Path) -> None:
    path = tmp_path / "good.json"
    path.write_text(json.dumps(TREE, indent=2))
    assert load(path).rules == load("na50k50-symmetric").rules
