"""Writes docs/experiment.md: for each row what the paper reports, what the run shows, whether it holds, and figures."""

import math
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiment_claims import Claim, Row, Run

Findings = Mapping[int, Sequence[Mapping[str, Any]]]
"""By row, what each seed gave."""


Database = Callable[[Run, int], Path]
"""Where the run with a seed is kept."""


class Picture(NamedTuple):
    """A figure of the paper, as ``labctl plot`` draws it from runs.

    Attributes:
        name: of the file.
        runs: row, run of the row, seed, and what it is called.
        options: of ``labctl plot``.
        paper: what the paper's figure shows.
    """

    name: str
    runs: tuple[tuple[int, str, int, str], ...]
    options: tuple[str, ...]
    paper: str


SINGLE = ("--width", "single")
PICTURES = {
    1: (
        Picture(
            "fig-2a",
            ((1, "life", 0, "Na"), (2, "life", 0, "Na50K50")),
            ("--figure", "voltage-profile", "--cycles", "2,3", *SINGLE),
            "Fig. 2a, voltage of the first cycles: Na has a spike, a low plateau and a higher one in each half-"
            "cycle; Na50K50 has a spike and a uniform climb.",
        ),
        Picture(
            "fig-2b",
            ((1, "life", 0, "Na"), (2, "life", 0, "Na50K50")),
            ("--figure", "comparison", "--width", "6 in", "--height", "4 in"),
            "Fig. 2b, the whole life: Na is steady for over 700 h and then collapses; Na50K50 opens like a "
            "trumpet from about 170 h and is at the voltage limits by about 250 h.",
        ),
        Picture(
            "fig-2e",
            ((1, "life", 0, "Na"),),
            ("--figure", "nyquist", "--cycles", "1,30,40,50", *SINGLE),
            "Fig. 2e, impedance of Na after cycles 1, 30, 40 and 50: the arcs hardly grow.",
        ),
    ),
    2: (
        Picture(
            "fig-2c",
            ((2, "life", 0, "Na50K50"),),
            ("--figure", "nyquist", "--cycles", "1,30,40,50", *SINGLE),
            "Fig. 2c, impedance of Na50K50 after cycles 1, 30, 40 and 50: from about 0.5 kohm to about 70 kohm.",
        ),
        Picture(
            "fig-2d",
            ((2, "life", 0, "Na50K50"),),
            ("--figure", "nyquist", "--cycles", "30,40", *SINGLE),
            "Fig. 2d, the same after cycles 30 and 40: two arcs, SEI at the higher frequencies, charge transfer"
            " at the lower.",
        ),
        Picture(
            "ten-cells",
            tuple((2, "life", seed, f"seed {seed}") for seed in range(10)),
            ("--figure", "overpotential", *SINGLE, "--height", "3.4 in"),
            "Ten cells of Na50K50 (not in the paper): all jump, none at the same hour.",
        ),
    ),
    3: (
        Picture(
            "fig-6",
            ((3, "life", 0, "Na60K40"), (4, "life", 0, "Na80K20")),
            ("--figure", "comparison", "--width", "6 in", "--height", "4 in"),
            "Fig. 6, with less potassium: Na60K40 rises as Na50K50 does, after several hundred hours; Na80K20 "
            "cycles like Na and shorts at about 750 h.",
        ),
    ),
    5: (
        Picture(
            "fig-s8",
            ((5, "life", 0, "Na50K50, NaFSI"),),
            ("--figure", "profiles", "--cycles", "1,3,5,20,60", *SINGLE),
            "To Fig. S8, the electrode turns into sodium metal: the climb of the alloy gives way to the two "
            "plateaus of row 1.",
        ),
    ),
    6: (
        Picture(
            "fig-7a",
            ((6, "life", 0, "Na50K50, NaPF6"),),
            ("--figure", "profiles", "--cycles", "1,2,5,10,20", *SINGLE),
            "Fig. 7a, profiles in NaPF6: plateaus near 3.3 V and 3.7 V in the first charge, others from the 5th"
            " cycle on.",
        ),
        Picture(
            "fig-7b",
            ((7, "life", 0, "Na50K50, NaClO4"),),
            ("--figure", "profiles", "--cycles", "1,2,5,10,20", *SINGLE),
            "Fig. 7b, profiles in NaClO4: the plateaus stay.",
        ),
        Picture(
            "fig-7c",
            (
                (6, "life", 0, "Na50K50, NaPF6"),
                (7, "life", 0, "Na50K50, NaClO4"),
                (8, "life", 0, "Na, NaClO4"),
            ),
            ("--figure", "cv", *SINGLE),
            "Fig. 7c, cyclic voltammograms after 20 cycles beside the reference: other redox pairs in NaPF6, "
            "the same in NaClO4.",
        ),
        Picture(
            "fig-7e",
            ((6, "life", 0, "Na50K50, NaPF6"), (7, "life", 0, "Na50K50, NaClO4")),
            ("--figure", "capacity", *SINGLE),
            "Fig. 7e, 20 cycles at 1C, then 5C: little is left in NaPF6.",
        ),
    ),
    9: (
        Picture(
            "fig-s9",
            ((9, "life", 0, "9.9 mg/cm2"), (10, "life", 0, "27 mg/cm2")),
            ("--figure", "capacity", *SINGLE),
            "Fig. S9, at 5C: with 9.9 mg/cm2 a collapse after about 150 cycles, with 27 mg/cm2 a gradual fade "
            "until nothing is left after about 1000.",
        ),
    ),
}

