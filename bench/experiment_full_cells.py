"""Rows 6 to 10 of the experiment: full cells against NNMO. As in the paper's Fig. 7 and S9."""

from experiment_claims import Claim, Lives, Row, Run
from experiment_lives import Life

REFERENCE = Run("na-nnmo-cv", "Na, NaClO4")
IN_NAPF6 = Run("na50k50-nnmo-napf6", "Na50K50, NaPF6")
IN_NACLO4 = Run("na50k50-nnmo-naclo4", "Na50K50, NaClO4")
THIN = Run("na50k50-nnmo-fec-5c", "9.9 mg/cm2")
THICK = Run("na50k50-nnmo-fec-5c", "27 mg/cm2", cell="na50k50-nnmo-naclo4-fec:loading=27")


def moved_V(lives: Lives, direction: int) -> float:
    """How far the peaks of the voltammogram lie from those of the reference, the largest, V."""
    own = lives["life"].scan_peaks_V(direction)
    others = lives["reference"].scan_peaks_V(direction)
    return max(min(abs(peak - other) for other in others) for peak in own)


def plateau_V(life: Life, cycle: int, place: int) -> float:
    """One of the plateaus of a charge, counted from the lowest; from the highest if negative."""
    return life.plateaus_V(cycle, 1)[place]


def steepest_loss(life: Life, within: int = 20) -> float:
    """Largest loss of capacity within so many cycles, in parts of that of cycle 2."""
    kept = life.capacities[1:] / life.capacities[1]
    return float((kept[:-within] - kept[within:]).max())


def plateaus_of_a_first_charge() -> tuple[Claim, ...]:
    """As the paper reports them of all cells against NNMO."""
    return (
        Claim(
            "first charge: a plateau near 3.3 V (Fig. 7a)",
            "lower peak of dQ/dV of the first charge",
            "V",
            3.2,
            3.4,
            lambda lives: plateau_V(lives["life"], 1, 0),
        ),
        Claim(
            "and one near 3.7 V (Fig. 7a)",
            "upper peak of dQ/dV of the first charge",
            "V",
            3.6,
            3.8,
            lambda lives: plateau_V(lives["life"], 1, -1),
        ),
    )


DISSOLVING = Row(
    6,
    "Na50K50, 1 M NaPF6 in EC:DMC, NNMO",
    {"life": IN_NAPF6, "reference": REFERENCE, "other": IN_NACLO4},
    (
        *plateaus_of_a_first_charge(),
        Claim(
            "from the 5th cycle on plateaus shift to those of K2/3Ni1/3Mn2/3O2 (Fig. 7a)",
            "charge of cycle 5 that passes below 3.2 V, where NNMO of sodium takes none, in parts",
            "",
            0.05,
            1.0,
            lambda lives: below(lives["life"], 5, 3.2),
        ),
        Claim(
            "the same: of sodium none",
            "charge of cycle 1 that passes below 3.2 V, in parts",
            "",
            0.0,
            0.02,
            lambda lives: below(lives["life"], 1, 3.2),
        ),
        Claim(
            "the plateaus are those of potassium NNMO after 20 cycles",
            "lowest peak of dQ/dV of the charge of cycle 20",
            "V",
            2.9,
            3.2,
            lambda lives: plateau_V(lives["life"], 20, 0),
        ),
        Claim(
            "the CV after 20 cycles shows other redox pairs (Fig. 7c)",
            "largest distance of an oxidation peak from those of the reference",
            "V",
            0.1,
            0.6,
            lambda lives: moved_V(lives, 1),
        ),
        Claim(
            "the same",
            "largest distance of a reduction peak from those of the reference",
            "V",
            0.1,
            0.6,
            lambda lives: moved_V(lives, -1),
        ),
        Claim(
            "poor 5C performance (Fig. 7e)",
            "capacity at 5C over that at 1C",
            "",
            0.0,
            0.5,
            lambda lives: lives["life"].discharged_mAh(25) / lives["life"].discharged_mAh(20),
        ),
        Claim(
            "worse than in NaClO4 (Fig. 7e)",
            "capacity at 5C over that of row 7",
            "",
            0.0,
            0.7,
            lambda lives: lives["life"].discharged_mAh(25) / lives["other"].discharged_mAh(25),
        ),
    ),
)

