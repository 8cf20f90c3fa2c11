"""The commands of the 2400 series (2400S-900-01 Rev. K chapter 18), each a few words on the instrument's state."""

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from labctl_simulators.firmware.keithley_2450_models import smallest_range
from labctl_simulators.firmware.scpi import CommandTree
from labctl_simulators.firmware.scpi_parameters import (
    OUT_OF_RANGE,
    PARAMETER_NOT_ALLOWED,
    Number,
    ScpiError,
    Text,
    Word,
)
from labctl_simulators.firmware.scpi_settings import Bounds, Declarations
from labctl_simulators.firmware.scpi_status import declare_common

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2400 import Keithley2400 as Smu

TREE = CommandTree()
_declare = Declarations(TREE, lambda value: f"{value:+.6E}")
declare_common(TREE)

_SENSES = {"VOLT": "VOLT:DC", "VOLT:DC": "VOLT:DC", "VOLTAGE": "VOLT:DC", "VOLTAGE:DC": "VOLT:DC"}
_SENSES |= {"CURR": "CURR:DC", "CURR:DC": "CURR:DC", "CURRENT": "CURR:DC", "CURRENT:DC": "CURR:DC"}
_SENSES |= {"RES": "RES", "RESISTANCE": "RES"}
_NODES = {"VOLT": "VOLTage[:DC]", "CURR": "CURRent[:DC]"}


# ---- :SOURce ----


def _most(smu: "Smu", function: str) -> float:
    return smu.model.maximum_current_A if function == "CURR" else smu.model.maximum_voltage_V


def _put_level(smu: "Smu", function: str, level: float) -> None:
    smu.source.set_level(function, level)
    smu.apply()


def _put_source_range(smu: "Smu", function: str, value: float) -> None:
    smu.source.set_range(function, value)
    smu.apply()


def _put_source_auto(smu: "Smu", function: str, on: bool) -> None:
    smu.source.settings[function].fixed_range = None if on else smu.source.range_in_use(function)
    smu.apply()


def _declare_source(function: str, node: str) -> None:
    source = f":SOURce[1]:{node}"
    _declare.number(
        f"{source}[:LEVel][:IMMediate][:AMPLitude]",
        lambda smu: smu.source.settings[function].level,
        lambda smu, level: _put_level(smu, function, level),
        lambda smu: (-_most(smu, function), _most(smu, function), 0.0),
    )
    _declare.number(
        f"{source}:RANGe",
        lambda smu: smu.source.range_in_use(function).full_scale,
        lambda smu, value: _put_source_range(smu, function, value),
        lambda smu: (-_most(smu, function), _most(smu, function), 0.0),
    )
    _declare.flag(
        f"{source}:RANGe:AUTO",
        lambda smu: smu.source.settings[function].fixed_range is None,
        lambda smu, on: _put_source_auto(smu, function, on),
    )
    _declare.keyword(f"{source}:MODE", ("FIXed",), lambda smu: "FIX", lambda smu, word: None)


_declare_source("VOLT", "VOLTage")
_declare_source("CURR", "CURRent")


def _select_source(smu: "Smu", function: str) -> None:
    """A change of function turns the output off (Assumed, as on the 2450)."""
    if function != smu.source.function:
        smu.source.function = function
        smu.set_output(False)


_declare.keyword(
    ":SOURce[1]:FUNCtion[:MODE]", ("VOLTage", "CURRent"), lambda smu: smu.source.function, _select_source
)


def _put_delay(smu: "Smu", delay_s: float) -> None:
    smu.source.active.delay_s, smu.source.active.auto_delay = delay_s, False


