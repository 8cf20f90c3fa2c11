"""Measure commands of the 2450 (2461 Reference Manual pp. 6-51 to 6-93)."""

from typing import TYPE_CHECKING

from labctl_simulators.firmware.keithley_2450_meter import LINE_FREQUENCY_Hz
from labctl_simulators.firmware.keithley_2450_models import smallest_range
from labctl_simulators.firmware.keithley_2450_settings import (
    TREE,
    Bounds,
    command,
    declare_user_delay,
    flag,
    keyword,
    number,
)
from labctl_simulators.firmware.scpi_parameters import OUT_OF_RANGE, ScpiError, Text

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2450 import Keithley2450


def _put_measure_range(smu: "Keithley2450", function: str, value: float) -> None:
    chosen = smallest_range(smu.meter.ranges(function), value)
    if chosen is None:
        raise ScpiError(*OUT_OF_RANGE)
    smu.meter.settings[function].fixed_range = chosen


def _measure_range(smu: "Keithley2450", function: str) -> float:
    if function == smu.source.function and smu.output_on:
        return smu.source.range_in_use(function).full_scale
    smu.circuit.advance_to(smu.now_s)
    return smu.meter.range_in_use(function, smu.circuit)


def _put_auto_measure_range(smu: "Keithley2450", function: str, on: bool) -> None:
    if on:
        smu.meter.settings[function].fixed_range = None
    else:
        _put_measure_range(smu, function, _measure_range(smu, function))


def _declare_sense(function: str, node: str) -> None:
    """Everything below [:SENSe[1]]:<function>."""

    def attribute_flag(pattern: str, name: str) -> None:
        flag(
            f"{node}{pattern}",
            lambda smu: bool(getattr(smu.meter.settings[function], name)),
            lambda smu, on: setattr(smu.meter.settings[function], name, on),
        )

    def attribute_number(pattern: str, name: str, bounds: Bounds, *, whole: bool = False) -> None:
        number(
            f"{node}{pattern}",
            lambda smu: (
                float(getattr(smu.meter.settings[function], name))
                if not whole
                else getattr(smu.meter.settings[function], name)
            ),
            lambda smu, value: setattr(smu.meter.settings[function], name, value),
            lambda smu: bounds,
            whole=whole,
        )

    attribute_number(":NPLCycles", "power_line_cycles", (0.01, 10.0, 1.0))
    attribute_number(":AVERage:COUNt", "average_count", (1, 100, 10), whole=True)
    attribute_number(":RELative", "relative_offset", (-1e12, 1e12, 0.0))
    attribute_flag(":RELative:STATe", "relative")
    flag(
        f"{node}:RSENse",
        lambda smu: smu.meter.settings[function].remote_sense,
        lambda smu, on: smu.select_sense(function, on),
    )
    attribute_flag(":AZERo[:STATe]", "auto_zero")
    attribute_flag(":AVERage[:STATe]", "averaging")
    keyword(
        f"{node}:AVERage:TCONtrol",
        ("REPeat", "MOVing"),
        lambda smu: smu.meter.settings[function].average_control,
        lambda smu, word: setattr(smu.meter.settings[function], "average_control", word),
    )
    number(
        f"{node}:RANGe[:UPPer]",
        lambda smu: _measure_range(smu, function),
        lambda smu, value: _put_measure_range(smu, function, value),
        lambda smu: (-smu.meter.ranges(function)[-1].maximum, smu.meter.ranges(function)[-1].maximum, 0.0),
    )
    flag(
        f"{node}:RANGe:AUTO",
        lambda smu: smu.meter.settings[function].fixed_range is None,
        lambda smu, on: _put_auto_measure_range(smu, function, on),
    )
    for index in range(5):
        declare_user_delay(f"{node}:DELay:USER{index + 1}", "meter", function, index)


_declare_sense("VOLT", "[:SENSe[1]]:VOLTage[:DC]")
_declare_sense("CURR", "[:SENSe[1]]:CURRent[:DC]")
_declare_sense("RES", "[:SENSe[1]]:RESistance")

_QUOTED_FUNCTIONS = {
    "VOLT": "VOLT",
    "VOLTAGE": "VOLT",
    "VOLT:DC": "VOLT",
    "VOLTAGE:DC": "VOLT",
    "CURR": "CURR",
    "CURRENT": "CURR",
    "CURR:DC": "CURR",
    "CURRENT:DC": "CURR",
    "RES": "RES",
    "RESISTANCE": "RES",
}


@command("[:SENSe[1]]:FUNCtion[:ON]", Text())
def _put_function(smu: "Keithley2450", name: str) -> None:
    function = _QUOTED_FUNCTIONS.get(name.upper())
    if function is None:
        raise ScpiError(1130, "Parameter 1, Syntax error, expected valid name parameters")
    smu.meter.function = function


@TREE.query("[:SENSe[1]]:FUNCtion[:ON]")
def _get_function(smu: "Keithley2450") -> str:
    return {"VOLT": '"VOLT:DC"', "CURR": '"CURR:DC"', "RES": '"RES"'}[smu.meter.function]


@command("[:SENSe[1]]:AZERo:ONCE")
def _auto_zero_once(smu: "Keithley2450") -> None:
    """Nothing drifts here, so there is nothing to renew."""


number(
    "[:SENSe[1]]:COUNt",
    lambda smu: smu.meter.count,
    lambda smu, count: setattr(smu.meter, "count", count),
    lambda smu: (1, 300_000, 1),
    whole=True,
)


@TREE.query(":SYSTem:LFRequency")
def _get_line_frequency(smu: "Keithley2450") -> str:
    return f"{LINE_FREQUENCY_Hz:.0f}"
