"""What tests and long forms have reached, and how far a guarantee is held by it."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from guarantees_table import LONG, Guarantee

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"


class Case(NamedTuple):
    """One test that was run."""

    node: str
    passed: bool
    skipped: bool = False
    properties: tuple[tuple[str, str], ...] = ()


class Kept(NamedTuple):
    """What a long form printed when it was last run."""

    header: str
    output: str
    passed: bool


def run_tests(nodes: Iterable[str]) -> list[Case]:
    """Every case of the tests that are named, run once, in one process."""
    asked = {f"tests/{node.partition('[')[0]}" for node in nodes}
    files = {node for node in asked if "::" not in node}
    asked = {node for node in asked if node in files or node.partition("::")[0] not in files}
    if not asked:
        return []
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "junit.xml")
        pytest = [sys.executable, "-m", "pytest", "-q", "--no-header", f"--junit-xml={report}"]
        subprocess.run([*pytest, *sorted(asked)], cwd=ROOT, check=False)
        return read_cases(report)


def read_cases(report: Path) -> list[Case]:
    """Every case in a report that pytest has written."""
    return [_case(element) for element in ElementTree.parse(report).iter("testcase")]


def _case(element: ElementTree.Element) -> Case:
    module = element.get("classname", "").removeprefix("tests.").replace(".", "/")
    name = element.get("name", "").replace(" ]", "]")
    properties = tuple((p.get("name", ""), p.get("value", "")) for p in element.iter("property"))
    failed, skipped = (any(element.find(how) is not None for how in hows) for hows in _NOT_PASSED)
    return Case(f"{module}.py::{name}", not (failed or skipped), skipped, properties)


_NOT_PASSED = (("failure", "error"), ("skipped",))


def cases_of(node: str, cases: list[Case]) -> list[Case]:
    """The cases that a node id names."""
    return [c for c in cases if c.node == node or c.node.startswith((f"{node}[", f"{node}::"))]


def verdict(guarantee: Guarantee, cases: list[Case], kept: dict[str, Kept]) -> str:
    """How far a guarantee is held."""
    named = [cases_of(node, cases) for node in (*guarantee.tests, *guarantee.planted)]
    if any(not found or not all(case.passed or case.skipped for case in found) for found in named):
        return "FAILED"
    if any(name in kept and not kept[name].passed for name in guarantee.long):
        return "FAILED"
    if not guarantee.tests:
        return "not shown"
    whole = guarantee.planted and not shortfalls(guarantee, cases, kept)
    return "held" if whole else "held in part"


def shortfalls(guarantee: Guarantee, cases: list[Case], kept: dict[str, Kept]) -> list[str]:
    """What is not as wanted, in sentences."""
    found = [guarantee.falls_short] if guarantee.falls_short else []
    named = {case for node in (*guarantee.tests, *guarantee.planted) for case in cases_of(node, cases)}
    found += [f"Skipped on this machine: `tests/{case.node}`." for case in sorted(named) if case.skipped]
    if guarantee.tests and not guarantee.planted:
        found.append("No planted fault proves that these tests can fail.")
    for name in guarantee.long:
        program, wanted = LONG[name].command[0], LONG[name].wanted
        if name not in kept:
            found.append(f"The long form `{name}` (`{program}`, {wanted:,} wanted) has not been run.")
        elif (count := _count(name, kept[name])) < wanted:
            found.append(f"The long form `{name}` has been run with {count:,} of {wanted:,}.")
    return found


def reached(guarantee: Guarantee, cases: list[Case], kept: dict[str, Kept]) -> str:
    """The numbers, from what tests and long forms said themselves."""
    tests = {case for node in guarantee.tests for case in cases_of(node, cases)}
    planted = {case for node in guarantee.planted for case in cases_of(node, cases)}
    said = [f"{sum(c.passed for c in tests)} of {len(tests)} cases passed"] if tests else []
    if planted:
        said.append(f"{sum(c.passed for c in planted)} of {len(planted)} planted faults found")
    said += [f"{name} {value}" for case in sorted(tests) for name, value in case.properties]
    said += [f"{name}: {result(name, kept[name])}" for name in guarantee.long if name in kept]
    return "; ".join(said)


def run_long(name: str, sizes: dict[str, object]) -> None:
    """Run a long form, and keep what it prints."""
    command = [part.format(**sizes) for part in LONG[name].command]
    if not (ROOT / command[0]).exists():
        print(f"{name}: there is no {command[0]}", file=sys.stderr)
        return
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    RESULTS.mkdir(exist_ok=True)
    header = f"$ python {' '.join(command)}  # {circumstances()}; exit code {done.returncode}"
    (RESULTS / f"{name}.txt").write_text(f"{header}\n{done.stdout.strip()}\n", encoding="utf-8")


def last_run(name: str) -> Kept | None:
    """What a long form printed when it was last run; None: never."""
    path = RESULTS / f"{name}.txt"
    if not path.exists():
        return None
    header, _, output = path.read_text(encoding="utf-8").partition("\n")
    return Kept(header, output.strip(), header.endswith("exit code 0"))


def _count(name: str, kept: Kept) -> int:
    found = re.search(LONG[name].counted, kept.output)
    return int(found[1].replace(",", "")) if found else 0


def result(name: str, kept: Kept) -> str:
    """The line that says how much was done, and the last one, which says how it ended."""
    lines = kept.output.splitlines()
    done = [line for line in lines if re.search(LONG[name].counted, line)]
    return "; ".join(dict.fromkeys([*done[:1], *lines[-1:]]))


def circumstances() -> str:
    """When, of what, and on which class of machine."""
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    changed = subprocess.run(
        [*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True
    )
    tree = " with changes" if changed.stdout.strip() else ""
    return f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip()}{tree}, {os.cpu_count()} cores"
