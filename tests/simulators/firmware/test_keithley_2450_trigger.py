"""The trigger model of the simulated 2450: templates, blocks, and the watchdog that opens the output by itself."""

import pytest

from tests.simulators.firmware.keithley_bench import Battery, Bench, current_source

LOOP_s = 1.0 + 4 / 60
"""One turn of the watchdog: a delay of 1 s and a reading at 1 power line cycle with read-back and auto-zero."""

WATCHDOG = """
:TRAC:MAKE "cyc", 100000
:TRAC:FILL:MODE CONT, "cyc"
:TRIG:LOAD "Empty"
:TRIG:BLOC:SOUR:STAT 1, ON
:TRIG:BLOC:MEAS 2, "cyc"
:TRIG:BLOC:BRAN:LIM:CONS 3, ABOV, 0, 3.6, 11
:TRIG:BLOC:BRAN:LIM:CONS 4, BEL, 2.4, 0, 11
:TRIG:BLOC:DEL:CONS 5, 1
:TRIG:BLOC:BRAN:EVEN 6, COMM, 9
:TRIG:BLOC:BRAN:COUN 7, 30, 2
:TRIG:BLOC:BRAN:ALW 8, 11
:TRIG:BLOC:BRAN:COUN:RES 9, 7
:TRIG:BLOC:BRAN:ALW 10, 2
:TRIG:BLOC:SOUR:STAT 11, OFF
"""


@pytest.fixture
def bench() -> Bench:
    return current_source()


def arm(bench: Bench, level_A: str) -> None:
    bench.send(f":SOUR:CURR {level_A};CURR:VLIM 10")
    for line in WATCHDOG.strip().splitlines():
        assert bench.send(line) == ""
    bench.send(":INIT")
    assert bench.errors() == []
    assert bench.output_on()


def test_watchdog_opens_the_output_after_30_silent_loops(bench: Bench) -> None:
    arm(bench, "1E-3")
    bench.wait(29.9 * LOOP_s)
    assert bench.output_on()
    bench.wait(0.3 * LOOP_s)
    assert not bench.output_on()
    assert not bench.circuit_closed()
    assert bench.ask(":TRIG:STAT?;:TRAC:ACT? 'cyc'") == "IDLE;IDLE;11;30"


def test_watchdog_acts_without_any_connection(bench: Bench) -> None:
    arm(bench, "1E-3")
    bench.port.close(bench.now_s)
    bench.port = bench.device.port()
    bench.wait(31 * LOOP_s)
    assert not bench.circuit_closed()
    assert bench.battery.charge_C == pytest.approx(1e-3 * (30 * LOOP_s + 0.016), rel=1e-3)


def test_a_heartbeat_keeps_it_going_and_its_end_opens_the_output(bench: Bench) -> None:
    arm(bench, "1E-3")
    for _ in range(20):
        bench.wait(20.0)
        bench.send("*TRG")
        assert bench.output_on()
    assert int(bench.ask(":TRAC:ACT:END? 'cyc'")) == pytest.approx(400 / LOOP_s, abs=2)
    assert bench.ask(":TRAC:DATA? 1,2,'cyc',SOUR,READ,REL").count(",") == 5
    bench.wait(33.0)
    assert not bench.output_on()


def test_voltage_limits_act_without_the_host() -> None:
    rising = current_source(capacitance_F=1.0)
    arm(rising, "20E-3")  # 3.2 V, and 20 mV more each second
    for _ in range(10):
        rising.wait(3.0)
        rising.send("*TRG")
    assert not rising.output_on()
    assert 3.4 <= rising.battery.open_circuit_V < 3.45
    falling = current_source(capacitance_F=1.0)
    arm(falling, "-40E-3")
    falling.wait(10.0)
    assert not falling.output_on()
    assert 2.7 < falling.battery.open_circuit_V <= 2.8


def test_while_it_runs_settings_and_readings_are_refused_but_output_off_and_queries_are_not(
    bench: Bench,
) -> None:
    arm(bench, "1E-3")
    for message in (":SOUR:CURR 2E-3", ":READ?", ":INIT", ":TRIG:BLOC:BRAN:ALW 8, 2", ":TRAC:CLE 'cyc'"):
        assert bench.send(message) == ""
        assert bench.errors() == [-221], message
    assert bench.ask(":OUTP?;:SOUR:CURR?;:TRIG:STAT?").startswith("1;1.000000E-03;RUNNING;RUNNING;")
    bench.send(":OUTP OFF")
    assert not bench.circuit_closed()
    bench.send(":ABOR")
    assert bench.ask(":TRIG:STAT?").startswith("ABORTED;ABORTED;")
    bench.send(":SOUR:CURR 2E-3")
    assert bench.errors() == []


