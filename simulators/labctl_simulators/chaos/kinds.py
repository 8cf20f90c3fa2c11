"""The faults by name: what a person writes, what it stands for, and when it acts."""

from enum import Enum, StrEnum, auto
from typing import NamedTuple


class When(Enum):
    """What a fault acts on."""

    ANSWER = auto()  # each line of an answer, with a probability
    WRITE = auto()  # each piece of input, with a probability
    COUNT = auto()  # the next so many commands of a kind
    MOMENT = auto()  # once, at a time
    WHILE = auto()  # from a time on, for a while


class Kind(StrEnum):
    """One fault; the value is its name in a specification."""

    LATE = "late"
    LOST = "lost"
    MUTE = "mute"
    DUPLICATED = "duplicated"
    MERGED = "merged"
    SPLIT = "split"
    GARBLED = "garbled"
    TERMINATOR = "terminator"
    ECHO = "echo"
    RESET = "reset"
    FIN = "fin"
    HALF_OPEN = "half_open"
    NOT_EXECUTED = "not_executed"
    ERRORS_FULL = "errors_full"
    INTERRUPTED = "interrupted"
    POWER_CYCLE = "power_cycle"
    SECOND_CLIENT = "second_client"
    FRONT_PANEL = "front_panel"
    ON_IGNORED = "on_ignored"
    OFF_IGNORED = "off_ignored"
    CELL_OPEN = "cell_open"
    CLIPPED = "clipped"
    FROZEN = "frozen"
    SENSE_OPEN = "sense_open"
    REVERSED = "reversed"
    GONE = "gone"
    SWAPPED = "swapped"
    DRIFT = "drift"


class Meaning(NamedTuple):
    """What a kind of fault is.

    Attributes:
        when: what it acts on.
        value: what ``=value`` is if it is left out: a probability, a count, or a part.
        words: what happens.
    """

    when: When
    value: float
    words: str


MEANINGS = {
    Kind.LATE: Meaning(When.ANSWER, 0.01, "an answer comes 0.5 to 3 times 2 s late"),
    Kind.LOST: Meaning(When.ANSWER, 0.01, "an answer is lost"),
    Kind.MUTE: Meaning(When.WHILE, 1.0, "everything is executed, nothing is answered"),
    Kind.DUPLICATED: Meaning(When.ANSWER, 0.01, "an answer comes twice, the second time up to 0.5 s later"),
    Kind.MERGED: Meaning(When.ANSWER, 0.01, "an answer is held back, and comes in one piece with the next"),
    Kind.SPLIT: Meaning(When.ANSWER, 0.01, "an answer comes in two pieces, cut anywhere, up to 0.5 s apart"),
    Kind.GARBLED: Meaning(When.ANSWER, 0.01, "one to four bytes become NUL, control or non-ASCII bytes"),
    Kind.TERMINATOR: Meaning(When.ANSWER, 0.01, "an answer ends with CR, with LF CR, or with nothing"),
    Kind.ECHO: Meaning(When.WHILE, 1.0, "everything that is sent comes back"),
    Kind.RESET: Meaning(When.MOMENT, 1.0, "the connection is reset"),
    Kind.FIN: Meaning(When.MOMENT, 1.0, "the connection ends in the middle of the next answer"),
    Kind.HALF_OPEN: Meaning(When.MOMENT, 1.0, "the connection takes everything and passes nothing on"),
    Kind.NOT_EXECUTED: Meaning(When.WRITE, 0.01, "what is written is accepted and not executed"),
    Kind.ERRORS_FULL: Meaning(When.MOMENT, 1.0, "the error queue is filled to its end"),
    Kind.INTERRUPTED: Meaning(When.MOMENT, 1.0, "the next answer is dropped with -410 Query INTERRUPTED"),
    Kind.POWER_CYCLE: Meaning(When.MOMENT, 1.0, "the instrument loses its power and has it back at once"),
    Kind.SECOND_CLIENT: Meaning(When.MOMENT, 1.0, "somebody else sends a command"),
    Kind.FRONT_PANEL: Meaning(When.MOMENT, 1.0, "somebody switches the output off, or turns the level"),
    Kind.ON_IGNORED: Meaning(When.COUNT, 1.0, "the circuit is told to close and stays open"),
    Kind.OFF_IGNORED: Meaning(When.COUNT, 1.0, "the circuit is told to open and stays closed"),
    Kind.CELL_OPEN: Meaning(When.WHILE, 1.0, "a lead of the cell is interrupted: compliance"),
    Kind.CLIPPED: Meaning(When.WHILE, 0.5, "the current is held at this part of what is set"),
    Kind.FROZEN: Meaning(When.WHILE, 1.0, "every reading is the one before"),
    Kind.SENSE_OPEN: Meaning(When.WHILE, 1.0, "a sense lead is off: the voltage floats about 0 V"),
    Kind.REVERSED: Meaning(When.WHILE, 1.0, "the sense leads are swapped: the voltage has the other sign"),
    Kind.GONE: Meaning(When.WHILE, 1.0, "the port is gone, and cannot be opened"),
    Kind.SWAPPED: Meaning(When.MOMENT, 1.0, "another instrument of the same model answers at this port"),
    Kind.DRIFT: Meaning(When.WHILE, 0.01, "the instrument's clock runs fast by this part"),
}

HANDS = (
    Kind.ERRORS_FULL,
    Kind.INTERRUPTED,
    Kind.POWER_CYCLE,
    Kind.SECOND_CLIENT,
    Kind.FRONT_PANEL,
    Kind.CLIPPED,
    Kind.FROZEN,
    Kind.SENSE_OPEN,
    Kind.REVERSED,
)
"""What only the instrument itself can suffer; not every instrument can suffer everything."""
