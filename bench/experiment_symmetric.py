"""Rows 1 to 5 of the experiment, the symmetric cells: what the paper reports, and what is read out of the runs.

Source: H. Koh, M. H. Hassan, S. Lin, L. Wang, E. A. Stach, E. Detsi, Chem. Eng. J. (2024) 151578.
"""

import math

from experiment_claims import Claim, Row, Run, false_alarms, growth, hours, late, symmetric
from experiment_lives import doubled_cycle_from_the_first, doubled_s, model_overpotential_V, shorted_s

SODIUM = Row(
    1,
    "Na, 1 M NaClO4 in EC:DMC + 5 % FEC, Na",
    symmetric("na-symmetric", "Na"),
    (
        Claim(
            "a nucleation spike, a low plateau, then a higher one (Fig. 2a)",
            "half-cycles of cycles 1 to 100 with a spike and two plateaus, the second higher",
            "",
            0.95,
            1.0,
            lambda lives: lives["life"].share(range(1, 101), plateaus=2),
        ),
        Claim(
            "steady overpotential for over 700 h (Fig. 2b)",
            "overpotential of cycle 140 (700 h) over that of cycle 5",
            "",
            0.8,
            1.2,
            lambda lives: growth(lives["life"], 5, 140),
        ),
        Claim(
            "then a short circuit: the voltage collapses (Fig. 2b)",
            "time of the collapse",
            "h",
            700.0,
            790.0,
            lambda lives: hours(shorted_s(lives["life"])),
        ),
        Claim(
            "EIS arcs do not grow much (Fig. 2e)",
            "|Z| at 0.1 Hz after cycle 50 over that after cycle 1",
            "",
            0.8,
            1.3,
            lambda lives: lives["life"].total_ohm(50) / lives["life"].total_ohm(1),
        ),
        Claim(
            "(the stop rule sees the short)",
            "decision of short_circuit after the collapse, in half-cycles",
            "",
            0.0,
            0.1,
            late("short_circuit", shorted_s),
        ),
        Claim(
            "(and no other rule stops a healthy cell)",
            "other rules that would have stopped it",
            "",
            0.0,
            0.0,
            false_alarms("na-symmetric", "short_circuit"),
        ),
    ),
    seeds=10,
)

ALLOY = Row(
    2,
    "Na50K50, 1 M NaClO4 in EC:DMC + 5 % FEC, Na50K50",
    symmetric("na50k50-symmetric", "Na50K50"),
    (
        Claim(
            "a nucleation spike, then a uniform climb with no second plateau (Fig. 2a)",
            "half-cycles of cycles 1 to 30 with a spike and no plateau",
            "",
            0.95,
            1.0,
            lambda lives: lives["life"].share(range(1, 31), plateaus=0),
        ),
        Claim(
            "overpotential rises abruptly after about 35 cycles (a run is right between 33 and 42)",
            "cycle in which it has doubled against the cell's last cycles",
            "",
            33.0,
            42.0,
            lambda lives: doubled_s(lives["life"])[1],
        ),
        Claim(
            "the same",
            "cycle whose median overpotential is twice that of cycles 1 to 5",
            "",
            33.0,
            42.0,
            lambda lives: doubled_cycle_from_the_first(lives["life"]),
        ),
        Claim(
            "after about 170 h (Fig. 2b)",
            "time of the doubling",
            "h",
            165.0,
            210.0,
            lambda lives: hours(doubled_s(lives["life"])[0]),
        ),
        Claim(
            "huge by about 250 h (50 cycles) (Fig. 2b)",
            "median overpotential of cycle 50",
            "V",
            0.5,
            0.9,
            lambda lives: lives["life"].overpotential_V(50),
        ),
        Claim(
            "where the cell is dead (Fig. 2b)",
            "first cycle with less than a tenth of its capacity",
            "",
            48.0,
            55.0,
            lambda lives: lives["life"].first_cycle_below(0.1),
        ),
        Claim(
            "total impedance about 0.5 kohm after cycle 1 (Fig. 2c)",
            "|Z| at 0.1 Hz after cycle 1",
            "ohm",
            400.0,
            600.0,
            lambda lives: lives["life"].total_ohm(1),
        ),
        Claim(
            "about 70 kohm after cycle 50 (Fig. 2c)",
            "|Z| at 0.1 Hz after cycle 50",
            "kohm",
            40.0,
            120.0,
            lambda lives: 1e-3 * lives["life"].total_ohm(50),
        ),
        Claim(
            "two separable arcs at cycles 30 and 40 (Fig. 2d)",
            "arcs that the fits of both resolve, the fewer",
            "",
            2.0,
            2.0,
            lambda lives: min(len(lives["life"].spectra[c].fit.arcs) for c in (30, 40)),
        ),
        Claim(
            "(polarisation and impedance are one state: Butler-Volmer)",
            "overpotential of cycle 50 over what the spectrum after it says",
            "",
            0.9,
            1.1,
            lambda lives: lives["life"].overpotential_V(50) / model_overpotential_V(lives["life"], 50),
        ),
        Claim(
            "(the stop rule sees the jump within a tenth of a half-cycle, and never before)",
            "decision of overpotential_jump after the doubling, in half-cycles",
            "",
            0.0,
            0.1,
            late("overpotential_jump", lambda life: doubled_s(life)[0]),
        ),
        Claim(
            "(and no other rule stops it)",
            "other rules that would have stopped it by then",
            "",
            0.0,
            0.0,
            lambda lives: float(not math.isnan(lives["watched"].decided_s("short_circuit"))),
        ),
    ),
    seeds=10,
    watch_each=True,
)

