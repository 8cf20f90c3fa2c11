"""The root of an increasing function, found safely between two bounds."""

import sys
from collections.abc import Callable


def increasing_root(
    function: Callable[[float], float], guess: float, slope: float, tolerance: float
) -> float:
    """Where an increasing ``function`` is zero, to within ``tolerance``.

    Args:
        function: Continuous, and nowhere rising less steeply than ``slope``.
        guess: Any number; the closer to the root, the fewer evaluations.
        slope: A lower bound of the function's slope, above zero. It brackets the root: from a point where the
            function is f, the root is no farther than f / slope.
        tolerance: Absolute, in the unit of the argument; not finer than floating point resolves.

    Source: T. R. Chandrupatla, Adv. Eng. Software 28 (1997) 145: inverse quadratic interpolation where the
    three last points allow it, bisection elsewhere.
    """
    b, fb = guess, function(guess)
    a = b - 1.001 * fb / slope
    fa = function(a)
    share = 0.5
    while True:
        finest = tolerance + 4.0 * sys.float_info.epsilon * abs(b)
        # Two values of one sign can only be rounding about zero.
        if fa * fb >= 0.0 or abs(b - a) <= finest:
            return a if abs(fa) < abs(fb) else b
        # A step of less than half the tolerance would not move the point.
        edge = 0.5 * finest / abs(b - a)
        x = a + min(1.0 - edge, max(edge, share)) * (b - a)
        fx = function(x)
        if (fx > 0.0) == (fa > 0.0):
            c, fc = a, fa
        else:
            c, fc, b, fb = b, fb, a, fa
        a, fa = x, fx
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        if phi * phi < xi and (1.0 - phi) ** 2 < 1.0 - xi:
            share = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        else:
            share = 0.5
