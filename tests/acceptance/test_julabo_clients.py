"""labmcp-julabo and julabo, unmodified, drive the simulated circulator: over TCP, and on a serial line."""

from itertools import pairwise
from typing import Any

import pytest

from labctl_simulators.attach import pty, tcp
from labctl_simulators.firmware.julabo import Julabo
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first


def url(resource: str) -> str:
    if resource.startswith("ASRL"):
        return resource.removeprefix("ASRL").removesuffix("::INSTR")
    _, host, port, _ = resource.split("::")
    return f"tcp://{host}:{port}"


@pytest.mark.parametrize("attachment", ["tcp", "pty"])
def test_labmcp_julabo_heats_a_bath_and_is_refused_what_it_may_not(attachment: str) -> None:
    python = client_environment("labmcp-julabo==0.1.2", "labmcp==0.1.2", "pyserial==3.5")
    serve: Any = pty.serve if attachment == "pty" else tcp.serve
    where: dict[str, Any] = {} if attachment == "pty" else {"port": 0}
    with Served(Julabo(None, 1), serve, 1000.0, **where) as server:
        found = run_client(python, "drive_labmcp_julabo.py", url(server.resource))
    assert found["version"].startswith("JULABO MAGIO")
    assert (found["status_at_first"], found["status"]) == ("02 REMOTE STOP", "03 REMOTE START")
    assert found["course_C"][-1] == pytest.approx(30.0, abs=0.05)
    assert all(later > earlier - 0.1 for earlier, later in pairwise(found["course_C"]))
    assert found["running"]
    assert found["limits_C"] == [150.0, -30.0]
    assert "-10 VALUE TOO SMALL" in found["too_cold"]
    assert "-11 VALUE TOO LARGE" in found["too_hot"]
    assert "-13 VALUE EXCEEDS TEMPERATURE LIMITS" in found["beyond"]
    assert found["set_C"] == 30.0
    assert found["missing"] is None
    assert found["stopped"]
    assert found["status_at_last"] == "02 REMOTE STOP"


def test_julabo_cools_a_bath() -> None:
    python = client_environment("julabo==2.3.0", "sockio==0.15.0")
    with Served(Julabo(None, 1), tcp.serve, 1000.0, port=0) as server:
        found = run_client(python, "drive_julabo.py", url(server.resource))
    assert found["identification"].startswith("JULABO MAGIO")
    assert found["started"]
    assert found["course_C"][-1] == pytest.approx(10.5, abs=0.05)
    assert found["set_C"] == [10.5, 33.25]
    assert found["control"] == "Internal"
    assert (found["refused"], found["status"]) == ("-11 VALUE TOO LARGE", "03 REMOTE START")
    assert found["status_at_last"] == "02 REMOTE STOP"