_declare.number(
    ":SOURce[1]:DELay", lambda smu: smu.source.active.delay_s, _put_delay, lambda smu: (0.0, 999.9999, 0.0)
)
_declare.flag(
    ":SOURce[1]:DELay:AUTO",
    lambda smu: smu.source.active.auto_delay,
    lambda smu, on: setattr(smu.source.active, "auto_delay", on),
)
_declare.flag(
    ":SOURce[1]:CLEar:AUTO", lambda smu: smu.auto_clear, lambda smu, on: setattr(smu, "auto_clear", on)
)
TREE.command(":SOURce[1]:CLEar[:IMMediate]")(lambda smu: smu.set_output(False))


@TREE.command(":SOURce[1]:VOLTage:PROTection[:LIMit]", Number(words=("NONE",)))
def _put_protection(smu: "Smu", value: float | str) -> None:
    """The next level above (Assumed); beyond the last, none."""
    levels = () if isinstance(value, str) else smu.model.protection_V
    smu.source.protection_V = next((float(level) for level in levels if level >= abs(float(value))), None)
    smu.apply()


@TREE.query(":SOURce[1]:VOLTage:PROTection[:LIMit]")
def _get_protection(smu: "Smu") -> str:
    level_V = smu.source.protection_V
    return f"{_most(smu, 'VOLT') if level_V is None else level_V:+.6E}"


TREE.query(":SOURce[1]:VOLTage:PROTection:TRIPped")(lambda smu: "1" if smu.source.protection_tripped else "0")


# ---- :OUTPut, :ROUTe ----

_declare.flag(":OUTPut[1][:STATe]", lambda smu: smu.source.output_on, lambda smu, on: smu.set_output(on))


def _put_off_state(smu: "Smu", state: str) -> None:
    for settings in smu.source.settings.values():
        settings.off_state = state
    smu.apply()


_declare.keyword(
    ":OUTPut[1]:SMODe",
    ("HIMPedance", "NORMal", "ZERO", "GUARd"),
    lambda smu: smu.source.active.off_state,
    _put_off_state,
)
TREE.query(":OUTPut[1]:INTerlock:TRIPped")(lambda smu: "0")
_declare.flag(":OUTPut[1]:INTerlock[:STATe]", lambda smu: False, lambda smu, on: None)
_declare.keyword(
    ":ROUTe:TERMinals",
    ("FRONt", "REAR"),
    lambda smu: smu.terminals,
    lambda smu, word: smu.select_terminals(word),
)


# ---- :SENSe ----


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
    _declare.number(
        f"{sense}:PROTection[:LEVel]",
        lambda smu: smu.source.settings["CURR" if function == "VOLT" else "VOLT"].limit,
        lambda smu, value: _put_limit(smu, function, value),
        lambda smu: _limit_bounds(smu, function),
    )
    TREE.query(f"{sense}:PROTection:TRIPped")(lambda smu: _limited(smu, function))
    _declare.number(
        f"{sense}:RANGe[:UPPer]",
        lambda smu: _sense_range(smu, function),
        lambda smu, value: _put_sense_range(smu, function, value),
        lambda smu: (-_most(smu, function), _most(smu, function), 0.0),
    )
    _declare.flag(
        f"{sense}:RANGe:AUTO",
        lambda smu: smu.sense_ranges[function] is None,
        lambda smu, on: _put_sense_auto(smu, function, on),
    )


_declare_sense("VOLT")
_declare_sense("CURR")
for _node in (*_NODES.values(), "RESistance"):
    _declare.number(
        f"[:SENSe[1]]:{_node}:NPLCycles",
        lambda smu: smu.power_line_cycles,
        lambda smu, value: setattr(smu, "power_line_cycles", value),
        lambda smu: (0.01, 10.0, 1.0),
    )
_declare.keyword(
    "[:SENSe[1]]:RESistance:MODE",
    ("MANual", "AUTO"),
    lambda smu: "AUTO" if smu.ohms_auto else "MAN",
    lambda smu, word: setattr(smu, "ohms_auto", word == "AUTO"),
)
_declare.number(
    "[:SENSe[1]]:RESistance:RANGe[:UPPer]",
    lambda smu: smu.ohms_range,
    lambda smu, value: setattr(smu, "ohms_range", value),
    lambda smu: (0.0, 2.1e8, 2.1e5),
)
_declare.flag("[:SENSe[1]]:RESistance:RANGe:AUTO", lambda smu: True, lambda smu, on: None)


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


