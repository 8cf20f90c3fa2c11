"""The SCPI grammar of the 2461 Reference Manual pp. 5-1 to 5-5, on a small tree of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.firmware.scpi import MAX_LINE_BYTES, CommandTree, LineBuffer, split_outside_quotes
from labctl_simulators.firmware.scpi_parameters import PRESET, Flag, Number, ScpiError, Text, Tokens, Word


class Seen(list[str]):
    """An instrument that remembers what ran."""


TREE = CommandTree()


def _declare(pattern: str, *parameters: object) -> None:
    @TREE.command(pattern, *parameters)  # type: ignore[arg-type]
    def run(seen: Seen, *arguments: object) -> None:
        seen.append(" ".join([pattern, *map(repr, arguments)]))


_declare("*CLS")
_declare("[:SENSe[1]]:CURRent[:DC]:RELative", Number())
_declare("[:SENSe[1]]:CURRent[:DC]:RELative:STATe", Flag())
_declare(":SOURce[1]:CURRent[:LEVel][:IMMediate][:AMPLitude]", Number(presets=True))
_declare(":OUTPut[1][:STATe]", Flag())
_declare(":OUTPut[1]:SMODe", Word("NORMal", "HIMPedance"))
_declare(":TRACe:MAKE", Text(), Number(whole=True), Word("STANdard", required=False, default="STAN"))
_declare(":TRACe:DATA", Text(), Word("READing", "RELative", repeats=True, required=False))
_declare(":TRIGger:LOAD", Text(), Tokens())


@TREE.query(":SOURce[1]:CURRent[:LEVel][:IMMediate][:AMPLitude]", PRESET)
def _level(seen: Seen, preset: str | None) -> None:
    seen.append(f"level? {preset}")


def run(message: str) -> tuple[list[str], int | None]:
    """What ran, and the error that ended the message."""
    seen = Seen()
    try:
        for call in TREE.compile(message):
            call.run(seen, *call.arguments)
    except ScpiError as error:
        return seen, error.code
    return seen, None


LEVEL = ":SOURce[1]:CURRent[:LEVel][:IMMediate][:AMPLitude]"


@pytest.mark.parametrize(
    "header",
    [
        ":SOUR:CURR",
        "SOUR:CURR",
        "sour1:curr",
        ":SOURCE1:CURRENT:LEVEL:IMMEDIATE:AMPLITUDE",
        ":SoUr:CuRrEnT:aMpL",
        "SOUR:CURR:IMM",
        "SOURCE:CURR:LEV:AMPL",
    ],
)
def test_short_and_long_forms_in_any_case_with_optional_parts_left_out(header: str) -> None:
    assert run(f"{header} 1E-3") == ([f"{LEVEL} 0.001"], None)


@pytest.mark.parametrize(
    "header", [":SOURC:CURR", ":SOUR2:CURR", ":SOUR:CURRE", "SOUR::CURR", ":", "SOUR", "?"]
)
def test_anything_between_the_short_and_the_long_form_is_undefined(header: str) -> None:
    assert run(f"{header} 1") == ([], -113)


def test_a_command_without_colon_continues_the_path_and_one_with_colon_starts_at_the_root() -> None:
    relative = "[:SENSe[1]]:CURRent[:DC]:RELative"
    assert run("SENS:CURR:REL 0.5; REL:STAT ON") == ([f"{relative} 0.5", f"{relative}:STATe True"], None)
    assert run("SENS:CURR:REL 0.5; OUTP ON") == ([f"{relative} 0.5"], -113)
    assert run("SENS:CURR:REL 0.5;*CLS;REL:STAT 0;:OUTP ON")[0][1:] == [
        "*CLS",
        f"{relative}:STATe False",
        ":OUTPut[1][:STATe] True",
    ]


def test_each_message_starts_at_the_root() -> None:
    run("SENS:CURR:REL 0.5")
    assert run("REL:STAT ON") == ([], -113)


def test_an_invalid_command_ends_the_message_and_what_follows_is_ignored() -> None:
    assert run(":OUTP ON;:FOO;:OUTP OFF") == ([":OUTPut[1][:STATe] True"], -113)
    assert run(":OUTP ON;:OUTP MAYBE;:OUTP OFF") == ([":OUTPut[1][:STATe] True"], 1130)


@pytest.mark.parametrize("message", ["", ";", " ; ;", ":OUTP ON;", ":OUTP ON ; ", ":*CLS", "\t:OUTP\tON\r"])
def test_empty_commands_carriage_returns_and_a_colon_before_a_common_command_are_tolerated(
    message: str,
) -> None:
    assert run(message)[1] is None


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (":SOUR:CURR", -109),
        (":SOUR:CURR ,", -109),
        (":SOUR:CURR 1,2", -108),
        (":OUTP 2", 1130),
        (":SOUR:CURR 1_000", -104),
        (":SOUR:CURR nan", -104),
        (":SOUR:CURR inf", -104),
        (":SOUR:CURR 0x10", -104),
        (":SOUR:CURR 1e999", -222),
        (":SOUR:CURR \uff11", -104),
        (":SOUR:CURR 'MIN'", -104),
        (":TRAC:MAKE cyc, 10", -104),
        (":TRAC:MAKE 'cyc\", 10", -104),
        (":OUTP:SMOD HIMPED", 1130),
        (":TRAC:DATA 'a', READ, SOUR", 1132),
        (":SOUR:CURR? SOMETHING", 1130),
        (":OUTP:SMOD?", -113),
    ],
)
def test_wrong_parameters(message: str, code: int) -> None:
    assert run(message) == ([], code)


def test_strings_in_either_quote_may_hold_separators() -> None:
    assert run(""":TRAC:MAKE "a;b,'c", 10""")[0] == [""":TRACe:MAKE "a;b,'c" 10 'STAN'"""]
    assert run(":TRAC:MAKE 'a', 10, ")[0] == [":TRACe:MAKE 'a' 10 'STAN'"]


def test_minimum_maximum_and_default_are_read_in_commands_and_queries() -> None:
    assert run(":SOUR:CURR MAXimum;CURR? def")[0] == [f"{LEVEL} 'MAX'", "level? DEF"]


def test_a_repeating_parameter_takes_the_rest() -> None:
    assert run(":TRAC:DATA 'a', rel, READING")[0] == [":TRACe:DATA 'a' ('REL', 'READ')"]
    assert run(":TRIG:LOAD 'x', 1, 'b'")[0] == [""":TRIGger:LOAD 'x' ('1', "'b'")"""]


@given(st.lists(st.binary(max_size=12)), st.binary(max_size=30))
def test_lines_do_not_depend_on_how_the_bytes_arrive(chunks: list[bytes], trailing: bytes) -> None:
    data = b"".join(chunks) + b"\n" + trailing
    whole, split, single = LineBuffer(), LineBuffer(), LineBuffer()
    whole.feed(data)
    for chunk in [*chunks, b"\n", trailing]:
        split.feed(chunk)
    for value in data:
        single.feed(bytes([value]))
    assert _lines(whole) == _lines(split) == _lines(single) == data.split(b"\n")[:-1]


def _lines(buffer: LineBuffer) -> list[bytes]:
    lines = []
    while (line := buffer.pop()) is not None:
        lines.append(line.removesuffix(b"\n"))
    return lines


def test_a_line_that_is_too_long_is_dropped_whole_however_it_arrives() -> None:
    data = b"x" * (MAX_LINE_BYTES + 1) + b"\n*CLS\n"
    whole, split = LineBuffer(), LineBuffer()
    dropped = whole.feed(data)
    split_dropped = sum(split.feed(data[start : start + 1000]) for start in range(0, len(data), 1000))
    assert dropped == split_dropped == 1
    assert _lines(whole) == _lines(split) == [b"*CLS"]


def test_an_endless_line_does_not_grow() -> None:
    buffer = LineBuffer()
    for _ in range(100):
        buffer.feed(b"x" * 10_000)
    assert buffer.empty is False
    assert buffer.feed(b"\n") == 1
    assert buffer.empty


@given(st.text(alphabet="a;'\"", max_size=20))
def test_splitting_keeps_every_character(text: str) -> None:
    assert ";".join(split_outside_quotes(text, ";")) == text


@given(st.binary(max_size=200))
def test_no_message_breaks_the_compiler(message: bytes) -> None:
    run(message.decode("latin-1"))
