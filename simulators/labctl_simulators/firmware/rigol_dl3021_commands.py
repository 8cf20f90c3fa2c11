"""The commands of the DL3000 series (DL3000 Programming Guide chapter 2), each a few words on the load's state."""

from functools import partial
from typing import TYPE_CHECKING

from labctl_simulators.firmware.scpi import CommandTree
from labctl_simulators.firmware.scpi_parameters import OUT_OF_RANGE, Number, ScpiError, Word
from labctl_simulators.firmware.scpi_settings import Bounds, Declarations
from labctl_simulators.firmware.scpi_status import declare_common

if TYPE_CHECKING:
    from labctl_simulators.firmware.rigol_dl3021 import Function
    from labctl_simulators.firmware.rigol_dl3021 import RigolDl3021 as Load

TREE = CommandTree()
_declare = Declarations(TREE, lambda value: f"{value:.6f}")
declare_common(TREE)

SETTINGS_CONFLICT = (-221, "Settings conflict")
_LEVEL = "[:LEVel][:IMMediate][:AMPLitude]"


# ---- what each function holds ----


def _put_level(load: "Load", value: float, name: str) -> None:
    load.functions[name].level = value
    load.apply()


def _level_bounds(load: "Load", name: str) -> Bounds:
    low = 0.08 if name == "RES" else 0.0
    return low, load.functions[name].in_use, low


def _put_range(load: "Load", value: float, name: str) -> None:
    """The smallest that holds it; a level beyond it comes down. Not while the input is on (Assumed)."""
    function: Function = load.functions[name]
    chosen = next((full for full in function.ranges if value <= full), function.ranges[-1])
    if load.input_on and chosen != function.in_use:
        raise ScpiError(*SETTINGS_CONFLICT)
    function.in_use, function.level = chosen, min(function.level, chosen)


def _put_limit(load: "Load", value: float, name: str, limit: str) -> None:
    setattr(load.functions[name], limit, value)
    load.apply()


def _declare_function(name: str, node: str) -> None:
    def function(load: "Load") -> "Function":
        return load.functions[name]

    base = f"[:SOURce]:{node}"
    _declare.number(
        f"{base}{_LEVEL}",
        lambda load: function(load).level,
        partial(_put_level, name=name),
        partial(_level_bounds, name=name),
    )
    if name != "POW":
        _declare.number(
            f"{base}:RANGe",
            lambda load: function(load).in_use,
            partial(_put_range, name=name),
            lambda load: (function(load).ranges[0], function(load).ranges[-1], function(load).ranges[-1]),
        )
    _declare.number(
        f"{base}:VLIMt",
        lambda load: function(load).limit_V,
        partial(_put_limit, name=name, limit="limit_V"),
        lambda load: (0.0, 150.0, 150.0),
    )
    _declare.number(
        f"{base}:ILIMt",
        lambda load: function(load).limit_A,
        partial(_put_limit, name=name, limit="limit_A"),
        lambda load: (0.0, 40.0, 40.0),
    )


for _name, _node in (("CURR", "CURRent"), ("VOLT", "VOLTage"), ("RES", "RESistance"), ("POW", "POWer")):
    _declare_function(_name, _node)


# ---- input, function, sense ----


def _put_function(load: "Load", name: str) -> None:
    """A change of the function switches the input off (Assumed)."""
    if name != load.function:
        load.set_input(False)
        load.function = name


def _put_mode(load: "Load", mode: str) -> None:
    """A change of the mode switches the input off (Assumed)."""
    if mode != load.mode:
        load.set_input(False)
        load.mode = mode


def _put_starts(load: "Load", value: float) -> None:
    load.starts_V = value
    load.apply()


_declare.flag("[:SOURce]:INPut[:STATe]", lambda load: load.input_on, lambda load, on: load.set_input(on))
TREE.command("[:SOURce]:FUNCtion", Word("CURRent", "VOLTage", "RESistance", "POWer"))(_put_function)
TREE.query("[:SOURce]:FUNCtion")(
    lambda load: {"CURR": "CC", "VOLT": "CV", "RES": "CR", "POW": "CP"}[load.function]
)
_declare.keyword(
    "[:SOURce]:FUNCtion:MODE",
    ("FIXed", "LIST", "WAVe", "BATTery", "OCP", "OPP"),
    lambda load: load.mode,
    _put_mode,
)
_declare.flag("[:SOURce]:SENSe[:STATe]", lambda load: load.sense, lambda load, on: setattr(load, "sense", on))
_declare.flag(
    "[:SOURce]:TRANsient[:STATe]",
    lambda load: load.transient,
    lambda load, on: setattr(load, "transient", on),
)
_declare.number(
    "[:SOURce]:CURRent:VON", lambda load: load.starts_V, _put_starts, lambda load: (0.0, 150.0, 0.0)
)


