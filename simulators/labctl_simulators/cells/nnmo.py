"""Parameters of the full cells against Na2/3Ni1/3Mn2/3O2 (NNMO), each with its source, and their spread.

"Paper" is H. Koh, M. H. Hassan, S. Lin, L. Wang, E. A. Stach, E. Detsi, Chem. Eng. J. (2024) 151578. All these
cells have a nominal capacity of 0.1 mAh (``NOMINAL_CAPACITY_C``), so that 1C is 0.1 mA and 5C 0.5 mA, and are
cycled between 2.5 V and 4.0 V.
"""

import math
from dataclasses import dataclass

from labctl_simulators.cells import parameters
from labctl_simulators.cells.arcs import FARADAY_C_MOL
from labctl_simulators.cells.intercalation import Galleries, Gallery
from labctl_simulators.cells.parameters import MetalParameters

NNMO_G_MOL = 103.5
"""Na2/3Ni1/3Mn2/3O2 from the standard atomic weights."""

NOMINAL_CAPACITY_C = 0.36
"""0.1 mAh, 79 mAh/g of the 86 mAh/g between x = 2/3 and x = 1/3: what 1.27 mg of NNMO gives at 1C."""


@dataclass(frozen=True, slots=True)
class CathodeParameters:
    """What one NNMO cathode is made of; symbols in brackets are those of ``Cathode``."""

    mass_g: float = 1.27e-3
    """Assumed: 4.5 mg/cm2 on 0.2827 cm2. Chosen so that at 5C some 150 discharges strip as much charge as closes
    the surface of Na50K50 in the symmetric cell (paper: both collapse there)."""

    pristine_content: float = 0.664
    """[x] 2/3 by the formula, less what the first contact takes. Assumed: 3.2 V as made."""

    sodium: Galleries = (
        Gallery(1.95, 1 / 3, 0.060),
        Gallery(3.30, 1 / 6, 0.018),
        Gallery(3.68, 1 / 6, 0.016),
        Gallery(4.22, 1 / 3, 0.009),
    )
    """Potentials: paper, 3.3 V and 3.7 V in the first charge. Contents: Na orders at x = 1/2 and 1/3 (D. H. Lee,
    J. Xu, Y. S. Meng, Phys. Chem. Chem. Phys. 15 (2013) 3304), and beyond 1/3 the change of P2 to O2 at 4.2 V
    (Z. Lu, J. R. Dahn, J. Electrochem. Soc. 148 (2001) A1225). Assumed: widths, and Mn below 2.2 V."""

    potassium: Galleries = (
        Gallery(1.70, 1 / 3, 0.060),
        Gallery(3.02, 1 / 6, 0.028),
        Gallery(3.47, 1 / 6, 0.028),
        Gallery(4.35, 1 / 3, 0.020),
    )
    """K2/3Ni1/3Mn2/3O2 against sodium. Paper: other plateaus than those of Na, no values known here. Assumed: lower
    by 0.2 to 0.3 V and broader, as potassium oxides are, because the larger ion spreads the layers (H. Kim et
    al., Trends Chem. 1 (2019) 682)."""

    particle_m: float = 3e-6
    diffusivity_m2_s: float = 7.0e-15
    """[R, D] Assumed: 7e-11 cm2/s, below the 1e-10 to 1e-9 of the disordered relative Na2/3Ni1/3Mn1/3Ti1/3O2
    (P.-F. Wang et al., Sci. Adv. 4 (2018) eaar6018). With ``pores_s`` the surface is a sixth of the capacity
    ahead at 5C: a good cell keeps three quarters of its capacity there."""

    slower_diffusion: float = 6.0
    """1/D with potassium in place of sodium, relative. Assumed: poor 5C performance after exchange (paper)."""

    pores_s: float = 600.0
    """[Tp] Assumed: a third of the diffusion time; without most of its salt a cell has no capacity at 5C."""

    exchange_A: float = 400e-6
    slower_exchange: float = 4.0
    """[i0] Exchange current, and 1/i0 with potassium, relative. Assumed: 64 ohm, less than the anode; slower for
    the ion that is the larger (paper: poor 5C performance)."""

    double_layer_F: float = 300e-6
    double_layer_exponent: float = 0.85
    """Assumed: a porous electrode of 1 m2/g at some 20 uF/cm2; its arc lies below the anode's."""

    charge_efficiency: float = 0.998
    """[epsilon] Assumed: the coulombic efficiency of a layered oxide charged to 4.0 V."""

    @property
    def site_C(self) -> float:
        """[Q] Charge of one ion a formula unit, C."""
        return self.mass_g / NNMO_G_MOL * FARADAY_C_MOL

    @property
    def diffusion_s(self) -> float:
        """[R^2 / D] Diffusion time in the particles with sodium alone, s."""
        return self.particle_m**2 / self.diffusivity_m2_s


