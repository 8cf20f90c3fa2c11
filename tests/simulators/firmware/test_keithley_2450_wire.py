"""The simulated 2450 at the wire: transcripts with the manuals' texts, errors, split input, garbage."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware import Device, WirePort
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from tests.simulators.firmware.keithley_bench import Bench, current_source, new_bench


@pytest.fixture
def bench() -> Bench:
    return current_source()


# `>` is sent, `<` is answered; a line without `<` after it is answered by nothing. LF ends each.
TRANSCRIPT = """
> *IDN?
< KEITHLEY INSTRUMENTS,MODEL 2450,04412345,1.7.12b
> *LANG?
< SCPI
> *RST;:stat:pres;:*CLS;
> SYST:ERR?
< 0,"No error;0,0,0"
> *OPC?
< 1
> *TST?
< 0
> :SOUR:FUNC?;:SENS:FUNC?;:OUTP?
< VOLT;"CURR:DC";0
> :SOUR:CURR:VLIM?;:SOUR:VOLT:ILIM?
< 2.100000E+01;1.050000E-04
> :SOUR:CURR:VLIM? MIN;VLIM? MAX;VLIM? DEF
< 2.000000E-02;2.100000E+02;2.100000E+01
> :OUTP:SMOD?
< NORM
> :OUTP:CURR:SMOD HIMP;:OUTP:CURR:SMOD?;:OUTP:VOLT:SMOD?
< HIMP;NORM
> :OUTP:SMOD HIMPedance
> :OUTP:VOLT:SMOD?
< HIMP
> SOUR:FUNC CURR
> :SOUR:FUNC?
< CURR
> :SOUR:CURR:LEV 0.0001131
> :SOUR:CURR?;:SOUR:CURR:RANG?;:SOUR:CURR:RANG:AUTO?
< 1.131000E-04;1.000000E-03;1
> :SOUR:CURR:RANG 0.5E-3;:SOUR:CURR:RANG?;RANG:AUTO?
< 1.000000E-03;0
> :SOUR:CURR:VLIM -2.5;:SOUR:CURR:VLIM?;VLIM:TRIP?
< 2.500000E+00;0
> :SOUR:CURR:READ:BACK?;:SOUR:CURR:READ:BACK OFF;BACK?
< 1;0
> :SOUR:CURR:DEL 0.25;:SOUR:CURR:DEL?;:SOUR:CURR:DEL:AUTO?
< 2.500000E-01;0
> :SOUR:VOLT:PROT?;PROT PROT20;PROT?;PROT:TRIP?
< NONE;PROT20;0
> :SOUR:CURR:VLIM 30
> SYST:ERR:COUN?
< 1
> SYST:ERR:CODE?
< -222
> :SENS:FUNC 'VOLT'
> :SENS:FUNC?
< "VOLT:DC"
> :SENS:VOLT:NPLC 1.000000;
> VOLT:NPLC?;RSEN?;RSEN ON;RSEN?;:SENS:CURR:RSEN?
< 1.000000E+00;0;1;0
> :SENS:VOLT:AZER?;AVER?;AVER:COUN?;TCON?
< 1;0;10;REP
> COUN 6;COUN?
< 6
> :ROUT:TERM?;TERM REAR;TERM?
< FRON;REAR
> :OUTP:INT:TRIP?
< 1
> :FORM?;:FORM:ASC:PREC?;:SYST:ACC?
< ASC;0;FULL
> :TRAC:MAKE "cyc", 200
> :TRAC:POIN? "cyc";FILL:MODE? "cyc";MODE?
< 200;ONCE;CONT
> :TRAC:MAKE "cyc", 20
> SYST:ERR:CODE?
< 1115
> :TRIG:STAT?
< EMPTY;EMPTY;0
> *ESE 32;*ESE?;*SRE 4;*SRE?
< 32;4
"""


def _exchanges(transcript: str) -> list[tuple[str, str]]:
    """(sent, received) pairs; received is empty where nothing is answered."""
    pairs: list[tuple[str, str]] = []
    for line in transcript.strip().splitlines():
        if line.startswith("> "):
            pairs.append((line[2:], ""))
        else:
            pairs[-1] = (pairs[-1][0], line[2:] + "\n")
    return pairs


def test_transcript() -> None:
    port = Keithley2450(Resistor(100.0)).port()
    for sent, received in _exchanges(TRANSCRIPT):
        assert port.receive(sent.encode() + b"\n", 0.0).decode() == received, sent


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_transcript_in_one_stream_with_carriage_returns_in_any_split(size: int) -> None:
    stream = "".join(sent + "\r\n" for sent, _ in _exchanges(TRANSCRIPT)).encode() + b"*IDN"
    port = Keithley2450(Resistor(100.0)).port()
    received = b"".join(port.receive(stream[n : n + size], 0.0) for n in range(0, len(stream), size))
    assert received.decode() == "".join(reply for _, reply in _exchanges(TRANSCRIPT))


def drain(port: WirePort, now_s: float = 0.0) -> bytes:
    """Wake the port until nothing is due; the output."""
    output = b""
    while (due_s := port.next_wake()) is not None:
        now_s = max(now_s, due_s)
        output += port.wake(now_s)
    return output


READING_STREAM = (
    b":SOUR:FUNC CURR;:SOUR:CURR 1E-3;:SENS:FUNC 'VOLT';:OUTP ON\n:READ?\n"
    b':READ? "defbuffer1",SOUR,READ,REL;*IDN?;:OUTP?\nFOO;*IDN?\n:SENS:COUN 3;:READ?;:TRAC:ACT?\n:SYST:ERR:CODE?\n:RE'
)


@given(cuts=st.lists(st.integers(0, len(READING_STREAM)), max_size=8))
def test_replies_do_not_depend_on_how_the_bytes_arrive_while_readings_take_their_time(
    cuts: list[int],
) -> None:
    whole = Keithley2450(Resistor(100.0), seed=1).port()
    expected = whole.receive(READING_STREAM, 0.0) + drain(whole)
    split = Keithley2450(Resistor(100.0), seed=1).port()
    edges = [0, *sorted(cuts), len(READING_STREAM)]
    received = b"".join(split.receive(READING_STREAM[a:b], 0.0) for a, b in pairwise(edges))
    assert received + drain(split) == expected
    assert expected.count(b"\n") == 4
    assert expected.endswith(b";5\n-113\n")


def test_same_seed_same_bytes_and_another_seed_other_noise() -> None:
    def run(seed: int) -> bytes:
        port = Keithley2450(Resistor(100.0), seed).port()
        return port.receive(READING_STREAM, 0.0) + drain(port)

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_a_reading_takes_its_aperture_and_what_follows_waits(bench: Bench) -> None:
    bench.send(":OUTP ON;:SENS:VOLT:NPLC 10;AZER OFF;:SOUR:CURR:READ:BACK OFF")
    bench.wait(1.0)
    started_s = bench.now_s
    assert bench.send(":READ?") == ""
    assert bench.send("*IDN?") == ""
    bench.now_s += 0.16
    assert bench.port.wake(bench.now_s) == b""
    assert bench.port.next_wake() == pytest.approx(started_s + 10 / 60)
    bench.now_s += 0.01
    assert bench.port.wake(bench.now_s).count(b"\n") == 2


@pytest.mark.parametrize(("switched", "factor"), [("AZER ON", 2), ("AVER ON;:SENS:VOLT:AVER:COUN 5", 5)])
def test_autozero_and_averaging_make_a_reading_slower(bench: Bench, switched: str, factor: int) -> None:
    bench.send(f":SENS:VOLT:AZER OFF;:SOUR:CURR:READ:BACK OFF;:SENS:VOLT:{switched}")
    bench.send(":READ?")
    assert bench.port.next_wake() == pytest.approx(factor / 60)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (":SOUR:CURR 1.06", -222),
        (":SOUR:CURR -1.06", -222),
        (":SOUR:VOLT 211", -222),
        (":SOUR:CURR:VLIM 0.01", -222),
        (":SOUR:CURR:VLIM 211", -222),
        (":SOUR:VOLT:ILIM 1.06", -222),
        (":SOUR:CURR:DEL 10001", -222),
        (":SENS:VOLT:NPLC 0.001", -222),
        (":SENS:VOLT:NPLC 11", -222),
        (":SENS:VOLT:RANG 300", -222),
        (":FORM:ASC:PREC 17", -222),
        (":TRAC:MAKE 'small', 9", -222),
        (":TRAC:MAKE 'large', 6875001", -222),
        (":SENS:FUNC 'TEMP'", 1130),
        (":SOUR:VOLT:PROT PROT3", 1130),
        (":TRAC:CLE 'nowhere'", 1115),
        (":TRAC:DEL 'defbuffer1'", 1115),
        (":FETC?", -230),
        (":TRAC:DATA?", -109),
        (":TRAC:DATA? 1,1", -222),
        ("*LANG TSP", 1130),
        ("smua.source.leveli = 1", -113),
        ("print(1)", -113),
    ],
)
def test_errors_are_queued_nothing_is_answered_and_nothing_changes(
    bench: Bench, message: str, code: int
) -> None:
    state = (
        ":SOUR:CURR?;CURR:VLIM?;DEL?;:SOUR:VOLT?;VOLT:ILIM?;PROT?;"
        ":SENS:VOLT:NPLC?;RANG:AUTO?;:SENS:FUNC?;:FORM:ASC:PREC?"
    )
    before = bench.ask(state)
    assert bench.send(message) == ""
    assert bench.port.next_wake() is None
    assert bench.errors() == [code]
    assert bench.ask(state) == before


def test_error_message_format(bench: Bench) -> None:
    bench.wait(75.871)
    bench.send("FOO:BAR")
    assert bench.ask(":SYST:ERR?") == '-113,"Undefined header;1;2026/01/01 00:01:15.871"'
    bench.send(":SOUR:CURR 9")
    assert bench.ask(":SYST:EVEN:NEXT? ERR").startswith('-222,"Parameter data out of range;1,')


def test_limit_has_to_exceed_a_thousandth_of_a_fixed_measure_range(bench: Bench) -> None:
    bench.send(":SENS:VOLT:RANG 200;:SOUR:CURR:VLIM 0.2")
    assert bench.errors() == [-222]
    bench.send(":SENS:VOLT:RANG:AUTO ON;:SOUR:CURR:VLIM 0.2")
    assert bench.errors() == []


def test_level_beyond_a_fixed_range_is_refused_and_not_clipped(bench: Bench) -> None:
    bench.send(":SOUR:CURR:RANG 1E-3;:SOUR:CURR 1E-3;:SOUR:CURR 2E-3")
    assert bench.errors() == [-222]
    assert float(bench.ask(":SOUR:CURR?")) == 1e-3


def test_status_byte_and_standard_event_register(bench: Bench) -> None:
    assert bench.ask("*ESR?") == "128"  # power on
    bench.send("*ESE 32;*SRE 32")
    assert bench.ask("*STB?") == "0"
    bench.send("FOO")
    assert bench.ask("*STB?") == str(4 + 32 + 64)
    assert bench.ask("*ESR?;*ESR?") == "32;0"
    bench.send(":SOUR:CURR 9;")
    assert bench.ask("*ESR?") == "16"
    bench.send("*OPC;*CLS")
    assert bench.ask("*STB?;*ESR?") == "0;1"


def test_mapped_events_set_and_clear_bits(bench: Bench) -> None:
    bench.send(":STAT:OPER:MAP 0, 4917, 4916;:STAT:OPER:ENAB 1;:TRAC:POIN 10;:SENS:COUN 10")
    bench.ask(":READ?")
    assert bench.ask("*STB?;:STAT:OPER:COND?;EVEN?;EVEN?") == "128;1;1;0"
    bench.send(":TRAC:CLE")
    assert bench.ask(":STAT:OPER:COND?") == "0"


def test_event_log_is_bounded() -> None:
    port = Keithley2450(Resistor(100.0)).port()
    port.receive(b"FOO\n" * 3000, 0.0)
    assert port.receive(b":SYST:ERR:COUN?\n", 0.0) == b"1000\n"


def test_several_connections_share_one_instrument_and_keep_their_own_messages(bench: Bench) -> None:
    other = bench.device.port()
    assert other.receive(b"*ID", bench.now_s) == b""
    assert bench.send(":READ?") == ""
    assert other.receive(b"N?\n:OUTP ON\n", bench.now_s).startswith(b"KEITHLEY")
    assert bench.output_on()
    assert bench.wait(1.0).count("\n") == 1
    other.close(bench.now_s)
    assert bench.output_on(), "a lost connection changes nothing"
    assert bench.ask(":OUTP?") == "1"


def test_a_connection_that_closes_takes_its_pending_reading_with_it(bench: Bench) -> None:
    bench.send(":READ?")
    bench.port.close(bench.now_s)
    bench.port = bench.device.port()
    assert bench.ask(":TRAC:ACT?") == "0"
    assert bench.port.next_wake() is None


@pytest.mark.parametrize("model", ["2450", "2460", "2461", "2470"])
def test_models_answer_their_name_and_keep_their_limits(model: str) -> None:
    bench = new_bench(model=model)
    assert bench.ask("*IDN?") == f"KEITHLEY INSTRUMENTS,MODEL {model},04412345,1.7.12b"
    largest_A, largest_V = {"2450": (1.05, 210), "2470": (1.05, 1100)}.get(model, (7.35, 105))
    bench.send(f":SOUR:FUNC CURR;:SOUR:CURR {largest_A};CURR:VLIM {largest_V}")
    assert bench.errors() == []
    bench.send(f":SOUR:CURR {largest_A * 1.01}")
    assert bench.errors() == [-222]


def words(text: str) -> list[str]:
    return text.split()


COMMANDS = st.sampled_from(
    words("""
    *IDN? *RST *TRG *WAI *OPC? :INIT :ABOR :READ? :FETC? :OUTP :OUTP? :SOUR:CURR :SOUR:FUNC
    :SOUR:VOLT :SENS:COUN :TRAC:DATA? :TRAC:MAKE :TRAC:DEL :TRAC:POIN :TRAC:FILL:MODE :TRIG:LOAD
    :TRIG:BLOC:MEAS :TRIG:BLOC:BRAN:ALW :TRIG:BLOC:BRAN:COUN :TRIG:BLOC:WAIT :TRIG:BLOC:DEL:CONS
    :TRIG:STAT? :TRIG:BLOC:LIST? :SYST:ERR? :FORM :OUTP:SMOD :SENS:VOLT:RANG :SOUR:SWE:CURR:LIN
    :STAT:OPER:MAP :TRIG:BLOC:BRAN:EVEN :TRIG:BLOC:SOUR:STAT
