"""Spectra as EC-Lab text (.mpt), one file each, as impedance.py and pyimpspec read them.

Frequency, Z' and -Z'' are the first three columns, because pyimpspec takes them by place and impedance.py by name.
EC-Lab writes -Im(Z), positive where the cell is capacitive.

Source: EC-Lab ASCII files of EC-Lab 11.18 (header, latin-1, tabs); readers of impedance.py 1.7.1, pyimpspec 5.1.3.
"""

from datetime import UTC, datetime
from pathlib import Path

from labctl.exchange.file_name import safe_name
from labctl.instrument.impedance import ImpedanceMode, Spectrum

TECHNIQUES = {
    ImpedanceMode.POTENTIOSTATIC: "Potentio Electrochemical Impedance Spectroscopy",
    ImpedanceMode.GALVANOSTATIC: "Galvano Electrochemical Impedance Spectroscopy",
}
_COLUMNS = ("freq/Hz", "Re(Z)/Ohm", "-Im(Z)/Ohm", "time/s", "cycle number")


def write_spectrum(path: Path, spectrum: Spectrum, cell: str, unix_s: float) -> Path:
    """Write one spectrum.

    Args:
        path: of the file.
        spectrum: what is written, from high to low frequency.
        cell: whose it is.
        unix_s: when it began, on the calendar.
    """
    spec = spectrum.spec
    lines = [
        "",
        TECHNIQUES[spec.mode],
        "",
        f"Acquisition started on : {datetime.fromtimestamp(unix_s, UTC):%m/%d/%Y %H:%M:%S}",
        f"Comments : written by labctl, cell {safe_name(cell or 'unnamed')}, times in UTC",
        f"fi                  {spec.high_Hz!r}",
        "unit fi             Hz",
        f"ff                  {spec.low_Hz!r}",
        "unit ff             Hz",
        f"Nd                  {spec.points_per_decade}",
        _amplitude(spectrum),
        "",
        "\t".join(_COLUMNS),
    ]
    head = ["EC-Lab ASCII FILE", f"Nb header lines : {len(lines) + 2}"]
    rows = [
        f"{p.frequency_Hz:.9E}\t{p.real_ohm:.9E}\t{-p.imaginary_ohm:.9E}\t{p.time_s:.6E}\t{spectrum.cycle}"
        for p in spectrum.points
    ]
    path.write_bytes("\r\n".join([*head, *lines, *rows, ""]).encode("latin-1"))
    return path


def _amplitude(spectrum: Spectrum) -> str:
    name = "Va (mV)" if spectrum.spec.mode is ImpedanceMode.POTENTIOSTATIC else "Ia (mA)"
    return f"{name:<20}{spectrum.spec.amplitude * 1e3!r}"