@dataclass(frozen=True, slots=True)
class FullCellParameters:
    """What one full cell is made of; symbols in brackets are those of ``FullCell``."""

    anode: MetalParameters

    cathode: CathodeParameters = CathodeParameters()

    salt_C: float = 7.75
    """[N] Cations in the electrolyte as charge. Assumed: 80 ul at 1 M, usual of a coin cell; less than the
    potassium at 27 mg/cm2, so that perchlorate runs short there before the alloy does."""

    soluble_share: float = 1.0
    """[ks] Largest share of potassium among the cations. Paper: in perchlorate some hundred times less."""

    selectivity: float = 30.0
    """[a] How much more readily NNMO takes up potassium than sodium. Assumed: plateaus shift from the 5th cycle on
    (paper); that a cathode chooses between the two is known (L. Xue et al., J. Am. Chem. Soc. 140 (2018)
    3292)."""

    contact_ohm: float = 8.0
    electrolyte_ohm: float = 10.0
    """[Rc, Re] Assumed: together as in the symmetric cells."""

    film_ohm: float = 110.0
    """[Rf] SEI of the anode and film of the cathode. Assumed: little more than one electrode of the symmetric cell."""

    film_growth: float = 0.006
    film_tau_s: float = 30e-6
    film_exponent: float = 0.85
    """As in the symmetric cells."""


CELL_SPREAD = {"salt_C": 0.03, "contact_ohm": 0.10, "electrolyte_ohm": 0.05, "film_ohm": 0.06}
ANODE_SPREAD = {
    "exchange_A": 0.05,
    "double_layer_F": 0.08,
    "nucleation": 0.08,
    "wear": 0.10,
    "closed_C": 0.004,
    "closing_C": 0.15,
}
CATHODE_SPREAD = {"mass_g": 0.02, "diffusivity_m2_s": 0.08, "exchange_A": 0.08, "double_layer_F": 0.08}
"""Largest relative deviation between cells. Assumed: as in the symmetric cells; discs are weighed to 2 %."""


SOLUBILITY = 1.0 / 400.0
"""KClO4 beside 1 M NaClO4. Paper: its solubility is a few hundred times lower."""

_DISSOLVING = MetalParameters(
    potassium_fraction=0.5,
    potassium_rate=parameters.DISSOLVING_POTASSIUM_RATE,
    precipitates=False,
    sodium=parameters.SODIUM,
)
_SODIUM = MetalParameters(
    potassium_fraction=0.0,
    pristine_nuclei_missing=parameters.SODIUM_PRISTINE_NUCLEI_MISSING,
    **parameters.SODIUM._asdict(),
)
_BLOCKING = MetalParameters(potassium_fraction=0.5)
_POOL = MetalParameters(
    potassium_fraction=0.5,
    metal_mass_g=27.0 * parameters.ELECTRODE_AREA_M2 * 1e4 * 1e-3,
    # Assumed: the paper disc holds some 10 mg/cm2 (150 um, 80 % pores). Beyond that the alloy stands on it as a
    # pool, whose face renews itself: sites close late, and far apart in time. Paper: a gradual fade.
    closed_C=math.inf,
)

NA50K50_NAPF6 = FullCellParameters(_DISSOLVING)
NA50K50_NACLO4 = FullCellParameters(_BLOCKING, soluble_share=SOLUBILITY)
NA50K50_NACLO4_FEC_27 = FullCellParameters(_POOL, soluble_share=SOLUBILITY)
NA50K50_NACLO4_FEC = NA50K50_NACLO4
"""Assumed: what FEC adds to the films is within the spread."""

NA_NACLO4 = FullCellParameters(_SODIUM, soluble_share=SOLUBILITY)
