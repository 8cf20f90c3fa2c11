"""The pure codec of PalmSens' MethodSCRIPT wire: literals out, packages and refusals in.

A script writes numbers as an integer with an SI prefix and no decimal point (``4200m``); a package holds each
variable as two letters of type, seven hex digits and a prefix, ``ab8387520u`` for 3.7 V. Newest language seen: 1.9.

Source: MethodSCRIPT manual v1.8, chapters 4 (literals), 5 (packages), 6 and 9.3 (structure lines), 11 (errors).
"""

import math
import re
from typing import NamedTuple

from labctl.errors import CannotHold, InvalidReading, LinkNonsense
from labctl_drivers.methodscript_errors import MEANINGS

_OFFSET = 0x8000000
_LITERAL_MAX = 2**31 - 1  # Assumed: a literal's integer is held in 32 bits before its prefix is applied
_EXACT = 1e-9
_COARSE_TO_FINE = tuple(zip("EPTGMk munpfa", range(18, -21, -3), strict=True))
# Dividing by an exact power of ten gives 3.7 for 3700000u; multiplying by 1e-6 would not.
_DIVISOR = {prefix.encode(): 10.0**-exponent for prefix, exponent in _COARSE_TO_FINE} | {b"i": 1.0}

STATUS_TIMING_NOT_MET, STATUS_OVERLOAD, STATUS_OVERLOAD_WARNING = 1, 2, 8
# Underload says that a finer range would resolve more. That is no fault of the reading, so it is left out.
_UNDERLOAD = 4
# Time, voltage and current of a reading with which all is well, each as digits and prefix.
_NUMBER, _WELL = rb"([0-9A-F]{7})([ afpnumkMGTPEi])", rb",1[04](?:,[^;]*)?"
_PLAIN_READING = re.compile(
    b"Peb%b;ab%b%b;(?:ba|db)%b%b" % (_NUMBER, _NUMBER, _WELL, _NUMBER, _WELL)
).fullmatch


class Reading(NamedTuple):
    """What one package of a step says.

    Attributes:
        time_s: since the script's timer was started.
        voltage_V: working against reference electrode.
        current_A: positive into the working electrode; 0.0 where the package has none.
        status: status bits of all variables together, without underload.
        mark: 0, or in a step's last package the number of the condition that ended it.
    """

    time_s: float
    voltage_V: float
    current_A: float
    status: int
    mark: int


class Refusal(NamedTuple):
    """An error line. ``place`` is where in the script, as the instrument counts; may be empty."""

    code: int
    place: str

    def __str__(self) -> str:
        meaning = MEANINGS.get(self.code, "an error that the manual v1.8 does not list")
        where = f" ({self.place})" if self.place else ""
        return f"error {self.code:04X}: {meaning}{where}"


def literal(value: float) -> str:
    """Write a number for a script: the coarsest prefix that is exact to 1e-9, else the finest that fits.

    Raises:
        CannotHold: no prefix holds the number to 1e-6.
    """
    if value == 0.0:
        return "0"
    best = ""
    for prefix, exponent in _COARSE_TO_FINE if math.isfinite(value) else ():
        scale = 10.0**-exponent
        number = round(value * scale)
        if abs(number) > _LITERAL_MAX:
            break
        loss = abs(number / scale - value) / abs(value)
        if loss <= 1e-6:
            best = f"{number}{prefix.strip()}"
        if loss <= _EXACT:
            break
    if not best:
        raise CannotHold(f"{value!r} cannot be written as a MethodSCRIPT number")
    return best


def whole(number: int) -> str:
    """Write an integer for a script."""
    return f"{number}i"


def parse_value(text: bytes) -> float:
    """Read seven hex digits and a prefix; NaN for the instrument's own ``nan``.

    Raises:
        LinkNonsense: not a value.
    """
    digits = text[:7]
    try:
        if len(text) == 8 and digits.isalnum():
            return (int(digits, 16) - _OFFSET) / _DIVISOR[text[7:]]
    except (ValueError, KeyError):
        pass
    if text.strip() == b"nan":
        return math.nan
    raise LinkNonsense("not a MethodSCRIPT value", received=text.decode("ascii", "replace"))


def parse_package(line: bytes) -> tuple[dict[str, float], int]:
    """Read any package; returns its values by variable type, and all status bits together.

    Raises:
        LinkNonsense: not a package.
    """
    if line[:1] != b"P":
        raise LinkNonsense("not a package", received=line.decode("ascii", "replace"))
    values: dict[str, float] = {}
    status = 0
    for field in line[1:].split(b";"):
        values[field[:2].decode("ascii", "replace")] = parse_value(field[2:10])
        status |= _status(field)
    return values, status


def parse_reading(line: bytes) -> Reading:
    """Read a step's package: time, voltage, then a current (``ba`` or ``db``), then a mark (``ja``).

    Raises:
        LinkNonsense: not such a package.
        InvalidReading: a value is not a number.
    """
    plain = _PLAIN_READING(line)  # the hot path; anything unusual goes the long way round
    if plain is None:
        return _parse_reading_slowly(line)
    time, time_prefix, voltage, voltage_prefix, current, current_prefix = plain.groups()
    return Reading(
        (int(time, 16) - _OFFSET) / _DIVISOR[time_prefix],
        (int(voltage, 16) - _OFFSET) / _DIVISOR[voltage_prefix],
        (int(current, 16) - _OFFSET) / _DIVISOR[current_prefix],
        0,
        0,
    )


def _parse_reading_slowly(line: bytes) -> Reading:
    values, status = parse_package(line)
    if "eb" not in values or "ab" not in values:
        raise LinkNonsense("a package without time or voltage", received=line.decode("ascii", "replace"))
    if any(math.isnan(value) for value in values.values()):
        raise InvalidReading("the instrument sent nan", received=line.decode("ascii", "replace"))
    current_A = values.get("ba", values.get("db", 0.0))
    return Reading(values["eb"], values["ab"], current_A, status, int(values.get("ja", 0.0)))


def _status(field: bytes) -> int:
    """Status bits among a variable's metadata; whatever else stands there is skipped."""
    for item in field[10:].split(b","):
        if item[:1] == b"1":
            try:
                return int(item[1:], 16) & ~_UNDERLOAD
            except ValueError:
                raise LinkNonsense("not a status", received=field.decode("ascii", "replace")) from None
    return 0


def parse_refusal(line: bytes) -> Refusal | None:
    """Read ``e!4001: Line 2, Col 1`` or ``!0032: Line 7``; None if the line is no error line."""
    command, mark, rest = line.partition(b"!")
    if not mark or command[:1] in (b"P", b"T"):
        return None
    code, _, place = rest.partition(b":")
    try:
        return Refusal(int(code, 16), place.strip().decode("ascii", "replace"))
    except ValueError:
        return None
