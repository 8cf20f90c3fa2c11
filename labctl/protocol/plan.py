"""A plan: a protocol bound to one cell, in amperes, seconds and coulombs; and the walk through its steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from labctl.instrument.impedance import ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, SafetyLimits, Sampling, Step
from labctl.instrument.temperature import Band
from labctl.protocol.rule_spec import RuleSpec
from labctl.units import show_celsius


@dataclass(frozen=True, slots=True)
class CellDescription:
    """The cell a plan is for.

    Attributes:
        name: a person's name for it, empty if none was given.
        area_cm2: electrode area, for areal values; None if not given.
        active_mass_g: for specific values; None if not given.
        nominal_capacity_C: for C-rates; None if not given.
        electrolyte: free text.
        equilibrium_voltage_V: what the cell shows without current; 0.0 for a symmetric cell. None: not known, so
            there is no overpotential.
        simulate_as: the simulated cell that stands for it in a rehearsal, ``na50k50``; None if none was named.
        hazard: what it can do to its surroundings, ``pyrophoric``; empty if nothing was said.
        relay: the independent relay that opens its circuit whatever labctl does; empty if none was named.
        waiver: why it is cycled without one; empty if there is one.
    """

    name: str
    area_cm2: float | None
    active_mass_g: float | None
    nominal_capacity_C: float | None
    electrolyte: str
    equilibrium_voltage_V: float | None
    simulate_as: str | None
    hazard: str = ""
    relay: str = ""
    waiver: str = ""


@dataclass(frozen=True, slots=True)
class Passes:
    """In which passes of the enclosing loop a step is taken: listed ones, or every n-th (n, 2n, ...)."""

    listed: frozenset[int] | None = None
    every: int | None = None

    def include(self, number: int) -> bool:
        """Whether pass ``number``, counted from 1, is one of them."""
        if self.listed is not None:
            return number in self.listed
        return self.every is None or number % self.every == 0


class IfInterrupted(StrEnum):
    """What is done with a step that was interrupted half-way, when its run is taken up again."""

    CONTINUE = "continue"  # pass what remains of it
    RESTART = "restart"  # begin it again; it is never continued half-way
    ASK = "ask"  # a person decides
    ABORT = "abort"  # end the run; it is never continued half-way


@dataclass(frozen=True, slots=True)
class StepNode:
    """A step of an instrument.

    Attributes:
        path: names its place: ``steps[1].steps[0].constant_current``.
        line: in the file.
        kind: what it is called in the field.
        step: what the instrument does.
        passes: when it is taken.
        if_interrupted: what becomes of it when it was interrupted.
        pulse: it is a pulse of a measurement, neither half-cycle nor cycle.
        bands: temperatures that end it, which no instrument knows of: the engine sees to them.
        soak: it rests until the temperature has settled in its band; the time limit of its step is a failure.
        set_point_K: what its soak sets the chamber to; None: nothing is set.
    """

    path: str
    line: int
    kind: str
    step: Step
    passes: Passes = Passes()
    if_interrupted: IfInterrupted = IfInterrupted.ASK
    pulse: bool = False
    bands: tuple[Band, ...] = ()
    soak: bool = False
    set_point_K: float | None = None

    @property
    def ends(self) -> tuple[Cutoff | Band, ...]:
        """Whatever ends it, cut-offs of the instrument first."""
        return (*self.step.cutoffs, *self.bands)

    def in_words(self) -> str:
        """``rest until time >= 1 h or temperature <= 30 degC``."""
        if self.soak:
            asked = "" if self.set_point_K is None else f" at {show_celsius(self.set_point_K)}"
            return f"soak{asked} until {self.bands[0]}, else the run stops at {self.step.cutoffs[0]}"
        more = "".join(f" or {band}" for band in self.bands)
        return f"{self.kind.replace('_', ' ')} {self.step.in_words()}{more}"

    @property
    def is_half_cycle(self) -> bool:
        """Whether it is one, or a part of one: current flows, in one direction, and not for a measurement."""
        return self.step.control is not Control.REST and not self.step.reverses and not self.pulse


@dataclass(frozen=True, slots=True)
class ImpedanceNode:
    """A spectrum. It is never continued half-way."""

    path: str
    line: int
    spec: ImpedanceSpec
    passes: Passes = Passes()
    if_interrupted: IfInterrupted = IfInterrupted.ASK


@dataclass(frozen=True, slots=True)
class TagNode:
    """A word written into the run's events."""

    path: str
    line: int
    text: str
    passes: Passes = Passes()


@dataclass(frozen=True, slots=True)
class LoopNode:
    """Steps taken again and again.

    Attributes:
        count: number of passes, at least 1.
        body: what one pass consists of.
        retention: ends the loop when the discharged capacity of a pass falls to this fraction (0..1) of the
            reference pass and stays there for ``retention_passes`` passes; None: never.
        retention_reference: the pass, counted from 1, that is 100 %.
        counts_cycles: each pass is a cycle of the run (the innermost loops that pass current).
    """

    path: str
    line: int
    count: int
    body: tuple["Node", ...]
    retention: float | None = None
    retention_reference: int = 1
    retention_passes: int = 1
    counts_cycles: bool = False
    passes: Passes = Passes()


Node = StepNode | ImpedanceNode | TagNode | LoopNode


@dataclass(frozen=True, slots=True)
class Plan:
    """What is going to be done to one cell.

    Attributes:
        protocol: the protocol's name.
        text: the exact text it was made from; ``sha256`` is its hash.
        cell: the cell it is bound to.
        safety: the window around everything.
        record: when to keep a sample, unless a step says otherwise.
        nodes: what is done, in order.
        rules: the stop rules.
        temperature: must not be left; None: the protocol names no limits.
    """

    protocol: str
    text: str
    sha256: str
    cell: CellDescription
    safety: SafetyLimits
    record: Sampling
    nodes: tuple[Node, ...]
    rules: tuple[RuleSpec, ...]
    temperature: Band | None = None

    def has_impedance(self) -> bool:
        """Whether a spectrum is planned anywhere."""
        return any(isinstance(node, ImpedanceNode) for node in _flatten(self.nodes))

    def wants_thermometer(self) -> bool:
        """Whether it cannot be carried out without one."""
        ends = any(isinstance(node, StepNode) and node.bands for node in self.flat())
        return ends or self.temperature is not None

    def flat(self) -> Iterator[Node]:
        """Every node once, loops before their bodies."""
        return _flatten(self.nodes)


def _flatten(nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in nodes:
        yield node
        if isinstance(node, LoopNode):
            yield from _flatten(node.body)
