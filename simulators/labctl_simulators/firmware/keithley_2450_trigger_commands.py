"""Trigger-model and sweep commands of the 2450 (2461 Reference Manual pp. 6-102 to 6-108 and 6-180 to 6-235)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labctl_simulators.firmware.keithley_2450_settings import TREE, LONGEST_DELAY_s, command
from labctl_simulators.firmware.keithley_2450_trigger_program import EVENTS, Block
from labctl_simulators.firmware.scpi_parameters import (
    OUT_OF_RANGE,
    Flag,
    Number,
    Parameter,
    ScpiError,
    Text,
    Tokens,
    Word,
    read_arguments,
)

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2450 import Keithley2450

BLOCK = Number(whole=True)
BUFFER = Text(required=False, default="defbuffer1")
EVENT = Word(*EVENTS)
LONGEST_DURATION_s = 100e3
MOST_POINTS = 100_000


# ---- running ----


@command(":INITiate[:IMMediate]")
def _initiate(smu: "Keithley2450") -> None:
    """Assumed: -221 where no block is defined."""
    if not smu.trigger.program.blocks:
        raise ScpiError(-221, "Settings conflict: trigger model is empty")
    smu.trigger.initiate()
    smu.reschedule()


@TREE.command(":ABORt")
def _abort(smu: "Keithley2450") -> None:
    smu.trigger.abort()
    smu.reschedule()


@TREE.command("*TRG")
def _command_trigger(smu: "Keithley2450") -> None:
    smu.trigger.notify("COMM")
    smu.reschedule()


@TREE.query(":TRIGger:STATe")
def _get_state(smu: "Keithley2450") -> str:
    return f"{smu.trigger.state};{smu.trigger.state};{smu.trigger.last_block}"


@TREE.query(":TRIGger:BLOCk:LIST")
def _get_list(smu: "Keithley2450") -> str:
    return smu.trigger.program.listing()


@TREE.query(":TRIGger:BLOCk:BRANch:COUNter:COUNt", BLOCK)
def _get_count(smu: "Keithley2450", number: int) -> str:
    return str(smu.trigger.counters.get(number, 0))


# ---- blocks ----


def _declare_block(pattern: str, kind: str, *parameters: Parameter) -> None:
    @command(f":TRIGger:BLOCk:{pattern}", BLOCK, *parameters)
    def put(smu: "Keithley2450", number: int, *arguments: object) -> None:
        smu.trigger.program.set_block(number, Block(kind, arguments))


_declare_block("SOURce:STATe", "SOURCE_OUTPUT", Flag())
_declare_block("BUFFer:CLEar", "BUFFER_CLEAR", BUFFER)
_declare_block("BRANch:COUNter", "BRANCH_COUNTER", Number(whole=True), BLOCK)
_declare_block("BRANch:COUNter:RESet", "RESET_BRANCH_COUNT", BLOCK)
_declare_block("BRANch:ALWays", "BRANCH_ALWAYS", BLOCK)
_declare_block("BRANch:EVENt", "BRANCH_ON_EVENT", EVENT, BLOCK)
_declare_block("BRANch:ONCE", "BRANCH_ONCE", BLOCK)
_declare_block("BRANch:ONCE:EXCLuded", "BRANCH_ONCE_EXCLUDED", BLOCK)
_declare_block(
    "BRANch:LIMit:CONStant",
    "BRANCH_LIMIT_CONSTANT",
    Word("ABOVe", "BELow", "INside", "OUTside"),
    Number(),
    Number(),
    BLOCK,
    Number(whole=True, required=False, default=0),
)
_declare_block("LOG:EVENt", "LOG_EVENT", Number(whole=True), Text())
_declare_block("NOP", "NOP")


@command(
    ":TRIGger:BLOCk:MEASure", BLOCK, BUFFER, Number(whole=True, words=("INF",), required=False, default=1)
)
def _put_measure(smu: "Keithley2450", number: int, buffer: str, count: int | str) -> None:
    smu.buffer(buffer)
    if isinstance(count, int) and not 1 <= count <= 15_000_000:
        raise ScpiError(*OUT_OF_RANGE)
    smu.trigger.program.set_block(number, Block("MEASURE", (buffer, count)))


@command(":TRIGger:BLOCk:DELay:CONStant", BLOCK, Number())
def _put_delay(smu: "Keithley2450", number: int, duration_s: float) -> None:
    smu.trigger.program.set_block(number, Block("DELAY_CONSTANT", (_checked(duration_s, LONGEST_DELAY_s),)))


@command(":TRIGger:BLOCk:NOTify", BLOCK, Number(whole=True))
def _put_notify(smu: "Keithley2450", number: int, identifier: int) -> None:
    if not 1 <= identifier <= 8:
        raise ScpiError(*OUT_OF_RANGE)
    smu.trigger.program.set_block(number, Block("NOTIFY", (identifier,)))


_NO_EVENT = Word(*EVENTS, required=False)


@command(
    ":TRIGger:BLOCk:WAIT",
    BLOCK,
    EVENT,
    Word("ENTer", "NEVer", required=False, default="NEV"),
    Word("AND", "OR", required=False, default="OR"),
    _NO_EVENT,
    _NO_EVENT,
)
def _put_wait(
    smu: "Keithley2450", number: int, event: str, clear: str, logic: str, *others: str | None
) -> None:
    events = (event, *(other for other in others if other is not None))
    smu.trigger.program.set_block(number, Block("WAIT", (clear, logic, *events)))


def _checked(value: float, largest: float) -> float:
    if not 0.0 <= value <= largest:
        raise ScpiError(*OUT_OF_RANGE)
    return value


# ---- templates ----


def _simple_loop(count: int, delay_s: float, buffer: str) -> list[Block]:
    if count < 1:
        raise ScpiError(*OUT_OF_RANGE)
    return [
        Block("BUFFER_CLEAR", (buffer,)),
        Block("DELAY_CONSTANT", (_checked(delay_s, LONGEST_DELAY_s),)),
        Block("MEASURE", (buffer, 1)),
        Block("BRANCH_COUNTER", (count, 2)),
    ]


def _duration_loop(duration_s: float, delay_s: float, buffer: str, kind: str) -> list[Block]:
    """Turns the output on (2450 Reference Manual p. 3-104). Assumed: and leaves it on."""
    return [
        Block("BUFFER_CLEAR", (buffer,)),
        Block("SOURCE_OUTPUT", (True,)),
        Block("DELAY_CONSTANT", (_checked(delay_s, LONGEST_DELAY_s),)),
        Block("MEASURE", (buffer, 1)),
        Block("DURATION", (_checked(duration_s, LONGEST_DURATION_s), 3)),
    ]


def _declare_loop(pattern: str, template: str) -> None:
    """The commands of the first firmware, before the templates had names (2450 Reference Manual p. 6-163)."""

    @command(pattern, Tokens())
    def load_loop(smu: "Keithley2450", parameters: tuple[str, ...]) -> None:
        _load(smu, template, parameters)


_declare_loop(":TRIGger:LOAD:LOOP:SIMPle", "SimpleLoop")
_declare_loop(":TRIGger:LOAD:LOOP:DURation", "DurationLoop")

_DELAY = Number(required=False, default=0.0)
_ASYMPTOTE = Number(required=False, default=0.0)
_TEMPLATES: dict[str, tuple[Callable[..., list[Block]], tuple[Parameter, ...]]] = {
    "EMPTY": (list, ()),
    "SIMPLELOOP": (_simple_loop, (Number(whole=True), _DELAY, BUFFER)),
    "DURATIONLOOP": (
        _duration_loop,
        (Number(), _DELAY, BUFFER, Word("ACTive", "MEASure", required=False, default="ACT")),
    ),
}


@command(":TRIGger:LOAD", Text(), Tokens())
def _load(smu: "Keithley2450", name: str, parameters: tuple[str, ...]) -> None:
    """Assumed: the blocks of the templates; the manuals name what they do."""
    if name.upper() not in _TEMPLATES:
        raise ScpiError(1130, "Parameter 1, Syntax error, expected valid name parameters")
    make, kinds = _TEMPLATES[name.upper()]
    arguments = read_arguments(parameters, kinds)
    for argument in arguments:
        if isinstance(argument, str) and argument not in ("ACT", "MEAS"):
            smu.buffer(argument)
    smu.trigger.program.load(*make(*arguments))


_RANGING = Word("AUTO", "BEST", "FIXed", required=False, default="BEST")
_AFTER_THE_WAY = (
    _DELAY,
    Number(whole=True, required=False, default=1),
    _RANGING,
    Flag(required=False, default=True),
    Flag(required=False, default=False),
    BUFFER,
)


def _declare_sweep(node: str, function: str) -> None:
    """Staircases; the trigger model made here turns the output on and off again (2450 manual pp. 6-81 to 6-88)."""
    way = f":SOURce[1]:SWEep:{node}"

    @command(f"{way}:LINear", Number(), Number(), Number(whole=True), *_AFTER_THE_WAY)
    def linear(smu: "Keithley2450", start: float, stop: float, points: int, *others: Any) -> None:
        _sweep(smu, function, _evenly(start, stop, points), *others)

    @command(f"{way}:LINear:STEP", Number(), Number(), Number(), *_AFTER_THE_WAY)
    def by_steps(smu: "Keithley2450", start: float, stop: float, step: float, *others: Any) -> None:
        if not step or (stop - start) / step < 0.0:
            raise ScpiError(*OUT_OF_RANGE)
        points = int((stop - start) / step * (1.0 + 1e-9)) + 1
        _sweep(smu, function, _evenly(start, start + (points - 1) * step, points), *others)

    @command(f"{way}:LOG", Number(), Number(), Number(whole=True), *_AFTER_THE_WAY, _ASYMPTOTE)
    def logarithmic(smu: "Keithley2450", start: float, stop: float, points: int, *others: Any) -> None:
        *before, asymptote = others
        if not (start - asymptote) * (stop - asymptote) > 0.0:
            raise ScpiError(*OUT_OF_RANGE)
        exponents = _evenly(0.0, 1.0, points)
        ratio = (stop - asymptote) / (start - asymptote)
        _sweep(smu, function, [asymptote + (start - asymptote) * ratio**x for x in exponents], *before)


def _evenly(start: float, stop: float, points: int) -> list[float]:
    if not 2 <= points <= MOST_POINTS:
        raise ScpiError(*OUT_OF_RANGE)
    return [start + (stop - start) * n / (points - 1) for n in range(points)]


def _sweep(
    smu: "Keithley2450",
    function: str,
    levels: list[float],
    delay_s: float,
    count: int,
    ranging: str,
    fail_abort: bool,
    dual: bool,
    buffer: str,
) -> None:
    if count < 1 or count * len(levels) > MOST_POINTS:
        raise ScpiError(*OUT_OF_RANGE)
    smu.buffer(buffer)
    smu.select_source(function)
    smu.source.check_level(function, levels[0])
    smu.source.check_level(function, levels[-1])
    if ranging != "FIX":
        smu.source.settings[function].fixed_range = None
    if ranging == "BEST":
        smu.source.set_range(function, max(abs(levels[0]), abs(levels[-1])))
    if dual:
        levels += levels[-2::-1]
    smu.trigger.program.load(*_sweep_blocks(levels, count, max(delay_s, 0.0), fail_abort, buffer))


def _sweep_blocks(
    levels: list[float], count: int, delay_s: float, fail_abort: bool, buffer: str
) -> list[Block]:
    return [
        Block("SOURCE_OUTPUT", (True,)),
        Block("SOURCE_LEVEL", tuple(levels)),
        Block("DELAY_CONSTANT", (delay_s,)),
        Block("MEASURE", (buffer, 1)),
        Block("BRANCH_ON_EVENT", ("SLIM" if fail_abort else "NONE", 7)),
        Block("BRANCH_COUNTER", (len(levels) * count, 2)),
        Block("SOURCE_OUTPUT", (False,)),
    ]


_declare_sweep("CURRent", "CURR")
_declare_sweep("VOLTage", "VOLT")
