"""pymodbus and labmcp-modbus, unmodified, read the simulated logger: Modbus TCP, RTU over TCP, a serial line."""

from typing import Any

import pytest

from labctl_simulators.attach import pty, tcp
from labctl_simulators.firmware.modbus_temperature import ModbusTemperature
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first
PYMODBUS = ("minimalmodbus==2.1.1", "pymodbus==3.16.1", "pyserial==3.5")
LABMCP = ("labmcp-modbus==0.1.3", "labmcp==0.1.2", "pymodbus==3.16.1", "pyserial==3.5")


def served(attachment: str) -> Served:
    serve: Any = pty.serve if attachment == "pty" else tcp.serve
    where: dict[str, Any] = {} if attachment == "pty" else {"port": 0}
    return Served(ModbusTemperature(None, 1), serve, 1.0, **where)


def address(resource: str) -> str:
    parts = resource.split("::")
    return parts[0].removeprefix("ASRL") if parts[0].startswith("ASRL") else ":".join(parts[1:3])


@pytest.mark.parametrize(("attachment", "packing"), [("tcp", "tcp"), ("tcp", "rtu"), ("pty", "rtu")])
def test_pymodbus_reads_temperatures_however_they_are_packed(attachment: str, packing: str) -> None:
    python = client_environment(*PYMODBUS)
    with served(attachment) as server:
        found = run_client(python, "drive_logger_pymodbus.py", address(server.resource), packing)
        truth_C = [server.device.temperature_C(channel) for channel in range(3)]
    for row in found["int16"]:
        assert row[:3] == pytest.approx(truth_C, abs=0.2)
        assert row[3] == 3276.7
    assert found["float32"] == pytest.approx([truth_C[0]] * len(found["float32"]), abs=0.2)
    assert (found["no_register"], found["no_function"], found["too_many"]) == (2, 1, 2)


@pytest.mark.parametrize("attachment", ["tcp", "pty"])
def test_labmcp_modbus_reads_every_kind_of_number(attachment: str) -> None:
    python = client_environment(*LABMCP)
    with served(attachment) as server:
        where = address(server.resource)
        url = f"tcp://{where}" if attachment == "tcp" else f"serial://{where}?baudrate=9600&parity=N"
        found = run_client(python, "drive_logger_labmcp_modbus.py", url)
        truth_C = [server.device.temperature_C(channel) for channel in range(3)]
    for channel in range(3):
        for kind in ("int16", "float", "low-first", "int32"):
            assert found[f"{kind}-{channel}"] == pytest.approx(truth_C[channel], abs=0.2), kind
        assert found[f"kelvin-{channel}"] == pytest.approx(truth_C[channel] + 273.15, abs=0.2)
    assert found["float-3"] is None
    assert found["missing"] is None
    assert "ILLEGAL" in found["written"].upper()
    assert "ILLEGAL" in found["coils"].upper()
