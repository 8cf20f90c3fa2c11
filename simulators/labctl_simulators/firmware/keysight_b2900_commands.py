"""The commands of the B2900 series (SCPI Command Reference), each a few words on the instrument's state."""

from functools import partial
from typing import TYPE_CHECKING

from labctl_simulators.firmware.keithley_2450_models import smallest_range
from labctl_simulators.firmware.scpi import CommandTree
from labctl_simulators.firmware.scpi_parameters import (
    OUT_OF_RANGE,
    PARAMETER_NOT_ALLOWED,
    Number,
    ScpiError,
    Text,
    Tokens,
    Word,
)
from labctl_simulators.firmware.scpi_settings import Bounds, Declarations
from labctl_simulators.firmware.scpi_status import declare_common, declare_whole_queue

if TYPE_CHECKING:
    from labctl_simulators.firmware.keysight_b2900 import KeysightB2900 as Smu

TREE = CommandTree()
_declare = Declarations(TREE, lambda value: f"{value:+.6E}")
declare_common(TREE)
declare_whole_queue(TREE)

_NODES = {"VOLT": "VOLTage[:DC]", "CURR": "CURRent[:DC]"}
_OTHER = {"VOLT": "CURR", "CURR": "VOLT"}
_HI_Z = "HIMP"
_OFF_MODES = {"HIZ": _HI_Z, "NORM": "NORM", "ZERO": "ZERO"}


def _most(smu: "Smu", function: str) -> float:
    return smu.model.maximum_current_A if function == "CURR" else smu.model.maximum_voltage_V


def _bounds(smu: "Smu", function: str) -> Bounds:
    return -_most(smu, function), _most(smu, function), 0.0


# ---- :SOURce ----


def _level(smu: "Smu", function: str) -> float:
    return smu.source.settings[function].level


def _put_level(smu: "Smu", level: float, function: str) -> None:
    smu.source.set_level(function, level)
    smu.apply()


def _source_range(smu: "Smu", function: str) -> float:
    return smu.source.range_in_use(function).full_scale


def _put_source_range(smu: "Smu", value: float, function: str) -> None:
    smu.source.set_range(function, value)
    smu.apply()


def _source_auto(smu: "Smu", function: str) -> bool:
    return smu.source.settings[function].fixed_range is None


def _put_source_auto(smu: "Smu", on: bool, function: str) -> None:
    smu.source.settings[function].fixed_range = None if on else smu.source.range_in_use(function)
    smu.apply()


def _select_source(smu: "Smu", function: str) -> None:
    """A change of function turns the output off (Assumed)."""
    if function != smu.source.function:
        smu.source.function = function
        smu.set_output(False)


for _function, _keyword in (("VOLT", "VOLTage"), ("CURR", "CURRent")):
    _source = f"[:SOURce[1]]:{_keyword}"
    _declare.number(
        f"{_source}[:LEVel][:IMMediate][:AMPLitude]",
        partial(_level, function=_function),
        partial(_put_level, function=_function),
        partial(_bounds, function=_function),
    )
    _declare.number(
        f"{_source}:RANGe",
        partial(_source_range, function=_function),
        partial(_put_source_range, function=_function),
        partial(_bounds, function=_function),
    )
    _declare.flag(
        f"{_source}:RANGe:AUTO",
        partial(_source_auto, function=_function),
        partial(_put_source_auto, function=_function),
    )
    _declare.keyword(f"{_source}:MODE", ("FIXed",), lambda smu: "FIX", lambda smu, word: None)
_declare.keyword(
    "[:SOURce[1]]:FUNCtion:MODE", ("VOLTage", "CURRent"), lambda smu: smu.source.function, _select_source
)
_declare.keyword("[:SOURce[1]]:FUNCtion[:SHAPe]", ("DC",), lambda smu: "DC", lambda smu, word: None)


# ---- :OUTPut ----


def _put_off_mode(smu: "Smu", mode: str) -> None:
    for settings in smu.source.settings.values():
        settings.off_state = _OFF_MODES[mode]
    smu.apply()


def _off_mode(smu: "Smu") -> str:
    return next(mode for mode, state in _OFF_MODES.items() if state == smu.source.active.off_state)


