"""What a stop rule is asked to look for, in SI units; ``labctl.rules`` holds the detectors themselves."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What is done when a rule decides, from mild to strong; several are done in the order written."""

    WARN = "warn"  # an event, nothing else
    IMPEDANCE = "impedance"  # measure a spectrum now (the plan's own spectrum), then go on
    STOP_AFTER_STEP = "stop_after_step"  # end the run when the present step is over
    STOP = "stop"  # open the circuit at once and end the run


@dataclass(frozen=True, slots=True)
class OverpotentialJump:
    """The overpotential rises abruptly against the cell's own history at equal passed charge.

    Attributes:
        factor: overpotential over baseline, at least 1.1.
        baseline_cycles: how many earlier cycles are the baseline.
        minimum_rise_V: smaller rises are ignored whatever the factor.
        hold_s: how long the excess has to last.
        grace_fraction: the first part of each half-cycle that is not looked at (nucleation, reversal), 0..1 of the
            charge of the earlier half-cycles.
        drift: the baseline follows a rise by at most this fraction a cycle: slower growth is ageing, not a jump.
        then: what to do.
    """

    factor: float = 2.0
    baseline_cycles: int = 5
    minimum_rise_V: float = 0.010
    hold_s: float = 120.0
    grace_fraction: float = 0.05
    drift: float = 0.02
    then: tuple[Action, ...] = (Action.STOP,)
    name: str = "overpotential_jump"


@dataclass(frozen=True, slots=True)
class ShortCircuit:
    """The voltage collapses although the current flows on.

    Attributes:
        fraction: collapsed means below this part of the cell's own history at equal charge.
        hold_s: how long.
        baseline_cycles: how many earlier cycles are the history.
        minimum_fall_V: smaller falls are ignored whatever the fraction.
        grace_fraction: the first part of each half-cycle that is not looked at, as for ``overpotential_jump``.
        drift: the history follows a fall by at most this fraction a cycle: a short that grows over cycles shows.
        then: what to do.
    """

    fraction: float = 0.2
    hold_s: float = 60.0
    baseline_cycles: int = 5
    minimum_fall_V: float = 0.005
    grace_fraction: float = 0.05
    drift: float = 0.05
    then: tuple[Action, ...] = (Action.STOP,)
    name: str = "short_circuit"


@dataclass(frozen=True, slots=True)
class SoftShort:
    """A dendrite touches now and then: the voltage drops at unchanged current, and may recover; or impedance falls.

    Attributes:
        drop_fraction: a drop of this part of the present overpotential within ``window_s`` is one touch.
        window_s: how fast.
        count: this many touches within ``baseline_cycles`` cycles decide.
        impedance_fraction: total impedance below this part of the median of earlier spectra decides too.
        baseline_cycles: how far back is looked.
        grace_fraction: the first part of each half-cycle that is not looked at, as for ``overpotential_jump``.
        then: what to do.
    """

    drop_fraction: float = 0.4
    window_s: float = 120.0
    count: int = 3
    impedance_fraction: float = 0.5
    baseline_cycles: int = 5
    grace_fraction: float = 0.05
    then: tuple[Action, ...] = (Action.WARN,)
    name: str = "soft_short"


@dataclass(frozen=True, slots=True)
class ImpedanceRise:
    """The total impedance exceeds ``factor`` times the first spectrum's, or an absolute ``limit_ohm``."""

    factor: float | None = 10.0
    limit_ohm: float | None = None
    then: tuple[Action, ...] = (Action.STOP,)
    name: str = "impedance_rise"


@dataclass(frozen=True, slots=True)
class CapacityRetention:
    """The charge of a cycle's discharge falls below ``minimum`` (0..1) of cycle ``reference_cycle`` for ``cycles``."""

    minimum: float = 0.8
    reference_cycle: int = 1
    cycles: int = 2
    then: tuple[Action, ...] = (Action.STOP,)
    name: str = "capacity_retention"


@dataclass(frozen=True, slots=True)
class CoulombicEfficiency:
    """Discharge over charge of a cycle falls below ``minimum`` (0..1) for ``cycles`` cycles in a row."""

    minimum: float = 0.9
    cycles: int = 3
    grace_cycles: int = 3
    then: tuple[Action, ...] = (Action.STOP,)
    name: str = "coulombic_efficiency"


RuleSpec = (
    OverpotentialJump | ShortCircuit | SoftShort | ImpedanceRise | CapacityRetention | CoulombicEfficiency
)
