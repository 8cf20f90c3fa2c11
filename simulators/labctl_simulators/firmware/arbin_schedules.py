"""The schedule files that lie on the disk of the simulated Arbin's computer, as a person would have made them there.

``labctl-1.sdx`` is the one that is described on the page of the instrument, made from that description.
"""

from __future__ import annotations

from .arbin_schedule import (
    CCCV,
    CURRENT,
    END,
    NEXT,
    PAUSE,
    RESET_CHARGE,
    RESET_DISCHARGE,
    REST,
    SET_VALUES,
    SET_VARIABLES,
)

_LimitText = tuple[str, str]  # its equations, where it leads


def _text(*steps: tuple[str, str, str, str, tuple[_LimitText, ...]]) -> bytes:
    """A schedule file; a limit that leads nowhere keeps a reading."""
    lines = ["[Version]", "m_szVersion=simulated"]
    for number, (label, kind, value, extra, limits) in enumerate(steps):
        lines += [f"[Schedule_Step{number}]", f"m_uLimitNum={len(limits)}", f"m_szLabel={label}"]
        lines += [f"m_szStepCtrlType={kind}", f"m_szCtrlValue={value}", f"m_szExtCtrlValue1={extra}"]
        for index, (equations, goto) in enumerate(limits):
            lines.append(f"[Schedule_Step{number}_Limit{index}]")
            lines += [f"m_bStepLimit={int(bool(goto))}", "m_bLogDataLimit=1"]
            lines.append(f"m_szGotoStep={goto or NEXT}")
            for place, equation in enumerate(equations.split(" and ")):
                left, sign, right = equation.split()
                lines += [f"Equation{place}_szLeft={left}", f"Equation{place}_szCompareSign={sign}"]
                lines.append(f"Equation{place}_szRight={right}")
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")


_V, _I, _TIME = "PV_CHAN_Voltage", "PV_CHAN_Current", "PV_CHAN_Step_Time"
_CHARGE, _DISCHARGE = "PV_CHAN_Charge_Capacity", "PV_CHAN_Discharge_Capacity"
_CV = "PV_CHAN_CV_Stage_Current"
_NOW = (("PV_CHAN_Step_Time >= 0", NEXT),)
_RESET = str(RESET_CHARGE | RESET_DISCHARGE)

_CUT_OFFS = (
    (f"{_TIME} >= MV_UD3", "KeepV"),
    (f"{_V} >= MV_UD4", "KeepV"),
    (f"{_V} <= MV_UD5", "KeepV"),
)
_CAPACITY = ((f"{_CHARGE} >= MV_UD6", "KeepV"), (f"{_DISCHARGE} >= MV_UD6", "KeepV"))
_WINDOW = (
    (f"{_V} > MV_UD9", END),
    (f"{_V} < MV_UD10", END),
    (f"{_I} > MV_UD11", END),
    (f"{_I} < MV_UD12", END),
)
_LOG = (("DV_Time >= MV_UD13", ""),)

LABCTL = _text(
    ("Wait", REST, "", "", (("DV_Time >= 1", ""),)),
    ("Rest", REST, "", "", (*_CUT_OFFS, *_LOG)),
    ("ResetCurrent", SET_VARIABLES, _RESET, "0", _NOW),
    ("Current", CURRENT, "MV_UD1", "", (*_CUT_OFFS, *_CAPACITY, *_WINDOW, *_LOG)),
    ("ResetHold", SET_VARIABLES, _RESET, "0", _NOW),
    (
        "Hold",
        CCCV,
        "MV_UD2",
        "MV_UD1",
        (_CUT_OFFS[0], (f"{_CV} <= MV_UD7 and {_CV} >= MV_UD8", "KeepV"), *_CAPACITY, *_WINDOW, *_LOG),
    ),
    ("KeepV", SET_VALUES, "MV_UD14", "LS_CHAN_Voltage", _NOW),
    ("KeepI", SET_VALUES, "MV_UD15", "LS_CHAN_Current", _NOW),
    ("KeepT", SET_VALUES, "MV_UD16", "LS_CHAN_Step_Time", (("PV_CHAN_Step_Time >= 0", "Wait"),)),
)

REST_1_H = _text(("Step_A", REST, "", "", ((f"{_TIME} >= 3600", NEXT), ("DV_Time >= 10", ""))))

CYCLES = _text(
    ("Step_A", REST, "", "", ((f"{_TIME} >= 5", NEXT), ("DV_Time >= 1", ""))),
    (
        "Charge",
        CURRENT,
        "0.001",
        "",
        ((f"{_V} >= 0.2", NEXT), (f"{_TIME} >= 1000", NEXT), ("DV_Time >= 1", "")),
    ),
    (
        "Hold",
        CCCV,
        "0.001",
        "0.2",
        ((f"{_CV} <= 0.0001", NEXT), (f"{_TIME} >= 2000", NEXT), ("DV_Time >= 1", "")),
    ),
    ("Look", PAUSE, "", "", ()),
    ("Discharge", CURRENT, "-0.001", "", ((f"{_TIME} >= 36", NEXT), ("DV_Time >= 1", ""))),
    (
        "Cycle",
        SET_VARIABLES,
        "0",
        "1",
        (("PV_CHAN_Cycle_Index <= 2", "Charge"), ("PV_CHAN_Cycle_Index > 2", NEXT)),
    ),
)

ON_REQUEST = _text(
    ("Step_A", CURRENT, "MV_UD1", "", (("MV_UD2 > 0", NEXT), (f"{_V} > 4.5", END), ("DV_Time >= 1", "")))
)

FILES = {
    "labctl-1.sdx": LABCTL,
    "Rest.sdx": REST_1_H,
    "Cycles.sdx": CYCLES,
    "OnRequest.sdx": ON_REQUEST,
}
"""By name, in the folder Work."""
