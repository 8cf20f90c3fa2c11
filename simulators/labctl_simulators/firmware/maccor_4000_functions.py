"""The functions of MacNet as the simulated tester carries them out: a message's values in, its answer's values out.

Names are those of the JSON messages. Source: Maccor help, "Remote Control - MacNet", function classes 1 to 8.
Assumed: what the answer is where the help gives none; ``Chans`` of (6, 1) count from 0 as ``Chan`` does; a current is
told as a magnitude, as Maccor's data files have it, and its direction by RF1; several channels from -1 on, as pymacnet
1.1.3 asks for all, begin with the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .maccor_4000_channel import AVAILABLE, COMPLETED, PROBLEM, SELECTED, SUSPENDED, Channel
from .maccor_4000_procedure import CHARGE, DISCHARGE, REST, Procedure, Stage, Unreadable, read_procedure

if TYPE_CHECKING:
    from .maccor_4000 import Maccor4000

ALL_SELECTED = 0xFFFF
OTHER_PROBLEM = 0xFFFF
_KINDS = {"C": CHARGE, "D": DISCHARGE, "R": REST}
_MOST_CHANNELS = 128
_AUX_C = 25.0

Params = Mapping[str, Any]
Answer = dict[str, Any]


class MacNetError(Exception):
    """A message that cannot be answered as asked; says why as JSON has it."""


def version(tester: Maccor4000, params: Params) -> Answer:
    """(1, 1)."""
    numbers: Answer = {}
    for part in ("EXE", "DLL"):
        numbers |= {
            f"MacTest32{part}versionMajor": 3,
            f"MacTest32{part}versionMinor": 2,
            f"MacTest32{part}versionBuild": 18,
        }
    return {
        "APIVersion": 1,
        **numbers,
        "MacTest32ExeDT": 1478617378.0,
        "MacTest32DLLDT": 1479036588.0,
    }


def system(tester: Maccor4000, params: Params) -> Answer:
    """(1, 2)."""
    return {
        "SystemID": "labctl twin",
        "SystemType": 0,
        "ControllerBoards": -(-len(tester.channels) // 8),
        "TestChannels": len(tester.channels),
        "AuxBoards": 1,
        "AuxChannels": len(tester.channels),
        "SMB1Pos": 0,
        "SMB3Pos": 0,
        "ChannelNumberOffset": 0,
    }


def procedure_exists(tester: Maccor4000, params: Params) -> Answer:
    """(1, 3)."""
    return {"ProcedurExists": tester.files.has_procedure(tester.text(params, "ProcName"))}


def test_name_exists(tester: Maccor4000, params: Params) -> Answer:
    """(1, 4)."""
    return {"TestNameExists": tester.text(params, "TestName") in tester.used_names}


def specification(tester: Maccor4000, params: Params) -> Answer:
    """(3, 1): what the channel can do, and the safety limits that are set."""
    channel = tester.channel(params)
    model, safety = channel.model, channel.safety
    answer: Answer = {
        "TickSpeed": model.tick_s,
        "Vmax": model.high_V,
        "Vmin": model.low_V,
        "VSafeMax": safety.high_V,
        "VSafeMin": safety.low_V,
    }
    for way in ("Chg", "Dis"):
        answer |= {
            f"IR{number}{way}": full_A for number, full_A in zip((4, 3, 2, 1), model.ranges_A, strict=True)
        }
    return answer | {
        "ISafeChg": safety.charge_A,
        "ISafeDis": safety.discharge_A,
        "PBatSafeChg": safety.charge_W,
        "PBatSafeDis": safety.discharge_W,
        "PChanSafeChg": 0.0,
        "PChanSafeDis": 0.0,
        "PSVChg": 0.0,
        "PSVDis": 0.0,
    }


def calibration(tester: Maccor4000, params: Params) -> Answer:
    """(3, 2): never calibrated."""
    tester.channel(params)
    names = ("V", *(f"I{{}}R{number}" for number in (4, 3, 2, 1)))
    return {(f"V{way}" if name == "V" else name.format(way)): 0.0 for name in names for way in ("Chg", "Dis")}


def _several(name: str, of: Callable[[Channel], Any]) -> Callable[[Maccor4000, Params], Answer]:
    def answer(tester: Maccor4000, params: Params) -> Answer:
        first, count = max(tester.whole(params, "Chan"), 0), tester.whole(params, "Len", 1)
        if not 0 < count <= _MOST_CHANNELS or first + count > len(tester.channels):
            raise MacNetError("Illegal value")
        return {
            "Len": count,
            name: [of(tester.alive(channel)) for channel in tester.channels[first : first + count]],
        }

    return answer


statuses = _several("Status", lambda c: {"RF1": c.rf1, "RF2": c.rf2, "Stat": c.state})
voltages = _several("Voltage", lambda c: c.voltage_V)
currents = _several("Current", lambda c: abs(c.current_A))
test_times = _several("TestTimes", lambda c: c.test_time_s)


def aux_values(tester: Maccor4000, params: Params) -> Answer:
    """(4, 4): a thermometer for each channel."""
    tester.channel(params)
    return {"Len": 1, "AuxValues": [_AUX_C]}


def aux_units(tester: Maccor4000, params: Params) -> Answer:
    """(4, 5)."""
    tester.channel(params)
    return {"Len": 1, "AuxUnit": ["C"]}


def names(tester: Maccor4000, params: Params) -> Answer:
    """(4, 6) and (4, 11)."""
    channel = tester.channel(params)
    return {
        "TestName": channel.test_name,
        "Comment": channel.comment,
        "ProcName": channel.procedure_name,
        "ProcDesc": channel.procedure.description,
    }


def status(tester: Maccor4000, params: Params) -> Answer:
    """(4, 7)."""
    channel = tester.channel(params)
    return {
        "RF1": channel.rf1,
        "RF2": channel.rf2,
        "Stat": channel.state,
        "LastRecNum": channel.records,
        "Cycle": channel.cycle,
        "Step": channel.step,
        "TestTime": channel.test_time_s,
        "StepTime": channel.step_time_s,
        "Capacity": channel.capacity_C / 3600.0,
        "Energy": channel.energy_J / 3600.0,
        "Current": abs(channel.current_A),
        "Voltage": channel.voltage_V,
        "TesterTime": tester.unix_s(),
    }


def variables(tester: Maccor4000, params: Params) -> Answer:
    """(4, 8)."""
    return {"GlobFlags": tester.flags, "VARs": list(tester.channel(params).variables)}


def end_status(tester: Maccor4000, params: Params) -> Answer:
    """(4, 10)."""
    channel = tester.channel(params)
    done = channel.state == COMPLETED
    return {"NumOfEnds": channel.ends if done else 0, "EndNum": channel.end if done else 0}


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


SAFETY = ("VSafeMax", "VSafeMin", "ISafeChg", "ISafeDis", "PBatSafeChg", "PBatSafeDis")


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