def test_abort_leaves_the_output_as_it_is_and_reset_does_not(bench: Bench) -> None:
    arm(bench, "1E-3")
    bench.send(":ABOR")
    bench.wait(100.0)
    assert bench.output_on()
    bench.send(":INIT")
    bench.wait(1.0)
    bench.send("*RST")
    assert not bench.output_on()
    assert bench.ask(":TRIG:STAT?") == "EMPTY;EMPTY;0"


def test_the_manuals_example_of_nested_counters_takes_15_readings(bench: Bench) -> None:
    for line in (
        'TRIG:LOAD "EMPTY"',
        "TRIG:BLOC:BUFF:CLEAR 1",
        "TRIG:BLOC:MEAS 2",
        "TRIG:BLOC:BRAN:COUN 3, 5, 2",
        "TRIG:BLOC:DEL:CONS 4, 1",
        "TRIG:BLOC:BRAN:COUN 5, 3, 2",
    ):
        bench.send(line)
    assert bench.ask(":TRIG:STAT?") == "BUILDING;BUILDING;0"
    # the buffer is cleared once: the loop goes back to block 2
    assert bench.ask("INIT;*WAI;:TRAC:ACT?;:TRIG:STAT?") == "15;IDLE;IDLE;5"


def test_simple_loop_waits_opc_and_leaves_the_output_alone(bench: Bench) -> None:
    bench.send(':TRAC:MAKE "b", 50;:TRIG:LOAD "SimpleLoop", 4, 0.5, "b"')
    assert bench.ask(":INIT;*OPC?") == "1"
    assert bench.now_s == pytest.approx(4 * (0.5 + 4 / 60))
    assert bench.ask(":TRAC:ACT? 'b';:OUTP?") == "4;0"


def test_duration_loop_turns_the_output_on_and_measures_for_its_duration(bench: Bench) -> None:
    bench.send(':TRIG:LOAD "DurationLoop", 10, 0.5;:INIT')
    assert bench.output_on()
    assert bench.ask("*WAI;:TRIG:STAT?").startswith("IDLE")
    assert bench.now_s == pytest.approx(10.0, abs=0.7)


def test_the_loop_commands_of_the_first_firmware(bench: Bench) -> None:
    bench.send(":TRIG:LOAD:LOOP:DUR 2, 0.1, 'defbuffer2';:INIT")
    assert int(bench.ask("*WAI;:TRAC:ACT? 'defbuffer2'")) == pytest.approx(2 / (0.1 + 4 / 60), abs=1)


def test_an_unknown_template_and_an_empty_model_are_errors(bench: Bench) -> None:
    bench.send(':TRIG:LOAD "Nonsense";:INIT')
    bench.send(":INIT")
    assert bench.errors() == [1130, -221]


def test_wait_block_waits_for_the_command_event(bench: Bench) -> None:
    bench.send(":TRIG:BLOC:WAIT 1, COMM;:TRIG:BLOC:SOUR:STAT 2, ON;:INIT")
    bench.wait(50.0)
    assert bench.ask(":TRIG:STAT?") == "WAITING;WAITING;1"
    bench.send("*TRG")
    assert bench.output_on()
    assert bench.ask(":TRIG:STAT?") == "IDLE;IDLE;2"


def test_wait_for_the_source_limit(bench: Bench) -> None:
    bench.send(":SOUR:CURR 0.1;CURR:VLIM 5;:OUTP ON")  # 3 V + 1 V + 1 mV/s
    bench.send(":TRIG:BLOC:WAIT 1, SLIM;:TRIG:BLOC:SOUR:STAT 2, OFF;:INIT")
    bench.wait(990.0)
    assert bench.output_on()
    bench.wait(20.0)
    assert not bench.output_on()


def test_measuring_goes_on_in_the_background(bench: Bench) -> None:
    bench.send(":TRIG:BLOC:MEAS 1, 'defbuffer1', INF;:TRIG:BLOC:DEL:CONS 2, 1.03;:TRIG:BLOC:NOP 3;:INIT")
    assert bench.ask("*WAI;:TRAC:ACT?") == "15"


