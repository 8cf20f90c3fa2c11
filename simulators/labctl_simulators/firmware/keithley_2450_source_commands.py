"""Source, output and terminal commands of the 2450 (2461 Reference Manual pp. 6-47 to 6-50 and 6-94 to 6-110)."""

from typing import TYPE_CHECKING

from labctl_simulators.firmware.keithley_2450_settings import (
    TREE,
    Bounds,
    LONGEST_DELAY_s,
    command,
    declare_user_delay,
    flag,
    keyword,
    number,
    numeral,
)
from labctl_simulators.firmware.keithley_2450_source import AUTO_DELAY_s
from labctl_simulators.firmware.scpi_parameters import PRESET, Flag, Number, ScpiError, Word

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2450 import Keithley2450

# ---- :SOURce ----


def _put_level(smu: "Keithley2450", function: str, level: float) -> None:
    smu.source.set_level(function, level)
    smu.source_changed()


def _put_limit(smu: "Keithley2450", function: str, limit: float) -> None:
    measured = "VOLT" if function == "CURR" else "CURR"
    smu.source.set_limit(function, limit, smu.meter.settings[measured].fixed_range)
    smu.source_changed()


def _put_range(smu: "Keithley2450", function: str, value: float) -> None:
    smu.source.set_range(function, value)
    smu.source_changed()


def _put_auto_range(smu: "Keithley2450", function: str, on: bool) -> None:
    smu.source.settings[function].fixed_range = None if on else smu.source.range_in_use(function)
    smu.source_changed()


def _put_delay(smu: "Keithley2450", function: str, delay_s: float) -> None:
    settings = smu.source.settings[function]
    settings.delay_s, settings.auto_delay = delay_s, False


def _put_auto_delay(smu: "Keithley2450", function: str, on: bool) -> None:
    settings = smu.source.settings[function]
    settings.auto_delay = on
    if on:
        settings.delay_s = AUTO_DELAY_s


def _level_bounds(smu: "Keithley2450", function: str) -> Bounds:
    largest = smu.model.maximum_current_A if function == "CURR" else smu.model.maximum_voltage_V
    return -largest, largest, 0.0


def _declare_source(function: str, node: str, limit_node: str) -> None:
    """Everything below :SOURce[1]:CURRent or :SOURce[1]:VOLTage."""
    number(
        f"{node}[:LEVel][:IMMediate][:AMPLitude]",
        lambda smu: smu.source.settings[function].level,
        lambda smu, level: _put_level(smu, function, level),
        lambda smu: _level_bounds(smu, function),
    )
    number(
        f"{node}:RANGe",
        lambda smu: smu.source.range_in_use(function).full_scale,
        lambda smu, value: _put_range(smu, function, value),
        lambda smu: (-_level_bounds(smu, function)[1], _level_bounds(smu, function)[1], 0.0),
    )
    flag(
        f"{node}:RANGe:AUTO",
        lambda smu: smu.source.settings[function].fixed_range is None,
        lambda smu, on: _put_auto_range(smu, function, on),
    )
    flag(
        f"{node}:READ:BACK",
        lambda smu: smu.source.settings[function].read_back,
        lambda smu, on: setattr(smu.source.settings[function], "read_back", on),
    )
    number(
        f"{node}:DELay",
        lambda smu: smu.source.settings[function].delay_s,
        lambda smu, delay_s: _put_delay(smu, function, delay_s),
        lambda smu: (0.0, LONGEST_DELAY_s, 0.0),
    )
    flag(
        f"{node}:DELay:AUTO",
        lambda smu: smu.source.settings[function].auto_delay,
        lambda smu, on: _put_auto_delay(smu, function, on),
    )
    _declare_limit(function, f"{node}:{limit_node}[:LEVel]")
    for index in range(5):
        declare_user_delay(f"{node}:DELay:USER{index + 1}", "source", function, index)


