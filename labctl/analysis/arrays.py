"""The kinds of arrays that analysis works on, all of shape (n,) unless said otherwise."""

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
Impedance = NDArray[np.complex128]
"""Z = Z' + jZ'', ohm; capacitive Z'' < 0."""

LEAST_POINTS = 6
"""Of a spectrum from which anything is concluded. Assumed."""
