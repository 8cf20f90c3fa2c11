"""The 2450's command tree, and three ways to declare a setting in it: number, flag, keyword."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labctl_simulators.firmware.scpi import CommandTree
from labctl_simulators.firmware.scpi_parameters import (
    OUT_OF_RANGE,
    PRESET,
    Flag,
    Number,
    Parameter,
    ScpiError,
    Word,
)

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2450 import Keithley2450

TREE = CommandTree()

LONGEST_DELAY_s = 10e3

Bounds = tuple[float, float, float]
"""What MIN, MAX and DEF mean, and the range outside of which a value is refused."""


def numeral(value: float) -> str:
    """A real number in a reply to a settings query. Assumed: 7 digits, as readings have."""
    return f"{value:.6E}"


def command(pattern: str, *parameters: Parameter) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a command that is refused while the trigger model runs.

    The manuals let commands run then that "do not conflict with trigger model actions" (2450 Reference Manual
    p. 3-107). Assumed, on the strict side: everything that changes source, sense or buffers, or reads, conflicts;
    queries, output on and off, *TRG, :ABOR, *RST and the status commands do not (they are declared in TREE).
    """

    def register(run: Callable[..., Any]) -> Callable[..., Any]:
        @TREE.command(pattern, *parameters)
        def guarded(smu: "Keithley2450", *arguments: Any) -> Any:
            smu.refuse_while_triggered()
            return run(smu, *arguments)

        return run

    return register


def number(
    pattern: str,
    read: Callable[["Keithley2450"], float],
    write: Callable[["Keithley2450", float], object],
    bounds: Callable[["Keithley2450"], Bounds],
    *,
    whole: bool = False,
) -> None:
    """Declare a number that can be set and asked for, with MIN, MAX and DEF."""
    show = str if whole else numeral

    @command(pattern, Number(presets=True, whole=whole))
    def put(smu: "Keithley2450", value: float | str) -> None:
        smallest, largest, default = bounds(smu)
        if isinstance(value, str):
            value = {"MIN": smallest, "MAX": largest, "DEF": default}[value]
        if not smallest <= value <= largest:
            raise ScpiError(*OUT_OF_RANGE)
        write(smu, value)

    @TREE.query(pattern, PRESET)
    def get(smu: "Keithley2450", preset: str | None) -> str:
        if preset is None:
            return show(read(smu))
        return show(bounds(smu)[("MIN", "MAX", "DEF").index(preset)])


def flag(
    pattern: str,
    read: Callable[["Keithley2450"], bool],
    write: Callable[["Keithley2450", bool], object],
) -> None:
    """Declare a boolean that can be set and asked for."""

    @command(pattern, Flag())
    def put(smu: "Keithley2450", value: bool) -> None:
        write(smu, value)

    @TREE.query(pattern)
    def get(smu: "Keithley2450") -> str:
        return "1" if read(smu) else "0"


def keyword(
    pattern: str,
    keywords: tuple[str, ...],
    read: Callable[["Keithley2450"], str],
    write: Callable[["Keithley2450", str], object],
) -> None:
    """Declare a keyword that can be set and is answered in its short form."""

    @command(pattern, Word(*keywords))
    def put(smu: "Keithley2450", value: str) -> None:
        write(smu, value)

    @TREE.query(pattern)
    def get(smu: "Keithley2450") -> str:
        return read(smu)


def declare_user_delay(pattern: str, owner: str, function: str, index: int) -> None:
    """:DELay:USER<n> of a source or a measure function, kept for trigger models."""

    def delays(smu: "Keithley2450") -> list[float]:
        settings = smu.source.settings if owner == "source" else smu.meter.settings
        return settings[function].user_delays_s

    number(
        pattern,
        lambda smu: delays(smu)[index],
        lambda smu, delay_s: delays(smu).__setitem__(index, delay_s),
        lambda smu: (0.0, LONGEST_DELAY_s, 0.0),
    )
