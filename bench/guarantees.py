"""What labctl guarantees, shown by tests: runs the tests of each guarantee and writes down what was reached.

    python bench/guarantees.py [--short] [--junit FILE] [--only G1 G5] [--write]
    python bench/guarantees.py --long [--only G1] [--write] [--kills 1000] [--simulations 10000] [--exchanges 100000]
                                      [--cuts 10000]

The short form runs the tests below and no others; with ``--junit`` it takes them from a report of pytest's that is
there already. The long form also runs the programs in ``LONG``, for hours, and keeps what they print in
``bench/results``; the short form reports what is kept there. ``--write`` writes ``docs/guarantees.md``; with ``--only``
those guarantees in it, the others stay as they are. Exit code 1 if a test or a long form failed.

A test that records a property (pytest's ``record_property``) has it shown as the number it reached; of the others it
is shown how many passed.
"""

import argparse
import sys
from pathlib import Path

from guarantees_page import DOCUMENT, document, renewed
from guarantees_reached import last_run, reached, read_cases, run_long, run_tests, verdict
from guarantees_table import GUARANTEES, LONG


def main() -> int:
    """Run what was asked for, print a line for each guarantee, and write the document."""
    given = _arguments()
    chosen = [g for g in GUARANTEES if not given.only or g.name in given.only]
    if given.long:
        for name in dict.fromkeys(name for g in chosen for name in g.long):
            run_long(name, vars(given))
    nodes = [node for g in chosen for node in (*g.tests, *g.planted)]
    cases = read_cases(given.junit) if given.junit else run_tests(nodes)
    kept = {name: found for name in LONG if (found := last_run(name))}
    for guarantee in chosen:
        print(f"{guarantee.name:4} {verdict(guarantee, cases, kept):12} {reached(guarantee, cases, kept)}")
    if given.write:
        before = DOCUMENT.read_text(encoding="utf-8") if given.only else ""
        page = renewed(before, chosen, cases, kept) if before else document(chosen, cases, kept, given.junit)
        DOCUMENT.write_text(page, encoding="utf-8")
    return int(any(verdict(guarantee, cases, kept) == "FAILED" for guarantee in chosen))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_true", help="the tests only: the default")
    form.add_argument("--long", action="store_true", help="the long forms as well")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--exchanges", type=int, default=100_000)
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument(
        "--junit", type=Path, help="take this report of pytest's instead of running the tests"
    )
    parser.add_argument("--only", nargs="+", metavar="G", choices=[g.name for g in GUARANTEES])
    parser.add_argument("--write", action="store_true", help="write docs/guarantees.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
