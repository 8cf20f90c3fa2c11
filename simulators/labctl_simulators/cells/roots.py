"""The root of an increasing function, found safely between two bounds."""

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
        tolerance: Absolute, in the unit of the argument.

    Source: T. R. Chandrupatla, Adv. Eng. Software 28 (1997) 145: inverse quadratic interpolation where the
    three last points allow it, bisection elsewhere.
    """
    b, fb = guess, function(guess)
    a = b - fb / slope
    fa = function(a)
    share = 0.5
    while fa and fb and abs(b - a) > tolerance:
        x = a + share * (b - a)
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
        edge = min(0.5, 0.5 * tolerance / max(abs(b - a), tolerance))
        share = min(1.0 - edge, max(edge, share))
    return a if abs(fa) < abs(fb) else b
