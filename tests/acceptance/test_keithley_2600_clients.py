"""pymeasure, labmcp-keithley-smu, keithley2600 and tm_devices, unmodified, drive the simulated 2601B over TCP."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymeasure.instruments.keithley import Keithley2600

from labctl_simulators.attach import tcp
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keithley_2600 import Keithley2600 as Simulated2600
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served
from tests.simulators.firmware.keithley_bench import Battery

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first

TEKTRONIX = ("keithley2600==2.1.0", "tm_devices==3.7.0", "pyvisa-py==0.8.1")


@pytest.fixture
def served() -> Iterator[Served]:
    with Served(Simulated2600(Resistor(100.0)), tcp.serve, port=0) as server:
        yield server


@pytest.fixture
def charging() -> Iterator[Served]:
    """1 mA into 10 mF through 10 ohm: 0.1 V/s."""
    device = Simulated2600(Battery(3.0, capacitance_F=0.01, resistance_ohm=10.0))
    device.port().receive(b"smua.source.offmode = 2\n", 0.0)  # or it drains the cell while a client starts
    with Served(device, tcp.serve, port=0) as server:
        yield server


@pytest.mark.filterwarnings("ignore:It is not known:FutureWarning")
def test_pymeasure_sources_measures_and_switches_off(served: Served) -> None:
    smu = Keithley2600(
        served.resource, visa_library="@py", read_termination="\n", write_termination="\n", timeout=5000
    )
    channel = smu.ChA
    channel.apply_current(compliance_voltage=2.0)
    channel.measure_voltage(nplc=0.1)
    channel.wires_mode = "4"
    channel.source_current = 1e-3
    channel.source_output = "ON"
    assert channel.source_output == "ON"
    assert channel.voltage == pytest.approx(0.1, rel=1e-3)
    assert channel.current == pytest.approx(1e-3, rel=1e-3)
    assert channel.resistance == pytest.approx(100.0, rel=1e-3)
    channel.source_current = 0.05
    assert channel.voltage == pytest.approx(2.0, rel=1e-3), "5 V are needed, 2 V allowed"
    assert smu.ask("print(smua.source.compliance)").strip() == "true"
    smu.write("no such thing")
    assert smu.next_error[0] == -285
    channel.shutdown()
    assert channel.source_output == "OFF"
    assert not served.device.source.output_on
    smu.adapter.close()


def charged(found: dict[str, Any], device: Simulated2600) -> None:
    assert len(found["charge"]) > 3
    assert all(current_A == pytest.approx(1e-3, rel=1e-2) for _, current_A in found["charge"])
    assert found["charge"][0][0] < 3.1 < 3.2 <= found["end_V"] < 3.4
    assert not found["on_at_last"]
    assert not device.source.output_on


def test_labmcp_charges_to_a_cutoff_and_is_aborted(charging: Served) -> None:
    python = client_environment("labmcp-keithley-smu==0.1.2")
    _, host, port, _ = charging.resource.split("::")
    found = run_client(python, "drive_labmcp_keithley_smu.py", f"tcp://{host}:{port}")
    charged(found, charging.device)
    assert found["model"] == "2601B"
    assert found["remote"]
    assert found["limited"]
    assert found["aborted"]
    assert 0 < found["swept"] < 99
    assert found["errors"] == []


def test_keithley2600_explores_the_commands_and_charges_to_a_cutoff(charging: Served) -> None:
    found = run_client(client_environment(*TEKTRONIX), "drive_keithley2600.py", charging.resource)
    charged(found, charging.device)
    assert found["errors"] == 0
    assert not charging.device.circuit_closed, "it set HIGH_Z"


def test_tm_devices_charges_to_a_cutoff(charging: Served) -> None:
    port = charging.resource.split("::")[2]
    found = run_client(client_environment(*TEKTRONIX), "drive_tm_devices_2600.py", port)
    charged(found, charging.device)
    assert "2601B" in found["model"]
