"""Status registers and errors of a simulated EC301: what is set when, and what reading it clears.

Source: EC301 manual tables 6 to 9, figure 34, ``errlst?`` and ``errdcd?`` (p. 109). The manual gives the number of one
error, 114; Assumed: the numbers and words of the others.
"""

from dataclasses import dataclass

BAD_COMMAND = 114
BAD_ARGUMENT = 115
OUT_OF_RANGE = 116
NOT_NOW = 117
PROGRAM_MISSING = 118

WORDS = {
    0: "No error",
    BAD_COMMAND: "Bad remote command",
    BAD_ARGUMENT: "Bad remote argument",
    OUT_OF_RANGE: "Parameter out of range",
    NOT_NOW: "Not allowed in this state",
    PROGRAM_MISSING: "Scan program is incomplete",
}

# Bits of the registers.
OPERATION_COMPLETE, EXECUTION_ERROR, COMMAND_ERROR, POWER_ON = 1 << 0, 1 << 4, 1 << 5, 1 << 7
REMOTE_SET, RANGE_CHANGE, ERROR_POSTED = 1 << 3, 1 << 4, 1 << 14
CE_LIMIT, E_OVERLOAD, I_OVERLOAD, CURRENT_LIMIT = 1 << 0, 1 << 1, 1 << 2, 1 << 7
_INSW, _MESW, _ESB, _SRQ = 1 << 0, 1 << 1, 1 << 5, 1 << 6


class Refused(Exception):
    """A command that is not carried out, with the number of its error."""

    def __init__(self, code: int) -> None:
        super().__init__(WORDS[code])
        self.code = code


@dataclass(slots=True)
class Register:
    """Bits, and those of them that are enabled.

    Attributes:
        width: in bits.
    """

    width: int
    value: int = 0
    enable: int = 0

    def take(self, bit: int | None) -> int:
        """Read all or one, and clear what was read."""
        if bit is None:
            value, self.value = self.value, 0
            return value
        self._check(bit)
        found = self.value >> bit & 1
        self.value &= ~(1 << bit)
        return found

    def enabled(self, bit: int | None) -> int:
        """The enable register, or one bit of it."""
        if bit is None:
            return self.enable
        self._check(bit)
        return self.enable >> bit & 1

    def set_enabled(self, first: int, second: int | None) -> None:
        """Set the enable register, or one bit of it."""
        if second is None:
            if not 0 <= first < 1 << self.width:
                raise Refused(OUT_OF_RANGE)
            self.enable = first
            return
        self._check(first)
        if second not in (0, 1):
            raise Refused(OUT_OF_RANGE)
        self.enable = self.enable & ~(1 << first) | second << first

    def _check(self, bit: int) -> None:
        if not 0 <= bit < self.width:
            raise Refused(OUT_OF_RANGE)


class Status:
    """All registers, and the most recent error."""

    def __init__(self) -> None:
        self.standard = Register(8, POWER_ON)
        self.instrument = Register(16)
        self.measurement = Register(8)
        self.service = Register(8)
        self.error = 0

    def post(self, code: int) -> None:
        """An error."""
        self.error = code
        self.standard.value |= COMMAND_ERROR if code == BAD_COMMAND else EXECUTION_ERROR
        self.instrument.value |= ERROR_POSTED

    def was_set(self) -> None:
        """A command that sets something was carried out: it clears the error."""
        self.error = 0
        self.instrument.value |= REMOTE_SET

    def clear(self) -> None:
        """*CLS."""
        for register in (self.standard, self.instrument, self.measurement):
            register.value = 0
        self.error = 0

    def byte(self, bit: int | None) -> int:
        """*STB?."""
        summary = (
            _INSW * bool(self.instrument.value & self.instrument.enable)
            | _MESW * bool(self.measurement.value & self.measurement.enable)
            | _ESB * bool(self.standard.value & self.standard.enable)
        )
        summary |= _SRQ * bool(summary & self.service.enable)
        if bit is None:
            return summary
        if not 0 <= bit < 8:
            raise Refused(OUT_OF_RANGE)
        return summary >> bit & 1
