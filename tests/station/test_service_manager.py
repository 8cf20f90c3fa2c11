"""What systemd hears."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from labctl.station.service_manager import ServiceManager


def listener(path: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(path)
    listening.settimeout(2.0)
    return listening


def test_states_are_told_in_one_datagram(tmp_path: Path) -> None:
    with listener(str(tmp_path / "notify")) as manager:
        ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")}).tell(READY=1, STATUS="8 channels")
        assert manager.recv(1000) == b"READY=1\nSTATUS=8 channels"


def test_an_abstract_socket() -> None:
    name = f"labctl-test-{os.getpid()}"
    with listener(f"\0{name}") as manager:
        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).tell(STOPPING=1)
        assert manager.recv(1000) == b"STOPPING=1"


async def test_the_watchdog_is_fed_three_times_in_its_time(tmp_path: Path) -> None:
    environment = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "150000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    with listener(environment["NOTIFY_SOCKET"]) as heard:
        manager = ServiceManager(environment)
        assert manager.interval_s == pytest.approx(0.05)
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(manager.feed())
            await asyncio.sleep(0.18)
            feeding.cancel()
        heard.setblocking(False)
        fed = 0
        while True:
            try:
                assert heard.recv(100) == b"WATCHDOG=1"
            except BlockingIOError:
                break
            fed += 1
    assert 2 <= fed <= 4


async def test_without_a_manager_nothing_is_told_and_nothing_fed() -> None:
    manager = ServiceManager({})
    manager.tell(READY=1)
    await manager.feed()
    ServiceManager({"NOTIFY_SOCKET": "/nowhere/at/all"}).tell(READY=1)
    assert ServiceManager({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).interval_s is None
