"""Where an instrument with two ports has the second: at the next TCP port, or at the same USB device."""

import os
import re

from labctl.errors import LinkLost

_SOCKET = re.compile(r"(TCPIP\d*::[^:\s]+::)(\d+)(::SOCKET)", re.IGNORECASE)
_LINE = re.compile(r"(serial://|ASRL)?(/dev/.+?|COM\d+)(::INSTR)?", re.IGNORECASE)


def second_of(first: str, named: str = "") -> str:
    """The resource of the second port, in the words of the first.

    Args:
        first: resource of the first.
        named: of the second, as a person writes it; empty: it is to be found.

    Raises:
        LinkLost: it cannot be told.
    """
    line = _LINE.fullmatch(first)
    if named:
        other = _LINE.fullmatch(named)
        return f"{line[1] or ''}{other[2]}{line[3] or ''}" if line and other else named
    if socket := _SOCKET.fullmatch(first):
        return f"{socket[1]}{int(socket[2]) + 1}{socket[3]}"
    if line and len(found := _siblings(line[2])) == 1:
        return f"{line[1] or ''}{found[0]}{line[3] or ''}"
    raise LinkLost("its second port cannot be found by itself: the station file has to name it", first)


def _siblings(device: str) -> list[str]:
    """Other serial lines of the USB device that has this one."""
    from serial.tools import list_ports

    ports = list(list_ports.comports())
    own = [_usb(port) for port in ports if os.path.realpath(port.device) == os.path.realpath(device)]
    return [
        port.device
        for port in ports
        if port.vid and _usb(port) in own and os.path.realpath(port.device) != os.path.realpath(device)
    ]


def _usb(port: object) -> tuple[object, ...]:
    return tuple(getattr(port, name) for name in ("vid", "pid", "serial_number"))
