"""What one cell did, as columns: the form in which a file becomes a recording or a run, whoever wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labctl.instrument.impedance import Spectrum

Column = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BatteryData:
    """What one cell did, as columns of equal length; a file of spectra alone has none of the columns' rows.

    Attributes:
        name: the file's name.
        time_s: test time, never falling.
        voltage_V, current_A: current is positive when it charges the cell.
        cycle: as counted by whoever made the file; None if nobody did.
        step: a number that changes when a step ends; None if steps were not counted.
        step_kinds: what the file calls the steps of some of these numbers, in labctl's words.
        started_unix_s: when test time 0 was, on the calendar; None if the file does not say.
        spectra: in order.
        made_by: the program whose format it is.
    """

    name: str
    time_s: Column
    voltage_V: Column
    current_A: Column
    cycle: Counts | None
    step: Counts | None = None
    step_kinds: Mapping[int, str] = field(default_factory=dict)
    started_unix_s: float | None = None
    spectra: tuple[Spectrum, ...] = ()
    made_by: str = "Battery Data Format"
