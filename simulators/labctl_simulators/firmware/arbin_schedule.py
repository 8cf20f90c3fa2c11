"""Reads a schedule file of MITS Pro, as the simulated Arbin runs it: steps, limits, and where each leads.

The file is text: a section for each step and for each of its limits. A limit of two equations is reached when both
hold. A limit ends the step, keeps a reading, or both.

Source: the keys of schedule files of MITS Pro, as the package beep reads and writes them (``m_szStepCtrlType``,
``Equation0_szLeft``); "Application Examples of User-Defined MetaVariables", arbin.com, 2026, for SetValue(s).
Assumed: a second equation is ``Equation1_...``; which bits of Set Variable(s) reset the capacities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

REST, CURRENT, VOLTAGE, CCCV, PAUSE = "Rest", "Current(A)", "Voltage(V)", "CCCV", "Pause"
SET_VARIABLES, SET_VALUES = "Set Variable(s)", "SetValue(s)"
AT_ONCE = frozenset({SET_VARIABLES, SET_VALUES})
NEXT, END = "Next Step", "End Test"

RESET_CHARGE, RESET_DISCHARGE, INCREMENT_CYCLE = 1 << 1, 1 << 2, 1

_KINDS = frozenset({REST, CURRENT, VOLTAGE, CCCV, PAUSE, SET_VARIABLES, SET_VALUES})
_MOST_STEPS = 200
_SIGNS = {
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
}

Values = Mapping[str, float]


class Unusable(ValueError):
    """A file that cannot be run."""


@dataclass(frozen=True, slots=True)
class Equation:
    """A comparison of a variable with a number or another variable."""

    left: str
    sign: str
    right: str

    def holds(self, values: Values) -> bool:
        """Whether it is true; what is not known makes it false."""
        left, right = value_of(self.left, values), value_of(self.right, values)
        return bool(_SIGNS[self.sign](left, right))


@dataclass(frozen=True, slots=True)
class Limit:
    """What ends a step, or keeps a reading of it."""

    equations: tuple[Equation, ...]
    goto: str
    ends: bool
    logs: bool

    def reached(self, values: Values) -> bool:
        """Whether all equations hold."""
        return all(equation.holds(values) for equation in self.equations)

    def value(self, left: str, values: Values) -> float | None:
        """What ``left`` is compared with here; None if it is not."""
        return next((value_of(each.right, values) for each in self.equations if each.left == left), None)


@dataclass(frozen=True, slots=True)
class ScheduleStep:
    """A step: what is controlled, at which values, and its limits in order."""

    label: str
    kind: str
    value: str
    extra: str
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """All steps of a file."""

    steps: tuple[ScheduleStep, ...]

    def index_of(self, goto: str, present: int) -> int:
        """Where a limit leads; beyond the last step is the end of the test."""
        if goto == NEXT:
            return present + 1
        labels = [step.label for step in self.steps]
        return labels.index(goto) if goto in labels else len(labels)


def value_of(text: str, values: Values) -> float:
    """The number that a field of a schedule says; NaN if it is none."""
    try:
        return values[text] if text in values else float(text)
    except ValueError:
        return math.nan


def read_schedule(data: bytes) -> Schedule:
    """Read a schedule file.

    Raises:
        Unusable: it is none, or has a step that is not simulated.
    """
    sections = _sections(data)
    steps: list[ScheduleStep] = []
    while (section := sections.get(f"Schedule_Step{len(steps)}")) is not None:
        if len(steps) == _MOST_STEPS:
            raise Unusable("more than 200 steps")
        steps.append(_step(sections, len(steps), section))
    if not steps:
        raise Unusable("no steps")
    labels = {step.label for step in steps}
    for step in steps:
        for limit in step.limits:
            if limit.ends and limit.goto not in labels | {NEXT, END}:
                raise Unusable(f"step {step.label} goes to {limit.goto}, which is not there")
    return Schedule(tuple(steps))


def _sections(data: bytes) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    present: dict[str, str] = {}
    for line in data.decode("latin-1").splitlines():
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            present = sections.setdefault(text[1:-1], {})
        elif "=" in text:
            key, _, value = text.partition("=")
            present[key.strip()] = value.strip()
    return sections


def _step(sections: dict[str, dict[str, str]], index: int, step: dict[str, str]) -> ScheduleStep:
    kind = step.get("m_szStepCtrlType", "")
    label = step.get("m_szLabel", "")
    if kind not in _KINDS:
        raise Unusable(f"step {label} is of type {kind!r}")
    count = step.get("m_uLimitNum", "0")
    if not (count.isascii() and count.isdigit() and len(count) < 4):
        raise Unusable(f"step {label} has {count!r} limits")
    found = (sections.get(f"Schedule_Step{index}_Limit{number}") for number in range(int(count)))
    limits = tuple(_limit(label, limit) for limit in found if limit is not None)
    return ScheduleStep(label, kind, step.get("m_szCtrlValue", ""), step.get("m_szExtCtrlValue1", ""), limits)


def _limit(label: str, limit: dict[str, str]) -> Limit:
    equations: list[Equation] = []
    while (left := limit.get(f"Equation{len(equations)}_szLeft")) not in (None, "", "None"):
        number = len(equations)
        sign = limit.get(f"Equation{number}_szCompareSign", "")
        if sign not in _SIGNS:
            raise Unusable(f"step {label} compares with {sign!r}")
        equations.append(Equation(str(left), sign, limit.get(f"Equation{number}_szRight", "")))
    if not equations:
        raise Unusable(f"step {label} has a limit without an equation")
    goto = limit.get("m_szGotoStep", NEXT)
    return Limit(
        tuple(equations), goto, limit.get("m_bStepLimit") == "1", limit.get("m_bLogDataLimit") == "1"
    )
