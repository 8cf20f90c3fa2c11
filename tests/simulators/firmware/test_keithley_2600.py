"""The simulated 2601B line by line: a transcript, what a script may and may not, and what it does to the cell."""

import struct

import pytest

from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keithley_2600 import Keithley2600
from tests.simulators.firmware.keithley_bench import Battery
from tests.simulators.firmware.test_keithley_2400 import Talk

# What is sent, and what is answered; None: nothing. 2600BS-901-01 Rev. F section 9, as other people's drivers cite it.
TRANSCRIPT = (
    ("*IDN?", "Keithley Instruments Inc., Model 2601B, 4388888, 3.0.4"),
    ("print(errorqueue.next())", "0.00000e+00\tQueue Is Empty\t0.00000e+00\t1.00000e+00"),
    ("print(smua.source.offmode)", "0.00000e+00"),
    ("smua.source.offmode = smua.OUTPUT_HIGH_Z", None),
    ("print(smua.source.offmode, smua.source.output)", "2.00000e+00\t0.00000e+00"),
    ("smua.source.func = smua.OUTPUT_DCAMPS print(smua.source.func)", "0.00000e+00"),
    ("smua.source.rangei = 2e-3 print(smua.source.rangei)", "1.00000e-02"),
    ("smua.source.leveli = 0.1", None),
    ("print(errorqueue.count)", "1.00000e+00"),
    ("print(errorqueue.next())", "1.10100e+03\tParameter too big\t2.00000e+01\t1.00000e+00"),
    ("smua.source.leveli = 1e-3 print(smua.source.leveli)", "1.00000e-03"),
    ("smua.source.limitv = 1.5 print(smua.source.limitv)", "1.50000e+00"),
    ("smua.source.leveli = = 1", None),
    ("print(string.format('%d', errorqueue.next()))", "-285"),
    ("smuc.source.leveli = 1", None),
    ("print(string.format('%d', errorqueue.next()))", "-286"),
    ("smua.source.compliance = true print('not reached')", None),
    ("print(string.format('%d', errorqueue.next()))", "-286"),
    ("print(smua.source.compliance, nil, 'text')", "false\tnil\ttext"),
    ("format.asciiprecision = 10 print(smua.source.limitv)", "1.500000000e+00"),
    ("for n = 1, 2 do print(n) end", "1.000000000e+00\n2.000000000e+00"),
    ("loadscript twice\nfunction f(x) return 2 * x end\nprint(f(21))\nendscript", None),
    ("twice()", "4.200000000e+01"),
)


def test_transcript() -> None:
    talk = Talk(Keithley2600(Resistor(100.0)).port())
    for sent, answered in TRANSCRIPT:
        assert talk.ask(sent) == answered, sent


def source(cell: object, limit_V: float) -> Talk:
    talk = Talk(Keithley2600(cell).port())  # type: ignore[arg-type]
    talk.send(
        "smua.source.offmode = 2 smua.source.func = 0 smua.source.rangei = 1e-3 smua.source.leveli = 1e-3"
    )
    talk.send(f"smua.source.limitv = {limit_V} smua.source.output = 1")
    return talk


def test_a_reading_takes_its_time_and_the_limit_is_told() -> None:
    talk = source(Resistor(1000.0), 2.0)
    assert talk.ask("print(smua.measure.iv())") == "1.00000e-03\t1.00000e+00"
    assert talk.now_s == pytest.approx(2.0 / 60.0)
    talk.send("smua.source.limitv = 0.5")
    assert talk.ask("print(smua.source.compliance, smua.measure.iv())") == "true\t5.00000e-04\t5.00000e-01"
    talk.send("smua.measure.count = 3 smua.measure.v(smua.nvbuffer1)")
    assert talk.ask("printbuffer(1, smua.nvbuffer1.n, smua.nvbuffer1.readings)") == ", ".join(
        ["5.00000e-01"] * 3
    )


