"""An unmodified pymeasure drives the simulated 2450 over a real TCP socket, through pyvisa and pyvisa-py."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from pymeasure.instruments.keithley import Keithley2450

from labctl_simulators.attach import tcp
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keithley_2450 import Keithley2450 as Simulated2450


class Served:
    """A simulated 2450 with 100 ohm on it, served from a thread of its own."""

    def __init__(self) -> None:
        self.device = Simulated2450(Resistor(100.0))
        self.resource = ""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(10.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(
            tcp.serve(self.device, host="127.0.0.1", port=0, speed=1.0, ready=self._listening)
        )
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    def _listening(self, resource: str) -> None:
        self.resource = resource
        self._ready.set()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10.0)


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served()
    yield server
    server.stop()


@pytest.fixture
def smu(served: Served) -> Iterator[Keithley2450]:
    instrument = Keithley2450(
        served.resource, visa_library="@py", read_termination="\n", write_termination="\n", timeout=5000
    )
    instrument.reset()
    yield instrument
    instrument.adapter.close()


def test_applies_a_current_and_measures_the_voltage(smu: Keithley2450, served: Served) -> None:
    assert smu.id == "KEITHLEY INSTRUMENTS,MODEL 2450,04412345,1.7.12b"
    smu.current_output_off_state = "HIMP"
    assert smu.current_output_off_state == "HIMP"
    smu.apply_current(compliance_voltage=2.0)
    assert smu.source_mode == "current"
    assert not served.device.circuit_closed
    smu.measure_voltage(nplc=0.1)
    smu.source_current = 1e-3
    smu.enable_source()
    assert smu.source_enabled
    assert served.device.output_on
    assert smu.voltage == pytest.approx(0.1, rel=1e-4)
    assert (smu.source_current, smu.compliance_voltage, smu.voltage_nplc) == (1e-3, 2.0, 0.1)
    smu.disable_source()
    assert not smu.source_enabled
    assert not served.device.circuit_closed
    assert smu.check_errors() == []


def test_compliance_holds_the_voltage(smu: Keithley2450) -> None:
    smu.apply_current(compliance_voltage=0.5)
    smu.measure_voltage(nplc=0.1)
    smu.source_current = 0.01
    smu.enable_source()
    assert smu.voltage == pytest.approx(0.5, rel=1e-3)
    assert smu.ask(":SOUR:CURR:VLIM:TRIP?").strip() == "1"
    smu.measure_current(nplc=0.1)
    assert smu.current == pytest.approx(5e-3, rel=1e-3)


def test_voltage_source_resistance_ranges_and_wires(smu: Keithley2450) -> None:
    smu.apply_voltage(compliance_current=0.01)
    smu.measure_current(nplc=0.1, auto_range=False, current=1e-2)
    assert smu.current_range == pytest.approx(0.01)
    smu.source_voltage = 0.5
    smu.enable_source()
    assert smu.current == pytest.approx(5e-3, rel=1e-3)
    smu.measure_resistance(nplc=0.1)
    assert smu.resistance == pytest.approx(100.0, rel=1e-3)
    smu.wires = 4
    assert smu.wires == 4
    assert smu.check_errors() == []


def test_errors_are_reported(smu: Keithley2450) -> None:
    smu.write(":NO:SUCH:HEADER")
    smu.source_current = 7.0
    first, second = smu.check_errors()
    assert first[0] == -113
    assert "Undefined header" in first[1]
    assert second[0] == -222
    assert smu.source_current == 0.0


def test_shutdown_ramps_to_zero_and_switches_off(smu: Keithley2450, served: Served) -> None:
    smu.apply_current(compliance_voltage=2.0)
    smu.source_current = 1e-3
    smu.enable_source()
    smu.ramp_to_current(2e-3, steps=3, pause=0.001)
    assert smu.source_current == pytest.approx(2e-3)
    smu.source_current = 0.0
    smu.stop_buffer()
    smu.disable_source()
    assert not smu.source_enabled
    assert not served.device.output_on
    assert smu.check_errors() == []