PRECIPITATING = Row(
    7,
    "Na50K50, 1 M NaClO4 in EC:DMC, NNMO",
    {"life": IN_NACLO4, "reference": REFERENCE},
    (
        *plateaus_of_a_first_charge(),
        Claim(
            "CV unchanged after cycling (Fig. 7c)",
            "largest distance of an oxidation peak from those of the reference",
            "V",
            0.0,
            0.04,
            lambda lives: moved_V(lives, 1),
        ),
        Claim(
            "the same",
            "largest distance of a reduction peak from those of the reference",
            "V",
            0.0,
            0.04,
            lambda lives: moved_V(lives, -1),
        ),
        Claim(
            "the plateaus stay",
            "charge of cycle 20 that passes below 3.2 V, in parts",
            "",
            0.0,
            0.05,
            lambda lives: below(lives["life"], 20, 3.2),
        ),
    ),
)

SODIUM = Row(
    8,
    "Na, 1 M NaClO4 in EC:DMC, NNMO",
    {"life": REFERENCE},
    (
        Claim(
            "the reference CV: two redox pairs of NNMO (Fig. 7c)",
            "oxidation peaks",
            "",
            2.0,
            2.0,
            lambda lives: len(lives["life"].scan_peaks_V(1)),
        ),
        Claim(
            "one near 3.3 V",
            "mean of the lower oxidation and reduction peaks",
            "V",
            3.2,
            3.4,
            lambda lives: 0.5 * (lives["life"].scan_peaks_V(1)[0] + lives["life"].scan_peaks_V(-1)[0]),
        ),
        Claim(
            "one near 3.7 V",
            "mean of the upper oxidation and reduction peaks",
            "V",
            3.6,
            3.8,
            lambda lives: 0.5 * (lives["life"].scan_peaks_V(1)[-1] + lives["life"].scan_peaks_V(-1)[-1]),
        ),
    ),
)

COLLAPSING = Row(
    9,
    "Na50K50 at 9.9 mg/cm2, 1 M NaClO4 in EC:DMC + 5 % FEC, NNMO, 5C",
    {"life": THIN},
    (
        Claim(
            "capacity collapses after about 150 cycles (Fig. S9)",
            "first cycle with less than half of the capacity of cycle 2",
            "",
            135.0,
            170.0,
            lambda lives: lives["life"].first_cycle_below(0.5),
        ),
        Claim(
            "until then it is there",
            "capacity of cycle 140 over that of cycle 2",
            "",
            0.8,
            1.0,
            lambda lives: lives["life"].discharged_mAh(140) / lives["life"].discharged_mAh(2),
        ),
        Claim(
            "a collapse",
            "largest loss within 20 cycles, in parts",
            "",
            0.4,
            1.0,
            lambda lives: steepest_loss(lives["life"]),
        ),
    ),
)

FADING = Row(
    10,
    "Na50K50 at 27 mg/cm2, the same, 5C",
    {"life": THICK},
    (
        Claim(
            "gradual fade (Fig. S9)",
            "largest loss within 20 cycles, in parts",
            "",
            0.0,
            0.15,
            lambda lives: steepest_loss(lives["life"]),
        ),
        Claim(
            "gradual fade: half is gone half-way",
            "first cycle with less than half of the capacity of cycle 2",
            "",
            350.0,
            750.0,
            lambda lives: lives["life"].first_cycle_below(0.5),
        ),
        Claim(
            "no capacity left after about 1000 cycles (Fig. S9)",
            "first cycle with less than a tenth of the capacity of cycle 2",
            "",
            850.0,
            1100.0,
            lambda lives: lives["life"].first_cycle_below(0.1),
        ),
    ),
)


def below(life: Life, cycle: int, voltage_V: float) -> float:
    """Part of the charge of a cycle that enters below a voltage."""
    (curve,) = [c for c in life.curves if c.cycle == cycle and c.sign == 1]
    inside = curve.passed_C[curve.voltage_V < voltage_V]
    return float(inside[-1] / curve.charge_C) if inside.size else 0.0
