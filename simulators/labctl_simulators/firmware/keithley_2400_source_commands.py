"""What the 2400 series sources, and its output: :SOURce, :OUTPut, :ROUTe."""

from typing import TYPE_CHECKING

from labctl_simulators.firmware.keithley_2400_tree import TREE, declare, most
from labctl_simulators.firmware.scpi_parameters import Number

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2400 import Keithley2400 as Smu


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
    declare.number(
        f"{source}[:LEVel][:IMMediate][:AMPLitude]",
        lambda smu: smu.source.settings[function].level,
        lambda smu, level: _put_level(smu, function, level),
        lambda smu: (-most(smu, function), most(smu, function), 0.0),
    )
    declare.number(
        f"{source}:RANGe",
        lambda smu: smu.source.range_in_use(function).full_scale,
        lambda smu, value: _put_source_range(smu, function, value),
        lambda smu: (-most(smu, function), most(smu, function), 0.0),
    )
    declare.flag(
        f"{source}:RANGe:AUTO",
        lambda smu: smu.source.settings[function].fixed_range is None,
        lambda smu, on: _put_source_auto(smu, function, on),
    )
    declare.keyword(f"{source}:MODE", ("FIXed",), lambda smu: "FIX", lambda smu, word: None)


_declare_source("VOLT", "VOLTage")
_declare_source("CURR", "CURRent")


def _select_source(smu: "Smu", function: str) -> None:
    """A change of function turns the output off (Assumed, as on the 2450)."""
    if function != smu.source.function:
        smu.source.function = function
        smu.set_output(False)


declare.keyword(
    ":SOURce[1]:FUNCtion[:MODE]", ("VOLTage", "CURRent"), lambda smu: smu.source.function, _select_source
)


def _put_delay(smu: "Smu", delay_s: float) -> None:
    smu.source.active.delay_s, smu.source.active.auto_delay = delay_s, False


declare.number(
    ":SOURce[1]:DELay", lambda smu: smu.source.active.delay_s, _put_delay, lambda smu: (0.0, 999.9999, 0.0)
)
declare.flag(
    ":SOURce[1]:DELay:AUTO",
    lambda smu: smu.source.active.auto_delay,
    lambda smu, on: setattr(smu.source.active, "auto_delay", on),
)
declare.flag(
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
    return f"{most(smu, 'VOLT') if level_V is None else level_V:+.6E}"


TREE.query(":SOURce[1]:VOLTage:PROTection:TRIPped")(lambda smu: "1" if smu.source.protection_tripped else "0")


declare.flag(":OUTPut[1][:STATe]", lambda smu: smu.source.output_on, lambda smu, on: smu.set_output(on))


def _put_off_state(smu: "Smu", state: str) -> None:
    for settings in smu.source.settings.values():
        settings.off_state = state
    smu.apply()


declare.keyword(
    ":OUTPut[1]:SMODe",
    ("HIMPedance", "NORMal", "ZERO", "GUARd"),
    lambda smu: smu.source.active.off_state,
    _put_off_state,
)
TREE.query(":OUTPut[1]:INTerlock:TRIPped")(lambda smu: "0")
declare.flag(":OUTPut[1]:INTerlock[:STATe]", lambda smu: False, lambda smu, on: None)
declare.keyword(
    ":ROUTe:TERMinals",
    ("FRONt", "REAR"),
    lambda smu: smu.terminals,
    lambda smu, word: smu.select_terminals(word),
)