def _declare_limit(function: str, pattern: str) -> None:
    """VLIMit and ILIMit: magnitudes, so either sign is taken; DEF, MIN and MAX are positive."""

    @command(pattern, Number(presets=True))
    def put(smu: "Keithley2450", value: float | str) -> None:
        if isinstance(value, str):
            value = _preset(smu, value)
        _put_limit(smu, function, value)

    @TREE.query(pattern, PRESET)
    def get(smu: "Keithley2450", preset: str | None) -> str:
        return numeral(smu.source.settings[function].limit if preset is None else _preset(smu, preset))

    @TREE.query(f"{pattern}:TRIPped")
    def tripped(smu: "Keithley2450") -> str:
        return "1" if smu.source.function == function and smu.source_limited else "0"

    def _preset(smu: "Keithley2450", preset: str) -> float:
        bounds = smu.model.voltage_limit_V if function == "CURR" else smu.model.current_limit_A
        return bounds[("MIN", "MAX", "DEF").index(preset)]


_declare_source("CURR", ":SOURce[1]:CURRent", "VLIMit")
_declare_source("VOLT", ":SOURce[1]:VOLTage", "ILIMit")
keyword(
    ":SOURce[1]:FUNCtion[:MODE]",
    ("CURRent", "VOLTage"),
    lambda smu: smu.source.function,
    lambda smu, function: smu.select_source(function),
)


def _protection_level(word: str) -> float | None:
    return None if word == "NONE" else float(word.removeprefix("PROT"))


@command(":SOURce[1]:VOLTage:PROTection[:LEVel]", Word("NONE", *(f"PROTection{v}" for v in range(2, 1001))))
def _put_protection(smu: "Keithley2450", word: str) -> None:
    level_V = _protection_level(word)
    if level_V is not None and level_V not in smu.model.protection_V:
        raise ScpiError(1130, "Parameter 1, Syntax error, expected valid name parameters")
    smu.source.protection_V = level_V
    smu.source_changed()


@TREE.query(":SOURce[1]:VOLTage:PROTection[:LEVel]")
def _get_protection(smu: "Keithley2450") -> str:
    level_V = smu.source.protection_V
    return "NONE" if level_V is None else f"PROT{level_V:.0f}"


@TREE.query(":SOURce[1]:VOLTage:PROTection[:LEVel]:TRIPped")
def _get_protection_tripped(smu: "Keithley2450") -> str:
    return "1" if smu.source.protection_tripped else "0"


# ---- :OUTPut, :ROUTe ----


@TREE.command(":OUTPut[1][:STATe]", Flag())
def _put_output(smu: "Keithley2450", on: bool) -> None:
    smu.set_output(on)


@TREE.query(":OUTPut[1][:STATe]")
def _get_output(smu: "Keithley2450") -> str:
    return "1" if smu.output_on else "0"


@TREE.query(":OUTPut[1]:INTerlock:TRIPped")
def _get_interlock(smu: "Keithley2450") -> str:
    return "1" if smu.source.interlock_closed else "0"


_OFF_STATES = ("NORMal", "HIMPedance", "ZERO", "GUARd")


def _declare_off_state(pattern: str, functions: tuple[str, ...]) -> None:
    """Without a function the command sets all of them, and the query answers for the source in use."""

    @command(pattern, Word(*_OFF_STATES))
    def put(smu: "Keithley2450", state: str) -> None:
        for function in functions:
            smu.source.settings[function].off_state = state
        smu.source_changed()

    @TREE.query(pattern)
    def get(smu: "Keithley2450") -> str:
        asked = functions[0] if len(functions) == 1 else smu.source.function
        return smu.source.settings[asked].off_state


_declare_off_state(":OUTPut[1]:SMODe", ("CURR", "VOLT"))
_declare_off_state(":OUTPut[1]:CURRent:SMODe", ("CURR",))
_declare_off_state(":OUTPut[1]:VOLTage:SMODe", ("VOLT",))
keyword(
    ":ROUTe:TERMinals",
    ("FRONt", "REAR"),
    lambda smu: smu.terminals,
    lambda smu, word: smu.select_terminals(word),
)
