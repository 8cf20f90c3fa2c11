"""One name for each port, however a person writes its resource."""

import ipaddress
import os
import re
from collections.abc import Mapping

_VIA = " via "
_SERIAL = re.compile(r"(?:serial://)?(/dev/.+|com\d+)", re.IGNORECASE)
_VISA = re.compile(r"(tcpip|gpib|usb|asrl|prlgx-tcpip|prlgx-asrl)(\d*)(?:::)?(.*)", re.IGNORECASE)
_SCPI_RAW = 5025
"""The port of an instrument's own SCPI socket, as registered with IANA (``scpi-raw``)."""


def port_name(resource: str) -> str:
    """The same text for resources that lead to the same port; for comparing only, not for opening.

    Board 0, upper and lower case, leading zeros, ``localhost``, symbolic links below ``/dev``, and what VISA lets one
    leave out make no difference. An instrument's LAN device 0 and its raw SCPI socket are one port: there is one
    instrument behind them. Two names of a host cannot be told to be one; its serial number tells.

    Args:
        resource: as in a station file.
    """
    resource, *gateways = resource.strip().split(_VIA)
    return _VIA.join([_own_name(resource), *map(_own_name, gateways)])


def addressed(resource: str, options: Mapping[str, object]) -> str:
    """A resource together with the channel behind it, where it leads to several: ``21-1-1 via TCPIP::...``."""
    return f"{options['address']}{_VIA}{resource}" if "address" in options else resource


def _own_name(resource: str) -> str:
    if line := _SERIAL.fullmatch(resource):
        return _line_name(line[1])
    visa = _VISA.fullmatch(resource)
    if visa is None:
        return resource.casefold()
    kind, board = visa[1].upper(), int(visa[2] or 0)
    if kind == "ASRL":
        device = re.sub("(::)?instr$", "", visa[3], flags=re.IGNORECASE)
        return _line_name(device) if device else f"ASRL{board}"
    parts = [_plain(part) for part in visa[3].split("::")]
    if kind == "TCPIP":
        return _network_name(parts)
    if kind == "USB":
        return "::".join([kind, *(part for part in parts if part != "instr")][:4])
    return "::".join([f"{kind}{board}", *(part for part in parts if part != "instr")])


def _line_name(device: str) -> str:
    return os.path.realpath(device) if device.startswith("/") else device.upper()


def _network_name(parts: list[str]) -> str:
    host, *rest = parts
    if rest[-1:] == ["socket"] and rest[0] != str(_SCPI_RAW):
        return f"TCPIP::{host}::{rest[0]}"
    device = rest[0] if rest and rest[0] not in ("instr", str(_SCPI_RAW)) else "inst0"
    return f"TCPIP::{host}::{'inst0' if device.startswith('hislip0') else device}"


def _plain(part: str) -> str:
    """A part of a VISA resource: numbers without leading zeros, hexadecimal ones as decimal, addresses as such."""
    part = part.casefold()
    if part in ("localhost", "localhost.localdomain", "::1"):
        return "127.0.0.1"
    if re.fullmatch(r"0x[0-9a-f]+", part):
        return str(int(part, 16))
    if re.fullmatch(r"\d{1,5}", part):
        return str(int(part))
    try:
        return str(ipaddress.ip_address(part))
    except ValueError:
        return part


def simulated_here(resource: str) -> bool:
    """Whether what is at a resource is taken for a simulated instrument on this computer."""
    return re.search(r"127\.0\.0\.1|localhost|/dev/pts/", resource) is not None
