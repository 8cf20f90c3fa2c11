"""The simulated 2400 line by line: a transcript as its manual has it, and what it does to the cell."""

import pytest

from labctl_simulators.attach.prologix import Gateway
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keithley_2400 import Keithley2400
from tests.simulators.firmware.keithley_bench import Battery

# What is sent, and what is answered; None: nothing. 2400S-900-01 Rev. K chapters 16 and 18, appendix B.
TRANSCRIPT = (
    ("*IDN?", "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C30   Mar 17 2006 09:29:29/A02  /K/J"),
    (":SYST:ERR?", '0,"No error"'),
    (":OUTP:SMOD?", "NORM"),
    (":OUTPUT:SMODE HIMP", None),
    (":OUTP:SMOD?;:OUTP?", "HIMP;0"),
    (":READ?", None),
    (":SYST:ERR?", '+803,"Not permitted with OUTPUT off"'),
    (":NO:SUCH", None),
    (":SYST:ERR?", '-113,"Undefined header"'),
    (":SOUR:FUNC CURR;:SOUR:FUNC?", "CURR"),
    (":SOUR:CURR:RANG 1E-3;:SENS:VOLT:RANG 2", None),
    (":SOUR:CURR 2E-3", None),
    (":SYST:ERR?", '-222,"Parameter data out of range"'),
    (":SOURCE:CURRENT:LEVEL:IMMEDIATE:AMPLITUDE 1E-3;:SOUR:CURR?", "+1.000000E-03"),
    (":SENSE:VOLTAGE:PROTECTION 1.5;:SENS:VOLT:PROT?", "+1.500000E+00"),
    (":SENS:VOLT:PROT 1E-3;:SYST:ERR?", None),  # not more than 0.1 % of the range; the message ends there
    (":SYST:ERR?", '-222,"Parameter data out of range"'),
    (':SENS:FUNC "VOLT","CURR";:SENS:FUNC?', '"VOLT:DC","CURR:DC"'),
    (":SENS:FUNC:OFF 'CURR';:SENS:FUNC?", '"VOLT:DC"'),
    (":FORM:ELEM STAT,CURR,VOLT;:FORM:ELEM?", "VOLT,CURR,STAT"),
    (":SOUR:VOLT:PROT 30;:SOUR:VOLT:PROT?", "+4.000000E+01"),
    (":SYST:RSEN ON;RSEN?", "1"),
)


class Talk:
    """One connection; time passes while an answer is awaited."""

    def __init__(self, port: object) -> None:
        self.port = port
        self.now_s = 0.0

    def send(self, message: str) -> str:
        return self.port.receive(message.encode() + b"\n", self.now_s).decode()  # type: ignore[attr-defined,no-any-return]

    def ask(self, message: str) -> str | None:
        reply = self.send(message)
        while not reply:
            due_s = self.port.next_wake()  # type: ignore[attr-defined]
            if due_s is None:
                return None
            self.now_s = max(self.now_s, due_s)
            reply = self.port.wake(self.now_s).decode()  # type: ignore[attr-defined]
        return reply.rstrip("\n")


def test_transcript() -> None:
    talk = Talk(Keithley2400(Resistor(100.0)).port())
    for sent, answered in TRANSCRIPT:
        assert talk.ask(sent) == answered, sent


def source(cell: object, compliance_V: float = 2.0) -> Talk:
    talk = Talk(Keithley2400(cell).port())  # type: ignore[arg-type]
    talk.send(":OUTP:SMOD HIMP;:SOUR:FUNC CURR;:SOUR:CURR 1E-3;:SENS:FUNC 'VOLT','CURR'")
    talk.send(f":SENS:VOLT:PROT {compliance_V};:FORM:ELEM VOLT,CURR,STAT;:OUTP ON")
    return talk


def reading(talk: Talk) -> tuple[float, float, int]:
    voltage, current, status = (talk.ask(":READ?") or "").split(",")
    return float(voltage), float(current), int(float(status))


def test_a_reading_takes_its_time_and_tells_compliance() -> None:
    talk = source(Resistor(100.0))
    voltage_V, current_A, status = reading(talk)
    assert voltage_V == pytest.approx(0.1, rel=1e-4)
    assert current_A == pytest.approx(1e-3, rel=1e-4)
    assert not status & (1 << 3 | 1 << 16)
    assert 0.06 < talk.now_s < 0.08
    talk.send(":SOUR:CURR 0.1")
    assert reading(talk)[2] & (1 << 3)
    assert talk.ask(":SENS:VOLT:PROT:TRIP?") == "1"
    talk.send(":SENS:VOLT:RANG 0.2")
    voltage_V, current_A, status = reading(talk)
    assert voltage_V == pytest.approx(0.21, rel=1e-3), "the range limits, not the setting"
    assert current_A == pytest.approx(2.1e-3, rel=1e-3)
    assert status & (1 << 16)
    assert not status & (1 << 3)


def test_the_normal_off_state_drains_a_cell_and_himp_does_not() -> None:
    battery = Battery(3.0)
    talk = source(battery, compliance_V=5.0)
    talk.send(":OUTP OFF")
    put_in_C = battery.charge_C
    talk.now_s = 1000.0
    talk.send(":OUTP:SMOD NORM")
    assert battery.charge_C == put_in_C
    talk.now_s = 2000.0
    talk.send(":OUTP:SMOD HIMP")
    assert battery.charge_C == pytest.approx(-0.005 * 1e-3 * 1000.0, rel=1e-3)


def test_measure_switches_on_and_auto_clear_switches_off() -> None:
    device = Keithley2400(Resistor(100.0))
    talk = Talk(device.port())
    talk.send(":OUTP:SMOD HIMP")
    assert not device.circuit_closed
    talk.ask(":MEAS:VOLT?")
    assert device.circuit_closed
    talk.send(":SOUR:CLE:AUTO ON")
    talk.ask(":READ?")
    assert not device.circuit_closed


def test_what_arrives_while_it_measures_waits_and_abort_does_not() -> None:
    talk = source(Resistor(100.0))
    talk.send(":TRIG:COUN 100;:INIT")
    assert talk.send(":OUTP?") == ""
    assert talk.port.next_wake() > 6.0  # type: ignore[attr-defined]
    talk = source(Resistor(100.0))
    talk.send(":TRIG:COUN 100;:INIT")
    talk.send(":ABOR")
    assert talk.ask(":OUTP?") == "1"
    assert talk.now_s < 0.1


def test_through_a_gateway_an_answer_waits_until_it_is_asked_for() -> None:
    talk = Talk(Gateway(Keithley2400(Resistor(100.0)), 24).port())
    talk.send("++mode 1\n++auto 0\n++addr 24")
    assert talk.ask("*IDN?") is None
    assert (talk.ask("++read eoi") or "").startswith("KEITHLEY")
    talk.send("++auto 1")
    assert talk.ask(":OUTP?") == "0"
    assert talk.ask(":SOUR:CURR \x1b+1E-3;:SOUR:CURR?") == "+1.000000E-03"
    assert talk.ask("++addr") == "24\r"
    talk.send("++addr 7")
    assert talk.ask("*IDN?") is None