_declare.flag(
    "[:SENSe[1]]:FUNCtion:CONCurrent",
    lambda smu: smu.concurrent,
    lambda smu, on: setattr(smu, "concurrent", on),
)
_declare.flag(
    "[:SENSe[1]]:AVERage[:STATe]", lambda smu: smu.averaging, lambda smu, on: setattr(smu, "averaging", on)
)
_declare.keyword(
    "[:SENSe[1]]:AVERage:TCONtrol",
    ("REPeat", "MOVing"),
    lambda smu: smu.average_control,
    lambda smu, word: setattr(smu, "average_control", word),
)
_declare.number(
    "[:SENSe[1]]:AVERage:COUNt",
    lambda smu: smu.average_count,
    lambda smu, value: setattr(smu, "average_count", round(value)),
    lambda smu: (1, 100, 10),
    whole=True,
)


# ---- :SYSTem, :FORMat ----

_declare.flag(
    ":SYSTem:RSENse", lambda smu: smu.remote_sense, lambda smu, on: setattr(smu, "remote_sense", on)
)
_declare.flag(":SYSTem:BEEPer[:STATe]", lambda smu: smu.beeper, lambda smu, on: setattr(smu, "beeper", on))
TREE.command(":SYSTem:PRESet")(lambda smu: smu.reset())
TREE.command(":SYSTem:LOCal")(lambda smu: None)
TREE.command(":SYSTem:REMote")(lambda smu: None)


@TREE.command(":SYSTem:BEEPer[:IMMediate]", Number(), Number(required=False))
def _beep(smu: "Smu", frequency_Hz: float, duration_s: float | None) -> None:
    """Heard by nobody."""


@TREE.command(":SYSTem:AZERo[:STATe]", Number(words=("ON", "OFF", "ONCE")))
def _put_auto_zero(smu: "Smu", word: float | str) -> None:
    smu.auto_zero = word in ("ON", 1.0)


TREE.query(":SYSTem:AZERo[:STATe]")(lambda smu: "1" if smu.auto_zero else "0")
_declare.keyword(":FORMat[:DATA]", ("ASCii",), lambda smu: smu.data_format, lambda smu, word: None)


@TREE.command(
    ":FORMat:ELEMents[:SENSe[1]]",
    Word("VOLTage", "CURRent", "RESistance", "TIME", "STATus", repeats=True),
)
def _put_elements(smu: "Smu", names: tuple[str, ...]) -> None:
    smu.elements = tuple(name for name in ("VOLT", "CURR", "RES", "TIME", "STAT") if name in names)


TREE.query(":FORMat:ELEMents[:SENSe[1]]")(lambda smu: ",".join(smu.elements))


# ---- measuring, triggering ----


def _measure(smu: "Smu", function: str) -> str:
    return smu.measure(function)


def _configure(smu: "Smu", function: str) -> None:
    smu.configure(function)


def _trigger_word(smu: "Smu", key: str) -> str:
    return smu.triggering[key]


def _put_trigger_word(smu: "Smu", word: str, key: str) -> None:
    smu.triggering[key] = word


def _put_count(smu: "Smu", value: float, name: str) -> None:
    setattr(smu, name, round(value))


TREE.query(":READ")(lambda smu: smu.read())
TREE.query(":MEASure")(lambda smu: smu.measure(None))
for _function, _node in (("VOLT", "VOLTage[:DC]"), ("CURR", "CURRent[:DC]"), ("RES", "RESistance")):
    TREE.query(f":MEASure:{_node}")(partial(_measure, function=_function))
    TREE.command(f":CONFigure:{_node}")(partial(_configure, function=_function))