def test_the_normal_off_mode_drains_a_cell_and_high_z_does_not() -> None:
    battery = Battery(3.0)
    talk = source(battery, 5.0)
    talk.send("smua.source.output = 0")
    put_in_C = battery.charge_C
    talk.now_s = 1000.0
    talk.send("smua.source.offmode = 0")
    assert battery.charge_C == put_in_C
    talk.now_s = 2000.0
    talk.send("smua.source.offmode = 2")
    assert battery.charge_C == pytest.approx(-1e-3 * 1000.0, rel=1e-3)


def test_a_script_cannot_leave_the_instrument_nor_hang_it() -> None:
    talk = Talk(Keithley2600(Resistor(100.0)).port())
    assert talk.ask("print(os, io, require, python, debug, package)") == "\t".join(["nil"] * 6)
    talk.send("while true do end")
    assert "too long" in (talk.ask("print(errorqueue.next())") or "")
    talk.send("delay(5)")
    talk.ask("print(1)")
    assert talk.now_s == 5.0


def test_what_a_command_does_not_take_is_a_run_time_error_and_never_more() -> None:
    port = Keithley2600(Resistor(100.0)).port()
    wrong = (
        'smua.source.leveli = "x"', "smua.source.output = nil", 'delay("x")', "smua.measure.nplc = {}",
        "smua.measure.v(5)", "smua.measure.v({number=7})", "printbuffer(1, 1, nil)", "smua.measure.count = 0/0 + nil",
    )  # fmt: skip
    for line in wrong:
        assert port.receive(line.encode() + b"\n", 0.0) == b""
        code, _, rest = port.receive(b"print(errorqueue.next())\n", 0.0).partition(b"\t")
        assert (float(code), rest[:17]) == (-286.0, b"TSP Runtime error"), line


def test_a_refused_setting_is_told_in_the_queue_and_the_script_goes_on() -> None:
    port = Keithley2600(Resistor(100.0)).port()
    said = port.receive(b"smua.source.levelv = 1e9 print(7) smua.measure.count = 0\n", 0.0)
    assert float(said) == 7.0
    for code, words in ((1101, b"Parameter too big"), (1102, b"Parameter too small")):
        found = port.receive(b"print(errorqueue.next())\n", 0.0).split(b"\t")
        assert (float(found[0]), found[1]) == (code, words)


def test_a_factory_script_sweeps_into_a_buffer() -> None:
    port = Keithley2600(Resistor(100.0)).port()
    port.receive(b"smua.source.limitv = 1 SweepILinMeasureV(smua, 0, 1e-3, 0.01, 3) waitcomplete()\n", 0.0)
    port.wake(10.0)
    said = port.receive(b"printbuffer(1, 4, smua.nvbuffer1)\n", 10.0)
    assert [float(text) for text in said.split(b",")] == pytest.approx([0.0, 0.05, 0.1, 9.91e37], abs=1e-4)
    assert float(port.receive(b"print(smua.source.output)\n", 10.0)) == 0.0


def test_a_script_runs_at_once_and_a_buffer_is_read_in_binary() -> None:
    port = Keithley2600(Resistor(100.0)).port()
    lines = (
        "loadandrunscript", "smua.source.func = 0", "smua.source.limitv = 1", "smua.source.leveli = 1e-3",
        "smua.source.output = 1",
        "smua.measure.count = 2", "smua.measure.interval = 0.5", "smua.measure.v(smua.nvbuffer1)",
        "format.data = format.REAL64", "format.byteorder = format.BIGENDIAN", "printbuffer(1, 2, smua.nvbuffer1)",
        "endscript",
    )  # fmt: skip
    assert port.receive("\r\n".join((*lines, "")).encode(), 0.0) == b""
    assert port.wake(0.4) == b""
    said = port.wake(10.0)
    assert (said[:2], said[-1:], len(said)) == (b"#0", b"\n", 19)
    assert struct.unpack(">dd", said[2:-1]) == pytest.approx((0.1, 0.1), abs=1e-4)
