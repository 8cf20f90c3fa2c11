"""The unmodified labmcp-palmsens 0.1.3 drives the simulated EmStat4, over TCP and over a pseudo-terminal."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from fastmcp import Client
from labmcp_palmsens.server import server

from labctl_simulators.attach import pty, tcp
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.firmware.palmsens_emstat4 import EmStat4

pytestmark = pytest.mark.filterwarnings("ignore")

SPEED = 20.0
SERIES_OHM, ARC_OHM = 100.0, 900.0

Serve = Callable[[EmStat4, Callable[[str], None]], Awaitable[None]]


async def serve_tcp(device: EmStat4, ready: Callable[[str], None]) -> None:
    await tcp.serve(device, port=0, speed=SPEED, ready=ready)


async def serve_pty(device: EmStat4, ready: Callable[[str], None]) -> None:
    await pty.serve(device, speed=SPEED, ready=ready)


@contextmanager
def served(serve: Serve, device: EmStat4) -> Iterator[str]:
    """Serve the device from a thread of its own; gives its VISA resource."""
    resource: list[str] = []
    running, cancel = threading.Event(), []

    def ready(name: str) -> None:
        resource.append(name)
        running.set()

    async def main() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        cancel.append(lambda: loop.call_soon_threadsafe(task.cancel))
        await serve(device, ready)

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert running.wait(10.0)
        yield resource[0]
    finally:
        cancel[0]()
        thread.join(10.0)
        assert not thread.is_alive()


def address(resource: str) -> str:
    """The resource as labmcp writes it."""
    if resource.startswith("ASRL"):
        return f"serial://{resource.removeprefix('ASRL').removesuffix('::INSTR')}"
    _, host, port, _ = resource.split("::")
    return f"tcp://{host}:{port}"


@dataclass
class Rig:
    device: EmStat4

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            async with Client(server.mcp) as client:
                answer = await client.call_tool(tool, arguments)
            return dict(answer.structured_content or {})

        return asyncio.run(ask())


@pytest.fixture(scope="module", params=[serve_tcp, serve_pty], ids=["tcp", "pty"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    device = EmStat4(RcCell(SERIES_OHM, ARC_OHM, 1e-4), serial="STUB0001")
    with served(request.param, device) as resource:
        limits = {"max_current_range_a": 0.2}
        server.configure(address=address(resource), simulate=False, read_only=False, limits=limits)
        try:
            yield Rig(device)
        finally:
            server.disconnect()


def script(*lines: str) -> str:
    return "\n".join(lines)


def test_it_is_identified(rig: Rig) -> None:
    info = rig.call("get_device_info")
    assert info["model"] == "EmStat4 HR"
    assert info["firmware"] == "1.4.00"
    assert info["serial"] == "STUB0001"


def test_chronoamperometry(rig: Rig) -> None:
    result = rig.call(
        "run_chronoamperometry", potential_v=0.5, run_time_s=2.0, interval_s=0.1, current_range_a=1e-3
    )
    assert result["n_points"] == 20
    assert not result["warnings"]
    assert result["data"][-1]["current_a"] == pytest.approx(0.5 / (SERIES_OHM + ARC_OHM), rel=0.01)
    assert result["data"][-1]["time_s"] == pytest.approx(2.0)
    assert not rig.device.circuit_closed


def test_cyclic_voltammetry(rig: Rig) -> None:
    result = rig.call(
        "run_cyclic_voltammetry",
        begin_potential_v=0.0, vertex1_potential_v=0.5, vertex2_potential_v=-0.5,
        step_potential_v=0.05, scan_rate_v_s=0.5, n_scans=2, current_range_a=1e-3,
    )  # fmt: skip
    assert {point["scan"] for point in result["data"]} == {0, 1}
    assert result["n_points"] == 81
    assert len(result["cv_peaks"]) == 2
    assert not result["warnings"]


def test_linear_sweep_voltammetry(rig: Rig) -> None:
    result = rig.call(
        "run_linear_sweep_voltammetry",
        begin_potential_v=-0.2, end_potential_v=0.2, step_potential_v=0.02, scan_rate_v_s=0.2,
    )  # fmt: skip
    assert result["n_points"] == 21


def test_chronopotentiometry(rig: Rig) -> None:
    result = rig.call(
        "run_methodscript",
        script=script(
            "var p", "var c", "set_pgstat_chan 0", "set_pgstat_mode 6", "set_range db 1m", "set_i 0", "cell_on",
            "meas_loop_cp p c 500u 500m 5", "pck_start", "pck_add p", "pck_add c", "pck_end", "endloop",
            "on_finished:", "cell_off",
        ),
    )  # fmt: skip
    assert result["error"] is None
    assert result["total_packages"] == 10
    assert result["packages"][-1]["ab"] == pytest.approx(5e-4 * (SERIES_OHM + ARC_OHM), abs=2e-3)
    assert result["packages"][-1]["db"] == pytest.approx(5e-4)


@pytest.mark.parametrize(
    ("mode", "loop"), [(3, "meas_loop_eis f r j 10m 10k 1 9 0"), (6, "meas_loop_geis f r j 10u 10k 1 9 0")]
)
def test_impedance(rig: Rig, mode: int, loop: str) -> None:
    result = rig.call(
        "run_methodscript",
        script=script(
            "var f", "var r", "var j", f"set_pgstat_mode {mode}", "set_range ba 100u", "set_range db 100u", "cell_on",
            loop, "pck_start", "pck_add f", "pck_add r", "pck_add j", "pck_end", "endloop", "on_finished:", "cell_off",
        ),
    )  # fmt: skip
    assert result["error"] is None
    assert [package["dc"] for package in result["packages"]] == pytest.approx(
        [10 ** (4 - k / 2) for k in range(9)]
    )
    assert result["packages"][0]["cc"] == pytest.approx(SERIES_OHM, rel=0.02)
    assert result["packages"][-1]["cc"] == pytest.approx(SERIES_OHM + ARC_OHM, rel=0.3)
    assert all(package["cd"] < 0.0 for package in result["packages"][2:])


def test_open_circuit(rig: Rig) -> None:
    result = rig.call(
        "run_methodscript",
        script=script(
            "var p", "cell_off", "meas_loop_ocp p 100m 1", "pck_start", "pck_add p", "pck_end", "endloop",
        ),
    )  # fmt: skip
    assert result["total_packages"] == 10
    assert result["error"] is None


def test_a_run_time_error_is_understood_and_the_cell_switched_off_by_the_client(rig: Rig) -> None:
    result = rig.call(
        "run_methodscript",
        script=script("var p", "set_pgstat_mode 3", "cell_on", "meas_loop_ocp p 100m 1", "endloop"),
    )
    assert "0x0014 at script line 4" in result["error"]
    assert result["cell_off_after_error"] is True
    assert not rig.device.circuit_closed


def test_a_refused_script_is_understood(rig: Rig) -> None:
    with pytest.raises(Exception, match=r"line 2, column 1.*0x4001"):
        rig.call("run_methodscript", script="var p\nfoo p")
    assert rig.call("get_device_info")["serial"] == "STUB0001"


def test_a_running_script_is_aborted(rig: Rig) -> None:
    endless = script("var p", "var c", "set_pgstat_mode 3", "cell_on", "meas_loop_ca p c 0 1 10k", "endloop")

    async def run_and_abort() -> tuple[Any, Any]:
        async with Client(server.mcp) as client, asyncio.TaskGroup() as group:
            running = group.create_task(client.call_tool("run_methodscript", {"script": endless}))
            while not rig.device.circuit_closed:
                await asyncio.sleep(0.01)
            aborted = await client.call_tool("abort_measurement", {})
        return running.result().structured_content, aborted.structured_content

    result, aborted = asyncio.run(run_and_abort())
    assert result["aborted"] is True
    assert aborted == {"was_running": True, "stopped": True, "note": "cell switched off"}
    assert not rig.device.circuit_closed


def test_nothing_to_abort(rig: Rig) -> None:
    assert rig.call("abort_measurement")["stopped"] is True
