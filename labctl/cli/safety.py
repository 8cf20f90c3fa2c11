"""``labctl safety``: for each channel, what opens its circuit when the computer, the engine or the keeper dies."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.errors import LabctlError
    from labctl.instrument.channel import Channel, Identity, Traits
    from labctl.keeper.pairs import KeeperPairs
    from labctl.station.connect import ChannelSpec


def safety(
    station: options.Station = None,
    channel: options.ChannelName = None,
    driver: options.DriverName = None,
    resource: options.Resource = None,
    watchdog: options.Watchdog = None,
    json: options.Json = False,
) -> None:
    """Ask the instruments what opens each circuit, and after how long, if this computer dies now.

    Connects to each channel, switches nothing on, and gives the port back. A PalmSens instrument ends a script that
    it was left running.
    """
    import asyncio

    from labctl.cli.exits import code_of
    from labctl.cli.output import print_json

    specs = _specs(station, channel, driver, resource, watchdog)
    accounts = asyncio.run(_accounts(specs))
    if json:
        print_json([account.as_document() for account in accounts])
    else:
        print("\n\n".join("\n".join(account.lines()) for account in accounts))
    raise typer.Exit(max((code_of(a.problem) for a in accounts if a.problem is not None), default=0))


@dataclass(frozen=True, slots=True)
class Account:
    """What one channel answers.

    Attributes:
        spec: the channel.
        traits: as declared, or of the model that answered.
        identity: who answered; None if nobody did.
        read_back: what the instrument is set to, as it says itself.
        problem: why it could not be asked.
    """

    spec: "ChannelSpec"
    traits: "Traits"
    identity: "Identity | None" = None
    read_back: tuple[str, ...] = ()
    problem: "LabctlError | None" = None

    def answers(self) -> dict[str, str]:
        """The questions, with what happens."""
        from labctl.keeper.remote import LEASE_S

        nothing = (
            "NOTHING opens the circuit: stay with it, or name an independent relay; --unattended is refused"
        )
        computer = self.traits.host_silence or nothing
        if not self.spec.resource:
            return {"this computer dies": "the instrument is simulated in this process, and dies too"}
        return {
            "this computer dies": computer,
            "the engine dies": f"the keeper opens it: at once if it was killed, within {LEASE_S:g} s if it hangs",
            "the keeper dies": "the engine has a second keeper open it, within 0.6 s",
            "both die": computer,
        }

    def lines(self) -> list[str]:
        """For a person."""
        who = self.identity or f"{self.spec.driver} ({self.traits.model}), not asked"
        at = self.spec.resource or f"simulated, {self.spec.cell}"
        lines = [f"{self.spec.name}: {who} at {at}"]
        if self.problem is not None:
            return [*lines, f"  not reached, so nobody knows: {self.problem}"]
        rows = [("reads back", sentence) for sentence in self.read_back]
        rows += [("off means", self.traits.off_mode)]
        rows += [("holds by itself, when armed", held) for held in self.traits.holds]
        rows += [(f"if {what}", then) for what, then in self.answers().items()]
        width = max(len(name) for name, _ in rows)
        return lines + [f"  {name:<{width}}  {text}" for name, text in rows]

    def as_document(self) -> dict[str, object]:
        """For machines."""
        return {
            "channel": self.spec.name,
            "driver": self.spec.driver,
            "resource": self.spec.resource,
            "identity": self.identity,
            "problem": None if self.problem is None else str(self.problem),
            "read_back": self.read_back,
            "off_mode": self.traits.off_mode,
            "holds": self.traits.holds,
            "host_silence": self.traits.host_silence,
            "unattended": self.problem is None and self.traits.host_silence is not None,
            "answers": self.answers() if self.problem is None else {},
        }


def _specs(
    station: str | None, channel: str | None, driver: str | None, resource: str | None, watchdog: str | None
) -> "list[ChannelSpec]":
    from dataclasses import replace

    from labctl.errors import UserError
    from labctl.plugins import driver as driver_called
    from labctl.station.connect import ChannelSpec
    from labctl.station.file import load_station

    if station is not None:
        if driver or resource or watchdog:
            raise UserError(
                "--station describes the instruments: leave --driver, --resource and --watchdog out"
            )
        loaded = load_station(station)
        return [loaded.channel(channel)] if channel else list(loaded.channels.values())
    if driver is None or resource is None or channel is not None:
        raise UserError("give --station FILE, or --driver NAME and --resource ADDRESS")
    spec = ChannelSpec(driver, driver_called(driver).name, resource)
    return [replace(spec, watchdog_s=options.watchdog_s(watchdog))]


async def _accounts(specs: "list[ChannelSpec]") -> list[Account]:
    from labctl.keeper.pairs import KeeperPairs

    with KeeperPairs([each for spec in specs for each in spec.instruments()], journal=None) as keepers:
        return [await _account(spec, keepers) for spec in specs]


async def _account(spec: "ChannelSpec", keepers: "KeeperPairs") -> Account:
    from labctl.errors import LabctlError
    from labctl.instrument.channel import Inspects
    from labctl.station.connect import clock_for, open_channel

    declared = spec.traits()
    channel: Channel = open_channel(spec, clock_for(spec, None), 0, keepers)
    try:
        identity = await channel.connect()
        read_back = await channel.inspect() if isinstance(channel, Inspects) else ()
        return Account(spec, channel.traits, identity, read_back)
    except LabctlError as error:
        return Account(spec, declared, problem=error)
    finally:
        await channel.close()
