"""Reads the test procedures of the simulated Maccor: the XML of ``*.000`` files, as steps that a channel carries out.

Source: procedure files of BuildTest 1.5 (file format 11) that were published with beep (TRI-AMDD). Left out, and
refused as the real compiler refuses what it cannot read: waveforms, subroutines, functions, FRA.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree import ElementTree

CHARGE, DISCHARGE, REST, PAUSE, ADVANCE, DO, LOOP, END = range(8)
_KINDS = {
    "Charge": CHARGE,
    "Dischrge": DISCHARGE,
    "Rest": REST,
    "Pause": PAUSE,
    "AdvCycle": ADVANCE,
    "Do": DO,
    "Loop": LOOP,
    "End": END,
}
_MOST_STEPS = 1000


class Unreadable(Exception):
    """No procedure, or one with something in it that cannot be carried out."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Ends a step: ``what`` (StepTime, TestTime, Voltage, Current, Loop Cnt) is at ``value``; goes on with a step."""

    what: str
    oper: str
    value: float
    goto: int

    def holds(self, value: float) -> bool:
        """Whether ``value`` is there."""
        return value <= self.value if self.oper == "<=" else value >= self.value


@dataclass(frozen=True, slots=True)
class Stage:
    """One step. Currents and powers are magnitudes; infinite or 0 where they do not limit.

    Attributes:
        kind: of the constants above.
        level: which Do and Loop belong together.
        ends: the first that holds counts.
        record_s, record_V, record_A: when a record is due.
        current_range: 1 to 4; 0: any.
    """

    kind: int
    level: int = 0
    current_A: float = math.inf
    voltage_V: float | None = None
    power_W: float = math.inf
    resistance_ohm: float = 0.0
    ends: tuple[Condition, ...] = ()
    record_s: float = math.inf
    record_V: float = math.inf
    record_A: float = math.inf
    current_range: int = 0


@dataclass(frozen=True, slots=True)
class Procedure:
    """The steps, and what is said about them."""

    stages: tuple[Stage, ...]
    description: str = ""


def read_procedure(data: bytes, c_rate_Ah: float) -> Procedure:
    """The procedure in a file.

    Args:
        data: the file.
        c_rate_Ah: what a current of 1C is, A.

    Raises:
        Unreadable: with the reason.
    """
    if b"<!" in data:
        raise Unreadable("a document type in a procedure")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise Unreadable("the procedure is no XML") from None
    steps = root.findall("ProcSteps/TestStep")
    if root.tag != "MaccorTestProcedure" or not 0 < len(steps) <= _MOST_STEPS:
        raise Unreadable("the procedure has no steps")
    stages = tuple(_stage(step, number, len(steps), c_rate_Ah) for number, step in enumerate(steps, start=1))
    if stages[-1].kind != END:
        raise Unreadable("the procedure has no End")
    return Procedure(stages, (root.findtext("header/ProcDesc/desc") or "").strip())


def _stage(step: ElementTree.Element, number: int, steps: int, c_rate_Ah: float) -> Stage:
    word, _, level = _text(step, "StepType").partition(" ")
    kind = _KINDS.get(word)
    if kind is None or (level and not (kind in (DO, LOOP) and level.isascii() and level.isdigit())):
        raise Unreadable(f"step {number}: {word} {level}".rstrip() + " is not known here")
    ends = tuple(_condition(end, number, steps, c_rate_Ah) for end in step.iterfind("Ends/EndEntry"))
    if kind in (CHARGE, DISCHARGE, REST, LOOP) and not ends:
        raise Unreadable(f"step {number}: it has no end")
    records = {
        _text(entry, "ReportType"): _text(entry, "Value") for entry in step.iterfind("Reports/ReportEntry")
    }
    range_text = _text(step, "Range")
    held: dict[str, float] = {}
    if kind in (CHARGE, DISCHARGE):
        set_points = [(_text(step, "StepMode"), _text(step, "StepValue"))]
        set_points += [(limit.tag, limit.text or "") for limit in step.iterfind("Limits/*")]
        for mode, value in set_points:
            name = _MODES.get(mode)
            if name is None:
                raise Unreadable(f"step {number}: no constant {mode} is known here")
            held[name] = _number(value, number, c_rate_Ah)
    return Stage(
        kind,
        int(level or 0),
        **held,
        ends=ends,
        record_s=_time_s(records["StepTime"], number) if "StepTime" in records else math.inf,
        record_V=_number(records.get("Voltage", "inf"), number, c_rate_Ah),
        record_A=_number(records.get("Current", "inf"), number, c_rate_Ah),
        current_range=int(range_text) if range_text in ("1", "2", "3", "4") else 0,
    )


