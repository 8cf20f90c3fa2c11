"""A power cut at any moment loses nothing that was acknowledged, and leaves a sound database."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.power_cut import Acknowledged, Cut, Event, Sync, Write, cut, record

CUTS = 500
pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

Property = Callable[[str, object], None]


def cuts(events: list[Event], number: int, folder: Path) -> list[Cut]:
    folder.mkdir()
    return [cut(events, seed, folder, "runs.db") for seed in range(number)]


def test_nothing_acknowledged_is_lost_by_a_power_cut(path: Path, record_property: Property) -> None:
    events = record(path, "FULL")
    found = cuts(events, CUTS, path.with_name("left"))
    record_property("power cuts", len(found))
    record_property("writes", sum(isinstance(each, Write) for each in events))
    record_property("synchronisations", sum(isinstance(each, Sync) for each in events))
    assert sum(isinstance(each, Acknowledged) for each in events) == 180
    assert [each for each in found if each.is_loss] == []
    assert [each for each in found if each.damage] == []
    assert {each.found for each in found if each.acknowledged == 0} - {-1, 0} != {
        each.found for each in found
    }


@pytest.mark.parametrize(("synchronous", "spoilt"), [("NORMAL", "lost"), ("OFF", "damaged")])
def test_a_database_that_does_not_wait_for_the_disk_is_found(
    path: Path, synchronous: str, spoilt: str
) -> None:
    """The planted fault for the test above."""
    found = cuts(record(path, synchronous), 100, path.with_name("left"))
    assert any(each.is_loss for each in found)
    assert any(each.damage for each in found) is (spoilt == "damaged")
