"""Reads a step file of the simulated Neware BTS 8: what a channel is to do, and when it records and protects.

Voltages in the file are V * 10000, currents mA, times ms, capacities mAh * 3600; the step type carries the sign.

Source: step files written by aurora-unicycler 0.4.6 and by BTS Client 8.0.0; step types as in fastnda 1.3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree import ElementTree

CHARGE, DISCHARGE, HOLD_CHARGING, REST, CYCLE, END = 1, 2, 3, 4, 5, 6
CHARGE_AND_HOLD, HOLD_DISCHARGING, DISCHARGE_AND_HOLD = 7, 19, 20

#: The word of a running step in answers and data.
WORDS = {
    CHARGE: "cc",
    DISCHARGE: "dc",
    HOLD_CHARGING: "cv",
    REST: "rest",
    CYCLE: "control",
    END: "end",
    CHARGE_AND_HOLD: "cccv",
    HOLD_DISCHARGING: "dv",
    DISCHARGE_AND_HOLD: "cccd",
}
DISCHARGING = frozenset({DISCHARGE, HOLD_DISCHARGING, DISCHARGE_AND_HOLD})
HOLDING = frozenset({HOLD_CHARGING, HOLD_DISCHARGING, CHARGE_AND_HOLD, DISCHARGE_AND_HOLD})


class Unusable(ValueError):
    """A file that the cycler does not start."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the file; what it does not say is infinite.

    Attributes:
        number: its ``Step_ID``.
        kind: its ``Step_Type``.
        current_A: signed; of a step that holds a voltage, the limit of the current.
        voltage_V: what is held.
        stop_V, stop_A, time_s, capacity_C: what ends it.
        back_to, times: of a cycle, where it goes back to and how often its body runs.
    """

    number: int
    kind: int
    current_A: float
    voltage_V: float
    stop_V: float
    stop_A: float
    time_s: float
    capacity_C: float
    back_to: int = 0
    times: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """A whole file.

    Attributes:
        stages: in order.
        record_s, record_V, record_A: a row is kept after so long, or after such a change.
        low_V, high_V, low_A, high_A: beyond these, for ``delay_s``, the channel protects itself.
    """

    stages: tuple[Stage, ...]
    record_s: float
    record_V: float
    record_A: float
    low_V: float
    high_V: float
    low_A: float
    high_A: float
    delay_s: float


def read_program(data: bytes) -> Program:
    """Read a step file, in UTF-8 or GB2312.

    Raises:
        Unusable: it is no step file, or has a step that is not simulated.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("gb2312", "replace")
    body = text.partition("?>")[2] if text.lstrip("\ufeff \r\n").startswith("<?xml") else text
    if "<!" in body:
        raise Unusable("a document type or comment")
    try:
        root = ElementTree.fromstring(body.strip())
    except ElementTree.ParseError as error:
        raise Unusable(str(error)) from None
    config = root.find("config")
    info = None if config is None else config.find("Step_Info")
    if config is None or info is None or len(info) == 0:
        raise Unusable("no steps")
    record = config.find("Whole_Prt/Record/Main")
    protect = config.find("Whole_Prt/Protect/Main")
    return Program(
        tuple(_stage(element) for element in info),
        _number(record, "Time", 1e-3, 1.0),
        _number(record, "Volt", 1e-4),
        _number(record, "Curr", 1e-3),
        _number(protect, "Volt/Lower", 1e-4, -math.inf),
        _number(protect, "Volt/Upper", 1e-4),
        _number(protect, "Curr/Lower", 1e-3, -math.inf),
        _number(protect, "Curr/Upper", 1e-3),
        _number(protect, "Delay_Time", 1e-3, 0.0),
    )


def _stage(element: ElementTree.Element) -> Stage:
    kind, number = _whole(element, "Step_Type"), _whole(element, "Step_ID")
    if kind not in WORDS:
        raise Unusable(f"step {number} is of type {kind}")
    main, other = element.find("Limit/Main"), element.find("Limit/Other")
    sign = -1.0 if kind in DISCHARGING else 1.0
    stage = Stage(
        number,
        kind,
        sign * _number(main, "Curr", 1e-3),
        _number(main, "Volt", 1e-4),
        _number(main, "Stop_Volt", 1e-4, sign * math.inf),
        _number(main, "Stop_Curr", 1e-3, -1.0),
        _number(main, "Time", 1e-3),
        _number(main, "Cap", 1e-3),
        int(_number(other, "Start_Step", 1.0, 0.0)),
        int(_number(other, "Cycle_Count", 1.0, 0.0)),
    )
    needs_current = kind in (CHARGE, DISCHARGE, CHARGE_AND_HOLD, DISCHARGE_AND_HOLD)
    if needs_current and not 0.0 < abs(stage.current_A) < math.inf:
        raise Unusable(f"step {number} has no current")
    if kind in HOLDING and not math.isfinite(stage.voltage_V):
        raise Unusable(f"step {number} has no voltage")
    if kind == CYCLE and not (0 < stage.back_to < number and stage.times > 0):
        raise Unusable(f"step {number} goes back to nowhere")
    return stage


def _whole(element: ElementTree.Element, name: str) -> int:
    try:
        return int(element.get(name, ""))
    except ValueError:
        raise Unusable(f"{element.tag} has no {name}") from None


def _number(
    parent: ElementTree.Element | None, path: str, scale: float, otherwise: float = math.inf
) -> float:
    element = None if parent is None else parent.find(path)
    text = None if element is None else element.get("Value")
    if text is None:
        return otherwise
    try:
        value = float(text)
    except ValueError:
        raise Unusable(f"{path} is {text!r}") from None
    if not math.isfinite(value):
        raise Unusable(f"{path} is {text!r}")
    return value * scale
