"""Numbers of the MethodSCRIPT language: literals as a script writes them, values as a package carries them.

Source: MethodSCRIPT manual v1.8, chapters 4 (SI prefixes of literals) and 5 (data packages).
"""

import re
from bisect import bisect_right

from .methodscript_errors import Code, ScriptFault

_EXPONENTS = {
    "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0,
    "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip

_DECIMAL = re.compile(r"([-+]?[0-9]+)([afpnumkMGTPE]?)")
_INTEGER = re.compile(r"([-+]?[0-9]+)i|0x([0-9A-Fa-f]+)i?|0b([01]+)i?")
_PREFIXED_BITS = re.compile(r"0x[0-9A-Fa-f]+[munpkMGTP]|0b[01]+[afpnumkMGTPE]")
_INT32 = 1 << 31

_OFFSET = 1 << 27
_PACK_FORMATS = [f"%07X{prefix}" for prefix in "afpnum kMGTPE"]
_PACK_EXPONENTS = range(-18, 19, 3)
# Between the limits of two neighbours a value takes the finer prefix whose rounded integer has 28 bits.
_PACK_LIMITS = [(_OFFSET - 0.5) * 10.0**exponent for exponent in _PACK_EXPONENTS]
_PACK_SCALES = [10.0**-exponent for exponent in _PACK_EXPONENTS]


def literal_value(text: str, column: int = 1) -> int | float:
    """Value of a literal: an integer with an SI prefix (``-500m``), with ``i``, or in hex or binary (``0x1F``).

    Raises:
        ScriptFault: 4039 if it is malformed (``1.5``) or exceeds 32 bits, 4014 for hex or binary with a prefix.
    """
    if match := _DECIMAL.fullmatch(text):
        digits, exponent = int(match[1]), _EXPONENTS[match[2]]
        value: int | float = digits * 10.0**exponent if exponent >= 0 else digits / 10**-exponent
    elif match := _INTEGER.fullmatch(text):
        digits = value = int(match[1]) if match[1] else int(match[2], 16) if match[2] else int(match[3], 2)
    else:
        code = Code.PREFIXED_BITS if _PREFIXED_BITS.fullmatch(text) else Code.LITERAL_MALFORMED
        raise ScriptFault(code, column)
    if not -_INT32 <= digits < 2 * _INT32:
        raise ScriptFault(Code.LITERAL_MALFORMED, column)
    return value


def pack(value: float) -> str:
    """Eight characters of a package: 7 hex digits of the integer plus 2^27, then the prefix.

    A float takes the finest prefix whose integer fits in 28 bits, so nothing is lost that a coarser one would
    keep; an int takes ``i``. What cannot be written (NaN, infinite, too large) is ``     nan``.
    """
    if type(value) is int:
        return f"{value + _OFFSET:07X}i" if -_OFFSET < value < _OFFSET else "     nan"
    if not value:
        return "8000000 "
    place = bisect_right(_PACK_LIMITS, abs(value))  # behind all of them for NaN
    if place == len(_PACK_SCALES):
        return "     nan"
    return _PACK_FORMATS[place] % (round(value * _PACK_SCALES[place]) + _OFFSET)
