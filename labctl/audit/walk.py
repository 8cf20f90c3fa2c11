"""Walks along the chain of events and finds where it is broken. Knows no database: rows come as mappings."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from labctl.audit.findings import Finding
from labctl.store.chain import START, Head, follow

Event = Mapping[str, Any]

BROKEN = "edited, or not the record that was written here: it does not have its hash"


class Walk:
    """One walk from the first record on; give it every event in the order of ``chain_number``.

    Attributes:
        head: the last record so far, as it claims to be.
        records: how many were given.
        met: the published head was met, with nothing wrong before it.

    Args:
        asked: the published head to look for: ``NUMBER:SHA256``, or the hash alone; None: none.
    """

    def __init__(self, asked: str | None = None) -> None:
        self.head = START
        self.records = 0
        self.met = False
        self._asked = asked
        self._findings: list[Finding] = []
        self._broken: list[tuple[int, Event]] = []

    def take(self, event: Event) -> bool:
        """Look at the next event; False if it is not the one that was written at its place."""
        self.records += 1
        number, sha256 = event["chain_number"], event["sha256"]
        is_next = number == self.head.number + 1
        if not is_next:
            self._tell_broken()
            self._findings.append(self._out_of_turn(number))
        good = not is_next or follow(self.head, event) == (number, sha256)
        if good:
            self._tell_broken()
        else:
            self._broken.append((number, event))
        self.head = Head(number, sha256)
        if self._asked in (sha256, str(self.head)) and good and not self._findings and not self._broken:
            self.met = True
        return good and is_next

    def take_all(self, events: Iterable[Event]) -> "Walk":
        """Look at all of them."""
        for event in events:
            self.take(event)
        return self

    def findings(self, kept_head: Head) -> Iterator[Finding]:
        """What was found, when all events were given; ``kept_head`` is the head that the database keeps."""
        self._tell_broken()
        yield from self._findings
        if self.head != kept_head:
            yield self._wrong_end(kept_head)
        if self._asked is not None and not self.met:
            yield self._not_met(self._asked)

    def _out_of_turn(self, number: int) -> Finding:
        before = self.head.number
        if number <= before:
            return Finding(f"record {number}", "there twice, or before its turn")
        return Finding(_records(before + 1, number - 1), "missing")

    def _tell_broken(self) -> None:
        if self._broken:
            (first, event), (last, _) = self._broken[0], self._broken[-1]
            where = f"{_records(first, last)} (from run {event['run_id']}, {event['kind']})"
            self._findings.append(Finding(where, BROKEN))
            self._broken = []

    def _wrong_end(self, kept_head: Head) -> Finding:
        if self.head.number < kept_head.number:
            return Finding(_records(self.head.number + 1, kept_head.number), "missing at the end")
        return Finding(
            f"record {self.head.number}", "the last one, but not the one that the database keeps as its head"
        )

    def _not_met(self, asked: str) -> Finding:
        number, _, _ = asked.rpartition(":")
        if number and int(number) > self.head.number:
            return Finding(
                _records(self.head.number + 1, int(number)), "missing: the published head lies beyond the end"
            )
        return Finding(
            f"published head {asked}",
            "not in this chain: it was cut, or written anew, or is of another database",
        )


def _records(first: int, last: int) -> str:
    return f"record {first}" if first == last else f"records {first} to {last}"
