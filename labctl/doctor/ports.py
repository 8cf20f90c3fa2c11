"""The ports that a station names: whether they are there, may be opened, and stay awake."""

import re
from collections.abc import Iterator
from pathlib import Path

from labctl.doctor.computer import Computer
from labctl.doctor.line import Line, look, ok, wrong

_USBTMC = re.compile(r"USB\d*::([^:]+)::([^:]+)::([^:]+)(?:::.*)?", re.IGNORECASE)


def check_port(computer: Computer, channel: str, resource: str) -> Iterator[Line]:
    """Look at the port of one channel without opening it; nothing to say of those on a network."""
    subject = f"port of {channel}"
    if match := _USBTMC.fullmatch(resource):
        device = _by_serial_number(computer, match[3])
        if device is None:
            yield wrong(
                subject, f"no USB device has the serial number {match[3]}", "plug it in, switch it on"
            )
        else:
            yield from _check_node(computer, subject, _usb_node(computer, device))
            yield from _check_power(computer, subject, device)
        return
    path = resource.removeprefix("serial://").removeprefix("ASRL").removesuffix("::INSTR")
    if not path.startswith("/dev/"):
        return
    node = computer.at(path)
    if not node.exists():
        yield wrong(subject, f"{path} is not there", "plug it in, or correct the station file")
        return
    yield from _check_node(computer, subject, node)
    if not path.startswith("/dev/serial/by-id/") and not path.startswith("/dev/pts/"):
        yield look(
            subject, f"{path} may be another device after it is plugged in anew", _by_id(computer, node)
        )
    if device := _usb_device(computer, node.resolve().name):
        yield from _check_power(computer, subject, device)


def _check_node(computer: Computer, subject: str, node: Path | None) -> Iterator[Line]:
    if node is None:
        return
    if computer.may_use(node):
        yield ok(subject, f"{node.name} may be opened")
        return
    try:
        group = node.group()
    except (KeyError, OSError):
        group = "the group that owns it"
    remedy = f"sudo usermod -aG {group} $USER, then log in anew"
    if group == "root":
        remedy = "add a udev rule that gives it a group of yours"
    yield wrong(subject, f"{node.name} belongs to {group} and may not be opened", remedy)


def _check_power(computer: Computer, subject: str, device: Path) -> Iterator[Line]:
    """A device that Linux suspends when it is silent may lose a connection in the middle of a rest."""
    control = computer.text(str(device / "power" / "control"))
    if control == "auto":
        vendor, product = (computer.text(str(device / name)) for name in ("idVendor", "idProduct"))
        rule = f'ATTR{{idVendor}}=="{vendor}", ATTR{{idProduct}}=="{product}", ATTR{{power/control}}="on"'
        yield look(
            subject,
            f"USB device {device.name} may be suspended when it is silent",
            f'write ACTION=="add", SUBSYSTEM=="usb", {rule} into /etc/udev/rules.d/90-labctl.rules',
        )
    elif control:
        yield ok(subject, f"USB device {device.name} stays awake")


def _usb_device(computer: Computer, tty: str) -> Path | None:
    """The USB device that a serial line belongs to; None if it belongs to none."""
    start = computer.path("sys/class/tty", tty, "device")
    if not start.exists():
        return None
    place = start.resolve()
    return next((path for path in (place, *place.parents) if (path / "idVendor").exists()), None)


def _by_serial_number(computer: Computer, serial: str) -> Path | None:
    for file in sorted(computer.path("sys/bus/usb/devices").glob("*/serial")):
        if computer.text(str(file)) == serial:
            return file.parent.resolve()
    return None


def _usb_node(computer: Computer, device: Path) -> Path | None:
    bus, number = (computer.text(str(device / name)) for name in ("busnum", "devnum"))
    if not (bus.isdecimal() and number.isdecimal()):
        return None
    node = computer.path("dev/bus/usb", f"{int(bus):03}", f"{int(number):03}")
    return node if node.exists() else None


def _by_id(computer: Computer, node: Path) -> str:
    for link in sorted(computer.path("dev/serial/by-id").glob("*")):
        if link.resolve() == node.resolve():
            return f"name it /dev/serial/by-id/{link.name}"
    return "give its serial number in the station file"
