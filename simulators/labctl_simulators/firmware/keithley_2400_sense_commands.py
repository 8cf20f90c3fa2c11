"""What the 2400 series measures, on which range and with which compliance: :SENSe."""

from typing import TYPE_CHECKING

from labctl_simulators.firmware.keithley_2400_tree import TREE, declare, most
from labctl_simulators.firmware.keithley_2450_models import smallest_range
from labctl_simulators.firmware.scpi_parameters import OUT_OF_RANGE, PARAMETER_NOT_ALLOWED, ScpiError, Text
from labctl_simulators.firmware.scpi_settings import Bounds

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2400 import Keithley2400 as Smu

_SENSES = {"VOLT": "VOLT:DC", "VOLT:DC": "VOLT:DC", "VOLTAGE": "VOLT:DC", "VOLTAGE:DC": "VOLT:DC"}
_SENSES |= {"CURR": "CURR:DC", "CURR:DC": "CURR:DC", "CURRENT": "CURR:DC", "CURRENT:DC": "CURR:DC"}
_SENSES |= {"RES": "RES", "RESISTANCE": "RES"}
_NODES = {"VOLT": "VOLTage[:DC]", "CURR": "CURRent[:DC]"}


def _put_limit(smu: "Smu", function: str, value: float) -> None:
    """The compliance of the other source; it has to exceed 0.1 % of a fixed measure range."""
    source = "CURR" if function == "VOLT" else "VOLT"
    smu.source.set_limit(source, value, smu.sense_ranges[function])
    smu.apply()


def _limit_bounds(smu: "Smu", function: str) -> Bounds:
    _, largest, default = smu.model.voltage_limit_V if function == "VOLT" else smu.model.current_limit_A
    return -largest, largest, default


def _limited(smu: "Smu", function: str) -> str:
    return "1" if smu.source.function != function and smu.limited else "0"


def _put_sense_range(smu: "Smu", function: str, value: float) -> None:
    """Not for what is sourced: that is measured on the source's range (Assumed: accepted, without effect)."""
    chosen = smallest_range(smu.source.ranges(function), value)
    if chosen is None:
        raise ScpiError(*OUT_OF_RANGE)
    smu.sense_ranges[function] = chosen
    smu.apply()


def _sense_range(smu: "Smu", function: str) -> float:
    fixed = smu.sense_ranges[function]
    if fixed is not None:
        return fixed.full_scale
    smu.circuit.advance_to(smu.now_s)
    true = smu.circuit.voltage_V if function == "VOLT" else smu.circuit.current_A
    ranges = smu.source.ranges(function)
    return (smallest_range(ranges, true) or ranges[-1]).full_scale


def _put_sense_auto(smu: "Smu", function: str, on: bool) -> None:
    smu.sense_ranges[function] = None
    if not on:
        _put_sense_range(smu, function, _sense_range(smu, function))
    smu.apply()


def _declare_sense(function: str) -> None:
    sense = f"[:SENSe[1]]:{_NODES[function]}"
    declare.number(
        f"{sense}:PROTection[:LEVel]",
        lambda smu: smu.source.settings["CURR" if function == "VOLT" else "VOLT"].limit,
        lambda smu, value: _put_limit(smu, function, value),
        lambda smu: _limit_bounds(smu, function),
    )
    TREE.query(f"{sense}:PROTection:TRIPped")(lambda smu: _limited(smu, function))
    declare.number(
        f"{sense}:RANGe[:UPPer]",
        lambda smu: _sense_range(smu, function),
        lambda smu, value: _put_sense_range(smu, function, value),
        lambda smu: (-most(smu, function), most(smu, function), 0.0),
    )
    declare.flag(
        f"{sense}:RANGe:AUTO",
        lambda smu: smu.sense_ranges[function] is None,
        lambda smu, on: _put_sense_auto(smu, function, on),
    )


_declare_sense("VOLT")
_declare_sense("CURR")
for _node in (*_NODES.values(), "RESistance"):
    declare.number(
        f"[:SENSe[1]]:{_node}:NPLCycles",
        lambda smu: smu.power_line_cycles,
        lambda smu, value: setattr(smu, "power_line_cycles", value),
        lambda smu: (0.01, 10.0, 1.0),
    )
declare.keyword(
    "[:SENSe[1]]:RESistance:MODE",
    ("MANual", "AUTO"),
    lambda smu: "AUTO" if smu.ohms_auto else "MAN",
    lambda smu, word: setattr(smu, "ohms_auto", word == "AUTO"),
)
declare.number(
    "[:SENSe[1]]:RESistance:RANGe[:UPPer]",
    lambda smu: smu.ohms_range,
    lambda smu, value: setattr(smu, "ohms_range", value),
    lambda smu: (0.0, 2.1e8, 2.1e5),
)
declare.flag("[:SENSe[1]]:RESistance:RANGe:AUTO", lambda smu: True, lambda smu, on: None)


def _chosen(names: tuple[str, ...]) -> set[str]:
    try:
        return {_SENSES[name.upper()].removesuffix(":DC") for name in names}
    except KeyError:
        raise ScpiError(*PARAMETER_NOT_ALLOWED) from None


@TREE.command("[:SENSe[1]]:FUNCtion[:ON]", Text(repeats=True))
def _put_functions(smu: "Smu", names: tuple[str, ...]) -> None:
    """Added to those that are on, if several may be; else the last one named alone."""
    chosen = _chosen(names)
    smu.functions = smu.functions | chosen if smu.concurrent else _chosen(names[-1:])


@TREE.query("[:SENSe[1]]:FUNCtion[:ON]")
def _get_functions(smu: "Smu") -> str:
    return ",".join(f'"{_SENSES[name]}"' for name in ("VOLT", "CURR", "RES") if name in smu.functions)


@TREE.command("[:SENSe[1]]:FUNCtion:OFF", Text(repeats=True))
def _drop_functions(smu: "Smu", names: tuple[str, ...]) -> None:
    smu.functions = smu.functions - _chosen(names)


@TREE.command("[:SENSe[1]]:FUNCtion[:ON]:ALL")
def _all_functions(smu: "Smu") -> None:
    smu.functions = {"VOLT", "CURR", "RES"}


@TREE.command("[:SENSe[1]]:FUNCtion:OFF:ALL")
def _no_functions(smu: "Smu") -> None:
    smu.functions = set()


declare.flag(
    "[:SENSe[1]]:FUNCtion:CONCurrent",
    lambda smu: smu.concurrent,
    lambda smu, on: setattr(smu, "concurrent", on),
)
declare.flag(
    "[:SENSe[1]]:AVERage[:STATe]", lambda smu: smu.averaging, lambda smu, on: setattr(smu, "averaging", on)
)
declare.keyword(
    "[:SENSe[1]]:AVERage:TCONtrol",
    ("REPeat", "MOVing"),
    lambda smu: smu.average_control,
    lambda smu, word: setattr(smu, "average_control", word),
)
declare.number(
    "[:SENSe[1]]:AVERage:COUNt",
    lambda smu: smu.average_count,
    lambda smu, value: setattr(smu, "average_count", round(value)),
    lambda smu: (1, 100, 10),
    whole=True,
)
