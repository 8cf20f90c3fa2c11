"""The wires of this computer: its serial lines, what is at USB and GPIB, and who answers a broadcast on the network."""

import asyncio
import importlib.util
import os
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass

from labctl.errors import StationError

SCPI_PORT = 5025
_BROADCAST_S = 0.7
_SOCKET = re.compile(r"TCPIP\d*::(.+)::(\d+)::SOCKET", re.IGNORECASE)
_LONGEST_ANSWER = 256


@dataclass(frozen=True, slots=True)
class SerialLine:
    """A serial port as the operating system knows it.

    Attributes:
        resource: its device.
        name: what is behind it, as USB tells; empty if it tells nothing.
        usb: ``vendor:product`` in hexadecimal; empty if it is no USB device.
    """

    resource: str
    name: str
    usb: str = ""


def serial_lines() -> list[SerialLine]:
    """Every serial port that has something behind it; none is opened."""
    from serial.tools.list_ports import comports

    found = []
    for port in comports():
        words = [word for word in (port.manufacturer, port.product, port.serial_number) if word]
        usb = "" if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}"
        if usb or words:
            found.append(SerialLine(port.device, " ".join(words), usb))
    return found


def can_list_usb() -> bool:
    """Whether the library is there that VISA needs for USBTMC."""
    return importlib.util.find_spec("usb") is not None


def usb_and_gpib() -> list[str]:
    """Resources of USBTMC and GPIB instruments; the network is left out, since listing that takes seconds."""
    import pyvisa_py.highlevel  # noqa: F401  registers every kind of session that this computer can have
    from pyvisa.constants import InterfaceType
    from pyvisa_py.sessions import Session

    found: list[str] = []
    for (interface, _), session in Session.iter_valid_session_classes():
        if interface in (InterfaceType.usb, InterfaceType.gpib):
            with suppress(ValueError, OSError):  # a library without the hardware, or without the right to it
                found += session.list_resources()
    return found


def vxi11_hosts(broadcast: str = "255.255.255.255", wait_s: float = _BROADCAST_S) -> list[str]:
    """Hosts on this network that have a VXI-11 server, as LXI instruments do: one question to the port mapper of all.

    Args:
        broadcast: where it is sent.
        wait_s: how long nothing may come before it ends.
    """
    from pyvisa_py.protocols import rpc, vxi11

    asked = (vxi11.DEVICE_CORE_PROG, vxi11.DEVICE_CORE_VERS, rpc.IPPROTO_TCP, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        port_mapper = rpc.BroadcastUDPPortMapperClient(broadcast)
        try:
            port_mapper.set_timeout(wait_s)
            port_mapper.send_port(asked)
            answers = port_mapper.recv_port(asked)
        except (rpc.RPCError, OSError):
            return []
        finally:
            port_mapper.close()
    return [address[0] for port, address in answers if port > 0]


async def identification(resource: str, within_s: float) -> str:
    """What an IEEE 488.2 instrument answers to ``*IDN?``: one line of printable text.

    Raises:
        StationError: nothing, or nothing of that kind, answers in time.
    """
    try:
        async with asyncio.timeout(within_s):
            if socket := _SOCKET.fullmatch(resource):
                answer = await _by_socket(socket[1], int(socket[2]))
            else:
                answer = await asyncio.to_thread(_by_visa, resource, within_s)
    except TimeoutError:
        raise StationError(f"nothing came within {within_s:g} s") from None
    except (OSError, ValueError) as error:
        raise StationError(_in_words(error)) from error
    if not re.fullmatch(r"[ -~]{3,}", answer):
        raise StationError("what came is no identification")
    return answer


async def _by_socket(host: str, port: int) -> str:
    reader, writer = await asyncio.open_connection(host, port, limit=_LONGEST_ANSWER)
    try:
        writer.write(b"*IDN?\n")
        return (await reader.readuntil(b"\n")).decode("ascii", "replace").strip()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ValueError("what came is no line") from error
    finally:
        writer.close()


def _by_visa(resource: str, within_s: float) -> str:
    import pyvisa

    wait_ms = int(0.4e3 * within_s)
    try:
        with pyvisa.ResourceManager("@py").open_resource(
            resource, open_timeout=wait_ms, timeout=wait_ms
        ) as opened:
            return str(opened.query("*IDN?")).strip()
    except pyvisa.Error as error:
        raise ValueError(str(error)) from error


def _in_words(error: Exception) -> str:
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
