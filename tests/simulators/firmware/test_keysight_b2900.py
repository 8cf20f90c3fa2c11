"""The simulated B2901A line by line: a transcript as its manual has it, and what it does to the cell."""

import pytest

from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from tests.simulators.firmware.keithley_bench import Battery
from tests.simulators.firmware.test_keithley_2400 import Talk

# What is sent, and what is answered; None: nothing. B2900 Series SCPI Command Reference pp. 159 to 229.
TRANSCRIPT = (
    ("*IDN?", "Keysight Technologies,B2901A,MY12345678,3.4.2011.5100"),
    (":SYST:ERR?", '+0,"No error"'),
    (":OUTP:ON:AUTO?;:OUTP:OFF:MODE?", "1;NORM"),
    (":OUTP1:OFF:MODE HIZ;:OUTP:OFF:MODE?", "HIZ"),
    (":SENS:VOLT:PROT?;:SENS:CURR:PROT?", "+2.000000E+00;+1.000000E-04"),
    (":SOUR1:FUNC:MODE CURR;:SOUR:FUNC:MODE?", "CURR"),
    (":SOUR:CURR:RANG 1E-3;:SOUR1:CURR 5E-4;:SOURCE1:CURRENT?", "+5.000000E-04"),
    (":SENS1:VOLT:DC:PROT:LEV 1.5;:SENS:VOLT:PROT?", "+1.500000E+00"),
    (":SENS:VOLT:PROT:NEG -0.5;:SENS:VOLT:PROT:NEG?;:SENS:VOLT:PROT:POS?", "-5.000000E-01;+1.500000E+00"),
    (":SENS:REM ON;:SENS1:REM?", "1"),
    (":FORM:ELEM:SENS STAT,CURR,VOLT;:FORM:ELEM:SENS?", "VOLT,CURR,STAT"),
    (":SOUR:CURR 1", None),
    (":SYST:ERR?", '-222,"Parameter data out of range"'),
    (":MEAS? (@2)", None),
    (":SYST:ERR?", '-222,"Parameter data out of range"'),
    (":NO:SUCH", None),
    (":SYST:ERR?", '-113,"Undefined header"'),
)


def test_transcript() -> None:
    talk = Talk(KeysightB2900(Resistor(100.0)).port())
    for sent, answered in TRANSCRIPT:
        assert talk.ask(sent) == answered, sent


def source(cell: object, current_A: float, limit_V: float) -> tuple[Talk, KeysightB2900]:
    device = KeysightB2900(cell)  # type: ignore[arg-type]
    talk = Talk(device.port())
    talk.send(":OUTP:OFF:MODE HIZ;:OUTP:ON:AUTO OFF;:SOUR:FUNC:MODE CURR;:FORM:ELEM:SENS VOLT,CURR,STAT")
    talk.send(f":SOUR:CURR {current_A};:SENS:VOLT:PROT {limit_V};:OUTP ON")
    return talk, device


def reading(talk: Talk) -> tuple[float, float, int]:
    voltage, current, status = (talk.ask(":MEAS? (@1)") or "").split(",")
    return float(voltage), float(current), int(float(status))


def test_a_reading_takes_its_time_and_the_limit_is_told() -> None:
    talk, _ = source(Resistor(100.0), 1e-3, 2.0)
    assert reading(talk) == (pytest.approx(0.1, rel=1e-4), pytest.approx(1e-3, rel=1e-4), 1)
    assert talk.now_s == pytest.approx(0.02)
    talk.send(":SOUR:CURR 0.1")
    voltage_V, current_A, status = reading(talk)
    assert (voltage_V, current_A) == (pytest.approx(2.0, rel=1e-4), pytest.approx(0.02, rel=1e-4))
    assert status == 0b111
    talk.send(":SENS:VOLT:PROT:NEG -0.5;:SOUR:CURR -0.1")
    assert reading(talk)[0] == pytest.approx(-0.5, rel=1e-4), "the negative side has a limit of its own"


def test_output_protection_opens_at_the_limit_whatever_the_off_mode() -> None:
    battery = Battery(3.0, capacitance_F=1.0, resistance_ohm=1.0)
    talk, device = source(battery, 1e-2, 3.1)
    talk.send(":OUTP:PROT ON;:OUTP:OFF:MODE NORM")
    assert device.circuit_closed
    talk.now_s = 12.0
    assert talk.ask(":OUTP?;:SENS:VOLT:PROT:TRIP?") == "0;1"
    assert not device.circuit_closed
    at_the_trip_C = battery.charge_C
    talk.now_s = 1000.0
    talk.ask("*OPC?")
    assert battery.charge_C == at_the_trip_C > 0.0


def test_reading_switches_the_output_on_by_itself_unless_told_not_to() -> None:
    device = KeysightB2900(Resistor(100.0))
    talk = Talk(device.port())
    talk.send(":OUTP:OFF:MODE HIZ;:OUTP:ON:AUTO OFF")
    talk.ask(":READ:ARR? (@1)")
    assert not device.circuit_closed
    talk.send(":OUTP:ON:AUTO ON;:TRIG:COUN 3;:FORM:ELEM:SENS VOLT")
    assert len((talk.ask(":READ:ARR? (@1)") or "").split(",")) == 3
    assert device.circuit_closed
    assert len((talk.ask(":SENS:DATA? 1,2") or "").split(",")) == 2
