"""What an audit finds, and what it comes to."""

from dataclasses import dataclass

from labctl.store.chain import Head


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written.

    Attributes:
        where: the record, rows or samples, as a person names them.
        problem: what is wrong there.
    """

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of an audit.

    Attributes:
        head: the last record.
        asked: the published head that had to be found; None if none was given.
        records, rows, samples: how many were compared with what was written.
        findings: what is not as it was written; empty if everything is.
    """

    head: Head
    asked: str | None
    records: int
    rows: int
    samples: int
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        """Whether everything is as it was written."""
        return not self.findings
