"""Clock, sleep, lid, updates, disk and file system: each planted condition is seen, and what is well is left alone."""

from pathlib import Path

import pytest

from labctl.doctor import storage, uptime
from labctl.doctor.computer import Computer, Disk, KernelClock, disk_at, kernel_clock
from labctl.doctor.line import Line, Verdict
from tests.doctor.conftest import Planted

OK, LOOK, WRONG = Verdict.OK, Verdict.LOOK, Verdict.WRONG
TARGETS = ("sleep.target", "suspend.target", "hibernate.target", "hybrid-sleep.target")


def says_what_to_do(line: Line) -> bool:
    return bool(line.remedy) is (line.verdict is not OK)


@pytest.mark.parametrize(
    ("clock", "verdict", "word"),
    [
        (KernelClock(True, 0.02), OK, "20 ms"),
        (KernelClock(True, 3.0), LOOK, "3.0 s"),
        (KernelClock(False, 16.0), LOOK, "not synchronised"),
        (None, LOOK, "does not tell"),
    ],
)
def test_clock(planted: Planted, clock: KernelClock | None, verdict: Verdict, word: str) -> None:
    planted.clock = clock
    line = uptime.check_clock(planted.computer)
    assert line.verdict is verdict
    assert word in line.found
    assert says_what_to_do(line)


def test_who_keeps_the_clock(planted: Planted) -> None:
    planted.file("run/chrony/chronyd.pid")
    assert "by chrony" in uptime.check_clock(planted.computer).found


def test_the_kernel_of_this_computer_can_be_asked() -> None:
    found = kernel_clock()
    assert found is None or found.largest_error_s >= 0.0


def test_a_computer_that_cannot_sleep(planted: Planted) -> None:
    assert uptime.check_sleep(planted.computer).verdict is OK


def test_a_computer_that_may_sleep(planted: Planted) -> None:
    planted.file("sys/power/state", "freeze mem disk")
    for target in TARGETS[:2]:
        planted.link(f"etc/systemd/system/{target}", "/dev/null")
    line = uptime.check_sleep(planted.computer)
    assert line.verdict is LOOK
    assert "hibernate.target, hybrid-sleep.target not masked" in line.found
    for target in TARGETS[2:]:
        planted.link(f"etc/systemd/system/{target}", "/dev/null")
    assert uptime.check_sleep(planted.computer).verdict is OK


def test_a_lid(planted: Planted) -> None:
    assert list(uptime.check_lid(planted.computer)) == []
    planted.file("proc/acpi/button/lid/LID0/state", "state:      open")
    (line,) = uptime.check_lid(planted.computer)
    assert (line.verdict, line.found) == (LOOK, "closing it: suspend")
    planted.file("etc/systemd/logind.conf", "[Login]\n#HandleLidSwitch=ignore\nHandleLidSwitch=suspend")
    assert [line.verdict for line in uptime.check_lid(planted.computer)] == [LOOK]
    planted.file("etc/systemd/logind.conf.d/lab.conf", "[Login]\nHandleLidSwitch=ignore")
    assert [line.verdict for line in uptime.check_lid(planted.computer)] == [OK]


def test_updates_that_restart(planted: Planted) -> None:
    assert list(uptime.check_updates(planted.computer)) == []
    setting = 'Unattended-Upgrade::Automatic-Reboot "true";'
    planted.file("etc/apt/apt.conf.d/50unattended-upgrades", f"// {setting}")
    assert list(uptime.check_updates(planted.computer)) == []
    planted.file("etc/apt/apt.conf.d/50unattended-upgrades", setting)
    planted.file("run/reboot-required")
    assert [line.verdict for line in uptime.check_updates(planted.computer)] == [WRONG, LOOK]


@pytest.mark.parametrize(
    ("free", "rows", "verdict"),
    [
        (5_000_000_000, 0, OK),
        (5_000_000_000, 10_000_000, OK),
        (1_500_000_000, 10_000_000, LOOK),
        (900_000_000, 10_000_000, WRONG),
        (900_000_000, 0, LOOK),
    ],
)
def test_room_for_what_is_queued(planted: Planted, free: int, rows: int, verdict: Verdict) -> None:
    planted.disk = Disk(free, 10 * free)
    line = storage.check_room(planted.computer, Path("/data"), rows)
    assert line.verdict is verdict
    assert says_what_to_do(line)


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("ext4", OK),
        ("xfs", OK),
        ("btrfs", OK),
        ("nfs4", WRONG),
        ("cifs", WRONG),
        ("fuse.sshfs", WRONG),
        ("9p", WRONG),
        ("tmpfs", LOOK),
    ],
)
def test_file_systems(planted: Planted, kind: str, verdict: Verdict) -> None:
    planted.file(
        "proc/self/mounts",
        f"/dev/sda1 / ext4 rw 0 0\nserver:/x /mnt/my\\040data {kind} rw 0 0\n/dev/sdb /mnt/m ext4 rw 0 0",
    )
    line = storage.check_file_system(planted.computer, Path("/mnt/my data/cells"))
    assert line.verdict is verdict
    assert kind in line.found
    assert says_what_to_do(line)


def test_a_file_system_that_nobody_names(planted: Planted) -> None:
    assert storage.check_file_system(planted.computer, Path("/data")).verdict is LOOK


def test_this_computer(tmp_path: Path) -> None:
    assert disk_at(tmp_path).free > 0
    here = Computer()
    assert storage.check_file_system(here, tmp_path).found
    assert not here.text("nowhere/at/all")