# ---- what is kept and read back, but has no effect here ----


def _stored(load: "Load", pattern: str, default: float) -> float:
    return float(load.stored.get(pattern, default))


def _store(load: "Load", value: float, pattern: str) -> None:
    load.stored[pattern] = value


def _declare_stored(pattern: str, low: float, high: float, default: float, *, whole: bool = False) -> None:
    def read(load: "Load") -> float:
        value = _stored(load, pattern, default)
        return round(value) if whole else value

    _declare.number(
        f"[:SOURce]:{pattern}",
        read,
        partial(_store, pattern=pattern),
        lambda load: (low, high, default),
        whole=whole,
    )


def _declare_stored_word(pattern: str, words: tuple[str, ...], default: str) -> None:
    def read(load: "Load") -> str:
        return str(load.stored.get(pattern, default))

    def write(load: "Load", word: str) -> None:
        load.stored[pattern] = word

    _declare.keyword(f"[:SOURce]:{pattern}", words, read, write)


for _pattern, _low, _high, _default in (
    ("CURRent:SLEW[:BOTH]", 1e-3, 3.0, 0.5),
    ("CURRent:SLEW:POSitive", 1e-3, 3.0, 0.5),
    ("CURRent:SLEW:NEGative", 1e-3, 3.0, 0.5),
    ("CURRent:TRANsient:ALEVel", 0.0, 40.0, 0.0),
    ("CURRent:TRANsient:BLEVel", 0.0, 40.0, 0.0),
    ("CURRent:TRANsient:AWIDth", 1e-5, 3600.0, 0.5),
    ("CURRent:TRANsient:BWIDth", 1e-5, 3600.0, 0.5),
    ("CURRent:TRANsient:FREQuency", 1e-3, 30.0, 1.0),
    ("CURRent:TRANsient:PERiod", 0.03, 1e6, 1.0),
    ("CURRent:TRANsient:ADUTy", 5.0, 95.0, 50.0),
    ("LIST:RANGe", 0.0, 40.0, 40.0),
    ("OCP:RANGe", 4.0, 40.0, 40.0),
    ("OCP:VON", 0.0, 150.0, 0.0),
    ("OCP:VONDelay", 0.0, 999.99, 0.0),
    ("OCP:ISET", 0.0, 40.0, 0.0),
    ("OCP:ISTEp", 0.0, 40.0, 0.0),
    ("OCP:IDELaystep", 0.0, 999.99, 0.0),
    ("OCP:IMAX", 0.0, 40.0, 40.0),
    ("OCP:IMIN", 0.0, 40.0, 0.0),
    ("OCP:VOCP", 0.0, 150.0, 0.0),
    ("OCP:TOCP", 0.0, 999.99, 0.0),
    ("OPP:VON", 0.0, 150.0, 0.0),
    ("OPP:VONDelay", 0.0, 999.99, 0.0),
    ("OPP:PSET", 0.0, 200.0, 0.0),
    ("OPP:PSTEp", 0.0, 200.0, 0.0),
    ("OPP:PDELaystep", 0.0, 999.99, 0.0),
    ("OPP:PMAX", 0.0, 200.0, 200.0),
    ("OPP:PMIN", 0.0, 200.0, 0.0),
    ("OPP:VOPP", 0.0, 150.0, 0.0),
    ("OPP:TOPP", 0.0, 999.99, 0.0),
):
    _declare_stored(_pattern, _low, _high, _default)
_declare_stored("LIST:COUNt", 0.0, 99999.0, 1.0, whole=True)
_declare_stored("LIST:STEP", 2.0, 512.0, 2.0, whole=True)
_declare_stored("WAVe:TSTep", 1.0, 10.0, 1.0, whole=True)
_declare_stored_word("LIST:MODE", ("CC", "CV", "CR", "CP"), "CC")
_declare_stored_word("LIST:END", ("LAST", "OFF"), "OFF")
_declare_stored_word("WAVe:TIMe", ("ADD", "SUB"), "ADD")
_declare_stored_word("CURRent:TRANsient:MODE", ("CONTinuous", "PULSe", "TOGGle"), "CONT")


def _put_list_step(load: "Load", number: int, value: float, what: str) -> None:
    if not 0 <= number <= 512:
        raise ScpiError(*OUT_OF_RANGE)
    load.stored[f"{what} {number}"] = value


def _get_list_step(load: "Load", number: int, what: str) -> str:
    if not 0 <= number <= 512:
        raise ScpiError(*OUT_OF_RANGE)
    return f"{float(load.stored.get(f'{what} {number}', 0.0)):.6f}"