_MODES = {
    "Current": "current_A",
    "Voltage": "voltage_V",
    "Power": "power_W",
    "Resistance": "resistance_ohm",
}


def _condition(end: ElementTree.Element, number: int, steps: int, c_rate_Ah: float) -> Condition:
    what, oper = _text(end, "EndType"), _text(end, "Oper")
    goto = _text(end, "Step")
    if what not in ("StepTime", "TestTime", "Voltage", "Current", "Loop Cnt") or oper not in (
        "=",
        ">=",
        "<=",
    ):
        raise Unreadable(f"step {number}: an end by {what} {oper} is not known here")
    if not (goto.isascii() and goto.isdigit() and 1 <= int(goto) <= steps):
        raise Unreadable(f"step {number}: an end goes to step {goto}, which there is not")
    value = _text(end, "Value") or _text(end, "StepValue")
    is_time = what in ("StepTime", "TestTime")
    return Condition(
        what, oper, _time_s(value, number) if is_time else _number(value, number, c_rate_Ah), int(goto)
    )


def _text(element: ElementTree.Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _number(text: str, number: int, c_rate_Ah: float) -> float:
    """``0.005``, or ``2.0C`` for a current."""
    in_C = text.endswith("C")
    try:
        value = float(text[:-1] if in_C else text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise Unreadable(f"step {number}: {text[:20]!r} is no number")
    return value * c_rate_Ah if in_C else value


def _time_s(text: str, number: int) -> float:
    """``00:00:30``, ``1.5:00:00``, ``::.01``."""
    parts = text.split(":")
    try:
        hours, minutes, seconds = (float(part or 0.0) for part in parts)
        time_s = 3600.0 * hours + 60.0 * minutes + seconds
    except ValueError:
        time_s = math.nan
    if not 0.0 <= time_s < math.inf:
        raise Unreadable(f"step {number}: {text[:20]!r} is no time")
    return time_s


def demonstration() -> bytes:
    """A procedure that is on the tester from the start: a rest, a charge, a discharge, all short and small."""
    header = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<?maccor-application progid="Maccor Procedure File"?>\n'
        "<MaccorTestProcedure><header><ProcDesc><desc>rest, charge, discharge</desc></ProcDesc></header><ProcSteps>"
    )
    steps = (("Rest", "", "", 2), ("Charge", "Current", "1.0E-4", 3), ("Dischrge", "Current", "1.0E-4", 4))
    body = "".join(
        f"<TestStep><StepType>{kind}</StepType><StepMode>{mode}</StepMode><StepValue>{value}</StepValue><Limits/>"
        f"<Ends><EndEntry><EndType>StepTime</EndType><SpecialType> </SpecialType><Oper> = </Oper><Step>{goto:03}</Step>"
        "<Value>00:01:00</Value></EndEntry></Ends><Reports><ReportEntry><ReportType>StepTime</ReportType>"
        "<Value>00:00:01</Value></ReportEntry></Reports><Range>A</Range></TestStep>"
        for kind, mode, value, goto in steps
    )
    return f"{header}{body}<TestStep><StepType>End</StepType></TestStep></ProcSteps></MaccorTestProcedure>".encode()
