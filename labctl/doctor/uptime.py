"""What stops or shifts a computer in the middle of the night: its clock, sleep, its lid, updates that restart it."""

import re
from collections.abc import Iterator

from labctl.doctor.computer import Computer
from labctl.doctor.line import Line, look, ok, wrong

_TARGETS = ("sleep.target", "suspend.target", "hibernate.target", "hybrid-sleep.target")
_LARGEST_ERROR_S = 1.0
_REBOOTS = re.compile(r'^\s*Unattended-Upgrade::Automatic-Reboot\s+"true"', re.MULTILINE)
_LID = re.compile(r"^\s*HandleLidSwitch\s*=\s*(\w+)", re.MULTILINE)


def check_clock(computer: Computer) -> Line:
    """The clock on the wall dates the rows; experiments are timed by another clock, which no setting moves."""
    clock = computer.kernel_clock()
    remedy = "timedatectl set-ntp true, or install chrony"
    if clock is None:
        return look("clock", "the kernel does not tell whether it is synchronised", remedy)
    keeper = _keeper(computer)
    if not clock.synchronised:
        return look("clock", f"not synchronised{keeper}: dates in the database may be off", remedy)
    if clock.largest_error_s > _LARGEST_ERROR_S:
        return look("clock", f"may be off by {clock.largest_error_s:.1f} s{keeper}", remedy)
    return ok("clock", f"synchronised to {clock.largest_error_s * 1e3:.0f} ms{keeper}")


def _keeper(computer: Computer) -> str:
    for path, name in (
        ("run/systemd/timesync/synchronized", "systemd-timesyncd"),
        ("run/chrony/chronyd.pid", "chrony"),
        ("run/ntpd.pid", "ntpd"),
    ):
        if computer.path(path).exists():
            return f" by {name}"
    return ""


def check_sleep(computer: Computer) -> Line:
    """A computer that sleeps leaves its circuits closed and measures nothing."""
    if not computer.text("sys/power/state"):
        return ok("sleep", "this computer cannot")
    open_targets = [name for name in _TARGETS if not _is_masked(computer, name)]
    if open_targets:
        return look(
            "sleep",
            f"the computer may fall asleep in a run ({', '.join(open_targets)} not masked)",
            f"sudo systemctl mask {' '.join(_TARGETS)}",
        )
    return ok("sleep", "masked")


def _is_masked(computer: Computer, unit: str) -> bool:
    path = computer.path("etc/systemd/system", unit)
    return path.is_symlink() and str(path.readlink()) == "/dev/null"


def check_lid(computer: Computer) -> Iterator[Line]:
    """A laptop whose lid is closed falls asleep unless it is told otherwise."""
    if not any(computer.path("proc/acpi/button/lid").glob("*/state")):
        return
    files = [computer.path("etc/systemd/logind.conf")]
    files += sorted(computer.path("etc/systemd/logind.conf.d").glob("*.conf"))
    handled = [setting for file in files for setting in _LID.findall(computer.text(str(file)))]
    if handled and handled[-1] == "ignore":
        yield ok("lid", "may be closed")
    else:
        yield look(
            "lid",
            f"closing it: {handled[-1] if handled else 'suspend'}",
            "write HandleLidSwitch=ignore into /etc/systemd/logind.conf, or leave it open",
        )


def check_updates(computer: Computer) -> Iterator[Line]:
    """Updates that restart the computer by themselves."""
    files = computer.path("etc/apt/apt.conf.d").glob("*")
    restarting = [file.name for file in sorted(files) if _REBOOTS.search(computer.text(str(file)))]
    if restarting:
        yield wrong(
            "updates",
            f"the computer restarts by itself after updates ({', '.join(restarting)})",
            'set Unattended-Upgrade::Automatic-Reboot to "false"',
        )
    if computer.path("run/reboot-required").exists():
        yield look("updates", "a restart is due", "restart before the next run, not in it")