_declare.flag(":OUTPut[1][:STATe]", lambda smu: smu.source.output_on, lambda smu, on: smu.set_output(on))
_declare.keyword(":OUTPut[1]:OFF:MODE", ("NORMal", "HIZ", "ZERO"), _off_mode, _put_off_mode)
_declare.flag(":OUTPut[1]:OFF:AUTO", lambda smu: smu.off_auto, lambda smu, on: setattr(smu, "off_auto", on))
_declare.flag(":OUTPut[1]:ON:AUTO", lambda smu: smu.on_auto, lambda smu, on: setattr(smu, "on_auto", on))
_declare.flag(
    ":OUTPut[1]:PROTection[:STATe]", lambda smu: smu.protected, lambda smu, on: setattr(smu, "protected", on)
)


# ---- :SENSe ----


def _limit(smu: "Smu", function: str, side: str) -> float:
    source = _OTHER[function]
    limit = smu.source.settings[source].limit
    return -smu.negative_limits.get(source, limit) if side == "NEG" else limit


def _put_limit(smu: "Smu", value: float, function: str, side: str) -> None:
    smu.set_limit(_OTHER[function], value, side)


def _limit_bounds(smu: "Smu", function: str) -> Bounds:
    _, largest, default = smu.model.voltage_limit_V if function == "VOLT" else smu.model.current_limit_A
    return -largest, largest, default


def _tripped(smu: "Smu", function: str) -> str:
    return "1" if smu.source.function != function and (smu.limited or smu.source.tripped) else "0"


def _sense_range(smu: "Smu", function: str) -> float:
    fixed = smu.sense_ranges[function]
    if fixed is not None:
        return fixed.full_scale
    true = smu.circuit.voltage_V if function == "VOLT" else smu.circuit.current_A
    ranges = smu.source.ranges(function)
    return (smallest_range(ranges, true) or ranges[-1]).full_scale


def _put_sense_range(smu: "Smu", value: float, function: str) -> None:
    chosen = smallest_range(smu.source.ranges(function), value)
    if chosen is None:
        raise ScpiError(*OUT_OF_RANGE)
    smu.sense_ranges[function] = chosen


def _sense_auto(smu: "Smu", function: str) -> bool:
    return smu.sense_ranges[function] is None


def _put_sense_auto(smu: "Smu", on: bool, function: str) -> None:
    if on:
        smu.sense_ranges[function] = None
    else:
        _put_sense_range(smu, _sense_range(smu, function), function)


for _function, _node in _NODES.items():
    _sense = f"[:SENSe[1]]:{_node}"
    for _side, _end in (
        ("BOTH", "[:LEVel][:BOTH]"),
        ("POS", "[:LEVel]:POSitive"),
        ("NEG", "[:LEVel]:NEGative"),
    ):
        _declare.number(
            f"{_sense}:PROTection{_end}",
            partial(_limit, function=_function, side=_side),
            partial(_put_limit, function=_function, side=_side),
            partial(_limit_bounds, function=_function),
        )
    TREE.query(f"{_sense}:PROTection:TRIPped")(partial(_tripped, function=_function))
    _declare.number(
        f"{_sense}:RANGe[:UPPer]",
        partial(_sense_range, function=_function),
        partial(_put_sense_range, function=_function),
        partial(_bounds, function=_function),
    )
    _declare.flag(
        f"{_sense}:RANGe:AUTO",
        partial(_sense_auto, function=_function),
        partial(_put_sense_auto, function=_function),
    )
for _node in (*_NODES.values(), "RESistance"):
    _declare.number(
        f"[:SENSe[1]]:{_node}:NPLCycles",
        lambda smu: smu.power_line_cycles,
        lambda smu, value: setattr(smu, "power_line_cycles", value),
        lambda smu: (4e-4, 100.0, 1.0),
    )
_declare.flag(
    "[:SENSe[1]]:REMote", lambda smu: smu.remote_sense, lambda smu, on: setattr(smu, "remote_sense", on)
)


def _chosen(names: tuple[str, ...]) -> set[str]:
    chosen = {name.upper().removesuffix(":DC")[:4].removesuffix("I") for name in names}
    if not chosen <= {"VOLT", "CURR", "RES"}:
        raise ScpiError(*PARAMETER_NOT_ALLOWED)
    return chosen