for _pattern in ("LIST:LEVel", "LIST:WIDth", "LIST:SLEW"):
    _step = Number(whole=True)
    TREE.command(f"[:SOURce]:{_pattern}", _step, Number())(partial(_put_list_step, what=_pattern))
    TREE.query(f"[:SOURce]:{_pattern}", _step)(partial(_get_list_step, what=_pattern))


# ---- the discharge of a battery; the guide writes BATTary ----


def _put_test(load: "Load", value: float, name: str) -> None:
    setattr(load.battery, name, value)
    load.apply()


def _get_test(load: "Load", name: str) -> float:
    value: float = getattr(load.battery, name)
    return value


def _bounds_to(load: "Load", high: float) -> Bounds:
    return 0.0, high, 0.0


def _stop_flag(load: "Load", name: str) -> bool:
    value: bool = getattr(load.battery, name)
    return value


for _base in ("[:SOURce]:BATTary", "[:SOURce]:BATTery"):
    for _pattern, _name, _high in (
        (_LEVEL, "level_A", 40.0),
        (":RANGe", "range_A", 40.0),
        (":VON", "starts_V", 150.0),
        (":VSTop", "stop_V", 150.0),
        (":CSTop", "stop_mAh", 999999.0),
        (":TIMestop", "stop_s", 999999.0),
    ):
        _declare.number(
            _base + _pattern,
            partial(_get_test, name=_name),
            partial(_put_test, name=_name),
            partial(_bounds_to, high=_high),
        )
    for _pattern, _name in (
        (":VENabstop", "voltage_stops"),
        (":CENabstop", "capacity_stops"),
        (":TENabstop", "time_stops"),
    ):
        _declare.flag(_base + _pattern, partial(_stop_flag, name=_name), partial(_put_test, name=_name))


# ---- :MEASure, :FETCh ----


def _reading(load: "Load", quantity: str, fresh: bool) -> str:
    return f"{load.read(quantity, fresh=fresh):.6f}"


for _node, _fresh in ((":MEASure", True), (":FETCh", False)):
    for _name, _quantity in (
        ("[:VOLTage]", "VOLT"),
        (":CURRent", "CURR"),
        (":RESistance", "RES"),
        (":POWer", "POW"),
    ):
        TREE.query(f"{_node}{_name}[:DC]")(partial(_reading, quantity=_quantity, fresh=_fresh))
    for _name in ("MAX", "MIN"):
        TREE.query(f"{_node}:VOLTage:{_name}")(partial(_reading, quantity="VOLT", fresh=_fresh))
        TREE.query(f"{_node}:CURRent:{_name}")(partial(_reading, quantity="CURR", fresh=_fresh))
    for _name in ("CAPability", "CAPacity"):
        TREE.query(f"{_node}:{_name}")(lambda load: f"{load.taken_mAh:.6f}")
    for _name in ("WATThours", "WATT"):
        TREE.query(f"{_node}:{_name}")(lambda load: f"{load.circuit.taken_J / 3600.0:.6f}")
    for _name in ("DISChargingtime", "DISCTime"):
        TREE.query(f"{_node}:{_name}")(lambda load: f"{load.discharge_s:.6f}")


# ---- :TRIGger, :SYSTem, :STATus, :DEBug ----

_declare.keyword(
    ":TRIGger:SOURce",
    ("BUS", "EXTernal", "MANUal", "MANual"),
    lambda load: load.trigger_source,
    lambda load, word: setattr(load, "trigger_source", "MAN" if word.startswith("MAN") else word),
)


def _trigger(load: "Load") -> None:
    """Over the bus, if that is the source: switches the input and the transients on."""
    if load.trigger_source == "BUS":
        load.transient = True
        load.set_input(True)


for _pattern in (":TRIGger[:IMMediate]", "*TRG"):
    TREE.command(_pattern)(_trigger)
for _pattern in (":SYSTem:LOCal", ":SYSTem:REMote", ":STATus:PRESet"):
    TREE.command(_pattern)(lambda load: None)
TREE.command(":SYSTem:KEY", Number(whole=True))(lambda load, key: None)
_declare.flag(
    ":DEBug:KEY", lambda load: load.virtual_panel, lambda load, on: setattr(load, "virtual_panel", on)
)
TREE.query(":SYSTem:VERSion")(lambda load: "1999.0")
TREE.query(":SYSTem:KEY")(lambda load: "0")
for _pattern in (":STATus:QUEStionable", ":STATus:OPERation"):
    TREE.query(f"{_pattern}[:EVENt]")(lambda load: "0")
    TREE.query(f"{_pattern}:CONDition")(lambda load: "0")