HEAD = """# The experiment

Ten cells of H. Koh, M. H. Hassan, S. Lin, L. Wang, E. A. Stach, E. Detsi, "Liquid Na-K alloy is not viable
anode material for High-Performance Na-Ion batteries", Chem. Eng. J. (2024) 151578, each run with one `labctl
run`, start to finish: protocol, engine, driver, instrument bytes (a simulated PalmSens EmStat4), cell
physics, stop rules, database. What follows is read out of the databases and held against what the paper
reports. `python bench/experiment.py --write` makes this page and its figures; it ends with an error if a
single claim does not hold.

These are simulated cells, whose parameters were chosen to be like the paper's (each with its source or
`Assumed:` in `simulators/labctl_simulators/cells`). So the page proves the stack: that protocols, sampling,
cut-offs, impedance, rules and analysis find in the bytes of an instrument what is in the cell. It proves
nothing about sodium.
"""

NOTES = """## How it is read

**Doubled** means: twice the overpotential that the same cell had in its own earlier half-cycles of the same
direction at the same passed charge (the definition of [stop_rules.md](stop_rules.md)), for good and for more
than 120 s. It is worked out in `bench/experiment_lives.py` from all samples, apart from the rule. That
baseline follows slow growth by at most 2 % a cycle; against the median of the first five cycles, the second
line of row 2, the cell has doubled in the same cycle or one before.

**Life and watched.** Rows 1 to 4 are run once with `--no-stop-rules`, to see the whole life, and once as the
protocol has it, where the rule decides in the run itself; row 2 so for every seed, rows 1, 3 and 4 for seed 0, while
for their other seeds the rules are replayed over the life. A decision is counted from the doubling or the collapse in
the life of the same seed.

**Two things in the paper do not fit together**, and the numbers win over the words: 70 kohm is 140 times 0.5
kohm (the text says about 350 times), and the abstract puts the jump at about 40 cycles, the text at 170 h.
"""


def write_document(rows: Mapping[int, Row], results: Findings, database: Database, docs: Path) -> None:
    """Write the page and its figures."""
    figures = docs / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    parts = [HEAD, *_overview(rows, results)]
    for number in results:
        parts += [f"\n## Row {number}: {rows[number].cell}\n", *_claims(rows[number], results[number])]
        for picture in PICTURES.get(number, ()):
            _draw(picture, rows, database, figures)
            parts.append(f"\n![{picture.name}](figures/{picture.name}.png)\n\n{picture.paper}\n")
    parts.append(f"\n{NOTES}")
    (docs / "experiment.md").write_text("\n".join(parts), encoding="utf-8")


