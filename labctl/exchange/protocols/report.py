"""What becomes of a protocol on its way into another language: what is lost, what is said otherwise, what is added."""

from dataclasses import dataclass, field


@dataclass
class Report:
    """Field by field, each as ``place: what``.

    Attributes:
        lost: what the other language cannot hold; to be accepted by a person.
        changed: what says the same in other words.
        added: what the other language leaves open and this one wants to know.
    """

    lost: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For a person: the same thing in many places is said once, with the number of places."""
        return [
            f"{word:<8}{text}{f' (and {count - 1} more such)' if count > 1 else ''}"
            for word, texts in (("lost", self.lost), ("changed", self.changed), ("added", self.added))
            for text, count in _counted(texts)
        ]


def _counted(texts: list[str]) -> list[tuple[str, int]]:
    """The first of those that say the same of different places, and how many there are."""
    firsts: dict[str, tuple[str, int]] = {}
    for text in texts:
        place, _, what = text.partition(": ")
        key = f"{place.rpartition('.')[2]}: {what}"
        first, count = firsts.get(key, (text, 0))
        firsts[key] = (first, count + 1)
    return list(firsts.values())


@dataclass(frozen=True, slots=True)
class Translation:
    """A protocol in another language."""

    text: str
    report: Report
