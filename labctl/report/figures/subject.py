"""What is drawn: one stored run, each of its tables read once and only when a figure asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from labctl.analysis.arrays import Column
from labctl.analysis.curve import Curve, curves
from labctl.analysis.recordings import from_run
from labctl.analysis.spectrum_series import SpectrumFigures, series_figures
from labctl.errors import NothingToDraw
from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.invisible import visible
from labctl.report.figures.style import DOUBLE_COLUMN_IN
from labctl.store.reader import Reader
from labctl.store.records import EventRecord, RunRecord, StepRecord
from labctl.store.silence import Silence

_MILESTONES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_COULOMB_MAH = 1.0 / 3.6


class Per(StrEnum):
    """What capacities and currents are divided by."""

    CELL = "cell"
    AREA = "area"
    MASS = "mass"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a figure is to be drawn.

    Attributes:
        width_in: width in inches.
        height_in: height in inches; None: what suits the figure.
        cycles: which cycles are drawn; empty: a choice that suits the figure.
        per: what capacities and currents are divided by.
        headline: above the figure; empty for none.
    """

    width_in: float = DOUBLE_COLUMN_IN
    height_in: float | None = None
    cycles: tuple[int, ...] = ()
    per: Per = Per.CELL
    headline: str = ""

    def height(self, share: float) -> float:
        """The height asked for, or else this share of the width, in inches; never too low for its axes."""
        return self.height_in if self.height_in is not None else max(share * self.width_in, 1.9)


class Subject:
    """One run, to be drawn.

    Args:
        reader: the database it is in.
        run: the run.
        label: what it is called in a legend; by default its cell's name, or its protocol.
    """

    def __init__(self, reader: Reader, run: RunRecord, label: str = "") -> None:
        self.run = run
        self.label = visible(label or run.cell.name or f"{run.protocol}, run {run.run_id}")
        self.reader = reader

    @cached_property
    def samples(self) -> tuple[Column, Column, Column, Column]:
        """Test time in s, voltage in V, current in A, and the number of the step, of every sample.

        Raises:
            NothingToDraw: there is none.
        """
        names = ("test_time_second", "voltage_volt", "current_ampere", "step_id")
        time_s, voltage_V, current_A, step = self.reader.samples(self.run.run_id, names).values()
        if not time_s.size:
            raise NothingToDraw(f"run {self.run.run_id} has no samples")
        return time_s, voltage_V, current_A, step

    @cached_property
    def temperature_K(self) -> Column:
        """Beside the cell, of every sample; NaN where nothing showed any."""
        return self.reader.samples(self.run.run_id, ("temperature_kelvin",))["temperature_kelvin"]

    @cached_property
    def curves(self) -> tuple[Curve, ...]:
        """The half-cycles with their samples."""
        return tuple(curves(from_run(self.reader, self.run)))

    @cached_property
    def half_cycles(self) -> list[HalfCycle]:
        """The finished half-cycles, as the engine summed them up."""
        return self.reader.half_cycles(self.run.run_id)

    @cached_property
    def cycles(self) -> list[int]:
        """The cycles that have half-cycles, rising."""
        return sorted({half_cycle.cycle for half_cycle in self.half_cycles})

    @cached_property
    def silences(self) -> list[Silence]:
        """When nothing was measured."""
        return self.reader.silences(self.run.run_id)

    @cached_property
    def spectra(self) -> list[Spectrum]:
        """The spectra, in order."""
        return [record.spectrum for record in self.reader.spectra(self.run.run_id)]

    @cached_property
    def series(self) -> list[SpectrumFigures]:
        """What is read out of the spectra."""
        return series_figures(self.spectra)

    @cached_property
    def steps(self) -> list[StepRecord]:
        """The executed steps."""
        return self.reader.steps(self.run.run_id)

    @cached_property
    def decisions(self) -> list[EventRecord]:
        """What stop rules decided."""
        return [event for event in self.reader.events(self.run.run_id) if event.kind == "decision"]

    def divisor(self, per: Per) -> tuple[float, str]:
        """By what a capacity in mAh or a current in mA is divided, and how that is written: ``(0.28, " cm⁻²")``.

        Raises:
            NothingToDraw: the protocol does not say the cell's area or mass.
        """
        cell = self.run.cell
        match per:
            case Per.CELL:
                return 1.0, ""
            case Per.AREA:
                size, unit, said = (
                    cell.area_cm2,
                    " cm\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT TWO}",
                    "electrode area",
                )
            case Per.MASS:
                size, unit, said = (
                    cell.active_mass_g,
                    " g\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ONE}",
                    "active mass",
                )
        if size is None:
            raise NothingToDraw(f"run {self.run.run_id}: its protocol does not say the cell's {said}")
        return size, unit

    def capacity(self, charge_C: Column, per: Per) -> tuple[Column, str]:
        """A charge as the field writes it, in mAh, mAh/cm2 or mAh/g, and its unit."""
        size, unit = self.divisor(per)
        return charge_C * _COULOMB_MAH / size, f"mAh{unit}"

    def chosen(self, wanted: Sequence[int]) -> list[int]:
        """The cycles that are wanted; if none are, a first, a last, and 1, 2, 5, 10 between them: at most six.

        Raises:
            NothingToDraw: the run has no such cycle, or none at all.
        """
        return choose(self.cycles, wanted, f"run {self.run.run_id}")


def choose(present: Sequence[int], wanted: Sequence[int], name: str) -> list[int]:
    """The cycles that are wanted, or by default at most six of those present."""
    if not present:
        raise NothingToDraw(f"{name} has no finished half-cycle")
    if missing := [cycle for cycle in wanted if cycle not in present]:
        raise NothingToDraw(f"{name} has no cycle {missing[0]}; it has {present[0]} to {present[-1]}")
    if wanted:
        return sorted(set(wanted))
    picked = [cycle for cycle in _MILESTONES if cycle in present and cycle < 0.8 * present[-1]]
    picked.append(present[-1])
    while len(picked) > 6:
        del picked[1 + int(np.argmin(np.diff(np.log(picked))[1:]))]
    return picked
