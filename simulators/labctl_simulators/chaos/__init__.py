"""Faults for simulated instruments, seeded and repeatable: on the wire, in the instrument, at its leads."""

from collections.abc import Callable
from functools import partial

from labctl_simulators.cells import Cell
from labctl_simulators.chaos.device import ChaosDevice, Troubled
from labctl_simulators.chaos.keithley_2450 import TroubledKeithley2450
from labctl_simulators.chaos.kinds import MEANINGS, Kind, When
from labctl_simulators.chaos.palmsens_emstat4 import TroubledEmStat4
from labctl_simulators.chaos.spec import Fault, parse

__all__ = ["MEANINGS", "ChaosDevice", "Fault", "Kind", "When", "keithley_2450", "palmsens_emstat4", "parse"]


def _wrap(make: Callable[..., Troubled], cell: Cell, seed: int, spec: str) -> ChaosDevice:
    """Make a simulated instrument to which the faults of ``spec`` happen.

    Raises:
        ValueError: what is wrong with ``spec``.
    """
    return ChaosDevice(make, cell, seed, parse(spec))


keithley_2450 = partial(_wrap, TroubledKeithley2450)
palmsens_emstat4 = partial(_wrap, TroubledEmStat4)
