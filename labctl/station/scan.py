"""What is connected to this computer and its network, and which driver fits; nothing that is found is changed.

Whoever speaks IEEE 488.2 over LAN or USBTMC is asked ``*IDN?``, which changes nothing. Serial lines and GPIB are only
listed: what is at their ends may take any byte for a command, and opening a line may reset what is at it. A serial line
is talked to if a person names the driver whose instrument may be interrupted. What another labctl holds is left alone.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from labctl import plugins
from labctl.clock import LoopClock
from labctl.errors import LabctlError, StationError
from labctl.instrument.channel import Driver
from labctl.instrument.threaded import ThreadedChannel
from labctl.keeper.claim import Claim
from labctl.link.address import port_name
from labctl.station.wires import (
    SCPI_PORT,
    SerialLine,
    can_list_usb,
    identification,
    serial_lines,
    usb_and_gpib,
    vxi11_hosts,
)

T = TypeVar("T")

_ANSWER_S = 1.0
_LISTING_S = 2.0
_HOST = re.compile(r"(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>\d{1,5}))?")
_SERIAL = re.compile(r"serial://|/dev/|ASRL|COM\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """Something at the end of a wire.

    Attributes:
        resource: to be written into a station file.
        who: what it says of itself, or what the wire tells; empty if nothing is known.
        drivers: those that fit, by name.
        note: why it was not asked, or did not answer; empty if it did.
    """

    resource: str
    who: str
    drivers: tuple[str, ...] = ()
    note: str = ""


async def scan(at: Iterable[str] = (), ask: str | None = None) -> list[Found]:
    """Look everywhere at once, each place with a deadline of its own: some two seconds.

    Args:
        at: hosts, ``HOST:PORT``, resources or serial lines to look at besides what is found.
        ask: the driver that may talk to its serial lines, as it does when it connects.

    Raises:
        UserError: no such driver.
        StationError: ``at`` is nothing that can be looked at.
    """
    drivers = [plugins.driver(name) for name in plugins.names("drivers")]
    asking = plugins.driver(ask) if ask is not None else None
    given = [_resource(text) for text in at]
    async with asyncio.TaskGroup() as group:
        lines = group.create_task(_in_time(serial_lines))
        local = group.create_task(_in_time(usb_and_gpib))
        hosts = group.create_task(_in_time(vxi11_hosts))
    network = [f"TCPIP::{host}::{SCPI_PORT}::SOCKET" for host in hosts.result()]
    resources = {port_name(r): r for r in [*given, *local.result(), *network] if not _SERIAL.match(r)}
    named = {port_name(r): SerialLine(r, "") for r in given if _SERIAL.match(r)}
    present = {port_name(line.resource): line for line in lines.result()}
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_instrument(r, drivers)) for r in resources.values()]
        asked += [
            group.create_task(_line(line, drivers, asking, named=name in named))
            for name, line in (named | present).items()
        ]
    unseen = (
        []
        if can_list_usb()
        else [Found("USB", "", note="not looked at: pip install pyusb makes it possible")]
    )
    return [*(task.result() for task in asked), *unseen]


def fitting(answer: str, drivers: Iterable[Driver]) -> tuple[str, ...]:
    """The drivers that know the model in an answer to ``*IDN?``: maker, model, serial number, firmware."""
    words = set(re.findall(r"[a-z0-9]+", ([*answer.split(","), ""])[1].casefold()))
    return tuple(d.name for d in drivers if any(_is_one_of(words, model.casefold()) for model in d.traits))


def _is_one_of(words: set[str], model: str) -> bool:
    """Whether a model answers; where a driver drives two instruments together, either."""
    return not words.isdisjoint(model.split("+"))


def _resource(text: str) -> str:
    if "::" in text or _SERIAL.match(text):
        return text
    if (host := _HOST.fullmatch(text)) is None:
        raise StationError(f"{text}: give a host, HOST:PORT, a VISA resource or a serial line")
    return f"TCPIP::{host['host']}::{host['port'] or SCPI_PORT}::SOCKET"


async def _in_time(look: Callable[[], list[T]]) -> list[T]:
    """What a blocking look finds, or nothing if it takes too long."""
    try:
        async with asyncio.timeout(_LISTING_S):
            return await asyncio.to_thread(look)
    except TimeoutError:
        return []


async def _instrument(resource: str, drivers: list[Driver]) -> Found:
    if resource.upper().startswith("GPIB"):
        return Found(resource, "", note="not asked: what is on GPIB need not know *IDN?")
    claim = Claim(resource)
    try:
        await claim.take(patience_s=0.0)
    except StationError as held:
        return Found(resource, "", note=f"not asked: {held}")
    try:
        answer = await identification(resource, _ANSWER_S)
    except StationError as silent:
        return Found(resource, "", note=f"not identified: {silent}")
    finally:
        claim.drop()
    fit = fitting(answer, drivers)
    return Found(resource, answer, fit, "" if fit else "no driver knows it")


async def _line(line: SerialLine, drivers: list[Driver], asking: Driver | None, *, named: bool) -> Found:
    fit = tuple(d.name for d in drivers if _named_by(line, d))
    who = " ".join(filter(None, (line.name, line.usb and f"(USB {line.usb})")))
    if asking is None or not (named or asking.name in fit):
        hint = fit[0] if fit else "DRIVER"
        return Found(line.resource, who, fit, f"not asked, since that may interrupt it: --ask {hint} does")
    claim = Claim(line.resource)
    try:
        await claim.take(patience_s=0.0)
    except StationError as held:
        return Found(line.resource, who, fit, f"not asked: {held}")
    channel = ThreadedChannel(asking, line.resource, LoopClock())
    try:
        identity = await channel.connect()
    except LabctlError as error:
        return Found(line.resource, who, fit, f"{asking.name}: {error}")
    finally:
        await channel.close()
        claim.drop()
    return Found(line.resource, str(identity), (asking.name,))


def _named_by(line: SerialLine, driver: Driver) -> bool:
    """Whether USB tells that this is an instrument of the driver's; a boot loader is none."""
    told = line.name.casefold()
    return "bootloader" not in told and any(
        name.casefold() == line.usb or name.casefold() in told for name in driver.usb
    )