def _overview(rows: Mapping[int, Row], results: Findings) -> list[str]:
    lines = [
        "| row | cell | holds | seeds | simulated | samples | wall | processor | simulated h in 1 s of processor |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for number, seeds in results.items():
        row, first = rows[number], seeds[0]
        held = sum(_held(row, found) for found in seeds)
        lines.append(
            f"| [{number}](#row-{number}-{_anchor(row.cell)}) | {row.cell} | {held} of {len(seeds)} | {len(seeds)} | "
            f"{first['hours']:.0f} h | {first['samples']} | {first['wall_s']:.1f} s | {first['cpu_s']:.1f} s | "
            f"{first['hours'] / first['cpu_s']:.0f} |"
        )
    wall_s, cpu_s = (sum(float(seeds[0][name]) for seeds in results.values()) for name in ("wall_s", "cpu_s"))
    longest = max((seeds[0] for seeds in results.values()), key=lambda found: found["hours"])
    lines.append(
        f"\nOne run of each row takes {cpu_s:.0f} s of processor time together ({wall_s:.0f} s on the wall), "
        f"start of the process included; the longest, {longest['hours']:.0f} h, goes at "
        f"{longest['hours'] / longest['cpu_s']:.0f} simulated hours a second."
    )
    return lines


def _claims(row: Row, seeds: Sequence[Mapping[str, Any]]) -> list[str]:
    several = len(seeds) > 1
    spread = f" {len(seeds)} seeds: median (range) |" if several else ""
    lines = [
        f"| the paper | read out of the run | wanted | seed 0 |{spread} holds |",
        f"|---|---|---|---|{'---|' if several else ''}---|",
    ]
    for place, claim in enumerate(row.claims):
        values = [float(found["values"][place]) for found in seeds]
        held = sum(claim.holds(value) for value in values)
        verdict = "yes" if held == len(values) else f"**no** ({held} of {len(values)})"
        spread = ""
        if several:
            spread = (
                f" {_number(statistics.median(values))} ({_number(min(values))} to {_number(max(values))}) |"
            )
        first = f"{_number(values[0])}{_unit(claim)}"
        what = claim.what.replace("|", "\\|")
        lines.append(f"| {claim.paper} | {what} | {_wanted(claim)} | {first} |{spread} {verdict} |")
    ended = "; ".join(
        f"{name}: {why}" for name, why in seeds[0]["why"].items() if name in ("life", "watched")
    )
    lines.append(f"\nHow it ended (seed 0): {ended}.")
    return lines


def _draw(picture: Picture, rows: Mapping[int, Row], database: Database, figures: Path) -> None:
    """As a person would: with the command."""
    command = [sys.executable, "-m", "labctl.cli.main", "plot"]
    for number, name, seed, label in picture.runs:
        command += [f"{database(rows[number].runs[name], seed)}:1", "--label", label]
    command += [*picture.options, "--out", str(figures / f"{picture.name}.png")]
    subprocess.run(command, check=True, capture_output=True)


def _held(row: Row, found: Mapping[str, Any]) -> bool:
    return all(claim.holds(value) for claim, value in zip(row.claims, found["values"], strict=True))


def _number(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _unit(claim: Claim) -> str:
    return f" {claim.unit}" if claim.unit else ""


def _wanted(claim: Claim) -> str:
    if claim.low == claim.high:
        return f"{claim.low:g}{_unit(claim)}"
    return f"{claim.low:g} to {claim.high:g}{_unit(claim)}"


def _anchor(cell: str) -> str:
    """As pages of Markdown name their headings."""
    kept = "".join(c for c in cell.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")
