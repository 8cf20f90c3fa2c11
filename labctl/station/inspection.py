"""Compares a station file with what is connected: asks every instrument who it is, and switches nothing."""

import asyncio
import re
from asyncio import TaskGroup
from collections.abc import Mapping
from dataclasses import dataclass

from labctl.clock import LoopClock
from labctl.errors import LabctlError
from labctl.instrument.channel import Identity
from labctl.keeper.pairs import KeeperPairs
from labctl.station.connect import ChannelSpec, open_channel
from labctl.station.file import Station
from labctl.station.launch import identify
from labctl.station.limits import beyond_instrument
from labctl.station.thermometers import AuxiliarySpec, look

_AT_ONCE = 16
"""Instruments that are asked at the same time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at a channel.

    Attributes:
        spec: what the file says.
        identity: who answered; None if nobody did.
        problem: what does not match; empty if all does.
    """

    spec: ChannelSpec
    identity: Identity | None
    problem: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What was found of a thermometer or chamber.

    Attributes:
        spec: what the file says.
        identity: who answered; None if nobody did.
        sensors_K: what it shows.
        problem: why it could not be read; empty if it could.
    """

    spec: AuxiliarySpec
    identity: Identity | None
    sensors_K: Mapping[str, float]
    problem: str


async def inspect(station: Station) -> list[Finding]:
    """Ask every instrument of a station, in the order of its file."""
    turns, specs = asyncio.Semaphore(_AT_ONCE), station.channels.values()
    with KeeperPairs([each for spec in specs for each in spec.instruments()], journal=None) as keepers:
        async with TaskGroup() as group:
            asking = [group.create_task(_ask(spec, keepers, turns)) for spec in specs]
    findings = [task.result() for task in asking]
    return [_twice(finding, findings) for finding in findings]


async def inspect_beside(station: Station) -> list[Beside]:
    """Read every thermometer and chamber that channels name, once; nothing is set."""
    async with TaskGroup() as group:
        asking = [group.create_task(_read(spec)) for spec in station.auxiliaries()]
    return [task.result() for task in asking]


async def _read(spec: AuxiliarySpec) -> Beside:
    try:
        identity, shown = await look(spec)
    except LabctlError as error:
        return Beside(spec, None, {}, str(error))
    return Beside(spec, identity, shown.sensors_K, "")


async def _ask(spec: ChannelSpec, keepers: KeeperPairs, turns: asyncio.Semaphore) -> Finding:
    identity: Identity | None = None
    async with turns:
        channel = open_channel(spec, LoopClock(), 0, keepers)
        try:
            identity = await identify(channel, spec)
        except LabctlError as error:
            return Finding(spec, None, str(error))
        finally:
            await channel.close()
    wrong = "" if spec.limits is None else beyond_instrument(spec.limits, channel.traits)
    return Finding(spec, identity, wrong and f"limits: {wrong}")


def _twice(finding: Finding, findings: list[Finding]) -> Finding:
    """Two channels that lead to one instrument would open and close each other's circuit."""
    if finding.problem or not finding.spec.resource or _is_simulated(finding.spec):
        return finding
    others = [
        other.spec.name
        for other in findings
        if other is not finding and other.identity == finding.identity and not _is_simulated(other.spec)
    ]
    if not others:
        return finding
    return Finding(
        finding.spec, finding.identity, f"the same instrument answers on channel {', '.join(others)}"
    )


def _is_simulated(spec: ChannelSpec) -> bool:
    return not spec.resource or bool(re.search(r"127\.0\.0\.1|localhost|/dev/pts/", spec.resource))
