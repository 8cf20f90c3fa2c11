"""Total impedances of a run, kept apart by the lowest frequency they were measured at."""

import math

from labctl.instrument.impedance import Spectrum

SAME_FREQUENCY = 0.1


class TotalImpedances:
    """The magnitude at the lowest frequency of each spectrum so far.

    A total impedance depends on how far down the sweep goes, so a spectrum is compared only with those that ended at
    the same frequency (within 10 %): one that was aborted half-way would look like a fallen impedance.
    """

    def __init__(self) -> None:
        self._by_frequency: list[tuple[float, list[float]]] = []

    def take(self, spectrum: Spectrum) -> tuple[float, list[float]] | None:
        """Take in a spectrum.

        Returns:
            Its total impedance and those of the comparable spectra before it, in ohm, oldest first; None for a
            spectrum without points or without a finite impedance.
        """
        if not spectrum.points:
            return None
        total_ohm = spectrum.total_ohm()
        if not 0 < total_ohm < math.inf:
            return None
        totals = self._comparable(spectrum.points[-1].frequency_Hz)
        totals.append(total_ohm)
        return total_ohm, totals[:-1]

    def _comparable(self, frequency_Hz: float) -> list[float]:
        for known_Hz, totals in self._by_frequency:
            if math.isclose(known_Hz, frequency_Hz, rel_tol=SAME_FREQUENCY):
                return totals
        self._by_frequency.append((frequency_Hz, []))
        return self._by_frequency[-1][1]
