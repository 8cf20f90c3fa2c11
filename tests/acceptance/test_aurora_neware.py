"""The unmodified aurora-neware drives the simulated BTS 8, with its Python API and with its command ``neware``.

The step files are written by aurora-unicycler: a third party's program for a third party's client.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aurora_neware import NewareAPI
from aurora_unicycler import (
    ConstantCurrent,
    ConstantVoltage,
    CyclingProtocol,
    Loop,
    OpenCircuitVoltage,
    RecordParams,
    SafetyParams,
    SampleParams,
)

from labctl_simulators.attach import tcp
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.neware_bts8 import NewareBts8
from tests.acceptance.served import Served

SPEED = 500.0
CELL, LOAD = "21-1-1", "21-1-2"


def cycler() -> NewareBts8:
    """0.1 V at once and 1 mV/s from then on at 1 mA; and 100 ohm."""
    return NewareBts8(RcCell(90.0, 10.0, 1e-3, 1.0), 1, further=[Resistor(100.0)])


@pytest.fixture
def api() -> Iterator[NewareAPI]:
    with Served(cycler(), tcp.serve, SPEED, port=0) as served:
        host, port = served.resource.split("::")[1:3]
        with NewareAPI(host, int(port)) as client:
            yield client


def write(folder: Path, *steps: Any, most_V: float = 5.0) -> Path:
    """A step file as aurora-unicycler writes it."""
    path = folder / "job.xml"
    protocol = CyclingProtocol(
        sample=SampleParams(name="x", capacity_mAh=1.0),
        record=RecordParams(time_s=1.0),
        safety=SafetyParams(
            max_voltage_V=most_V, min_voltage_V=-5.0, max_current_mA=5.0, min_current_mA=-5.0
        ),
        method=list(steps),
    )
    protocol.to_neware_xml(save_path=path)
    return path


def until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20.0
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)  # noqa: TID251 - waits for another thread's simulated time


def status(api: NewareAPI, channel: str = CELL) -> str:
    return str(api.inquire(channel)[channel]["workstatus"])


def test_a_charge_a_cut_off_and_a_discharge(api: NewareAPI, tmp_path: Path) -> None:
    job = write(
        tmp_path,
        OpenCircuitVoltage(until_time_s=5.0),
        ConstantCurrent(current_mA=1.0, until_voltage_V=0.2, until_time_s=1000.0),
        ConstantVoltage(voltage_V=0.2, until_current_mA=0.1, until_time_s=2000.0),
        ConstantCurrent(current_mA=-1.0, until_time_s=36.0),
        Loop(loop_to=2, cycle_count=2),
    )
    assert api.start(CELL, "cell-7", job, tmp_path)[0]["start"] == "ok"
    until(lambda: status(api) == "finish")
    rest, charge, hold, discharge, *again = api.get_steps(CELL)
    assert [step["steptype"] for step in (rest, charge, hold, discharge)] == ["rest", "cc", "cv", "dc"]
    assert [step["steptype"] for step in again] == ["cc", "cv", "dc"]
    assert again[0]["cycleid"] == 2
    assert rest["steptime"] == 5000
    assert charge["endvolt"] == pytest.approx(0.2, abs=1e-4)
    assert charge["steptime"] == pytest.approx(100_000, rel=1e-2)
    assert charge["cap"] == pytest.approx(1e-3 * 100.0 / 3600.0, rel=1e-2)
    assert hold["endcurr"] == pytest.approx(1e-4, rel=1e-2)
    assert (discharge["steptime"], discharge["endcurr"]) == (36_000, pytest.approx(-1e-3, rel=1e-4))
    assert discharge["cap"] == pytest.approx(1e-5, rel=1e-4)
    assert api.inquire(CELL)[CELL]["barcode"] == "cell-7"
    assert [entry["log_code"] for entry in api.downloadlog(CELL)] == [100000, 100001]


def test_downloads_all_rows_or_the_last(api: NewareAPI, tmp_path: Path) -> None:
    job = write(tmp_path, ConstantCurrent(current_mA=2.0, until_time_s=1200.0))
    api.start(LOAD, "load", job, tmp_path)
    until(lambda: status(api, LOAD) == "finish")
    count = api.inquiredf(LOAD)[LOAD]["count"]
    data = api.download(LOAD, 0)
    assert count == len(data["volt"]) == 1201
    assert data["seqid"] == list(range(1, 1202))
    assert data["testtime"][-1] == 1_200_000
    assert data["volt"][1:] == [pytest.approx(0.2, abs=1e-3)] * 1200
    assert api.download(LOAD, 5)["seqid"] == list(range(1197, 1202))
    assert api.get_testid(LOAD)[LOAD]["full_test_id"] == "21-1-2-1"


def test_stops_and_refuses(api: NewareAPI, tmp_path: Path) -> None:
    job = write(tmp_path, ConstantCurrent(current_mA=1.0, until_time_s=1e6))
    assert api.start(LOAD, "load", job, tmp_path)[0]["start"] == "ok"
    with pytest.raises(ValueError, match="working"):
        api.start(LOAD, "load", job, tmp_path)
    assert (status(api), status(api, LOAD)) == ("finish", "working")
    assert api.stop(LOAD)[0]["stop"] == "ok"
    assert api.getchlstatus(LOAD)[LOAD]["status"] == "stop"
    rows = api.inquiredf(LOAD)[LOAD]["count"]
    assert api.inquiredf(LOAD)[LOAD]["count"] == rows
    (tmp_path / "none.xml").write_text("<root><config/></root>")
    assert api.start(LOAD, "load", tmp_path / "none.xml", tmp_path)[0]["start"] == "false"
    assert api.light(LOAD)[0]["light"] == api.clearflag(LOAD)[0]["clearflag"] == "ok"


def test_protects_the_cell(api: NewareAPI, tmp_path: Path) -> None:
    api.start(
        CELL, "c", write(tmp_path, ConstantCurrent(current_mA=1.0, until_time_s=1e5), most_V=0.3), tmp_path
    )
    until(lambda: status(api) == "protect")
    assert api.download(CELL, 1)["volt"][0] == pytest.approx(0.3, abs=5e-3)


@pytest.fixture
def only_port() -> int:
    """The only port that the command ``neware`` knows."""
    try:
        with socket.create_server(("127.0.0.1", 502)):
            return 502
    except PermissionError:
        pytest.skip("the command neware knows port 502 only, which may not be taken here")


def test_the_command(tmp_path: Path, only_port: int) -> None:
    def neware(*arguments: str) -> Any:
        command = [os.path.join(os.path.dirname(sys.executable), "neware"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    job = write(tmp_path, ConstantCurrent(current_mA=1.0, until_time_s=1e6))
    with Served(cycler(), tcp.serve, 20.0, port=only_port):
        assert sorted(neware("status")) == [CELL, LOAD]
        neware("start", LOAD, "cell-8", str(job), str(tmp_path))
        assert neware("status", LOAD)[LOAD]["workstatus"] == "working"
        assert neware("get-data", LOAD, "2")["volt"] == [pytest.approx(0.1, abs=1e-3)] * 2
        neware("stop", LOAD)
        assert neware("log", LOAD)[-1]["log_code"] == 100007
