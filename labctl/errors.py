"""The errors of labctl, one tree, split by who must act.

    LabctlError
    |- UserError              the person edits a file or a command line
    |   |- ProtocolError      file, line, column, what is wrong, what would be right
    |   |- StationError       the station file, or what is connected does not match it
    |   |- DataError          a file or database that cannot be read as what it claims to be
    |   `- NothingToDraw      a run that holds nothing of what a figure shows
    |- LinkError              the way to the instrument
    |   |- LinkTimeout        nothing came in time (the link is poisoned from then on)
    |   |- LinkLost           the port is gone: closed, reset, unplugged
    |   |- LinkNonsense       bytes came that the wire does not allow
    |   `- LinkPoisoned       an earlier exchange was left early; resynchronise first
    |- InstrumentError        the instrument itself
    |   |- InstrumentRefused  it answered with an error code
    |   |- WrongInstrument    its identity is not the one expected
    |   |- CannotHold         asked for what its ranges do not hold; refused before a byte left
    |   |- InvalidReading     overflow, not a number, stale or frozen: not a reading
    |   `- SpectrumLost       an analyser could not measure; its cell is at open circuit, and the run goes on
    |- StoreError             samples cannot be made durable
    |- LeaseExpired           the engine fell silent, or readings did: the keeper opened the circuit
    |- Superseded             a newer epoch (make_safe) took over; the command was not sent
    `- CellStateUnknown       nobody knows whether the circuit is open: a person must look

A reached cut-off and the decision of a stop rule are values, never exceptions. ``str()`` of each error is one
line for the person at the bench. A bug stays a plain Python exception.
"""

from dataclasses import dataclass


class LabctlError(Exception):
    """Root of everything labctl raises on purpose."""

    @property
    def words(self) -> str:
        """What happened, for a sentence that says by itself to whom, and what the cell is doing."""
        return str(self)

    @property
    def account(self) -> str:
        """What happened to whom, for a sentence that says by itself what the cell is doing."""
        return str(self)


class UserError(LabctlError):
    """Something a person wrote must be changed."""


@dataclass(eq=False)
class ProtocolError(UserError):
    """A protocol file that cannot become a plan.

    Attributes:
        file: the file's name as the person gave it.
        line: line, counted from 1.
        column: column, counted from 1.
        problem: what is wrong.
        remedy: what would be right; may be empty.
    """

    file: str
    line: int
    column: int
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column}: {self.problem}"
        return f"{text}; {self.remedy}" if self.remedy else text


class StationError(UserError):
    """A station file that is wrong, or does not match what is connected."""


class DataError(UserError):
    """A data file or database that is not what it claims to be."""


class NothingToDraw(UserError):
    """A run holds nothing of what a figure shows."""


@dataclass(eq=False)
class WireError(LabctlError):
    """An error met while talking to an instrument.

    Attributes:
        problem: what happened.
        instrument: who was spoken to, as resource or serial number.
        sent: what labctl had sent last.
        received: what came back.
        cell: what the cell is doing now, as far as known.
    """

    problem: str
    instrument: str = ""
    sent: str = ""
    received: str = ""
    cell: str = ""

    @property
    def words(self) -> str:
        """What happened, what was sent and what came back."""
        parts = [self.problem]
        if self.sent:
            parts.append(f"sent {self.sent!r}")
        if self.received:
            parts.append(f"received {self.received!r}")
        return "; ".join(parts)

    @property
    def account(self) -> str:
        """What happened to whom, what was sent and what came back."""
        return f"{self.instrument}: {self.words}" if self.instrument else self.words

    def __str__(self) -> str:
        return f"{self.account}; the cell: {self.cell}" if self.cell else self.account


class LinkError(WireError):
    """The way to the instrument failed."""


class LinkTimeout(LinkError):
    """Nothing, or nothing complete, came in time."""


class LinkLost(LinkError):
    """The port is gone: closed by the peer, reset, unplugged."""


class LinkNonsense(LinkError):
    """Bytes came that the wire does not allow here."""


class LinkPoisoned(LinkError):
    """An earlier exchange was left early: what arrives next may answer an older question."""


class InstrumentError(WireError):
    """The instrument itself objects, or is not the right one."""


class InstrumentRefused(InstrumentError):
    """The instrument answered with one of its error codes."""


class WrongInstrument(InstrumentError):
    """What answers is not the instrument that was expected."""


class CannotHold(InstrumentError):
    """Asked for what the instrument's ranges do not hold; no byte was sent."""


class InvalidReading(InstrumentError):
    """Overflow, not a number, stale or frozen: such a thing is not a reading."""


class SpectrumLost(InstrumentError):
    """A spectrum that an analyser could not take; its cell is at open circuit, and cycling can go on."""


class StoreError(LabctlError):
    """Samples cannot be made durable."""


class LeaseExpired(WireError):
    """Control ticks were not completed in time: the keeper has opened the circuit."""


class Superseded(LabctlError):
    """A newer epoch took over before this command left: it was not sent."""


class CellStateUnknown(WireError):
    """Nobody knows whether the circuit is open. A person must look."""
