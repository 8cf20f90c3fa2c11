"""What the simulated Maccor tells, function classes 1 to 4: a message's values in, its answer's values out.

Names are those of the JSON messages. Source: Maccor help, "Remote Control - MacNet". Assumed: a current is told as a
magnitude, as Maccor's data files have it, and its direction by RF1; several channels from -1 on, as pymacnet 1.1.3 asks
for all, begin with the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .maccor_4000_channel import COMPLETED, Channel
from .maccor_4000_messages import Answer, MacNetError, Params

if TYPE_CHECKING:
    from .maccor_4000 import Maccor4000

_MOST_CHANNELS = 128
_AUX_C = 25.0


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
