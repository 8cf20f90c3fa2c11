"""What guards a cell besides the engine: who holds its circuit, what opens it, what is waived by whom."""

from pathlib import Path

from labctl.engine.record import Record
from labctl.errors import CannotHold
from labctl.instrument.channel import Channel
from labctl.instrument.composed import ComposedChannel
from labctl.keeper.remote import RemoteChannel
from labctl.protocol.plan import CellDescription
from labctl.station.connect import ChannelSpec


def refuse_unattended(spec: ChannelSpec) -> None:
    """Nobody will be there: something besides this computer has to open the circuit.

    Raises:
        CannotHold: nothing does; no byte was sent.
    """
    traits = spec.traits()
    if traits.host_silence is None:
        raise CannotHold(
            "an unattended run needs something that opens the circuit when this computer dies, and here nothing does; "
            "arm a watchdog inside the instrument if it has one (labctl safety), or stay with it",
            instrument=f"{spec.driver} ({traits.model})",
        )


def note_guards(
    record: Record,
    now_s: float,
    channel: Channel,
    cell: CellDescription,
    journal: Path | None,
    *,
    unattended: bool,
) -> None:
    """Write down with the run who holds its circuit, and on whose word it goes on without more protection."""
    if isinstance(channel, ComposedChannel):
        found = channel.analyser or "an analyser that was busy as the run began"
        record.event("analyser", now_s, "engine", f"{found} measures impedance", {})
        channel = channel.cycler
    if isinstance(channel, RemoteChannel):
        where = f"its journal: {journal}" if journal is not None else "it keeps no journal"
        held = f"process {channel.keeper_pid} holds the channel on a lease of {channel.lease_s:g} s; {where}"
        record.event("keeper", now_s, "engine", held, {"journal": str(journal or "")})
    silence = channel.traits.host_silence or "nothing opens the circuit"
    record.event(
        "host_silence", now_s, "engine", f"if this computer dies: {silence}", {"unattended": unattended}
    )
    if cell.hazard:
        guard = (
            f"independent relay: {cell.relay}"
            if cell.relay
            else f"no independent relay, waived: {cell.waiver}"
        )
        data: dict[str, object] = {"hazard": cell.hazard, "relay": cell.relay, "waiver": cell.waiver}
        record.event("hazard", now_s, "protocol", f"the cell is {cell.hazard}; {guard}", data)
