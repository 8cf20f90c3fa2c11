"""What every instrument that speaks IEEE 488.2 answers, and the registers that SCPI asks for, on all such twins."""

from collections.abc import Callable
from typing import Any

import pytest

from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.keithley_2600 import Keithley2600
from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from labctl_simulators.firmware.keysight_e4980a import KeysightE4980A

SCPI = (Keithley2400, Keithley2450, KeysightB2900, KeysightE4980A)
EVERY = (*SCPI, Keithley2600)
COMMAND_ERROR, OPERATION_COMPLETE = 32, 1


class Asked:
    def __init__(self, make: Callable[..., Any]) -> None:
        self.port = make(Resistor(100.0)).port()
        self.now_s = 0.0

    def __call__(self, line: str) -> str:
        said: bytes = self.port.receive(line.encode() + b"\n", self.now_s)
        while not said:
            due_s = self.port.next_wake()
            assert due_s is not None, f"no answer to {line}"
            self.now_s = max(self.now_s, due_s)
            said = self.port.wake(self.now_s)
        return said.decode().strip()

    def tell(self, line: str) -> None:
        assert self.port.receive(line.encode() + b"\n", self.now_s) == b""


@pytest.fixture(params=EVERY, ids=lambda make: make.__name__)
def asked(request: pytest.FixtureRequest) -> Asked:
    return Asked(request.param)


def test_the_common_queries_are_answered(asked: Asked) -> None:
    assert len(asked("*IDN?").split(",")) == 4
    assert asked("*OPC?") == "1"
    assert asked("*TST?") == "0"
    for register in ("*ESE", "*SRE"):
        asked.tell(f"{register} 36")
        assert int(asked(f"{register}?")) == 36


def test_an_error_is_summarised_in_the_status_byte(asked: Asked) -> None:
    asked.tell("*CLS")
    asked.tell(f"*ESE {COMMAND_ERROR}")
    asked.tell("*SRE 32")
    assert int(asked("*STB?")) == 0
    asked.tell(":NO:SUCH:COMMAND")
    assert int(asked("*STB?")) & 96 == 96
    assert int(asked("*ESR?")) & COMMAND_ERROR
    assert int(asked("*ESR?")) == 0
    asked.tell("*CLS")
    asked.tell("*OPC")
    assert int(asked("*ESR?")) == OPERATION_COMPLETE


@pytest.mark.parametrize("make", SCPI, ids=lambda make: make.__name__)
def test_the_registers_that_scpi_asks_for(make: Callable[..., Any]) -> None:
    asked = Asked(make)
    assert asked(":SYST:VERS?").startswith("199")
    for register in ("OPER", "QUES"):
        asked.tell(f":STAT:{register}:ENAB 16")
        assert int(asked(f":STAT:{register}:ENAB?")) == 16
        assert int(asked(f":STATUS:{register}:CONDITION?")) == int(asked(f":STAT:{register}?")) == 0
    asked.tell(":STAT:PRES")
    assert int(asked(":STAT:OPER:ENAB?")) == 0


@pytest.mark.parametrize("make", [Keithley2400, KeysightB2900], ids=lambda make: make.__name__)
def test_the_error_queue_as_a_whole(make: Callable[..., Any]) -> None:
    asked = Asked(make)
    asked.tell(":NO")
    asked.tell(":NOT")
    assert asked(":SYST:ERR:COUN?") == "2"
    assert asked(":SYST:ERR:CODE?") == "-113"
    assert asked(":SYST:ERR:ALL?") == '-113,"Undefined header"'
    assert asked(":SYST:ERR:ALL?").lstrip("+") == '0,"No error"'