LESS_POTASSIUM = Row(
    3,
    "Na60K40, 1 M NaClO4 in EC:DMC, Na60K40",
    symmetric("na60k40-symmetric", "Na60K40"),
    (
        Claim(
            "the same kind of rise, but only after several hundred hours (Fig. 6)",
            "time of the doubling",
            "h",
            300.0,
            700.0,
            lambda lives: hours(doubled_s(lives["life"])[0]),
        ),
        Claim(
            "the same kind of rise",
            "largest median overpotential",
            "V",
            0.4,
            1.0,
            lambda lives: max(h.overpotential_median_V or 0.0 for h in lives["life"].half_cycles),
        ),
        Claim(
            "(the stop rule sees it within a tenth of a half-cycle, and never before)",
            "decision of overpotential_jump after the doubling, in half-cycles",
            "",
            0.0,
            0.1,
            late("overpotential_jump", lambda life: doubled_s(life)[0]),
        ),
    ),
    seeds=10,
)

LITTLE_POTASSIUM = Row(
    4,
    "Na80K20, 1 M NaClO4 in EC:DMC, Na80K20",
    symmetric("na80k20-symmetric", "Na80K20"),
    (
        Claim(
            "cycles like Na (Fig. 6)",
            "half-cycles of cycles 1 to 100 with a spike and two plateaus",
            "",
            0.95,
            1.0,
            lambda lives: lives["life"].share(range(1, 101), plateaus=2),
        ),
        Claim(
            "no great overpotential (Fig. 6)",
            "overpotential of cycle 140 (700 h) over that of cycle 5",
            "",
            0.8,
            1.5,
            lambda lives: growth(lives["life"], 5, 140),
        ),
        Claim(
            "shorts at about 750 h (Fig. 6)",
            "time of the collapse",
            "h",
            700.0,
            800.0,
            lambda lives: hours(shorted_s(lives["life"])),
        ),
        Claim(
            "(the stop rule sees the short)",
            "decision of short_circuit after the collapse, in half-cycles",
            "",
            0.0,
            0.1,
            late("short_circuit", shorted_s),
        ),
        Claim(
            "(and no other rule stops a healthy cell)",
            "other rules that would have stopped it",
            "",
            0.0,
            0.0,
            false_alarms("na80k20-symmetric", "short_circuit"),
        ),
    ),
    seeds=10,
)

DISSOLVING = Row(
    5,
    "Na50K50, 1 M NaFSI, Na50K50",
    {"life": Run("na50k50-nafsi-symmetric", "Na50K50, NaFSI")},
    (
        Claim(
            "no insulating layer (Fig. S8)",
            "|Z| at 0.1 Hz after cycle 60 over that after cycle 1",
            "",
            0.7,
            1.3,
            lambda lives: lives["life"].total_ohm(60) / lives["life"].total_ohm(1),
        ),
        Claim(
            "no jump",
            "overpotential of cycle 60 over that of cycle 1",
            "",
            0.5,
            1.3,
            lambda lives: growth(lives["life"], 1, 60),
        ),
        Claim(
            "as made, the electrode is the liquid alloy",
            "half-cycles of cycles 1 and 2 that climb like the alloy, without a plateau",
            "",
            0.95,
            1.0,
            lambda lives: lives["life"].share((1, 2), plateaus=0),
        ),
        Claim(
            "the electrode turns into Na metal (Fig. S8)",
            "half-cycles of cycles 51 to 60 with the two plateaus of sodium",
            "",
            0.95,
            1.0,
            lambda lives: lives["life"].share(range(51, 61), plateaus=2),
        ),
    ),
)
