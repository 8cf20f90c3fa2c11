"""pymeasure, QCoDeS and labmcp-keithley-smu, unmodified, drive the simulated 2400: over TCP, and GPIB by a gateway."""

from collections.abc import Iterator

import pytest
import pyvisa
from pymeasure.instruments.keithley import Keithley2400

from labctl_simulators.attach import prologix, tcp
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keithley_2400 import Keithley2400 as Simulated2400
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served
from tests.simulators.firmware.keithley_bench import Battery

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first


@pytest.fixture(params=["TCP", "GPIB"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    attachment = tcp if request.param == "TCP" else prologix
    with Served(Simulated2400(Resistor(100.0)), attachment.serve, port=0) as server:
        yield server


@pytest.fixture
def smu(served: Served) -> Iterator[Keithley2400]:
    resource, _, gateway = served.resource.partition(" via ")
    terminations = {"read_termination": "\n", "write_termination": "\n"}
    opened = None
    if gateway:
        opened = pyvisa.ResourceManager("@py").open_resource(gateway)
        terminations.pop("read_termination")  # pyvisa-py refuses it there
    instrument = Keithley2400(resource, visa_library="@py", timeout=5000, **terminations)
    instrument.reset()
    instrument.reset_data_format()
    yield instrument
    instrument.adapter.close()
    if opened is not None:
        opened.close()


def test_pymeasure_sources_measures_and_switches_off(smu: Keithley2400, served: Served) -> None:
    smu.output_off_state = "HIMP"
    assert smu.output_off_state in {"HIMP", "disconnected"}
    assert not served.device.circuit_closed
    smu.source_mode = "current"
    smu.source_current_range_auto_enabled = True
    smu.compliance_voltage = 2.0
    smu.voltage_nplc = 0.1
    smu.source_current = 1e-3
    smu.enable_source()
    everything = smu.measure_all()
    assert everything["voltage"] == pytest.approx(0.1, rel=1e-3)
    assert everything["current"] == pytest.approx(1e-3, rel=1e-3)
    assert everything["resistance"] == pytest.approx(100.0, rel=1e-3)
    assert not everything["status"] & 0b1000
    smu.source_current = 0.05
    assert smu.measure_all()["status"] & 0b1000, "5 V are needed, 2 V allowed"
    assert smu.voltage == pytest.approx(2.0, rel=1e-3)
    smu.disable_source()
    assert not smu.source_enabled
    assert not served.device.circuit_closed
    assert smu.check_errors() == []


def test_pymeasure_fills_the_buffer_and_aborts(smu: Keithley2400, served: Served) -> None:
    smu.source_mode = "current"
    smu.compliance_voltage = 2.0
    smu.voltage_nplc = 0.1
    smu.source_current = 1e-3
    smu.write(":SENS:FUNC:ALL;:FORM:ELEM VOLT")
    smu.config_buffer(points=10)
    smu.enable_source()
    smu.start_buffer()
    smu.wait_for_buffer(timeout=20)
    assert smu.buffer_data == pytest.approx([0.1] * 10, rel=1e-2)
    smu.config_buffer(points=1000)
    smu.start_buffer()
    smu.write(":ABOR")
    smu.disable_source()
    assert not smu.source_enabled
    assert served.device.acquisition is None
    assert len(served.device.trace) < 1000


def charged(found: dict[str, object], device: Simulated2400) -> None:
    """1 mA into 10 mF through 10 ohm: 0.1 V/s."""
    assert found["model"] in {"2400", "MODEL 2400"}
    charge = found["charge"]
    assert isinstance(charge, list)
    assert len(charge) > 3
    assert all(current_A == pytest.approx(1e-3, rel=1e-2) for _, current_A in charge)
    assert charge == sorted(charge)
    assert 3.2 <= found["end_V"] < 3.4  # type: ignore[operator]
    assert not device.circuit_closed or found["on_at_last"] == 0


def test_labmcp_charges_to_a_cutoff_and_is_aborted() -> None:
    python = client_environment("labmcp-keithley-smu==0.1.2")
    device = Simulated2400(Battery(3.0, capacitance_F=0.01, resistance_ohm=10.0))
    with Served(device, tcp.serve, port=0) as server:
        found = run_client(python, "drive_labmcp_keithley_smu.py", _tcp_url(server.resource))
    charged(found, device)
    assert not found["on_at_first"]
    assert found["remote"]
    assert found["limited"]
    assert found["aborted"]
    assert 0 < found["swept"] < 99
    assert not found["on_at_last"]
    assert found["errors"] == []


def test_qcodes_charges_to_a_cutoff_and_holds_a_voltage() -> None:
    python = client_environment("qcodes==0.58.0", "pyvisa-py==0.8.1")
    device = Simulated2400(Battery(3.0, capacitance_F=0.01, resistance_ohm=10.0))
    with Served(device, tcp.serve, port=0) as server:
        found = run_client(python, "drive_qcodes_2400.py", server.resource)
    charged(found, device)
    assert 0.0 < found["held_A"] < 1e-2
    assert found["errors"] == '0,"No error"'
    assert not device.circuit_closed


def _tcp_url(resource: str) -> str:
    _, host, port, _ = resource.split("::")
    return f"tcp://{host}:{port}"
