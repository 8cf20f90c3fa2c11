"""What can be wrong with a command or a script, as the instrument's own codes.

Source: appendix A of the MethodSCRIPT manual v1.8 and chapter 8 of the EmStat4 communication protocol v1.3.
"""

from enum import IntEnum


class Code(IntEnum):
    """Error codes that the simulated instrument gives; sent as ``!`` and four hexadecimal digits."""

    VARTYPE_INVALID = 0x0002
    COMMAND_UNKNOWN = 0x0003
    REGISTER_UNKNOWN = 0x0004
    REGISTER_READ_ONLY = 0x0005
    MODE_INVALID = 0x0006
    ARGUMENT_UNEXPECTED = 0x0007
    COMMAND_TOO_LONG = 0x0008
    MEMORY_FULL = 0x000B
    NO_SCRIPT_LOADED = 0x000C
    POTENTIAL_INVALID = 0x000F
    NOT_FINITE = 0x0010
    FREQUENCY_INVALID = 0x0011
    AMPLITUDE_INVALID = 0x0012
    OCP_WITH_CELL_ON = 0x0014
    NOT_SUPPORTED = 0x001B
    STEP_TOO_SMALL = 0x001C
    PGSTAT_MODE_UNSUPPORTED = 0x0021
    PGSTAT_MODE_WRONG = 0x0023
    DIVIDED_BY_ZERO = 0x0028
    CHANNEL_UNAVAILABLE = 0x002F
    CRITICAL_OVERLOAD = 0x0032
    ARGUMENT_TOO_SHORT = 0x004B
    TIMING_IMPOSSIBLE = 0x005A
    ALREADY_MEASURED = 0x005B
    HEX_EXPECTED = 0x006D
    NO_RANGING = 0x0084
    SCRIPT_COMMAND_UNKNOWN = 0x4001
    UNEXPECTED_CHARACTER = 0x4004
    SCRIPT_TOO_LARGE = 0x4005
    OPTIONAL_INVALID = 0x4008
    NESTED_MEASUREMENT = 0x400B
    NOT_HERE = 0x400C
    SCOPE_TOO_DEEP = 0x400D
    SCOPE_INVALID = 0x400E
    INDEX_OUT_OF_BOUNDS = 0x400F
    PREFIXED_BITS = 0x4014
    ENDED_UNEXPECTEDLY = 0x4018
    NOT_WHILE_MEASURING = 0x401A
    PACKAGE_ORDER = 0x401B
    VARIABLE_EXISTS = 0x4026
    CELL_ON_REQUIRED = 0x4027
    NO_STEP = 0x4029
    NAME_INVALID = 0x402B
    NAME_TOO_LONG = 0x402C
    POTENTIAL_CHANGE_WHILE_MEASURING = 0x4032
    CURRENT_CHANGE_WHILE_MEASURING = 0x4033
    ONLY_IN_LOOP = 0x4036
    OVERFLOW = 0x4037
    ARRAY_ACCESS_MALFORMED = 0x4038
    LITERAL_MALFORMED = 0x4039
    NO_FILE_OPEN = 0x403B
    OUTPUT_MODE_UNKNOWN = 0x403C
    NEGATIVE = 0x4200
    NOT_POSITIVE = 0x4204
    OUT_OF_BOUNDS = 0x4205
    DATATYPE_INVALID = 0x4207
    VARTYPE_NOT_SUPPORTED = 0x4209
    ARGUMENT_EXTRA = 0x420A
    NOT_DECLARED = 0x420B
    VARIABLE_NOT_ALLOWED = 0x420C
    LITERAL_NOT_ALLOWED = 0x420D
    ARRAY_NOT_ALLOWED = 0x420E
    BRACE_NOT_CLOSED = 0x4210


class ScriptFault(Exception):
    """A script is wrong or cannot go on. ``column`` (from 1) matters only while the script is being loaded."""

    def __init__(self, code: Code, column: int = 1) -> None:
        super().__init__(f"!{code:04X}")
        self.code = code
        self.column = column
