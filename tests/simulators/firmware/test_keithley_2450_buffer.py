"""Reading buffers of the simulated 2450: indices, wrapping, back-fill, elements, formats."""

import struct

import pytest

from labctl_simulators.firmware.keithley_2450_buffer import Reading, ReadingBuffer
from tests.simulators.firmware.keithley_bench import Bench, current_source


@pytest.fixture
def bench() -> Bench:
    made = current_source()
    made.send(":OUTP ON")
    return made


def take(bench: Bench, count: int, buffer: str = "defbuffer1") -> None:
    bench.send(f":SENS:COUN {count};:TRAC:TRIG '{buffer}';:SENS:COUN 1")
    assert bench.wait(count * 0.1) == ""


def test_start_and_end_in_one_message_as_the_manual_prints_it(bench: Bench) -> None:
    bench.send('TRACe:MAKE "test1", 100')
    take(bench, 6, "test1")
    assert bench.ask(':TRACe:ACTual:STARt? "test1" ; END? "test1"') == "1;6"


def test_a_continuous_buffer_wraps_and_its_indices_move_on(bench: Bench) -> None:
    bench.send(":TRAC:POIN 10")
    take(bench, 25)
    assert bench.ask(":TRAC:ACT?;ACT:STAR?;END?") == "10;16;25"
    rows = bench.ask(":TRAC:DATA? 16,25,'defbuffer1',REL")
    times = [float(text) for text in rows.split(",")]
    assert times == sorted(times)
    assert len(times) == 10
    assert times[-1] - times[0] == pytest.approx(9 / 15)


def test_back_fill_by_index_after_a_lost_connection(bench: Bench) -> None:
    take(bench, 5)
    seen = bench.ask(":TRAC:ACT:END?")
    bench.port.close(bench.now_s)
    bench.port = bench.device.port()
    take(bench, 3)
    last = bench.ask(":TRAC:ACT:END?")
    assert (seen, last) == ("5", "8")
    assert bench.ask(f":TRAC:DATA? {int(seen) + 1},{last}").count(",") == 2


@pytest.mark.parametrize("indices", ["1,6", "0,1", "3,2", "6,6", "-1,1"])
def test_an_index_that_is_not_there_is_an_error_without_reply(bench: Bench, indices: str) -> None:
    take(bench, 5)
    assert bench.send(f":TRAC:DATA? {indices}") == ""
    assert bench.errors() == [-222]


def test_a_buffer_that_fills_once_keeps_its_first_readings(bench: Bench) -> None:
    bench.send(":TRAC:MAKE 'once', 10")
    take(bench, 12, "once")
    assert bench.ask(":TRAC:ACT:STAR? 'once';END? 'once'") == "1;10"


def test_filling_and_clearing_are_logged(bench: Bench) -> None:
    bench.send("*CLS;:TRAC:POIN 10;:TRAC:CLE")
    take(bench, 10)
    assert bench.ask(":SYST:EVEN:NEXT? INF").startswith("4916,")
    assert bench.ask(":SYST:EVEN:NEXT? INF").startswith("4917,")
    assert bench.errors() == []


def test_change_of_fill_mode_or_size_loses_the_readings_and_delete_the_buffer(bench: Bench) -> None:
    take(bench, 3)
    bench.send(":TRAC:FILL:MODE CONT")
    assert bench.ask(":TRAC:ACT?") == "3"
    bench.send(":TRAC:FILL:MODE ONCE")
    assert bench.ask(":TRAC:ACT?") == "0"
    bench.send(":TRAC:MAKE 'Cyc', 10;:TRAC:DEL 'Cyc';:TRAC:ACT? 'Cyc'")
    assert bench.errors() == [1115]


def test_elements_in_any_order_and_repeated(bench: Bench) -> None:
    fields = bench.ask(
        ":READ? 'defbuffer1',UNIT,SOURUNIT,STAT,REL,READ,READ,DATE,TIME,TST,FORM,FRAC,SEC"
    ).split(",")
    assert fields[:4] == ["Volt", "Ampere", "264", "0.000000E+00"]
    assert fields[4] == fields[5]
    assert fields[6:9] == ["01/01/2026", "00:00:00", "01/01/2026 00:00:00.082667"]
    assert fields[9] == f"{float(fields[4]):+.6E} V"
    assert fields[10:] == ["0.082666667", "1767225600"]
    bench.send(":READ? 'defbuffer1'" + ",READ" * 15)
    assert bench.errors() == [-108]


def test_relative_time_starts_with_the_first_reading_after_clearing(bench: Bench) -> None:
    bench.ask(":READ?")
    bench.wait(100.0)
    bench.send(":TRAC:CLE")
    assert float(bench.ask(":READ? 'defbuffer1',REL")) == 0.0
    bench.wait(10.0)
    assert float(bench.ask(":READ? 'defbuffer1',REL")) == pytest.approx(10.0 + 4 / 60, abs=1e-5)


def test_ascii_precision(bench: Bench) -> None:
    bench.send(":FORM:ASC:PREC 3")
    assert len(bench.ask(":READ?").split("E")[0]) == len("3.00")
    bench.send(":FORM:ASC:PREC 10")
    assert len(bench.ask(":READ?").split("E")[0]) == len("3.000000000")


@pytest.mark.parametrize(("word", "code"), [("REAL", "d"), ("SREal", "f")])
def test_binary_block(bench: Bench, word: str, code: str) -> None:
    take(bench, 3)
    expected = [float(text) for text in bench.ask(":TRAC:DATA? 1,3,'defbuffer1',READ,REL").split(",")]
    bench.send(f":FORM {word}")
    block = bench.ask(":TRAC:DATA? 1,3,'defbuffer1',READ,REL").encode("latin-1")
    assert block[:2] == b"#0"
    assert struct.unpack(f"<6{code}", block[2:]) == pytest.approx(expected, rel=1e-6)
    bench.send(":FORM:BORD NORM")
    block = bench.ask(":FETC? 'defbuffer1',READ").encode("latin-1")
    assert struct.unpack(f">1{code}", block[2:]) == pytest.approx(expected[4:5], rel=1e-6)
    bench.send(":TRAC:DATA? 1,3,'defbuffer1',STAT")
    assert bench.errors() == [1133]


def test_statistics(bench: Bench) -> None:
    bench.send(":TRAC:STAT:AVER?")
    assert bench.errors() == [-230]
    take(bench, 5)
    low, mean, high = (float(bench.ask(f":TRAC:STAT:{word}?")) for word in ("MIN", "AVER", "MAX"))
    assert low <= mean <= high


def test_ring_keeps_the_newest_rows() -> None:
    buffer = ReadingBuffer(10, continuous=True, logs=False)
    filled = [buffer.store(Reading(float(n), 0.0, 0.0, 0.0, 0, "Volt", 0, "Volt")) for n in range(1, 101)]
    assert filled.index(True) == 9
    assert filled.count(True) == 1
    assert [row.reading for row in buffer.rows(91, 100)] == list(range(91, 101))
    assert buffer.newest is not None
    assert buffer.newest.reading == 100.0
