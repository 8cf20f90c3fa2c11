"""The long form of tests/store/test_power_cut.py: cuts the power at random moments of what a writing process did.

    python bench/soak_power_cuts.py [--cuts 10000] [--seed 0]

Needs strace. Exit code 1 if an acknowledged sample was lost or a database damaged, with a line for each.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.store.power_cut import Event, Sync, Write, cut, record

_CUTS_A_RECORDING = 1_000


def main() -> int:
    """Record a process anew for each thousand cuts, and print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    given = parser.parse_args()
    lost = damaged = writes = synchronisations = 0
    events: list[Event] = []
    for seed in range(given.seed, given.seed + given.cuts):
        with tempfile.TemporaryDirectory() as folder:
            if (seed - given.seed) % _CUTS_A_RECORDING == 0:
                events = record(Path(folder, "runs.db"), "FULL")
                writes += sum(isinstance(each, Write) for each in events)
                synchronisations += sum(isinstance(each, Sync) for each in events)
            left = Path(folder, "left")
            left.mkdir()
            found = cut(events, seed, left, "runs.db")
        lost += found.is_loss
        damaged += bool(found.damage)
        if found.is_loss or found.damage:
            print(f"seed {seed}: {found}")
    print(
        f"{given.cuts} power cuts among {writes} writes and {synchronisations} synchronisations: acknowledged samples "
        f"lost in {lost}, database damaged in {damaged}"
    )
    return int(bool(lost or damaged))


if __name__ == "__main__":
    sys.exit(main())
