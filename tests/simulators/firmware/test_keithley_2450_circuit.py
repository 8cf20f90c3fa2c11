"""What the simulated 2450 does to the cell: charge, compliance, output-off states, readings of it."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.firmware.keithley_2450 import Keithley2450
from tests.simulators.firmware.keithley_bench import Battery, Bench, current_source, new_bench


@pytest.fixture
def bench() -> Bench:
    return current_source()


def numbers(reply: str) -> list[float]:
    return [float(text) for text in reply.split(",")]


# ---- charge ----


def test_the_cell_sees_the_set_current_from_the_moment_it_is_set(bench: Bench) -> None:
    bench.send(":SOUR:CURR 1E-3;CURR:VLIM 10;:OUTP ON")
    bench.wait(100.0)
    bench.send(":SOUR:CURR -2E-3")
    bench.wait(50.0)
    bench.send(":OUTP OFF")
    bench.wait(1000.0)
    assert bench.battery.charge_C == pytest.approx(100.0 * 1e-3 - 50.0 * 2e-3, abs=1e-12)


@given(cuts=st.lists(st.floats(0.0, 1000.0), max_size=6))
def test_charge_does_not_depend_on_when_somebody_asks(cuts: list[float]) -> None:
    assert charge_after(1000.0, sorted(cuts)) == pytest.approx(charge_after(1000.0, []), rel=1e-5)


def charge_after(duration_s: float, cuts: list[float]) -> float:
    """Charged at 0.1 A into a limit of 4.5 V, which is met after 500 s."""
    battery = Battery(3.0, capacitance_F=100.0, resistance_ohm=10.0)
    port = Keithley2450(battery).port()
    port.receive(b":OUTP:SMOD HIMP;:SOUR:FUNC CURR;:SOUR:CURR 0.1;CURR:VLIM 4.5;:OUTP ON\n", 0.0)
    for time_s in cuts:
        port.receive(b":SOUR:CURR:VLIM:TRIP?\n", time_s)
    port.receive(b":SOUR:CURR:VLIM:TRIP?\n", duration_s)
    return battery.charge_C


# ---- compliance ----


def test_a_current_source_holds_its_voltage_limit_and_reads_back_the_true_current(bench: Bench) -> None:
    bench.send(":SOUR:CURR 0.1;CURR:VLIM 3.5;:OUTP ON")  # needs 4 V
    source_A, voltage_V = numbers(bench.ask(':READ? "defbuffer1",SOUR,READ'))
    assert voltage_V == pytest.approx(3.5, abs=1e-3)
    assert source_A == pytest.approx(0.05, rel=1e-3)
    assert bench.ask(":SOUR:CURR:VLIM:TRIP?;:FETC? 'defbuffer1',SOURSTAT") == f"1;{128 + 32 + 8}"
    bench.send(":SOUR:CURR 1E-3")
    assert bench.ask(":SOUR:CURR:VLIM:TRIP?") == "0", "live, not latched"
    bench.send(":SOUR:CURR 0.1;:SOUR:CURR:READ:BACK OFF")
    assert numbers(bench.ask(':READ? "defbuffer1",SOUR,READ'))[0] == 0.1, "the programmed value"


def test_the_limit_acts_for_both_signs() -> None:
    bench = current_source(volts=0.0)
    bench.send(":SOUR:CURR -0.1;CURR:VLIM 0.5;:OUTP ON")
    assert numbers(bench.ask(":READ?"))[0] == pytest.approx(-0.5, abs=1e-3)


def test_compliance_is_entered_at_the_right_moment_however_long_nobody_looks() -> None:
    assert charge_after(2000.0, []) < 150.0
    # 0.1 A for 500 s to 3.5 V open circuit, then 1 V above it decaying with RC = 1000 s
    expected = 50.0 + 100.0 * (1.0 - 2.718281828459045 ** (-500.0 / 1000.0))
    assert charge_after(1000.0, []) == pytest.approx(expected, rel=1e-5)


def test_a_voltage_source_holds_its_current_limit_until_the_cell_has_caught_up() -> None:
    bench = new_bench(volts=3.0, capacitance_F=10.0, resistance_ohm=10.0)
    bench.send(":OUTP:SMOD HIMP;:SOUR:VOLT 3.5;VOLT:ILIM 10E-3;:SENS:FUNC 'CURR'")
    bench.send(":OUTP ON")
    assert numbers(bench.ask(":READ?"))[0] == pytest.approx(10e-3, rel=1e-4)
    assert bench.ask(":SOUR:VOLT:ILIM:TRIP?") == "1"
    bench.wait(401.0)  # 0.4 V at 10 mA into 10 F, then only 0.1 V over 10 ohm are left
    assert bench.ask(":SOUR:VOLT:ILIM:TRIP?") == "0"
    bench.wait(2000.0)
    bench.ask(":READ?")
    assert bench.battery.open_circuit_V == pytest.approx(3.5, abs=1e-6)


def test_over_voltage_protection_acts_on_both_sources() -> None:
    bench = current_source(volts=0.0, resistance_ohm=1000.0)
    bench.send(":SOUR:VOLT:PROT PROT2;:SOUR:CURR 5E-3;:OUTP ON")
    assert numbers(bench.ask(":READ?"))[0] == pytest.approx(2.0, abs=1e-3)
    bench.send(":SOUR:FUNC VOLT;:SOUR:VOLT 4;VOLT:ILIM 0.1;:OUTP ON")
    assert numbers(bench.ask(":READ?"))[0] == pytest.approx(2.0, abs=1e-3)
    assert bench.ask(":SOUR:VOLT:PROT:TRIP?") == "1"


# ---- output off ----


def test_normal_off_state_is_a_short_through_a_tenth_of_the_range() -> None:
    bench = current_source()
    bench.send(":OUTP:SMOD NORM;:SOUR:CURR:RANG 1E-3;:OUTP ON;:OUTP OFF")
    assert bench.circuit_closed()
    bench.wait(1000.0)
    bench.ask(":READ?")
    assert bench.battery.charge_C == pytest.approx(-1000.0 * 0.1e-3, rel=1e-3)


def test_it_drains_a_cell_from_power_on() -> None:
    bench = new_bench()
    assert bench.circuit_closed()
    bench.wait(1000.0)
    bench.send(":OUTP:SMOD HIMP")
    assert bench.battery.charge_C == pytest.approx(-1000.0 * 10e-6), (
        "a tenth of 100 uA, for the limit of 105 uA"
    )
    assert not bench.circuit_closed()


def test_high_impedance_opens_the_relay(bench: Bench) -> None:
    bench.send(":SOUR:CURR 1E-3;:OUTP ON")
    assert bench.circuit_closed()
    bench.wait(10.0)
    bench.send(":OUTP OFF")
    assert not bench.circuit_closed()
    before_C = bench.battery.charge_C
    bench.wait(10_000.0)
    bench.ask(":READ?")
    assert bench.battery.charge_C == before_C


def test_reset_goes_back_to_the_state_that_drains(bench: Bench) -> None:
    assert not bench.circuit_closed()
    bench.send("*RST")
    assert bench.circuit_closed()
    assert not bench.output_on()


def test_a_change_of_the_source_function_turns_the_output_off_in_its_own_off_state() -> None:
    bench = new_bench()
    bench.send(":OUTP:CURR:SMOD HIMP;:SOUR:FUNC CURR;:OUTP ON")
    bench.send(":SOUR:FUNC CURR")
    assert bench.ask(":OUTP?") == "1", "no change"
    bench.send(":SOUR:FUNC VOLT")
    assert bench.ask(":OUTP?") == "0"
    assert bench.circuit_closed(), "the voltage source's off state is still NORM"


@pytest.mark.parametrize(("model", "still_on"), [("2450", "1"), ("2470", "0")])
def test_remote_sense_switches_the_output_of_a_2470_off(model: str, still_on: str) -> None:
    bench = new_bench(model=model)
    bench.send(":SENS:VOLT:RSEN OFF;:OUTP ON;:SENS:VOLT:RSEN OFF")
    assert bench.ask(":OUTP?") == "1", "no change"
    bench.send(":SENS:VOLT:RSEN ON")
    assert bench.ask(":OUTP?;:SENS:VOLT:RSEN?") == f"{still_on};1"


def test_zero_and_guard_off_states() -> None:
    bench = new_bench()
    bench.send(":SOUR:FUNC CURR;:SOUR:CURR 5E-3;:OUTP:SMOD ZERO")
    bench.wait(10.0)
    bench.send(":OUTP:SMOD GUAR;:SOUR:CURR:VLIM 60")
    assert bench.battery.charge_C == pytest.approx(-10.0 * 5e-3), (
        "the programmed level, above a tenth of its range"
    )
    bench.wait(100.0)
    bench.ask(":READ?")
    assert bench.battery.charge_C == pytest.approx(-10.0 * 5e-3), "0 A, and 3 V are within a tenth of 200 V"
    assert bench.circuit_closed()


def test_without_interlock_high_voltage_is_out_of_reach_and_reported() -> None:
    bench = new_bench(volts=0.0, resistance_ohm=1e6)
    bench.device.source.interlock_closed = False
    bench.send("*CLS;:SOUR:VOLT 100;:SOUR:VOLT:ILIM 1E-3;:SENS:FUNC 'VOLT';:OUTP ON")
    assert bench.ask(":OUTP:INT:TRIP?") == "0"
    assert bench.ask(":SYST:EVEN:NEXT? WARN").startswith('5074,"Output voltage limited by interlock;2,')
    assert numbers(bench.ask(":READ?"))[0] == pytest.approx(42.0, rel=1e-3)


# ---- readings ----


def test_noise_has_the_stated_size_and_shrinks_with_the_aperture() -> None:
    def spread(cycles: float) -> float:
        bench = current_source(volts=1.0)
        bench.send(f":SOUR:CURR 0;:OUTP ON;:FORM:ASC:PREC 10;:SENS:VOLT:NPLC {cycles}")
        return statistics.stdev(float(bench.ask(":READ?")) for _ in range(400))

    assert spread(1.0) == pytest.approx(1e-6, rel=0.25)
    assert spread(0.01) == pytest.approx(10e-6, rel=0.2)


def test_readings_are_whole_counts_of_the_range(bench: Bench) -> None:
    bench.send(":OUTP ON;:FORM:ASC:PREC 12;:SENS:VOLT:RANG 20")
    for _ in range(20):
        counts = float(bench.ask(":READ?")) / 10e-6
        assert counts == pytest.approx(round(counts), abs=1e-3)


def test_a_fixed_range_overflows_and_autorange_does_not(bench: Bench) -> None:
    bench.send(":OUTP ON;:SENS:VOLT:RANG 2")
    assert bench.ask(":READ? 'defbuffer1',READ,STAT") == "9.900000E+37,265"
    bench.send(":SENS:VOLT:RANG:AUTO ON")
    assert numbers(bench.ask(":READ?"))[0] == pytest.approx(3.0, abs=1e-3)
    assert float(bench.ask(":SENS:VOLT:RANG?")) == 20.0


def test_resistance_and_relative_offset() -> None:
    bench = current_source(volts=0.0, capacitance_F=1e9, resistance_ohm=100.0)
    bench.send(":SOUR:CURR 1E-3;:OUTP ON")
    assert float(bench.ask(":MEAS:RES?")) == pytest.approx(100.0, rel=1e-4)
    assert bench.ask(":SENS:FUNC?") == '"RES"'
    bench.send(":SENS:VOLT:REL 0.04;REL:STAT ON")
    assert float(bench.ask(":MEAS:VOLT?")) == pytest.approx(0.06, abs=1e-5)


def test_open_relay_reads_nothing_of_the_cell(bench: Bench) -> None:
    assert abs(float(bench.ask(":READ?"))) < 1e-3


def test_source_delay_comes_before_the_first_reading(bench: Bench) -> None:
    bench.send(":SOUR:CURR:READ:BACK OFF;:SENS:VOLT:AZER OFF;:SOUR:CURR:DEL 2;:OUTP ON;:READ?")
    assert bench.port.next_wake() == pytest.approx(2.0 + 0.015 + 1 / 60)
    bench.wait(5.0)
    bench.send(":READ?")
    assert bench.port.next_wake() == pytest.approx(5.0 + 1 / 60)
