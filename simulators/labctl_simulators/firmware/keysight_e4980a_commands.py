"""The commands of the E4980A (User's Guide, chapter SCPI Command Reference), each a few words on its state."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labctl_simulators.firmware.keysight_e4980a_functions import FUNCTIONS
from labctl_simulators.firmware.keysight_e4980a_models import (
    BIAS_GRID,
    CURRENT_GRID,
    SMALLEST_HZ,
    VOLTAGE_GRID,
    Aperture,
    frequency_on_grid,
    level_on_grid,
)
from labctl_simulators.firmware.scpi import CommandTree
from labctl_simulators.firmware.scpi_parameters import PRESET, Number, ScpiError, Word
from labctl_simulators.firmware.scpi_settings import Bounds, Declarations
from labctl_simulators.firmware.scpi_status import declare_common

if TYPE_CHECKING:
    from labctl_simulators.firmware.keysight_e4980a import KeysightE4980A as Lcr

TREE = CommandTree()


def _numeral(value: float) -> str:
    return f"{value:+.5E}"


_declare = Declarations(TREE, _numeral)
declare_common(TREE)
TREE.query("*OPT")(lambda lcr: lcr.options or "0")
_CONFLICT = (-221, "Settings conflict")


def _clipped(
    pattern: str,
    read: Callable[[Any], float],
    write: Callable[[Any, float], object],
    bounds: Callable[[Any], Bounds],
) -> None:
    """A number that is set to the nearest in range."""

    @TREE.command(pattern, Number(presets=True))
    def put(lcr: "Lcr", value: float | str) -> None:
        smallest, largest, default = bounds(lcr)
        if isinstance(value, str):
            value = {"MIN": smallest, "MAX": largest, "DEF": default}[value]
        write(lcr, min(max(value, smallest), largest))

    @TREE.query(pattern, PRESET)
    def get(lcr: "Lcr", preset: str | None) -> str:
        if preset is None:
            return _numeral(read(lcr))
        return _numeral(bounds(lcr)[("MIN", "MAX", "DEF").index(preset)])


# ---- signal ----

_clipped(
    ":FREQuency[:CW]",
    lambda lcr: lcr.frequency_Hz,
    lambda lcr, value: lcr.put_frequency(value),
    lambda lcr: (SMALLEST_HZ, lcr.largest_Hz, 1000.0),
)


def _put_level(lcr: "Lcr", value: float, *, current: bool) -> None:
    lcr.level, lcr.holds_current = level_on_grid(value, CURRENT_GRID if current else VOLTAGE_GRID), current


def _level(lcr: "Lcr", *, current: bool) -> float:
    """Only the kind of level that is set can be asked for (Assumed: the other one is a conflict)."""
    if lcr.holds_current is not current:
        raise ScpiError(*_CONFLICT)
    return lcr.level


_clipped(
    ":VOLTage[:LEVel]",
    lambda lcr: _level(lcr, current=False),
    lambda lcr, value: _put_level(lcr, value, current=False),
    lambda lcr: (0.0, 20.0 if lcr.enhanced else 2.0, 1.0),
)
_clipped(
    ":CURRent[:LEVel]",
    lambda lcr: _level(lcr, current=True),
    lambda lcr, value: _put_level(lcr, value, current=True),
    lambda lcr: (0.0, 0.1 if lcr.enhanced else 0.02, 0.01),
)
_declare.flag(":AMPLitude:ALC", lambda lcr: lcr.alc, lambda lcr, on: setattr(lcr, "alc", on))


# ---- bias ----


def _switch_bias(lcr: "Lcr", on: bool) -> None:
    lcr.bias_changed()
    lcr.bias_on = on


def _put_bias(lcr: "Lcr", value: float, *, current: bool) -> None:
    """Without the enhancement there are 0 V, 1.5 V and 2 V only."""
    if not lcr.enhanced and (current or value not in (0.0, 1.5, 2.0)):
        raise ScpiError(-241, "Hardware missing")
    lcr.bias_changed()
    grid = level_on_grid(abs(value), BIAS_GRID)
    lcr.bias, lcr.biases_current = value if current else (grid if value >= 0.0 else -grid), current


_declare.flag(":BIAS:STATe", lambda lcr: lcr.bias_on, _switch_bias)
_declare.flag(
    ":BIAS:RANGe:AUTO",
    lambda lcr: lcr.bias_auto_range,
    lambda lcr, on: setattr(lcr, "bias_auto_range", on),
)
_clipped(
    ":BIAS:VOLTage[:LEVel]",
    lambda lcr: 0.0 if lcr.biases_current else lcr.bias,
    lambda lcr, value: _put_bias(lcr, value, current=False),
    lambda lcr: (-40.0, 40.0, 0.0) if lcr.enhanced else (0.0, 2.0, 0.0),
)
_clipped(
    ":BIAS:CURRent[:LEVel]",
    lambda lcr: lcr.bias if lcr.biases_current else 0.0,
    lambda lcr, value: _put_bias(lcr, value, current=True),
    lambda lcr: (-0.1, 0.1, 0.0),
)


# ---- what is measured, and how ----

_declare.keyword(
    ":FUNCtion:IMPedance[:TYPE]",
    tuple(FUNCTIONS),
    lambda lcr: lcr.function,
    lambda lcr, word: setattr(lcr, "function", word),
)
_declare.flag(
    ":FUNCtion:IMPedance:RANGe:AUTO",
    lambda lcr: lcr.range_auto,
    lambda lcr, on: setattr(lcr, "range_auto", on),
)


def _put_range(lcr: "Lcr", value: float) -> None:
    lcr.range_ohm, lcr.range_auto = value, False


_clipped(
    ":FUNCtion:IMPedance:RANGe[:VALue]",
    lambda lcr: lcr.range_ohm,
    _put_range,
    lambda lcr: (0.1, 1e5, 100.0),
)


@TREE.command(":APERture", Word("SHORt", "MEDium", "LONG"), Number(whole=True, required=False, default=1))
def _put_aperture(lcr: "Lcr", word: str, averages: int) -> None:
    lcr.aperture = Aperture(word, min(max(averages, 1), 256))


TREE.query(":APERture")(lambda lcr: f"{lcr.aperture.word},{lcr.aperture.averages:d}")
_declare.flag(
    ":CORRection:OPEN:STATe",
    lambda lcr: lcr.open_correction,
    lambda lcr, on: setattr(lcr, "open_correction", on),
)
_declare.flag(
    ":CORRection:SHORt:STATe",
    lambda lcr: lcr.short_correction,
    lambda lcr, on: setattr(lcr, "short_correction", on),
)
for _monitor in ("VAC", "IAC"):
    _declare.flag(
        f":FUNCtion:SMONitor:{_monitor}[:STATe]",
        lambda lcr, name=_monitor: lcr.monitors[name],  # type: ignore[misc]
        lambda lcr, on, name=_monitor: lcr.monitors.__setitem__(name, on),  # type: ignore[misc]
    )


@TREE.query(":FETCh:SMONitor:VAC")
def _voltage(lcr: "Lcr") -> str:
    return _numeral(lcr.monitored()[0] if lcr.monitors["VAC"] else 9.9e37)


@TREE.query(":FETCh:SMONitor:IAC")
def _current(lcr: "Lcr") -> str:
    return _numeral(lcr.monitored()[1] if lcr.monitors["IAC"] else 9.9e37)


# ---- display, lists ----

_declare.keyword(
    ":DISPlay:PAGE",
    ("MEASurement", "LIST", "MSETup", "LSETup"),
    lambda lcr: lcr.page,
    lambda lcr, word: lcr.show_page(word),
)
_declare.keyword(
    ":LIST:MODE",
    ("SEQuence", "STEPped"),
    lambda lcr: lcr.list_mode,
    lambda lcr, word: setattr(lcr, "list_mode", word),
)


@TREE.command(":LIST:FREQuency", Number(repeats=True))
def _put_list(lcr: "Lcr", frequencies_Hz: tuple[float, ...]) -> None:
    if not 1 <= len(frequencies_Hz) <= 201:
        raise ScpiError(-223, "Too much data")
    lcr.list_Hz = tuple(frequency_on_grid(min(max(f, SMALLEST_HZ), lcr.largest_Hz)) for f in frequencies_Hz)
    lcr.list_next = 0


TREE.query(":LIST:FREQuency")(lambda lcr: ",".join(map(_numeral, lcr.list_Hz)))


# ---- triggers and results ----

_declare.keyword(
    ":TRIGger[:SEQuence]:SOURce",
    ("INTernal", "HOLD", "EXTernal", "BUS"),
    lambda lcr: lcr.trigger_source,
    lambda lcr, word: lcr.select_trigger(word),
)
TREE.command(":TRIGger[:SEQuence][:IMMediate]")(lambda lcr: lcr.trigger())
TREE.command(":INITiate[:IMMediate]")(lambda lcr: lcr.initiate())
TREE.command(":ABORt")(lambda lcr: lcr.abort())


def _put_continuous(lcr: "Lcr", on: bool) -> None:
    lcr.continuous = lcr.waiting = on


_declare.flag(":INITiate:CONTinuous", lambda lcr: lcr.continuous, _put_continuous)


@TREE.command("*TRG")
def _trigger_and_answer(lcr: "Lcr") -> str:
    lcr.trigger_and_wait()
    return _all_rows(lcr)


@TREE.query(":FETCh[:IMPedance][:FORMatted]")
def _rows(lcr: "Lcr") -> str:
    """The last result; with the internal trigger, that of a measurement that ends after the question."""
    if lcr.trigger_source == "INT" and lcr.page == "MEAS" and lcr.waiting:
        lcr.trigger_and_wait()
    return _all_rows(lcr)


def _all_rows(lcr: "Lcr") -> str:
    bins = ",+0" if lcr.page == "LIST" else ""
    return ",".join(
        f"{_written(lcr, row.first)},{_written(lcr, row.second)},{row.status:+d}{bins}" for row in lcr.rows
    )


@TREE.query(":FETCh[:IMPedance]:CORRected")
def _corrected(lcr: "Lcr") -> str:
    if lcr.trigger_source == "INT" and lcr.page == "MEAS" and lcr.waiting:
        lcr.trigger_and_wait()
    return ",".join(
        f"{_written(lcr, row.impedance.real)},{_written(lcr, row.impedance.imag)}" for row in lcr.rows
    )


def _written(lcr: "Lcr", value: float) -> str:
    return f"{value:+.9E}" if lcr.long_numbers else _numeral(value)


_declare.keyword(":FORMat[:DATA]", ("ASCii",), lambda lcr: "ASC", lambda lcr, word: None)
_declare.flag(
    ":FORMat:ASCii:LONG",
    lambda lcr: lcr.long_numbers,
    lambda lcr, on: setattr(lcr, "long_numbers", on),
)
