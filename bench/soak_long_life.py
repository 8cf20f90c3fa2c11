"""The long form of tests/system/test_long_life.py: eight channels for hundreds of hours of virtual time.

    python bench/soak_long_life.py [--hours 750] [--runs 3] [--every "60 s"] [--seed 0]

Exit code 1 if files or tasks grow after the first fifth, or memory by 10 MB or more in 100 hours, or if a run does not
finish.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from time import monotonic

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from labctl.engine.outcome import RunState
from tests.system.long_life import CHANNELS, live

MOST_MB_A_100H = 10.0


def main() -> int:
    """Live, and print what the process held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=750.0)
    parser.add_argument("--runs", type=int, default=3, help="on each channel, one after the other")
    parser.add_argument("--every", default="60 s", help="how often samples are taken")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    began_s = monotonic()
    with tempfile.TemporaryDirectory() as folder:
        life = live(Path(folder), given.hours, given.runs, given.every, given.seed)
    print("| hours | resident MB | files | tasks |\n|---|---|---|---|")
    for each in life.holdings[::3]:
        print(f"| {each.time_h:.0f} | {each.resident_MB:.1f} | {each.files} | {each.tasks} |")
    growth = life.growth_MB_a_100h(given.hours / 5.0)
    later = [each for each in life.holdings if given.hours / 5.0 < each.time_h < 0.95 * given.hours]
    held = {(each.files, each.tasks) for each in later}
    finished = life.ends.count(RunState.FINISHED)
    print(
        f"\n{given.hours:.0f} h on {len(CHANNELS)} channels ({life.samples} samples) in {monotonic() - began_s:.0f} s: "
        f"{finished} of {len(life.ends)} runs finished; memory grows by {growth:.1f} MB in 100 h (limit "
        f"{MOST_MB_A_100H:.0f}); files and tasks {sorted(held)}"
    )
    return int(growth >= MOST_MB_A_100H or later[-1][2:] > later[0][2:] or finished < len(life.ends))


if __name__ == "__main__":
    sys.exit(main())
