"""Spectra of circuits whose values are known."""

import numpy as np

from labctl.analysis.circuit import Circuit
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec, Spectrum
from labctl.instrument.step import SafetyLimits

FREQUENCY_HZ = np.logspace(5, -1, 61)
SEI, TRANSFER = (150.0, 3e-5, 0.85), (300.0, 1e-2, 0.88)
"""Arcs as (R in ohm, tau in s, exponent)."""


def parameters(ohmic_ohm, *arcs):
    rows = [[np.log(resistance), np.log(tau), exponent] for resistance, tau, exponent in arcs]
    return np.concatenate([[np.log(ohmic_ohm)], *rows])


def impedance(*arcs, ohmic_ohm=18.0, noise=0.0, seed=0, frequency_Hz=FREQUENCY_HZ):
    """Z of arcs in series, with a relative noise on each of its parts."""
    z = Circuit(len(arcs)).impedance(parameters(ohmic_ohm, *arcs), frequency_Hz)
    normal = np.random.default_rng(seed).standard_normal((2, len(z)))
    return z * (1.0 + noise * (normal[0] + 1j * normal[1]))


def spectrum(z, cycle=1, flagged=(), frequency_Hz=FREQUENCY_HZ):
    spec = ImpedanceSpec(
        ImpedanceMode.GALVANOSTATIC,
        1e-5,
        0.0,
        frequency_Hz[0],
        frequency_Hz[-1],
        10,
        SafetyLimits(-1, 1, 1e-3),
    )
    points = (
        ImpedancePoint(float(k), float(f), float(value.real), float(value.imag), 8 if k in flagged else 0)
        for k, (f, value) in enumerate(zip(frequency_Hz, z, strict=True))
    )
    return Spectrum(spec, cycle, 3600.0 * cycle, tuple(points))
