"""What the simulated Maccor does when it is told, function classes 5 to 8: a message's values in, its answer's out.

Names are those of the JSON messages. Source: Maccor help, "Remote Control - MacNet". Assumed: what the answer is where
the help gives none; ``Chans`` of (6, 1) count from 0 as ``Chan`` does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .maccor_4000_channel import AVAILABLE, COMPLETED, PROBLEM, SELECTED, SUSPENDED, Channel
from .maccor_4000_messages import ALL_SELECTED, OTHER_PROBLEM, Answer, MacNetError, Params
from .maccor_4000_procedure import CHARGE, DISCHARGE, REST, Procedure, Stage, Unreadable, read_procedure

if TYPE_CHECKING:
    from .maccor_4000 import Maccor4000

SAFETY = ("VSafeMax", "VSafeMin", "ISafeChg", "ISafeDis", "PBatSafeChg", "PBatSafeDis")
"""The limits of (6, 10), in their order."""

_KINDS = {"C": CHARGE, "D": DISCHARGE, "R": REST}


def set_flags(tester: Maccor4000, params: Params) -> Answer:
    """(5, 1)."""
    tester.flags = tester.whole(params, "GlobFlags") & 0xFFFFFFFF
    return {"GlobFlags": tester.flags}


def select(tester: Maccor4000, params: Params) -> Answer:
    """(6, 1): one channel back and forth, or a bitmap of all, or a list."""
    if "Chans" in params or tester.whole(params, "Chan", 0) == ALL_SELECTED:
        wanted = params.get("Chans", ())
        if not isinstance(wanted, list | tuple) or not all(type(number) is int for number in wanted):
            raise MacNetError("Illegal value")
        for number, channel in enumerate(tester.channels):
            if channel.state in (AVAILABLE, SELECTED):
                channel.state = SELECTED if number in wanted else AVAILABLE
        return {"Result": 0}
    channel = tester.channel(params)
    channel.state = {AVAILABLE: SELECTED, SELECTED: AVAILABLE}.get(channel.state, channel.state)
    return {"Result": 0}


def start(tester: Maccor4000, params: Params) -> Answer:
    """(6, 2): one channel, or all that are selected."""
    together = tester.whole(params, "Chan", ALL_SELECTED) == ALL_SELECTED
    if together:
        chosen = [tester.alive(channel) for channel in tester.channels if channel.state == SELECTED]
        if not chosen:
            return {"Result": 24}
    else:
        chosen = [tester.channel(params)]
    if any(channel.state not in (AVAILABLE, SELECTED) for channel in chosen):
        return {"Result": 23}
    name = tester.text(params, "TestName")
    if not 0 < len(name) <= 256:
        return {"Result": 18}
    if name != "Random" and name in tester.used_names:
        return {"Result": 19}
    try:
        procedure = _procedure(tester, params)
    except KeyError:
        return {"Result": 14}
    except Unreadable:
        return {"Result": 22}
    for channel in chosen:
        used, comment = tester.use_name(name), tester.text(params, "Comment", "")
        channel.start(used, comment, tester.text(params, "ProcName"), procedure)
    return {"Result": 0}


def _procedure(tester: Maccor4000, params: Params) -> Procedure:
    data = tester.files.procedure(tester.text(params, "ProcName"))
    return read_procedure(data, tester.number_of(params, "Crate", 1.0))


def check_start(tester: Maccor4000, params: Params) -> Answer:
    """(6, 11); what is wrong with a procedure is kept for (6, 12)."""
    tester.complaints.clear()
    try:
        channel = tester.channel(params)
    except MacNetError:
        return {"Result": 1}
    name = tester.text(params, "TestName")
    if channel.state not in (AVAILABLE, SELECTED):
        return {"Result": 1}
    if not name or any(letter in '\\/:*?"<>|' for letter in name):
        return {"Result": 5}
    if name in tester.used_names:
        return {"Result": 4}
    if tester.whole(params, "ChamberNum", 0):
        return {"Result": 6}
    try:
        _procedure(tester, params)
    except KeyError:
        return {"Result": 2}
    except Unreadable as problem:
        tester.complaints.append(str(problem))
        return {"Result": 7}
    return {"Result": 0}


def complaint(tester: Maccor4000, params: Params) -> Answer:
    """(6, 12)."""
    return {"Message": tester.complaints.pop(0) if tester.complaints else ""}


def advanced_start(tester: Maccor4000, params: Params) -> Answer:
    """(6, 13): as (6, 2) on one channel, at a step; nothing is archived that could be appended to."""
    try:
        channel = tester.channel(params)
    except MacNetError:
        return {"Result": 1}
    if channel.state not in (AVAILABLE, SELECTED):
        return {"Result": 2}
    if tester.whole(params, "Options", 0):
        return {"Result": 4}
    step = tester.whole(params, "TestStep", -1)
    try:
        procedure = _procedure(tester, params)
    except (KeyError, Unreadable):
        return {"Result": OTHER_PROBLEM}
    if step not in range(-1, len(procedure.stages) + 1) or step == 0:
        return {"Result": 6}
    if step > 0 and procedure.stages[step - 1].kind not in (CHARGE, DISCHARGE, REST):
        return {"Result": 8}
    name = tester.text(params, "TestName")
    if name in tester.used_names:
        return {"Result": OTHER_PROBLEM}
    used, comment = tester.use_name(name), tester.text(params, "Comment", "")
    channel.start(used, comment, tester.text(params, "ProcName"), procedure, max(step, 1))
    return {"Result": 0}


def suspend(tester: Maccor4000, params: Params) -> Answer:
    """(6, 3)."""
    return {"Result": 0 if tester.channel(params).suspend() else OTHER_PROBLEM}


def resume(tester: Maccor4000, params: Params) -> Answer:
    """(6, 4)."""
    return {"Result": 0 if tester.channel(params).resume() else OTHER_PROBLEM}


def reset(tester: Maccor4000, params: Params) -> Answer:
    """(6, 5)."""
    tester.channel(params).reset()
    return {"Result": 0}


def archive(tester: Maccor4000, params: Params) -> Answer:
    """(6, 6): only what has ended."""
    channel = tester.channel(params)
    if channel.state not in (COMPLETED, SUSPENDED, PROBLEM):
        return {"Result": OTHER_PROBLEM}
    channel.reset()
    return {"Result": 0}


def _output(tester: Maccor4000, params: Params, channel: Channel) -> tuple[Stage, frozenset[str]]:
    """Set points, and which of them are within range; those outside are ignored."""
    kind = _KINDS.get(tester.text(params, "ChMode"))
    number = tester.whole(params, "CurrentRange")
    if kind is None or number not in (1, 2, 3, 4):
        raise MacNetError("Illegal value")
    model = channel.model
    value = {name: tester.number_of(params, name) for name in ("Current", "Voltage", "Power", "Resistance")}
    most_W = model.ranges_A[0] * max(abs(model.low_V), abs(model.high_V))
    active = {
        "Current": 0.0 <= value["Current"] <= model.ranges_A[0],
        "Voltage": model.low_V <= value["Voltage"] <= model.high_V,
        "Power": 0.0 <= value["Power"] <= most_W,
        "Resistance": value["Resistance"] > 0.0,
    }
    stage = Stage(
        kind,
        current_A=value["Current"] if active["Current"] else math.inf,
        voltage_V=value["Voltage"] if active["Voltage"] else None,
        power_W=value["Power"] if active["Power"] else math.inf,
        resistance_ohm=value["Resistance"] if active["Resistance"] else 0.0,
        current_range=number,
    )
    return stage, frozenset(name for name, is_active in active.items() if is_active)


def start_direct(tester: Maccor4000, params: Params) -> Answer:
    """(6, 7)."""
    try:
        channel = tester.channel(params)
    except MacNetError:
        return {"Result": 2}
    stage, active = _output(tester, params, channel)
    name = tester.text(params, "TestName")
    if channel.state not in (AVAILABLE, SELECTED):
        return {"Result": 2}
    if len(active) > 3 or not name or name in tester.used_names:
        return {"Result": 3}
    record_s, record_V, record_A = (tester.number_of(params, key) for key in ("DataTime", "DataV", "DataI"))
    channel.start_direct(tester.use_name(name), stage, active, (record_s, record_V, record_A))
    return {"Result": 0}


def set_direct(tester: Maccor4000, params: Params) -> Answer:
    """(6, 8)."""
    try:
        channel = tester.channel(params)
    except MacNetError:
        return {"Result": 2}
    stage, _ = _output(tester, params, channel)
    return {"Result": channel.set_direct(stage)}


def set_variable(tester: Maccor4000, params: Params) -> Answer:
    """(6, 9)."""
    number = tester.whole(params, "VarNum")
    if not 1 <= number <= 15:
        raise MacNetError("Illegal value")
    tester.channel(params).variables[number - 1] = tester.number_of(params, "Value")
    return {"Result": 0}


def set_safety(tester: Maccor4000, params: Params) -> Answer:
    """(6, 10): what is beyond the channel is not taken; the answer tells what is set, with the sign that was asked."""
    channel = tester.channel(params)
    model, safety = channel.model, channel.safety
    asked = {name: tester.number_of(params, name) for name in SAFETY}
    high_V, low_V = asked["VSafeMax"], asked["VSafeMin"]
    if model.low_V <= low_V < high_V <= model.high_V:
        safety.high_V, safety.low_V = high_V, low_V
    if abs(asked["ISafeChg"]) <= model.ranges_A[0]:
        safety.charge_A = abs(asked["ISafeChg"])
    if abs(asked["ISafeDis"]) <= model.ranges_A[0]:
        safety.discharge_A = abs(asked["ISafeDis"])
    safety.charge_W, safety.discharge_W = abs(asked["PBatSafeChg"]), abs(asked["PBatSafeDis"])
    held = (
        safety.high_V,
        safety.low_V,
        math.copysign(safety.charge_A, asked["ISafeChg"]),
        math.copysign(safety.discharge_A, asked["ISafeDis"]),
        safety.charge_W,
        safety.discharge_W,
    )
    return dict(zip(SAFETY, held, strict=True))


def log_in(tester: Maccor4000, params: Params) -> Answer:
    """(8, 1): user authentication is not activated, so anybody passes."""
    tester.text(params, "UserID"), tester.text(params, "Password")
    return {"Result": 1}


def log_out(tester: Maccor4000, params: Params) -> Answer:
    """(8, 2)."""
    return {"Result": 1}


def no_battery(tester: Maccor4000, params: Params) -> Answer:
    """Class 7: no smart battery is assigned to any channel."""
    raise MacNetError("MacNet error")
