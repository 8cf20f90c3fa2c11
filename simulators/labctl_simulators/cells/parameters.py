"""Parameters of the symmetric cells, each with its source, and the manufacturing spread between cells.

"Paper" is H. Koh, M. H. Hassan, S. Lin, L. Wang, E. A. Stach, E. Detsi, Chem. Eng. J. (2024) 151578.
"""

import dataclasses
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from labctl_simulators.cells.arcs import FARADAY_C_MOL

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ELECTRODE_AREA_M2 = 0.2827e-4
"""Paper: discs of 6 mm diameter."""

LIQUIDUS = 0.30
"""Mole fraction of K in the liquid alloy that solid sodium is in equilibrium with at 25 C. Source: Xue et al.,
J. Am. Chem. Soc. 140 (2018) 3292: liquid up to 58.2 wt% of sodium; paper: Na80K20 is Na70K30 with solid Na."""

SODIUM_G_MOL = 22.990
POTASSIUM_G_MOL = 39.098
PERCHLORATE_M3_MOL = 138.55e-3 / 2520.0
"""Molar volume of KClO4: 138.55 g/mol at 2.52 g/cm3 (CRC Handbook of Chemistry and Physics)."""

HALF_CYCLE_C = 1.0179
"""Paper: 1 mAh/cm2 on 0.2827 cm2. Written out where a parameter below is meant as a part of it."""


class SodiumSurface(NamedTuple):
    """What sets the surface of pure sodium apart from that of a liquid alloy; fields as in ``MetalParameters``."""

    exchange_A: float
    wear: float
    nucleation: float
    dendrite_C: float


@dataclass(frozen=True, slots=True)
class MetalParameters:
    """What one metal electrode is made of; symbols in brackets are those of ``Electrode``."""

    potassium_fraction: float
    """Mole fraction of K in the metal as made (0 to 1). Paper: the name of the cell."""

    metal_mass_g: float = 2.8e-3
    """Paper: about 2.8 mg of alloy on each disc, 9.9 mg/cm2."""

    exchange_A: float = 220e-6
    """[i00] Exchange current of an electrode in its best state. Assumed for the Na cell; for the alloys chosen
    so that charge transfer is 0.3 kohm after cycle 1, as the paper's spectrum is split in two arcs."""

    double_layer_F: float = 50e-6
    double_layer_exponent: float = 0.88
    """Double layer of one electrode and its CPE exponent. Assumed: rough carbon paper, five to ten times the
    20 uF/cm2 of a smooth metal; puts the lower arc two and a half decades below the SEI."""

    covered_share: float = 0.02
    """What a covered surface keeps of its double layer. Assumed: the layer's own capacitance, so that the arc
    after cycle 50 still closes within the measured band."""

    potassium_rate: float = 0.70
    """[s] Assumed: chosen so that Na50K50 closes its surface after some 37 cycles and Na60K40 after several
    hundred hours (paper). At x = 0.5, 17 % of a stripping half-cycle is potassium."""

    precipitates: bool = True
    """Whether potassium that leaves stays on the surface as a salt: in perchlorate. Paper: not so in NaFSI."""

    sodium: SodiumSurface | None = None
    """The surface that the metal takes on as its potassium goes; None: always that given by the fields here.
    Assumed None in perchlorate, where the salt hides what the metal under it becomes."""

    closed_C: float = 2.919
    """[Sc] Salt at which the surface is closed but for 0.5 %. Assumed: more than the 2.06 C of potassium in
    Na80K20, whose surface the paper finds never fully covered, less than the 3.67 C of Na60K40, which does
    close; with ``closing_C`` it gives 70 kohm after cycle 50 (paper)."""

    closing_C: float = 0.092
    """[w] Standard deviation over the surface of the salt that closes a site. Assumed: the overpotential has
    doubled in cycle 37, thirteen cycles before (paper: a jump at 35 to 40)."""

    leaking_share: float = 1e-6
    """Share of the surface that never closes. Assumed: cracks; keeps a dead electrode's voltage finite."""

    layer_face_share: float = 0.28
    """Part of the salt in the layer on the electrode's face, the rest being in the pores of the carbon paper.
    Assumed: makes the layer 15 um thick after cycle 40 (paper)."""

    layer_resistivity_ohm_m: float = 2200.0
    """Assumed: electrolyte in few and narrow pores; 1.2 kohm for the 15 um of one electrode once closed, less
    than charge transfer and enough for two arcs of like size at cycles 30 to 40 (paper)."""

    wear: float = 1.0
    """[c] How much worn sites lower the exchange current. Assumed: the climb of the alloys' half-cycles in the
    paper; slight for sodium, whose plateaus are flat."""

    wear_C: float = 1.0
    """[q_wear] Assumed: about one half-cycle, so that the climb is uniform."""

    nucleation: float = 7.0
    """[B] How much missing nuclei lower the exchange current. Assumed: a spike of some 50 mV."""

    seed_C: float = 0.5e-3
    grow_C: float = 15e-3
    """[q_seed, q_grow] The spike rises within seconds and decays over minutes at 0.4 mA/cm2. Assumed."""

    pristine_nuclei_missing: float = 0.6
    """n as made, 1 being a worn surface. Assumed: the first half-cycle begins with a spike like the others; more
    on sodium, whose native film plating has to break."""

    dendrite_C: float = 0.0
    """[Dm] Most sodium that stands as dendrites. Assumed: 0.58 puts the step between the two plateaus of the Na
    cell past the middle of the half-cycle (paper); 0 where plated sodium dissolves in the alloy."""

    dendrite_gain: float = 4.0
    dendrite_width_C: float = 0.02
    """[A, Ds] Assumed: height and sharpness of the step between the two plateaus."""

    pristine_dendrites: float = 0.8
    """Part of Dm that an electrode as made has in rough, fresh sodium. Assumed: its first half-cycle shows the
    two plateaus as well."""

    empty_C: float = 0.02
    """Metal below which an electrode polarises. Assumed: 0.2 % of the metal."""

    @property
    def metal_C(self) -> float:
        """[N] All metal of one electrode as charge, C."""
        x = self.potassium_fraction
        molar_mass = (1.0 - x) * SODIUM_G_MOL + x * POTASSIUM_G_MOL
        return self.metal_mass_g / molar_mass * FARADAY_C_MOL

    @property
    def potassium_C(self) -> float:
        """[K0] Potassium of one electrode as made, C."""
        return self.potassium_fraction * self.metal_C

    @property
    def layer_m_per_C(self) -> float:
        """Thickness of the salt layer per charge of potassium that left, m/C."""
        return self.layer_face_share * PERCHLORATE_M3_MOL / FARADAY_C_MOL / ELECTRODE_AREA_M2

    @property
    def layer_ohm_per_C(self) -> float:
        """[r] Resistance of the closed salt layer per charge of potassium that left, ohm/C."""
        return self.layer_resistivity_ohm_m * self.layer_m_per_C / ELECTRODE_AREA_M2


