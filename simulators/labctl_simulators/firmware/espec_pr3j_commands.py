"""The commands of an ESPEC P-300 controller: monitor commands, which end with ``?``, and setting commands.

Sources: as in ``espec_pr3j``. A command is its name, with blanks in it, and parameters after commas, in any case.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from labctl_simulators.firmware.espec_pr3j import EspecPr3j

OFF, STANDBY, CONSTANT, RUN = "OFF", "STANDBY", "CONSTANT", "RUN"
UNKNOWN, PARAMETER, OUT_OF_RANGE = "CMD ERR", "PARA ERR", "DATA OUT OF RANGE"
NO_PRODUCT_CONTROL, NO_PROGRAM_RUNS, NO_SUCH_PROGRAM = (
    "CONT NOT READY-1",
    "CONT NOT READY-2",
    "DATA NOT READY",
)
LOCKED_WHILE_OFF, UNSUPPORTED, PROTECTED = "CONT NOT READY-4", "INVALID REQ", "PROTECT ON"
LEAST_C, MOST_C = -20.0, 100.0
LEAST_LIMIT_C, MOST_LIMIT_C = -30.0, 110.0

_ADDRESSED = re.compile(r"\d{1,2},")
_SETTING = re.compile(r"([SHL])\s*(OFF|[+-]?\d+(?:\.\d+)?)(?=\s|$)\s*")
_RELAYS = range(1, 13)
_REFRIGERATION = {"REF0", "REF1", "REF3", "REF6", "REF9"}


class Refusal(Exception):
    """What stands after ``NA:``."""


def answer(chamber: EspecPr3j, text: str) -> str:
    """Carry out one command; Refusal if it cannot be.

    An address before it (RS-485, where several controllers share a line) is passed over.
    """
    command = _ADDRESSED.sub("", text, count=1) if _ADDRESSED.match(text) else text
    name, _, parameters = command.upper().partition(",")
    name, parameters = name.strip(), parameters.strip()
    if name.endswith("?"):
        if (monitor := _MONITORS.get(name[:-1].strip())) is None:
            raise Refusal(UNKNOWN)
        return monitor(chamber, parameters)
    if (setting := _SETTINGS.get(name)) is None:
        raise Refusal(UNKNOWN)
    if chamber.protected:
        raise Refusal(PROTECTED)
    setting(chamber, parameters)
    return f"OK:{text}"


# ---- monitor commands ----


def _mon(chamber: EspecPr3j, asked: str) -> str:
    _only(asked, "", "DETAIL")
    temperature, humidity = chamber.air.reading_C(), chamber.moisture.reading_C()
    return f"{temperature:.1f},{_percent(humidity)},{chamber.mode},{len(chamber.alarms)}"


def _temp(chamber: EspecPr3j, asked: str) -> str:
    _only(asked, "")
    read_C = chamber.air.reading_C()
    return f"{read_C:.1f},{chamber.set_C:.1f},{chamber.upper_C:.1f},{chamber.lower_C:.1f}"


def _humi(chamber: EspecPr3j, asked: str) -> str:
    _only(asked, "")
    target = "OFF" if chamber.set_humidity is None else _percent(chamber.set_humidity)
    limits = f"{_percent(chamber.upper_humidity)},{_percent(chamber.lower_humidity)}"
    return f"{_percent(chamber.moisture.reading_C())},{target},{limits}"


def _heaters(chamber: EspecPr3j, asked: str) -> str:
    _only(asked, "")
    return f"2,{100.0 * chamber.air.effort():.1f},{100.0 * chamber.moisture.effort():.1f}"


def _constant(chamber: EspecPr3j, asked: str) -> str:
    humidity = chamber.set_humidity
    told = {
        "TEMP": f"{chamber.set_C:.1f},ON",
        "HUMI": f"{_percent(humidity or 0.0)},{'OFF' if humidity is None else 'ON'}",
        "REF": "AUTO" if chamber.refrigeration == "REF9" else chamber.refrigeration[3:],
        "RELAY": _listed(sorted(chamber.relays)),
    }
    if asked == "PTC":
        raise Refusal(NO_PRODUCT_CONTROL)
    if asked not in told:
        raise Refusal(PARAMETER)
    return told[asked]


def _mode(chamber: EspecPr3j, asked: str) -> str:
    _only(asked, "", "DETAIL")
    return chamber.mode


def _rom(chamber: EspecPr3j, asked: str) -> str:
    _only(asked, "", "DISP")
    return "P300 1.10" if not asked else "P300D 1.04"


def _programs(chamber: EspecPr3j, asked: str) -> str:
    """None are stored."""
    if asked in ("RAM", "ROM"):
        return "0"
    raise Refusal(NO_SUCH_PROGRAM)


def _says(text: str) -> Callable[[EspecPr3j, str], str]:
    return lambda chamber, asked: text


def _refuses(word: str) -> Callable[[EspecPr3j, str], NoReturn]:
    def refuse(chamber: EspecPr3j, text: str) -> NoReturn:
        raise Refusal(word)

    return refuse


_MONITORS: dict[str, Callable[[EspecPr3j, str], str]] = {
    "MON": _mon,
    "TEMP": _temp,
    "HUMI": _humi,
    "%": _heaters,
    "MODE": _mode,
    "CONSTANT SET": _constant,
    "SET": lambda chamber, asked: chamber.refrigeration,
    "REF": lambda chamber, asked: "1,ON1" if chamber.mode == CONSTANT else "1,OFF1",
    "RELAY": lambda chamber, asked: _listed(sorted(chamber.relays)),
    "ALARM": lambda chamber, asked: _listed(chamber.alarms),
    "KEYPROTECT": lambda chamber, asked: "ON" if chamber.keys_locked else "OFF",
    "MASK": lambda chamber, asked: chamber.mask,
    "SRQ": lambda chamber, asked: f"0{1 if chamber.alarms else 0}000000",
    "DATE": lambda chamber, asked: f"{chamber.date_time:%y.%m/%d}",
    "TIME": lambda chamber, asked: f"{chamber.date_time:%H:%M:%S}",
    "ROM": _rom,
    "TYPE": _says("T,T,P3,100.0"),
    "IPSET": _says("192.0.2.40,255.255.255.0,192.0.2.1"),
    "TIMER ON": _says("0"),
    "TIMER USE": _says("0"),
    "TIMER LIST": _refuses(NO_SUCH_PROGRAM),
    "PRGM USE": _programs,
    "PRGM DATA": _refuses(NO_SUCH_PROGRAM),
    "PRGM SET": _refuses(NO_PROGRAM_RUNS),
    "PRGM MON": _refuses(NO_PROGRAM_RUNS),
    "RUN PRGM": _refuses(NO_PROGRAM_RUNS),
    "RUN PRGM MON": _refuses(NO_PROGRAM_RUNS),
    **dict.fromkeys(
        ("MON PTC", "TEMP PTC", "SET PTC", "PTC", "PRGM DATA PTC", "SYSTEM SET"), _refuses(NO_PRODUCT_CONTROL)
    ),
}


# ---- setting commands ----


def _set_temp(chamber: EspecPr3j, text: str) -> None:
    given = _given(text)
    if "OFF" in given.values():
        raise Refusal(PARAMETER)
    upper_C, lower_C = float(given.get("H", chamber.upper_C)), float(given.get("L", chamber.lower_C))
    set_C = float(given.get("S", chamber.set_C))
    if not LEAST_LIMIT_C <= lower_C < upper_C <= MOST_LIMIT_C:
        raise Refusal(OUT_OF_RANGE)
    if "S" in given and not (max(lower_C, LEAST_C) <= set_C <= min(upper_C, MOST_C)):
        raise Refusal(OUT_OF_RANGE)
    chamber.set_C, chamber.upper_C, chamber.lower_C = round(set_C, 1), round(upper_C, 1), round(lower_C, 1)


def _set_humi(chamber: EspecPr3j, text: str) -> None:
    given = _given(text)
    if "OFF" in (given.get("H"), given.get("L")):
        raise Refusal(PARAMETER)
    upper, lower = (
        float(given.get("H", chamber.upper_humidity)),
        float(given.get("L", chamber.lower_humidity)),
    )
    wanted = given.get("S")
    if not 0.0 <= lower < upper <= 100.0:
        raise Refusal(OUT_OF_RANGE)
    if wanted is not None and wanted != "OFF":
        if not max(lower, 20.0) <= float(wanted) <= min(upper, 98.0):
            raise Refusal(OUT_OF_RANGE)
        chamber.set_humidity = float(wanted)
    elif wanted == "OFF":
        chamber.set_humidity = None
    chamber.upper_humidity, chamber.lower_humidity = upper, lower


def _set_mode(chamber: EspecPr3j, text: str) -> None:
    if re.fullmatch(r"RUN\s*\d+", text):
        raise Refusal(NO_SUCH_PROGRAM)
    _only(text, OFF, STANDBY, CONSTANT)
    chamber.enter(text)


def _set_power(chamber: EspecPr3j, text: str) -> None:
    """ON begins constant operation."""
    _only(text, "ON", "OFF")
    chamber.enter(CONSTANT if text == "ON" else OFF)


def _set_keys(chamber: EspecPr3j, text: str) -> None:
    _only(text, "ON", "OFF")
    if text == "ON" and chamber.mode == OFF:
        raise Refusal(LOCKED_WHILE_OFF)
    chamber.keys_locked = text == "ON"


def _set_refrigeration(chamber: EspecPr3j, text: str) -> None:
    _only(text, *_REFRIGERATION)
    chamber.refrigeration = text


def _set_relays(chamber: EspecPr3j, text: str) -> None:
    state, *numbers = (part.strip() for part in text.split(","))
    _only(state, "ON", "OFF")
    if not numbers or not all(number.isascii() and number.isdigit() for number in numbers):
        raise Refusal(PARAMETER)
    named = {int(number) for number in numbers if len(number) < 4}
    if not named <= set(_RELAYS) or len(named) != len(numbers):
        raise Refusal(OUT_OF_RANGE)
    chamber.relays = chamber.relays | named if state == "ON" else chamber.relays - named


def _set_mask(chamber: EspecPr3j, text: str) -> None:
    if not re.fullmatch("[01]{8}", text):
        raise Refusal(PARAMETER)
    chamber.mask = text


def _set_date(chamber: EspecPr3j, text: str) -> None:
    """``26.11/22. SUN``; the day of the week is its own affair."""
    found = re.fullmatch(r"(\d\d?)\.(\d\d?)/(\d\d?)(?:\.\s*[A-Z]{3})?", text)
    if found is None:
        raise Refusal(PARAMETER)
    year, month, day = (int(part) for part in found.groups())
    _put_clock(chamber, {"year": 2000 + year, "month": month, "day": day})


def _set_time(chamber: EspecPr3j, text: str) -> None:
    found = re.fullmatch(r"(\d\d?):(\d\d?):(\d\d?)", text)
    if found is None:
        raise Refusal(PARAMETER)
    hour, minute, second = (int(part) for part in found.groups())
    _put_clock(chamber, {"hour": hour, "minute": minute, "second": second})


def _put_clock(chamber: EspecPr3j, parts: dict[str, int]) -> None:
    now: datetime = chamber.date_time
    fields = {name: getattr(now, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    try:
        chamber.date_time = now.replace(**(fields | parts))
    except ValueError:
        raise Refusal(OUT_OF_RANGE) from None


def _reset_request(chamber: EspecPr3j, text: str) -> None:
    _only(text, "RESET")


_SETTINGS: dict[str, Callable[[EspecPr3j, str], None]] = {
    "TEMP": _set_temp,
    "HUMI": _set_humi,
    "MODE": _set_mode,
    "POWER": _set_power,
    "KEYPROTECT": _set_keys,
    "SET": _set_refrigeration,
    "RELAY": _set_relays,
    "MASK": _set_mask,
    "SRQ": _reset_request,
    "DATE": _set_date,
    "TIME": _set_time,
    "PRGM": _refuses(NO_PROGRAM_RUNS),
    "PRGM ERASE": _refuses(NO_SUCH_PROGRAM),
    "TEMP PTC": _refuses(NO_PRODUCT_CONTROL),
    "PTC": _refuses(NO_PRODUCT_CONTROL),
    **dict.fromkeys(
        ("PRGM DATA WRITE", "RUN PRGM", "TIMER", "TIMER WRITE", "TIMER ERASE", "IPSET"),
        _refuses(UNSUPPORTED),
    ),
}


# ---- parts ----


def _given(text: str) -> dict[str, str]:
    """``S25.0 H60.0 L0.0`` in any order, at least one."""
    found = list(_SETTING.finditer(text))
    if not found or "".join(match[0] for match in found) != text:
        raise Refusal(PARAMETER)
    if any(len(match[2]) > 8 for match in found):
        raise Refusal(OUT_OF_RANGE)
    given = {match[1]: match[2] for match in found}
    if len(given) != len(found):
        raise Refusal(PARAMETER)
    return given


def _only(text: str, *known: str) -> None:
    if text not in known:
        raise Refusal(PARAMETER)


def _listed(numbers: list[int]) -> str:
    return ",".join(str(number) for number in (len(numbers), *numbers))


def _percent(value: float) -> str:
    return f"{min(100.0, max(0.0, value)):.0f}"
