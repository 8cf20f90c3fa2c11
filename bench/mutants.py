"""Mutation score of the small modules that decide: how many small mistakes in them their direct tests find.

    python bench/mutants.py [--only lease remaining]

Each mutant changes one comparison, sum, truth value, number or returned value of a module, in a copy of the tree; it is
found if the module's tests fail or hang. Annotations, docstrings and messages are left alone. Prints each that
survives, and ends with 1 below 90 %. Takes a few seconds a mutant, so it is no part of CI.
"""

import argparse
import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WANTED = 0.9
TIMEOUT_S = 120.0

MODULES = {
    "labctl/keeper/lease.py": ("tests/keeper/test_lease.py",),
    "labctl/engine/remaining.py": ("tests/engine/test_remaining.py",),
    "labctl/engine/gap.py": ("tests/engine/test_pause.py", "tests/engine/test_taken_up.py"),
    "labctl/instrument/cutoff_watch.py": ("tests/engine/test_run.py", "tests/instrument/test_pacing.py"),
    "labctl/instrument/frozen.py": ("tests/engine/test_doubts.py", "tests/faults/test_planted.py"),
}

_OPPOSITE: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def mutants(source: str) -> Iterator[tuple[int, str]]:
    """Every mutant of a module: the line that was changed, and the whole text."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        for change in range(_ways(node)):
            changed = copy.deepcopy(tree)
            _change(list(ast.walk(changed))[number], change)
            yield getattr(node, "lineno", 0), ast.unparse(changed)


def _ways(node: ast.AST) -> int:
    match node:
        case ast.Compare(ops=ops):
            return len(ops)
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op):
            return int(type(op) in _OPPOSITE)
        case ast.Constant(value=bool() | int() | float()):
            return 1
        case ast.UnaryOp(op=ast.Not()):
            return 1
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            return 1
    return 0


def _change(node: ast.AST, which: int) -> None:
    match node:
        case ast.Compare():
            node.ops[which] = _opposite(node.ops[which])
        case ast.BinOp() | ast.BoolOp() | ast.AugAssign():
            node.op = _opposite(node.op)
        case ast.Constant(value=bool() as value):
            node.value = not value
        case ast.Constant(value=int() | float() as value):
            node.value = value + 1
        case ast.UnaryOp():
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        case ast.Return():
            node.value = ast.Constant(None)


def _opposite(operator: ast.AST) -> Any:
    return _OPPOSITE[type(operator)]()


def is_found(tree: Path, tests: tuple[str, ...]) -> bool:
    """Whether the tests notice what stands in a tree."""
    paths = os.pathsep.join(map(str, (tree, tree / "drivers", tree / "simulators")))
    pytest = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            pytest, cwd=tree, env=environment, capture_output=True, check=False, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def main() -> int:
    """Try every mutant of the modules that are chosen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="WORD", help="modules with it in their name"
    )
    given = parser.parse_args()
    found = tried = looked_at = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", "*cache*", "node_modules"))
        for name, tests in MODULES.items():
            if not any(word in name for word in given.only):
                continue
            looked_at += 1
            source = (tree / name).read_text(encoding="utf-8")
            if is_found(tree, tests):
                raise SystemExit(f"{name}: its tests fail as it is")
            before = found, tried
            for line, text in mutants(source):
                (tree / name).write_text(text, encoding="utf-8")
                caught = is_found(tree, tests)
                found, tried = found + caught, tried + 1
                if not caught:
                    print(f"survived: {name}, line {line}", flush=True)
            (tree / name).write_text(source, encoding="utf-8")
            print(f"{name}: {found - before[0]} of {tried - before[1]} found", flush=True)
    print(
        f"{tried} mutants in {looked_at} of {len(MODULES)} modules: {found} found ({found / max(tried, 1):.0%})"
    )
    return int(found < WANTED * tried)


if __name__ == "__main__":
    sys.exit(main())