@dataclass(frozen=True, slots=True)
class SymmetricParameters(MetalParameters):
    """What one symmetric cell is made of: two electrodes of the metal, what is between them, and their short."""

    contact_ohm: float = 18.0
    """Electrolyte, separator, contacts. Assumed: usual of a coin cell with 1 M electrolyte."""

    film_ohm: float = 170.0
    """SEI of both electrodes as made. Assumed: with ``contact_ohm`` the part of the paper's 0.5 kohm after
    cycle 1 that is not charge transfer."""

    film_growth: float = 0.006
    """Growth of the SEI per square root of an hour, relative. Assumed: parabolic; 16 % in 700 h, because the
    arcs of the Na cell hardly grow in the paper."""

    film_tau_s: float = 30e-6
    film_exponent: float = 0.85
    """Time constant and CPE exponent of the SEI. Assumed: apex at 5 kHz, the higher arc of the paper."""

    short_after_C: float = 301.0
    """Charge passed, both directions together, at which the first dendrite is across. Paper: 720 to 760 h."""

    short_ohm: float = 20.0
    """Resistance of a ripe short. Assumed: the voltage falls to some mV (paper: collapses)."""

    short_ripening_C: float = 0.05
    """Charge over which the short ripens to 1 - 1/e. Assumed: some minutes."""


Parameters = TypeVar("Parameters", bound="DataclassInstance")

CELL_SPREAD = {
    "contact_ohm": 0.10,
    "film_ohm": 0.06,
    "exchange_A": 0.05,
    "double_layer_F": 0.08,
    "nucleation": 0.08,
    "wear": 0.10,
    "dendrite_C": 0.05,
    "closed_C": 0.004,
    "closing_C": 0.15,
    "short_after_C": 0.02,
}
"""Largest relative deviation between cells. Assumed: what careful hand-made coin cells scatter by."""

ELECTRODE_SPREAD = {"exchange_A": 0.02, "nucleation": 0.04, "dendrite_C": 0.03, "closed_C": 0.001}
"""The same between the two electrodes of one cell. Assumed."""


def varied(parameters: Parameters, spread: dict[str, float], random: Random) -> Parameters:
    """The parameters with each field of ``spread`` multiplied by 1 +/- its share, drawn evenly."""
    changes = {
        name: getattr(parameters, name) * (1.0 + share * random.uniform(-1.0, 1.0))
        for name, share in spread.items()
    }
    return dataclasses.replace(parameters, **changes)


SODIUM = SodiumSurface(exchange_A=120e-6, wear=0.06, nucleation=4.0, dendrite_C=0.58)
SODIUM_PRISTINE_NUCLEI_MISSING = 4.0
DISSOLVING_POTASSIUM_RATE = 3.0
"""[s] where the salt dissolves. Assumed: the layer that slows potassium down in perchlorate is missing; at x = 0.5
three quarters of a stripping current are potassium."""

NA = SymmetricParameters(
    potassium_fraction=0.0,
    film_ohm=150.0,
    pristine_nuclei_missing=SODIUM_PRISTINE_NUCLEI_MISSING,
    **SODIUM._asdict(),
)
NA50K50 = SymmetricParameters(potassium_fraction=0.5)
NA50K50_NAFSI = SymmetricParameters(
    potassium_fraction=0.5,
    potassium_rate=DISSOLVING_POTASSIUM_RATE,
    precipitates=False,
    sodium=SODIUM,
)
NA60K40 = SymmetricParameters(potassium_fraction=0.4, film_ohm=190.0)
NA80K20 = SymmetricParameters(
    potassium_fraction=0.2,
    exchange_A=140e-6,
    wear=0.2,
    dendrite_C=0.35,
    pristine_nuclei_missing=4.0,
    short_after_C=305.0,
)
