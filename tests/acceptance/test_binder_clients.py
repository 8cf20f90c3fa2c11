"""minimalmodbus and pymodbus, unmodified, drive the simulated BINDER MK 53: on a serial line, and by RTU over TCP."""

from itertools import pairwise
from typing import Any

import pytest

from labctl_simulators.attach import pty, tcp
from labctl_simulators.firmware.binder_mk53 import BinderMk53
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first
CLIENTS = ("minimalmodbus==2.1.1", "pymodbus==3.16.1", "pyserial==3.5")


def on_pty(resource: str) -> str:
    return resource.removeprefix("ASRL").removesuffix("::INSTR")


def on_tcp(resource: str) -> str:
    return ":".join(resource.split("::")[1:3])


def test_minimalmodbus_sends_it_to_a_temperature_and_is_refused_what_it_may_not() -> None:
    python = client_environment(*CLIENTS)
    device = BinderMk53(None, 1)
    device.fail("OVERHEAT")
    device.reset()
    with Served(device, pty.serve, 1000.0) as server:
        found = run_client(python, "drive_binder_minimalmodbus.py", on_pty(server.resource))
    assert (found["mode_at_first"], found["mode"], found["mode_at_last"]) == (0, 0x0800, 0)
    assert found["set_C"] == 40.0
    assert found["course_C"][0] < 25.0
    assert found["course_C"][-1] == pytest.approx(40.0, abs=0.1)
    assert all(later > earlier - 0.1 for earlier, later in pairwise(found["course_C"]))
    assert found["below_zero_C"] == -12.5
    assert "illegal data address" in found["no_register"]
    assert "illegal data value" in found["too_hot"]
    assert "illegal function" in found["no_function"]
    assert found["read_only"] != "none"
    assert found["nobody"].startswith("NoResponseError")
    assert found["alarm_text"] == ""


@pytest.mark.parametrize("attachment", ["pty", "tcp"])
def test_pymodbus_reads_writes_and_meets_every_exception(attachment: str) -> None:
    python = client_environment(*CLIENTS)
    serve: Any = pty.serve if attachment == "pty" else tcp.serve
    where: dict[str, Any] = {} if attachment == "pty" else {"port": 0}
    with Served(BinderMk53(None, 1), serve, 10.0, **where) as server:
        address = on_pty(server.resource) if attachment == "pty" else on_tcp(server.resource)
        found = run_client(python, "drive_binder_pymodbus.py", address)
    assert (found["mode_at_first"], found["mode"], found["set_C"]) == ([0], [0x0800], 35.5)
    assert 22.0 < found["air_C"] < 36.0
    assert found["together"] == 20
    assert found["exceptions"] == {
        **dict.fromkeys(("coils", "write a coil", "both", "mask", "identification"), 1),
        **dict.fromkeys(("no register", "beyond the end"), 2),
        **dict.fromkeys(("half a float written", "too cold", "no number", "a program"), 3),
        "read only": 5,
    }
