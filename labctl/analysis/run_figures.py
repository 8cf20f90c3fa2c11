"""Everything that is read out of one stored run."""

from dataclasses import dataclass

from labctl.analysis.curve import curves
from labctl.analysis.cycle_figures import CycleRow, HalfCycleRow, cycle_rows, half_cycle_row
from labctl.analysis.recordings import from_run
from labctl.analysis.spectrum_series import SpectrumFigures, series_figures
from labctl.store.reader import Reader
from labctl.store.records import RunRecord


@dataclass(frozen=True, slots=True)
class RunFigures:
    """The tables of a run, in the order of time."""

    half_cycles: tuple[HalfCycleRow, ...]
    cycles: tuple[CycleRow, ...]
    spectra: tuple[SpectrumFigures, ...]


def run_figures(reader: Reader, run: RunRecord) -> RunFigures:
    """Read a run and work out its figures.

    Raises:
        DataError: the database cannot be read.
    """
    recording = from_run(reader, run)
    rows = tuple(half_cycle_row(curve, run.cell.equilibrium_voltage_V) for curve in curves(recording))
    return RunFigures(rows, tuple(cycle_rows(rows)), tuple(series_figures(recording.spectra)))
