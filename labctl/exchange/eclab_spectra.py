"""The spectra of an EC-Lab text file: where one ends and the next begins, and what its header says of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.battery_data import Column, Counts
from labctl.errors import DataError
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec, Spectrum
from labctl.instrument.step import SafetyLimits

_REAL, _IMAGINARY = "real part of the impedance", "imaginary part of the impedance"
_AMPLITUDES = {
    ImpedanceMode.POTENTIOSTATIC: re.compile(r"^Va \(mV\) +([0-9.]+)", re.MULTILINE),
    ImpedanceMode.GALVANOSTATIC: re.compile(r"^Ia \(mA\) +([0-9.]+)", re.MULTILINE),
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its sweeps: PEIS or GEIS, and the amplitude in V or A (0.0: it does not say)."""

    mode: ImpedanceMode
    amplitude: float

    @classmethod
    def from_text(cls, header: str) -> "Header":
        """Read the header; where nothing is said, a sweep was potentiostatic."""
        galvanostatic = "Galvano Electrochemical Impedance" in header
        mode = ImpedanceMode.GALVANOSTATIC if galvanostatic else ImpedanceMode.POTENTIOSTATIC
        match = _AMPLITUDES[mode].search(header.replace(",", "."))
        try:
            return cls(mode, float(match[1]) * 1e-3 if match else 0.0)
        except ValueError:
            return cls(mode, 0.0)


def find_spectra(
    name: str, header: Header, found: Mapping[str, Column], cycle: Counts | None, is_point: NDArray[np.bool_]
) -> Iterator[Spectrum]:
    """The spectra, each from high to low frequency.

    Raises:
        DataError: a point's frequency or impedance is not a number.
    """
    places = np.flatnonzero(is_point)
    if not places.size:
        return
    for what in ("frequency", _REAL, _IMAGINARY):
        if not np.isfinite(found[what][places]).all():
            raise DataError(f"{name}: the {what} of a point is not a number")
    for sweep in _sweeps(found["frequency"], places):
        yield _spectrum(header, found, cycle, sweep)


def _sweeps(frequency_Hz: Column, places: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Rows of one sweep: a new one begins after readings, or where the frequency jumps back."""
    rising = np.diff(frequency_Hz[places]) > 0
    upward = 2 * np.count_nonzero(rising) > len(rising)  # Assumed: all sweeps of a file run one way
    turned = ~rising if upward else rising
    starts = np.flatnonzero((np.diff(places) > 1) | turned) + 1
    for sweep in np.split(places, starts):
        yield sweep[::-1] if upward else sweep


def _spectrum(
    header: Header, found: Mapping[str, Column], cycle: Counts | None, sweep: NDArray[np.intp]
) -> Spectrum:
    frequency_Hz = found["frequency"][sweep]
    nothing = np.zeros(len(frequency_Hz))
    time_s, voltage_V, current_A = (
        found[what][sweep] if what in found else nothing for what in ("time", "voltage", "current")
    )
    high_Hz, low_Hz = float(frequency_Hz[0]), float(frequency_Hz[-1])
    decades = np.log10(high_Hz / low_Hz)
    bias = voltage_V if header.mode is ImpedanceMode.POTENTIOSTATIC else current_A
    spec = ImpedanceSpec(
        mode=header.mode,
        amplitude=header.amplitude,
        bias=float(bias.mean()),
        high_Hz=high_Hz,
        low_Hz=low_Hz,
        points_per_decade=max(1, round((len(sweep) - 1) / decades)) if decades > 0 else 1,
        # A file does not say which limits were set: these are what was reached.
        safety=SafetyLimits(float(voltage_V.min()), float(voltage_V.max()), float(np.abs(current_A).max())),
    )
    columns = (time_s, frequency_Hz, found[_REAL][sweep], found[_IMAGINARY][sweep])
    points = tuple(ImpedancePoint(*values) for values in zip(*(c.tolist() for c in columns), strict=True))
    return Spectrum(spec, 1 if cycle is None else int(cycle[sweep[0]]), float(time_s.min()), points)
