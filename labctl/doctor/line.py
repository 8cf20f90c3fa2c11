"""One line of a doctor's report."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How something stands, from good to bad."""

    OK = "OK"
    LOOK = "look"  # a person should look at it; nothing is known to be wrong
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Line:
    """What was looked at and found.

    Attributes:
        verdict: how it stands.
        subject: what was looked at.
        found: what was found.
        remedy: what to do; empty where nothing has to be done.
    """

    verdict: Verdict
    subject: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.verdict:<5}  {self.subject}: {self.found}"
        return f"{text}; {self.remedy}" if self.remedy else text


def ok(subject: str, found: str) -> Line:
    """All is well."""
    return Line(Verdict.OK, subject, found)


def look(subject: str, found: str, remedy: str) -> Line:
    """A person should look."""
    return Line(Verdict.LOOK, subject, found, remedy)


def wrong(subject: str, found: str, remedy: str) -> Line:
    """Something is wrong."""
    return Line(Verdict.WRONG, subject, found, remedy)