""")
)
ARGUMENTS = st.sampled_from(
    words("""
    0 1 2 -1 1e300 ON CURR VOLT 'defbuffer1' "b" 'SimpleLoop' 'DurationLoop' INF HIMP REAL COMM
    SLIM READ REL DATE nonsense ' 10 0.001 MAX
""")
)
LINES = st.builds(lambda head, tail: f"{head} {','.join(tail)}", COMMANDS, st.lists(ARGUMENTS, max_size=5))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(LINES.map(str.encode), st.binary(max_size=40)), max_size=25))
def test_no_input_breaks_the_instrument(lines: list[bytes]) -> None:
    device = Keithley2450(Resistor(100.0))
    port = device.port()
    for number, line in enumerate(lines):
        port.receive(line + b"\n", number * 0.01)
    for second in range(1, 5):
        port.wake(10.0 * second)
    port.receive(b"\n:ABOR\n", 50.0)
    late = device.port()
    assert late.receive(b":OUTP OFF;:OUTP?\n", 51.0).endswith(b"0\n")


def test_a_flood_does_not_grow_memory_or_output() -> None:
    device = Keithley2450(Resistor(100.0))
    port = device.port()
    port.receive(b":SENS:COUN 300000;:READ?\n", 0.0)
    tracemalloc.start()
    try:
        for _ in range(200):
            port.receive(b":TRAC:DATA? 1,10;" * 1000 + b"\n", 0.0)
        assert tracemalloc.get_traced_memory()[0] < 3_000_000
    finally:
        tracemalloc.stop()
    fresh: Device = Keithley2450(Resistor(100.0))
    client = fresh.port()
    client.receive(b":SENS:COUN 2000;:READ?\n", 0.0)
    client.wake(1000.0)
    first = client.receive(b":TRAC:DATA? 1,2000,'defbuffer1',READ,SOUR,REL\n" * 200, 1000.0)
    assert len(first) < 1_200_000
    assert client.next_wake() == 1000.0
    assert len(first + drain(client)) > 15_000_000
