"""What the channels of a station do right now, as plain values for whoever watches."""

from dataclasses import dataclass
from typing import Any

from labctl.engine.control import Phase
from labctl.engine.run import Run
from labctl.half_cycle import HalfCycle
from labctl.instrument.channel import Sample
from labctl.protocol.plan import Node, StepNode
from labctl.units import show


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """One channel.

    Attributes:
        channel: its name.
        instrument: who answered last, or what the station file says.
        state: idle, connecting, held, unsafe, or the phase of its run.
        reason: why it is held or unsafe; empty if it is not.
        entry: its place in the queue, ``q7``; empty if it is idle.
        run_id: its run; None if there is none.
        cell, protocol: of the run; empty if there is none.
        queued: how many entries wait behind it.
        cycle: cycle of the run.
        doing: the present step, with what ends it.
        time_s, voltage_V, current_A: the latest sample; None before the first.
        charge_C: in the half-cycle in progress; None if there is none.
        overpotential_V: of the last finished half-cycle, median; None if not known.
        temperature_K: beside the cell; None if not known.
    """

    channel: str
    instrument: str
    state: str
    reason: str
    entry: str
    run_id: int | None
    cell: str
    protocol: str
    queued: int
    cycle: int = 0
    doing: str = ""
    time_s: float | None = None
    voltage_V: float | None = None
    current_A: float | None = None
    charge_C: float | None = None
    overpotential_V: float | None = None
    temperature_K: float | None = None


def figures(run: Run, phase: Phase) -> dict[str, Any]:
    """Those parts of a status that a run in progress gives; of a paused one no current, since its circuit is open."""
    place, sample, present = run.place, run.sample, run.half_cycles.present
    last: HalfCycle | None = run.half_cycles.last
    return {
        "cycle": 0 if place is None else place.cycle,
        "doing": "" if place is None else f"{_BEFORE.get(phase, '')}{in_words(place.node)}",
        "time_s": run.elapsed_s,
        "voltage_V": None if sample is None else sample.voltage_V,
        "current_A": None if sample is None or phase is Phase.PAUSED else sample.current_A,
        "charge_C": None if present is None else present.charge_C,
        "overpotential_V": None if last is None else last.overpotential_median_V,
    }


def in_words(node: Node) -> str:
    """What is being done, with what ends it."""
    if not isinstance(node, StepNode):
        return node.path.rpartition(".")[2]
    return node.in_words()


_BEFORE = {Phase.PAUSED: "circuit open, in ", Phase.LAST_STEP: "last: "}


def of_the_cell(sample: Sample | None) -> str:
    """What the cell was doing at the latest sample, in words."""
    if sample is None:
        return "the circuit is open"
    if not sample.current_A:
        return f"the cell rests at {show(sample.voltage_V, 'V')}"
    doing = "charges" if sample.current_A > 0.0 else "discharges"
    return f"the cell {doing} with {show(abs(sample.current_A), 'A')} at {show(sample.voltage_V, 'V')}"
