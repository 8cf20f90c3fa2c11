"""How the 2400 series triggers, keeps and tells readings: :READ, :ARM, :TRIGger, :TRACe, :FORMat, :SYSTem, :STATus."""

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from labctl_simulators.firmware.keithley_2400_tree import TREE, declare
from labctl_simulators.firmware.scpi_parameters import Number, Word

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2400 import Keithley2400 as Smu


declare.flag(":SYSTem:RSENse", lambda smu: smu.remote_sense, lambda smu, on: setattr(smu, "remote_sense", on))
declare.flag(":SYSTem:BEEPer[:STATe]", lambda smu: smu.beeper, lambda smu, on: setattr(smu, "beeper", on))
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
declare.keyword(":FORMat[:DATA]", ("ASCii",), lambda smu: smu.data_format, lambda smu, word: None)


@TREE.command(
    ":FORMat:ELEMents[:SENSe[1]]",
    Word("VOLTage", "CURRent", "RESistance", "TIME", "STATus", repeats=True),
)
def _put_elements(smu: "Smu", names: tuple[str, ...]) -> None:
    smu.elements = tuple(name for name in ("VOLT", "CURR", "RES", "TIME", "STAT") if name in names)


TREE.query(":FORMat:ELEMents[:SENSe[1]]")(lambda smu: ",".join(smu.elements))


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
    declare.number(
        f":{_layer}[:SEQuence[1]][:LAYer[1]]:COUNt",
        attrgetter(_name),
        partial(_put_count, name=_name),
        lambda smu: (1, 2500, 1),
        whole=True,
    )
declare.number(
    ":TRIGger[:SEQuence[1]]:DELay",
    lambda smu: smu.trigger_delay_s,
    lambda smu, value: setattr(smu, "trigger_delay_s", value),
    lambda smu: (0.0, 999.9999, 0.0),
)
declare.number(
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
    declare.keyword(_pattern, _words, partial(_trigger_word, key=_key), partial(_put_trigger_word, key=_key))


def _put_points(smu: "Smu", points: float) -> None:
    smu.trace_points = round(points)
    smu.trace = []


declare.number(
    ":TRACe:POINts", lambda smu: smu.trace_points, _put_points, lambda smu: (1, 2500, 100), whole=True
)
TREE.query(":TRACe:POINts:ACTual")(lambda smu: str(len(smu.trace)))
TREE.query(":TRACe:DATA")(lambda smu: ",".join(smu.trace) or None)
declare.keyword(
    ":TRACe:FEED",
    ("SENSe1", "SENSe", "CALCulate1", "CALCulate2"),
    lambda smu: smu.trace_feed,
    lambda smu, word: setattr(smu, "trace_feed", word.removesuffix("1")),
)
declare.keyword(
    ":TRACe:FEED:CONTrol",
    ("NEXT", "NEVer"),
    lambda smu: smu.trace_control,
    lambda smu, word: setattr(smu, "trace_control", word),
)
declare.keyword(
    ":TRACe:TSTamp:FORMat",
    ("ABSolute", "DELTa"),
    lambda smu: smu.timestamp_format,
    lambda smu, word: setattr(smu, "timestamp_format", word),
)


@TREE.command(":TRACe:CLEar")
def _clear_trace(smu: "Smu") -> None:
    smu.trace = []


declare.number(
    ":STATus:MEASurement:ENABle",
    lambda smu: smu.status.measurement_enable,
    lambda smu, value: setattr(smu.status, "measurement_enable", round(value)),
    lambda smu: (0, 65535, 0),
    whole=True,
)
TREE.query(":STATus:MEASurement[:EVENt]")(lambda smu: str(smu.status.take_measurement()))
