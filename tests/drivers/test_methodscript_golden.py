"""Whole scripts, as they were accepted by the grammar of PalmSens' own pypalmsens 2.2.0.

A change of a script shows here line by line. To accept it, run the new text through that grammar, then keep it in
the file.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from labctl.instrument.course import Profile, Scan
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl_drivers.methodscript_compile import compile_step
from labctl_drivers.methodscript_sweep import compile_sweep
from labctl_drivers.palmsens_models import MODELS

HR = MODELS["es4_hr"]
SAFETY = SafetyLimits(-1.0, 1.0, 5e-4)
CHARGE = Step(
    Control.CURRENT,
    113.1e-6,
    (Cutoff(Quantity.CHARGE, Side.ABOVE, 1.0179), Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.9)),
    SAFETY,
    Sampling(10.0, 5e-3),
)
HOLD = Step(
    Control.VOLTAGE,
    0.5,
    (Cutoff(Quantity.CURRENT, Side.BELOW, 10e-6), Cutoff(Quantity.CHARGE, Side.ABOVE, 1.0)),
    SAFETY,
    Sampling(10.0),
)
REST = Step(
    Control.REST,
    0.0,
    (Cutoff(Quantity.TIME, Side.ABOVE, 3600.0), Cutoff(Quantity.VOLTAGE_RATE, Side.BELOW, 1e-6, 60.0)),
    SAFETY,
    Sampling(10.0),
)
WINDOW = SafetyLimits(1.5, 4.5, 2e-3)
LOW = Cutoff(Quantity.VOLTAGE, Side.BELOW, 2.5)
CV = Scan(None, (4.0, 2.5), 2, 1e-3, 1e-4)
LSV = Scan(2.5, (4.0,), 1, 1e-3, 1e-3)
DRIVE = Profile((600.0, 900.0, 1800.0), (1e-4, -2e-4, 0.0), False, "drive.csv", "0" * 64)


def until(duration_s: float, *cutoffs: Cutoff) -> tuple[Cutoff, ...]:
    return (*cutoffs, Cutoff(Quantity.TIME, Side.ABOVE, duration_s))


def scanned(scan: Scan, *cutoffs: Cutoff) -> Step:
    ends = until(scan.duration_s, *cutoffs)
    return Step(Control.SCAN, 0.0, ends, WINDOW, Sampling(scan.interval_s), scan)


POWER = Step(
    Control.POWER,
    -3e-4,
    until(3600.0, LOW, Cutoff(Quantity.ENERGY, Side.ABOVE, 1.0)),
    WINDOW,
    Sampling(10.0, 5e-3),
)
RESISTANCE = Step(Control.RESISTANCE, 3e4, until(3600.0, LOW), WINDOW, Sampling(10.0, 5e-3))
PROFILE = Step(Control.PROFILE, 0.0, until(1800.0, LOW), WINDOW, Sampling(10.0), profile=DRIVE)
GEIS = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 10e-6, 0.0, 1e5, 0.1, 10, SAFETY)
PEIS = replace(GEIS, mode=ImpedanceMode.POTENTIOSTATIC, amplitude=0.01, bias=None)

SCRIPTS = {
    "constant_current": compile_step(CHARGE, HR).text,
    "constant_voltage": compile_step(HOLD, HR).text,
    "rest": compile_step(REST, HR).text,
    "cyclic_voltammetry": compile_step(scanned(CV, Cutoff(Quantity.CURRENT, Side.ABOVE, 1e-3)), HR).text,
    "voltage_scan": compile_step(scanned(LSV), HR).text,
    "constant_power": compile_step(POWER, HR).text,
    "constant_resistance": compile_step(RESISTANCE, HR).text,
    "profile": compile_step(PROFILE, HR).text,
    "profile_power": compile_step(replace(PROFILE, profile=replace(DRIVE, powers=True)), HR).text,
    "galvanostatic_impedance": compile_sweep(GEIS, HR),
    "potentiostatic_impedance": compile_sweep(PEIS, HR),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_is_the_one_that_was_looked_at(name: str) -> None:
    assert SCRIPTS[name].decode("ascii") == (Path(__file__).parent / "scripts" / f"{name}.mscr").read_text()