TREE.query(":FETCh")(lambda smu: ",".join(smu.last) or None)
TREE.command(":INITiate[:IMMediate]")(lambda smu: smu.initiate())
TREE.command(":ABORt")(lambda smu: smu.abort())
TREE.command(":TRIGger:CLEar")(lambda smu: None)
TREE.command("*TRG")(lambda smu: smu.initiate())
for _layer, _name in (("ARM", "arm_count"), ("TRIGger", "trigger_count")):
    _declare.number(
        f":{_layer}[:SEQuence[1]][:LAYer[1]]:COUNt",
        attrgetter(_name),
        partial(_put_count, name=_name),
        lambda smu: (1, 2500, 1),
        whole=True,
    )
_declare.number(
    ":TRIGger[:SEQuence[1]]:DELay",
    lambda smu: smu.trigger_delay_s,
    lambda smu, value: setattr(smu, "trigger_delay_s", value),
    lambda smu: (0.0, 999.9999, 0.0),
)
_declare.number(
    ":ARM[:SEQuence[1]][:LAYer[1]]:TIMer",
    lambda smu: smu.arm_timer_s,
    lambda smu, value: setattr(smu, "arm_timer_s", value),
    lambda smu: (0.001, 99999.99, 0.1),
)
for _pattern, _key, _words in (
    (":ARM[:SEQuence[1]][:LAYer[1]]:SOURce", "ARM:SOUR", ("IMMediate", "BUS", "TIMer", "MANual", "TLINk")),
    (":TRIGger[:SEQuence[1]]:SOURce", "TRIG:SOUR", ("IMMediate", "TLINk")),
    (":ARM[:SEQuence[1]][:LAYer[1]]:OUTPut", "ARM:OUTP", ("TENTer", "TEXit", "NONE")),
    (":TRIGger[:SEQuence[1]]:OUTPut", "TRIG:OUTP", ("SOURce", "DELay", "SENSe", "NONE")),
):
    _declare.keyword(_pattern, _words, partial(_trigger_word, key=_key), partial(_put_trigger_word, key=_key))


# ---- :TRACe, :STATus ----


def _put_points(smu: "Smu", points: float) -> None:
    smu.trace_points = round(points)
    smu.trace = []


_declare.number(
    ":TRACe:POINts", lambda smu: smu.trace_points, _put_points, lambda smu: (1, 2500, 100), whole=True
)
TREE.query(":TRACe:POINts:ACTual")(lambda smu: str(len(smu.trace)))
TREE.query(":TRACe:DATA")(lambda smu: ",".join(smu.trace) or None)
_declare.keyword(
    ":TRACe:FEED",
    ("SENSe1", "SENSe", "CALCulate1", "CALCulate2"),
    lambda smu: smu.trace_feed,
    lambda smu, word: setattr(smu, "trace_feed", word.removesuffix("1")),
)
_declare.keyword(
    ":TRACe:FEED:CONTrol",
    ("NEXT", "NEVer"),
    lambda smu: smu.trace_control,
    lambda smu, word: setattr(smu, "trace_control", word),
)
_declare.keyword(
    ":TRACe:TSTamp:FORMat",
    ("ABSolute", "DELTa"),
    lambda smu: smu.timestamp_format,
    lambda smu, word: setattr(smu, "timestamp_format", word),
)


@TREE.command(":TRACe:CLEar")
def _clear_trace(smu: "Smu") -> None:
    smu.trace = []


TREE.command(":STATus:PRESet")(lambda smu: setattr(smu.status, "measurement_enable", 0))
_declare.number(
    ":STATus:MEASurement:ENABle",
    lambda smu: smu.status.measurement_enable,
    lambda smu, value: setattr(smu.status, "measurement_enable", round(value)),
    lambda smu: (0, 65535, 0),
    whole=True,
)
TREE.query(":STATus:MEASurement[:EVENt]")(lambda smu: str(smu.status.take_measurement()))
