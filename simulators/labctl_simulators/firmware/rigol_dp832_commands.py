"""The commands of the DP800 series (DP800 Programming Guide chapter 2), each a few words on the supply's state.

Most name a channel, which may be left out: then the selected one is meant. It stands in the header (``:SOUR2:VOLT``)
or before the value (``:OUTP CH2,ON``).
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from labctl_simulators.firmware.rigol_dp832_parameters import (
    Tail,
    index_of,
    named,
    on_or_off,
    only,
    state,
    value_in,
)
from labctl_simulators.firmware.scpi import CommandTree
from labctl_simulators.firmware.scpi_parameters import (
    DATA_TYPE,
    MISSING_PARAMETER,
    PARAMETER_NOT_ALLOWED,
    Flag,
    Number,
    ScpiError,
    Text,
    Tokens,
)
from labctl_simulators.firmware.scpi_settings import Declarations
from labctl_simulators.firmware.scpi_status import declare_common

if TYPE_CHECKING:
    from labctl_simulators.firmware.rigol_dp832 import Output
    from labctl_simulators.firmware.rigol_dp832 import RigolDp832 as Psu

TREE = CommandTree()
_declare = Declarations(TREE, lambda value: f"{value:g}")
declare_common(TREE)


def _show(psu: "Psu", quantity: str, value: float) -> str:
    return f"{value:.{psu.model.set_V if quantity == 'voltage_V' else psu.model.set_A}f}"


# ---- voltage and current of a channel ----


def _put(psu: "Psu", output: "Output", quantity: str, token: str) -> None:
    most = output.most_V if quantity == "voltage_V" else output.most_A
    step = output.step_V if quantity == "voltage_V" else output.step_A
    word = token.upper()
    present: float = getattr(output, quantity)
    if word in ("UP", "DOWN"):
        token = str(present + step * (1 if word == "UP" else -1))
    value = value_in(token, 0.0, most, 0.0 if quantity == "voltage_V" else 3.0)
    digits = psu.model.set_V if quantity == "voltage_V" else psu.model.set_A
    setattr(output, quantity, round(value, digits))
    psu.apply()


def _get(psu: "Psu", output: "Output", quantity: str, tail: Tail) -> str:
    value: float = getattr(output, quantity)
    if tail:
        most = output.most_V if quantity == "voltage_V" else output.most_A
        value = value_in(only(tail), 0.0, most, 0.0)
    return _show(psu, quantity, value)


def _protect(psu: "Psu", output: "Output", kind: str, token: str) -> None:
    most = output.most[kind]
    output.protection[kind].level = round(value_in(token, 1e-3, most, most), 3)
    psu.apply()


def _protected(output: "Output", kind: str, tail: Tail) -> str:
    most, level = output.most[kind], output.protection[kind].level
    if tail:
        level = value_in(only(tail), 1e-3, most, most)
    return f"{level:.3f}" if kind == "OVP" else f"{level:.4f}"


def _arm(psu: "Psu", output: "Output", kind: str, token: str) -> None:
    output.protection[kind].on = state(token)
    psu.apply()


def _cleared(output: "Output", kind: str) -> bool:
    """Clear what it says; whether it had tripped."""
    tripped, output.protection[kind].tripped = output.protection[kind].tripped, False
    return tripped


def _put_step(output: "Output", name: str, token: str) -> None:
    setattr(output, name, value_in(token, 1e-3, output.most_V if name == "step_V" else output.most_A, 0.1))


OutputOf = Callable[["Psu"], "Output"]


def _declare_quantity(base: str, output_of: OutputOf, quantity: str, kind: str, step: str) -> None:
    _pair(
        f"{base}[:LEVel][:IMMediate][:AMPLitude]",
        lambda psu, tail: _put(psu, output_of(psu), quantity, only(tail)),
        lambda psu, tail: _get(psu, output_of(psu), quantity, tail),
    )
    _pair(
        f"{base}[:LEVel][:IMMediate]:STEP[:INCRement]",
        lambda psu, tail: _put_step(output_of(psu), step, only(tail)),
        lambda psu, tail: f"{getattr(output_of(psu), step):.3f}",
    )
    _pair(
        f"{base}:PROTection[:LEVel]",
        lambda psu, tail: _protect(psu, output_of(psu), kind, only(tail)),
        lambda psu, tail: _protected(output_of(psu), kind, tail),
    )
    _pair(
        f"{base}:PROTection:STATe",
        lambda psu, tail: _arm(psu, output_of(psu), kind, only(tail)),
        lambda psu, tail: on_or_off(output_of(psu).protection[kind].on),
    )
    TREE.query(f"{base}:PROTection:TRIPped")(
        lambda psu: "YES" if output_of(psu).protection[kind].tripped else "NO"
    )
    TREE.command(f"{base}:PROTection:CLEar")(lambda psu: _clear_and_switch_on(psu, output_of(psu), kind))


def _declare_source(node: str, output_of: OutputOf) -> None:
    _declare_quantity(f"{node}:VOLTage", output_of, "voltage_V", "OVP", "step_V")
    _declare_quantity(f"{node}:CURRent", output_of, "current_A", "OCP", "step_A")


def _clear_and_switch_on(psu: "Psu", output: "Output", kind: str) -> None:
    """:SOUR:VOLT:PROT:CLE clears the event and switches the output on again, as the guide says."""
    if _cleared(output, kind):
        psu.switch(output, True)


def _pair(pattern: str, put: Callable[["Psu", Tail], object], get: Callable[["Psu", Tail], str]) -> None:
    """A setting whose parameters are read by what it does."""
    TREE.command(pattern, Tokens())(put)
    TREE.query(pattern, Tokens())(get)


def _output_at(psu: "Psu", index: int) -> "Output":
    return psu.outputs[index]


def _selected_output(psu: "Psu") -> "Output":
    return psu.outputs[psu.selected]


_declare_source("[:SOURce]", _selected_output)
for _number in (1, 2, 3):
    _declare_source(f":SOURce{_number}", partial(_output_at, index=_number - 1))


# ---- :APPLy, :INSTrument ----


@TREE.command(":APPLy", Tokens())
def _apply(psu: "Psu", tail: Tail) -> None:
    """Also selects the channel that it names."""
    output, values = named(psu, tail)
    if len(values) > 2:
        raise ScpiError(*PARAMETER_NOT_ALLOWED)
    psu.selected = psu.outputs.index(output)
    for quantity, token in zip(("voltage_V", "current_A"), values, strict=False):
        _put(psu, output, quantity, token)


@TREE.query(":APPLy", Tokens())
def _applied(psu: "Psu", tail: Tail) -> str:
    """``CH1:30V/3A,05.00,1.000``, or one of the two values."""
    output, which = named(psu, tail)
    volts, amps = _show(psu, "voltage_V", output.voltage_V), _show(psu, "current_A", output.current_A)
    if which:
        return {"VOLT": volts, "CURR": amps}.get(only(which).upper()[:4]) or _refuse()
    return f"{output.name}:{output.rating},{volts},{amps}"


def _refuse() -> str:
    raise ScpiError(*DATA_TYPE)


@TREE.command(":INSTrument[:SELect]", Tokens())
def _select(psu: "Psu", tail: Tail) -> None:
    output, rest = named(psu, tail)
    if rest or not tail:
        raise ScpiError(*(DATA_TYPE if rest else MISSING_PARAMETER))
    psu.selected = psu.outputs.index(output)


@TREE.query(":INSTrument[:SELect]")
def _selected(psu: "Psu") -> str:
    output = psu.outputs[psu.selected]
    return f"{output.name}:{output.rating}"


@TREE.command(":INSTrument:NSELect", Number(whole=True))
def _select_number(psu: "Psu", number: int) -> None:
    psu.selected = index_of(psu, number)


TREE.query(":INSTrument:NSELect")(lambda psu: str(psu.selected + 1))


# ---- :MEASure ----


def _measure(psu: "Psu", tail: Tail, which: int | None) -> str:
    output, rest = named(psu, tail)
    if rest:
        raise ScpiError(*PARAMETER_NOT_ALLOWED)
    values = psu.read(output)
    shown = [f"{value:.{digits}f}" for value, digits in zip(values, _digits(psu), strict=True)]
    return ",".join(shown) if which is None else shown[which]


def _digits(psu: "Psu") -> tuple[int, int, int]:
    return psu.model.read_V, psu.model.read_A, 3


for _pattern, _which in (
    (":MEASure:ALL[:DC]", None),
    (":MEASure[:VOLTage][:DC]", 0),
    (":MEASure:CURRent[:DC]", 1),
    (":MEASure:POWEr[:DC]", 2),
):
    TREE.query(_pattern, Tokens())(partial(_measure, which=_which))


# ---- :OUTPut ----


def _switch(psu: "Psu", tail: Tail) -> None:
    output, rest = named(psu, tail)
    psu.switch(output, state(only(rest)))


def _of_channel(read: Callable[["Psu", "Output"], str]) -> Callable[["Psu", Tail], str]:
    """A query about a channel."""

    def get(psu: "Psu", tail: Tail) -> str:
        output, rest = named(psu, tail)
        if rest:
            raise ScpiError(*PARAMETER_NOT_ALLOWED)
        return read(psu, output)

    return get


TREE.command(":OUTPut[:STATe]", Tokens())(_switch)
TREE.query(":OUTPut[:STATe]", Tokens())(_of_channel(lambda psu, output: on_or_off(output.on)))
for _pattern in (":OUTPut:MODE", ":OUTPut:CVCC"):
    TREE.query(_pattern, Tokens())(_of_channel(lambda psu, output: psu.regulation(output)))


def _put_of_channel(write: Callable[["Psu", "Output", str], object]) -> Callable[["Psu", Tail], None]:
    """A setting of a channel that is named before the value."""

    def put(psu: "Psu", tail: Tail) -> None:
        output, rest = named(psu, tail)
        write(psu, output, only(rest))

    return put


def _declare_protection(kind: str) -> None:
    base = f":OUTPut:{kind}"
    TREE.command(f"{base}[:STATe]", Tokens())(
        _put_of_channel(lambda psu, it, token: _arm(psu, it, kind, token))
    )
    TREE.query(f"{base}[:STATe]", Tokens())(_of_channel(lambda psu, it: on_or_off(it.protection[kind].on)))

    def ask_level(psu: "Psu", tail: Tail) -> str:
        output, rest = named(psu, tail)
        return _protected(output, kind, rest)

    def clear(psu: "Psu", tail: Tail) -> None:
        """The event alone; the output stays off."""
        _cleared(named(psu, tail)[0], kind)

    TREE.command(f"{base}:VALue", Tokens())(
        _put_of_channel(lambda psu, it, token: _protect(psu, it, kind, token))
    )
    TREE.query(f"{base}:VALue", Tokens())(ask_level)
    for word in ("QUES", "ALAR"):
        TREE.query(f"{base}:{word}", Tokens())(
            _of_channel(lambda psu, it: "YES" if it.protection[kind].tripped else "NO")
        )
    TREE.command(f"{base}:CLEar", Tokens())(clear)


_declare_protection("OVP")
_declare_protection("OCP")


def _put_flag(psu: "Psu", output: "Output", token: str, name: str) -> None:
    setattr(output, name, state(token))


def _get_flag(psu: "Psu", output: "Output", name: str) -> str:
    return on_or_off(getattr(output, name))


for _pattern, _name in ((":OUTPut:TRACk", "track"), (":TIMEr[:STATe]", "timer"), (":DELAY[:STATe]", "delay")):
    TREE.command(_pattern, Tokens())(_put_of_channel(partial(_put_flag, name=_name)))
    TREE.query(_pattern, Tokens())(_of_channel(partial(_get_flag, name=_name)))
TREE.query(":OUTPut:SENSe", Tokens())(_of_channel(lambda psu, output: "NONE"))
TREE.query(":OUTPut:RANGe")(lambda psu: "NONE")


# ---- :SYSTem, :DISPlay, :STATus ----

_declare.flag(":SYSTem:BEEPer[:STATe]", lambda psu: psu.beeper, lambda psu, on: setattr(psu, "beeper", on))
_declare.keyword(
    ":SYSTem:TRACKMode",
    ("SYNC", "INDE"),
    lambda psu: psu.track_mode,
    lambda psu, word: setattr(psu, "track_mode", word),
)
_declare.flag(":SYSTem:KLOCk[:STATe]", lambda psu: psu.locked, lambda psu, on: setattr(psu, "locked", on))
_declare.flag(":SYSTem:OTP", lambda psu: True, lambda psu, on: None)
_declare.flag(":SYSTem:ONOFFSync", lambda psu: False, lambda psu, on: None)
_declare.flag(":DISPlay[:WINDow][:STATe]", lambda psu: True, lambda psu, on: None)
TREE.command(":DISPlay[:WINDow]:TEXT[:DATA]", Text(), Tokens())(lambda psu, text, place: None)
TREE.command(":DISPlay[:WINDow]:TEXT:CLEar")(lambda psu: None)
TREE.command(":SYSTem:BEEPer:IMMediate")(lambda psu: None)
TREE.command(":SYSTem:RWLock[:STATe]", Flag(required=False))(lambda psu, on: None)
for _pattern in (":SYSTem:LOCal", ":SYSTem:REMote", "*TRG", ":STATus:PRESet"):
    TREE.command(_pattern)(lambda psu: None)
TREE.query(":SYSTem:VERSion")(lambda psu: "1999.0")
TREE.query(":SYSTem:SELF:TEST:TEMP", Tokens())(lambda psu, tail: "32.00")


def _declare_screen(pattern: str, name: str) -> None:
    def write(psu: "Psu", value: float) -> None:
        psu.screen[name] = round(value)

    _declare.number(pattern, lambda psu: psu.screen[name], write, lambda psu: (1, 100, 50), whole=True)


_declare_screen(":SYSTem:BRIGhtness", "BRIG")
_declare_screen(":SYSTem:CONTrast", "CONT")


def _condition(psu: "Psu", index: int) -> str:
    """Bits 0 and 1: off, CC, CV; bit 2: overvoltage, bit 3: overcurrent has tripped."""
    output = psu.outputs[index]
    bits = {"CC": 1, "CV": 2}[psu.regulation(output)] if output.on else 0
    bits |= 4 * output.protection["OVP"].tripped + 8 * output.protection["OCP"].tripped
    return str(bits)


for _number in (1, 2, 3):
    for _ending in (":CONDition", "[:EVENt]"):
        TREE.query(f":STATus:QUEStionable:INSTrument:ISUMmary{_number}{_ending}")(
            partial(_condition, index=_number - 1)
        )


def _questionable(psu: "Psu") -> str:
    """Bits of the instrument: one for each channel that holds its current, or has tripped (Assumed)."""
    bits = 0
    for number, output in enumerate(psu.outputs):
        tripped = any(protection.tripped for protection in output.protection.values())
        bits |= (tripped or psu.regulation(output) == "CC") << number
    return str(bits)


TREE.query(":STATus:QUEStionable:CONDition")(_questionable)
TREE.query(":STATus:QUEStionable[:EVENt]")(_questionable)