def test_once_notify_and_log_blocks(bench: Bench) -> None:
    bench.send("*CLS;:TRIG:BLOC:BRAN:ONCE 1, 3;:TRIG:BLOC:BRAN:ALW 2, 7;:TRIG:BLOC:NOT 3, 2")
    bench.send(":TRIG:BLOC:BRAN:EVEN 4, NOT2, 6;:TRIG:BLOC:NOP 5;:TRIG:BLOC:LOG:EVEN 6, 1, 'seen'")
    bench.send(":TRIG:BLOC:BRAN:ONCE:EXCL 7, 9;:TRIG:BLOC:BRAN:ALW 8, 1;:TRIG:BLOC:NOP 9;:INIT")
    assert bench.ask(":TRIG:STAT?") == "IDLE;IDLE;9"
    assert "seen" in bench.ask(":SYST:EVEN:NEXT? INF")


def test_a_loop_that_takes_no_time_neither_hangs_nor_ends(bench: Bench) -> None:
    bench.send(":TRIG:BLOC:BRAN:EVEN 1, COMM, 3;:TRIG:BLOC:BRAN:ALW 2, 1;:TRIG:BLOC:SOUR:STAT 3, ON;:INIT")
    bench.wait(1e5)
    assert bench.ask(":TRIG:STAT?").startswith("RUNNING")
    bench.send("*TRG")
    assert bench.output_on()


def test_a_counting_loop_that_takes_no_time_is_held_up(bench: Bench) -> None:
    bench.send(":TRIG:BLOC:BRAN:COUN 1, 1e12, 1;:INIT")
    bench.wait(10.0)
    assert bench.ask(":TRIG:STAT?") == "RUNNING;RUNNING;1"
    assert int(bench.ask(":TRIG:BLOC:BRAN:COUN:COUN? 1")) == pytest.approx(100_000, rel=0.02)


def test_a_sweep_steps_the_source_and_turns_the_output_off(bench: Bench) -> None:
    bench.send(":SOUR:SWE:CURR:LIN 0, 1E-3, 5, 0.01")
    sourced = bench.ask(":INIT;*WAI;:TRAC:DATA? 1,5,'defbuffer1',SOUR").split(",")
    assert [round(float(text) * 1e6) for text in sourced] == [0, 250, 500, 750, 1000]
    assert not bench.output_on()


def test_a_sweep_ends_at_the_source_limit(bench: Bench) -> None:
    bench.send(":SOUR:CURR:VLIM 3.55;:SOUR:SWE:CURR:LIN 0, 0.1, 11")
    assert bench.ask(":INIT;*WAI;:TRAC:ACT?") == "7"


def test_block_list(bench: Bench) -> None:
    assert bench.ask(":TRIG:BLOC:LIST?") == "Empty"
    bench.send(":TRIG:BLOC:MEAS 1, 'defbuffer1', 2;:TRIG:BLOC:BRAN:ALW 2, 1")
    assert bench.ask(":TRIG:BLOC:LIST?") == "1) MEASURE defbuffer1, 2; 2) BRANCH_ALWAYS 1"


def test_a_sweep_by_steps_and_a_logarithmic_one() -> None:
    bench = Bench(Battery(3.4))
    for sweep, levels_A in (
        (":SOUR:SWE:CURR:LIN:STEP 0, 1E-3, 0.25E-3", [0.0, 0.25e-3, 0.5e-3, 0.75e-3, 1e-3]),
        (':SOUR:SWE:CURR:LOG 1E-5, 1E-3, 3, 0.01, 1, BEST, ON, OFF, "defbuffer1"', [1e-5, 1e-4, 1e-3]),
    ):
        bench.send(":TRAC:CLE")
        bench.send(sweep)
        bench.send(":INIT")
        bench.wait(10.0)
        found = bench.ask(f':TRAC:DATA? 1, {len(levels_A)}, "defbuffer1", SOUR')
        assert [float(text) for text in found.split(",")] == pytest.approx(levels_A, abs=1e-6)
    bench.send(":SOUR:SWE:CURR:LIN:STEP 0, 1E-3, -1E-4")
    assert bench.ask(":SYST:ERR?").startswith("-222")
