"""dQ/dV: how much charge passes per volt, which turns plateaus into peaks."""

import numpy as np

from labctl.analysis.arrays import Column

_DRAWN_PER_STEP = 20
_REACH = 4.0  # standard deviations of the smoothing kernel


def differential_capacity(
    passed_C: Column, voltage_V: Column, step_V: float, smoothing_V: float
) -> tuple[Column, Column]:
    """Charge per volt over voltage.

    The charge is sorted into voltage bins and smoothed by a Gaussian. Nothing is differentiated, so noise, a voltage
    that turns back, and uneven sampling do no harm; the result is never negative; its integral is the charge passed.

    Args:
        passed_C: shape (n,), charge passed, never falling; n at least 2.
        voltage_V: shape (n,).
        step_V: width of a bin, positive; a few times the voltage resolution or more.
        smoothing_V: standard deviation of the Gaussian, 0 for none. Features narrower than it are lost: peaks come out
            with at least 2.35 times this width.

    Returns:
        Centre of each bin in V, evenly spaced; dQ/dV there in C/V.
    """
    margin_V = _REACH * smoothing_V + step_V
    low_V = float(voltage_V.min()) - margin_V
    bins = int(np.ceil((float(voltage_V.max()) + margin_V - low_V) / step_V))
    edges = low_V + step_V * np.arange(bins + 1)
    # A coarse sample passes through several bins: drawn finely in charge, it leaves its share in each.
    count = max(_DRAWN_PER_STEP * bins, len(passed_C))
    share_C = float(passed_C[-1] - passed_C[0]) / count
    middles = passed_C[0] + share_C * (np.arange(count) + 0.5)
    counts, _ = np.histogram(np.interp(middles, passed_C, voltage_V), edges)
    density = counts * share_C / step_V
    if smoothing_V > 0.0:
        half = int(np.ceil(_REACH * smoothing_V / step_V))
        kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * step_V / smoothing_V) ** 2)
        density = np.convolve(density, kernel / kernel.sum(), mode="full")[half : half + bins]
    return 0.5 * (edges[1:] + edges[:-1]), density
