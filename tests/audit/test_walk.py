"""The walk along the chain: a thousand random manipulations are found, and a weaker chain is shown to miss some."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labctl.audit.log import reading
from labctl.audit.walk import Walk
from labctl.store import chain, tables
from labctl.store.chain import Head

Rows = list[dict[str, Any]]

EDITED = ("author", "data", "event_id", "kind", "message", "run_id", "test_time_second", "unix_time_second")


@pytest.fixture(scope="module")
def written(original: Path) -> tuple[Rows, Head]:
    with reading(original) as connection:
        query = tables.event.select().order_by(tables.event.c.chain_number)
        rows = [dict(row) for row in connection.execute(query).mappings()]
        return rows, chain.read_head(connection)


def rechain(rows: Rows, at: int, to: int | None = None) -> None:
    """Give rows the places and hashes that they would have had, as somebody would who knows how it is done."""
    head = Head(rows[at - 1]["chain_number"], rows[at - 1]["sha256"]) if at else chain.START
    for row in rows[at:to]:
        head = chain.follow(head, row)
        row |= {"chain_number": head.number, "sha256": head.sha256}


def renumber(rows: Rows) -> None:
    for number, row in enumerate(rows, start=1):
        row["chain_number"] = number


def edit(rows: Rows, rng: random.Random) -> None:
    at = rng.randrange(len(rows))
    name = rng.choice(EDITED)
    old = rows[at][name]
    if isinstance(old, str):
        place = rng.randrange(len(old) + 1)
        rows[at][name] = old[:place] + rng.choice("x0 {}") + old[place:]
    elif old is None:
        rows[at][name] = rng.choice(["", "{}", "null"])
    else:
        rows[at][name] = old + rng.choice([1, -1, 1e-3])
    if rng.random() < 0.5 and at + 1 < len(rows):  # and makes its own hash fit
        rechain(rows, at, at + 1)


def delete(rows: Rows, rng: random.Random) -> None:
    at = rng.randrange(len(rows))
    del rows[at : at + rng.randint(1, 5)]
    if rng.random() < 0.5:
        renumber(rows)


def reorder(rows: Rows, rng: random.Random) -> None:
    one, other = rng.sample(range(len(rows)), 2)
    rows[one], rows[other] = rows[other], rows[one]
    if rng.random() < 0.5:
        renumber(rows)
    else:
        rows.sort(key=lambda row: row["chain_number"])
        rows[one]["event_id"], rows[other]["event_id"] = rows[other]["event_id"], rows[one]["event_id"]
        rows[one]["run_id"], rows[other]["run_id"] = rows[other]["run_id"], rows[one]["run_id"]


def insert(rows: Rows, rng: random.Random) -> None:
    at = rng.randrange(len(rows))
    rows.insert(at, dict(rng.choice(rows)) | {"message": "nothing happened"})
    if rng.random() < 0.5:
        renumber(rows)
    if rng.random() < 0.5:
        rechain(rows, at, at + 1)


def is_found(rows: Rows, head: Head, asked: str | None = None) -> bool:
    return any(Walk(asked).take_all(rows).findings(head))


def missed(written: tuple[Rows, Head], kind: Callable[[Rows, random.Random], None], count: int) -> int:
    rows, head = written
    number = 0
    for seed in range(count):
        changed = [dict(row) for row in rows]
        kind(changed, random.Random(seed))
        same = changed == rows
        number += not same and not is_found(changed, head)
    return number


def test_what_was_written_passes(written: tuple[Rows, Head]) -> None:
    rows, head = written
    assert not is_found(rows, head)
    assert not is_found(rows, head, str(head))
    for row in rows:  # every head that was ever published is met
        assert not is_found(rows, head, row["sha256"])


@pytest.mark.parametrize("kind", [edit, delete, reorder, insert])
def test_every_random_manipulation_is_found(
    written: tuple[Rows, Head], kind: Callable[[Rows, random.Random], None]
) -> None:
    assert missed(written, kind, 250) == 0


@pytest.mark.parametrize(
    ("kind", "unhashed"),
    [(edit, "message"), (edit, "test_time_second"), (edit, "data"), (reorder, "previous_sha256")],
)
def test_a_weaker_hash_is_caught_by_these_tests(
    written: tuple[Rows, Head],
    kind: Callable[[Rows, random.Random], None],
    unhashed: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted fault: a chain whose hash leaves something out lets manipulations through."""
    whole = chain.canonical
    leaves_out = (
        {unhashed, "chain_number", "run_id", "event_id"} if unhashed == "previous_sha256" else {unhashed}
    )
    monkeypatch.setattr(
        chain,
        "canonical",
        lambda record: whole({name: value for name, value in record.items() if name not in leaves_out}),
    )
    rows = [dict(row) for row in written[0]]
    rechain(rows, 0)
    head = Head(rows[-1]["chain_number"], rows[-1]["sha256"])
    assert not is_found(rows, head)
    assert missed((rows, head), kind, 250) > 0


def test_without_the_kept_head_these_tests_would_miss_deletions_at_the_end(
    written: tuple[Rows, Head],
) -> None:
    cut = written[0][:-3]
    assert not is_found(cut, Head(cut[-1]["chain_number"], cut[-1]["sha256"]))
    assert is_found(cut, written[1])


def test_a_cut_chain_is_found_against_a_published_head(written: tuple[Rows, Head]) -> None:
    rows, published = written
    for left in range(1, len(rows)):
        cut = rows[:left]
        head = Head(cut[-1]["chain_number"], cut[-1]["sha256"])
        assert not is_found(cut, head)  # by itself it is a chain like any other
        (found,) = Walk(str(published)).take_all(cut).findings(head)
        assert found.where.split()[1] == str(left + 1)
        assert "beyond the end" in found.problem
        assert is_found(cut, head, published.sha256)
        assert is_found(cut, published)


def test_a_chain_written_anew_is_found_against_a_published_head(written: tuple[Rows, Head]) -> None:
    rows, published = written
    anew = [dict(row) for row in rows]
    anew[10]["message"] = "nothing happened"
    rechain(anew, 10)
    head = Head(anew[-1]["chain_number"], anew[-1]["sha256"])
    assert not is_found(anew, head)
    (found,) = Walk(str(published)).take_all(anew).findings(head)
    assert "not in this chain" in found.problem


def test_a_published_head_is_not_met_behind_a_break(written: tuple[Rows, Head]) -> None:
    rows, head = written
    edited = [dict(row) for row in rows]
    edited[3]["message"] = "another"
    found = [str(finding) for finding in Walk(str(head)).take_all(edited).findings(head)]
    assert len(found) == 2
    assert found[0].startswith("record 4 (")
    assert "edited" in found[0]


def test_findings_name_the_records(written: tuple[Rows, Head]) -> None:
    rows, head = written
    without = rows[:4] + rows[7:]
    assert [f.where for f in Walk().take_all(without).findings(head)] == ["records 5 to 7"]
    twice = rows[:5] + rows[4:]
    assert [f.where for f in Walk().take_all(twice).findings(head)] == ["record 5"]


def test_an_empty_chain_is_intact_and_holds_no_published_head() -> None:
    assert not is_found([], chain.START)
    assert is_found([], chain.START, f"1:{'ab' * 32}")


def test_what_telemetry_marks_is_not_hashed(written: tuple[Rows, Head]) -> None:
    rows, head = written
    assert not is_found([row | {"published": True} for row in rows], head)