@TREE.command("[:SENSe[1]]:FUNCtion[:ON]", Text(repeats=True))
def _add_functions(smu: "Smu", names: tuple[str, ...]) -> None:
    smu.functions = smu.functions | _chosen(names)


@TREE.command("[:SENSe[1]]:FUNCtion:OFF", Text(repeats=True))
def _drop_functions(smu: "Smu", names: tuple[str, ...]) -> None:
    smu.functions = smu.functions - _chosen(names)


@TREE.command("[:SENSe[1]]:FUNCtion[:ON]:ALL")
def _all_functions(smu: "Smu") -> None:
    smu.functions = {"VOLT", "CURR", "RES"}


@TREE.query("[:SENSe[1]]:FUNCtion[:ON]")
def _get_functions(smu: "Smu") -> str:
    return ",".join(f'"{name}"' for name in ("VOLT", "CURR", "RES") if name in smu.functions)


@TREE.query(
    "[:SENSe[1]]:DATA", Number(words=("CURR", "STAR"), required=False), Number(whole=True, required=False)
)
def _get_data(smu: "Smu", offset: float | str | None, size: int | None) -> str | None:
    """Assumed: CURRent is the newest reading."""
    first = len(smu.readings) - 1 if offset == "CURR" else 0
    if isinstance(offset, float):
        first = round(offset)
    return smu.data(first, len(smu.readings) if size is None else size)


# ---- :FORMat ----

_declare.keyword(":FORMat[:DATA]", ("ASCii",), lambda smu: "ASC", lambda smu, word: None)


@TREE.command(
    ":FORMat:ELEMents:SENSe",
    Word("VOLTage", "CURRent", "RESistance", "TIME", "STATus", "SOURce", repeats=True),
)
def _put_elements(smu: "Smu", names: tuple[str, ...]) -> None:
    smu.elements = tuple(name for name in ("VOLT", "CURR", "RES", "TIME", "STAT", "SOUR") if name in names)


TREE.query(":FORMat:ELEMents:SENSe")(lambda smu: ",".join(smu.elements))


# ---- measuring, triggering ----


def _on_channel_1(channels: tuple[str, ...]) -> None:
    if channels not in ((), ("(@1)",)):
        raise ScpiError(*OUT_OF_RANGE)


def _spot(smu: "Smu", channels: tuple[str, ...], elements: tuple[str, ...] | None = None) -> str:
    _on_channel_1(channels)
    return smu.spot(elements)


def _read(smu: "Smu", channels: tuple[str, ...]) -> str:
    _on_channel_1(channels)
    return smu.read()


def _fetch(smu: "Smu", channels: tuple[str, ...]) -> str | None:
    _on_channel_1(channels)
    return smu.data(0, len(smu.readings))


@TREE.command(":INITiate[:IMMediate][:ALL]", Tokens())
def _initiate(smu: "Smu", channels: tuple[str, ...]) -> None:
    _on_channel_1(channels)
    smu.initiate()


@TREE.command(":ABORt[:ALL]", Tokens())
def _abort(smu: "Smu", channels: tuple[str, ...]) -> None:
    """Nothing runs beside the interpreter."""


TREE.query(":MEASure", Tokens())(_spot)
for _function, _node in (*_NODES.items(), ("RES", "RESistance")):
    TREE.query(f":MEASure:{_node}", Tokens())(partial(_spot, elements=(_function,)))
TREE.query(":READ:ARRay", Tokens())(_read)
TREE.query(":READ[:SCALar]", Tokens())(_read)
TREE.query(":FETCh:ARRay", Tokens())(_fetch)
TREE.query(":FETCh[:SCALar]", Tokens())(_fetch)
_declare.number(
    ":TRIGger[1][:ALL]:COUNt",
    lambda smu: smu.count,
    lambda smu, value: setattr(smu, "count", round(value)),
    lambda smu: (1, 100_000, 1),
    whole=True,
)
_declare.keyword(
    ":TRIGger[1][:ALL]:SOURce", ("AINT", "BUS", "TIMer"), lambda smu: "AINT", lambda smu, word: None
)
