"""One metal electrode: what stripping and plating do to its surface and to its metal."""

from math import erfc, exp, expm1, log1p, nan, sqrt

from labctl_simulators.cells.parameters import LIQUIDUS, MetalParameters

_ROOT_HALF = sqrt(0.5)

_CLOSED = 2.576
"""Standard deviations above the mean at which a normal distribution has 0.5 % left."""


class Electrode:
    """Surface and bulk of one electrode: metal, potassium, salt, worn sites, nuclei, dendrites.

    Driven by charge alone: ``q`` below is the charge passed, in C. Every law is solved exactly over a charge of
    one sign, so the size of a step does not matter.

    - **Potassium**, K. Of the stripping current the share s (K/N)^2 is carried by potassium, N being all
      metal: dK/dq = -s (K/N)^2. Deposits of the previous half-cycle are stripped too, hence a share below one.
      What left, S = K0 - K, stays on the surface as KClO4, or dissolves; plated sodium takes its place.
    - **Salt layer.** The salt that closes a site is normally distributed over the surface (standard deviation
      w, 0.5 % of it above Sc), so the bare share is b = erfc(z / sqrt 2) / 2 with z = (S - Sc)/w + 2.58: one
      until there is nearly enough salt, then falling ever more steeply. Exchange current and double layer go
      with b; the layer adds the resistance r S (1 - b), its thickness times its closed part.
    - **Solid sodium**, the share 1 - (K/N)/0.30 of the metal by the lever rule, once there is less potassium
      than saturates the liquid. Where the salt dissolves, i00, c, B and Dm below go with it from those of the
      alloy to those of sodium.
    - **Worn sites**, m in 0..1. Stripping wears the sites that exchange easily: dm/dq = (1 - m)/q_wear.
    - **Missing nuclei**, n, 1 on a worn surface. Plating onto worn sites begins with few nuclei and makes more:
      dm/dq = -m/q_seed, dn/dq = m/q_seed - n/q_grow. Stripping ends it: dn/dq = -n/q_seed.
    - **Dendrites**, D. Plated sodium grows as dendrites first, and fills in between them the more there are:
      dD/dq = 1 - D/Dm. They add surface and are stripped first: dD/dq = -G (1 - exp(-D/Ds)), G = A/(1 + A).
      The state is E = exp(D/Ds) - 1, since stripping makes it decay exponentially.

    The exchange current is i0 = i00 b g / ((1 + c m)(1 + B n)). The dendrites' gain g follows from dendrites
    and bulk carrying parallel currents at one overpotential: the bulk carries 1/g = 1 - G (1 - exp(-D/Ds)), so
    g runs from 1 without dendrites to 1 + A with plenty. When less than ``empty_C`` of metal is left, i0 falls
    with it: an electrode without metal polarises.

    Attributes:
        exchange_A: Exchange current i0, A.
        bare: Share of the surface that salt does not cover, 0..1.
        layer_ohm: Resistance of the salt layer, ohm.
        metal_C: Metal left, C.
        potassium_C: Potassium left in the metal, C.
    """

    __slots__ = (
        "_dendrites",
        "_exchange_A",
        "_layer_ohm_per_C",
        "_metal_start_C",
        "_most_dendrites",
        "_most_dendrites_C",
        "_nucleation",
        "_nuclei_missing",
        "_parameters",
        "_plated_C",
        "_plated_dendrites",
        "_plated_fed",
        "_plated_grow",
        "_plated_seed",
        "_potassium_rate",
        "_potassium_start_C",
        "_stripped_C",
        "_stripped_dendrites",
        "_stripped_potassium",
        "_stripped_seed",
        "_stripped_wear",
        "_wear",
        "_worn",
        "bare",
        "exchange_A",
        "layer_ohm",
        "metal_C",
        "potassium_C",
    )

    def __init__(self, parameters: MetalParameters) -> None:
        self._parameters = parameters
        self.metal_C = self._metal_start_C = parameters.metal_C
        self.potassium_C = self._potassium_start_C = parameters.potassium_C
        self._potassium_rate = parameters.potassium_rate / parameters.metal_C**2
        self._layer_ohm_per_C = parameters.layer_ohm_per_C
        self.bare, self.layer_ohm = 1.0, 0.0
        self._worn = 0.0
        self._nuclei_missing = parameters.pristine_nuclei_missing
        self._take_surface(0.0)
        self._dendrites = expm1(parameters.pristine_dendrites * self._most_dendrites)
        self._prepare_strip(0.0)
        self._prepare_plate(0.0)
        self._lose_potassium(self.potassium_C)
        self._refresh()

    def strip(self, charge_C: float) -> None:
        """Dissolve metal by a charge of zero or more, C."""
        if charge_C != self._stripped_C:
            self._prepare_strip(charge_C)
        if self.potassium_C:
            self._lose_potassium(self.potassium_C / (1.0 + self._stripped_potassium * self.potassium_C))
        self.metal_C -= charge_C
        self._worn = 1.0 - (1.0 - self._worn) * self._stripped_wear
        self._nuclei_missing *= self._stripped_seed
        self._dendrites *= self._stripped_dendrites
        self._refresh()

    def plate(self, charge_C: float) -> None:
        """Deposit sodium by a charge of zero or more, C."""
        if charge_C != self._plated_C:
            self._prepare_plate(charge_C)
        self.metal_C += charge_C
        self._nuclei_missing = self._nuclei_missing * self._plated_grow + self._worn * self._plated_fed
        self._worn *= self._plated_seed
        if self._most_dendrites:
            reach = log1p(self._dendrites) / self._most_dendrites
            self._dendrites = expm1(self._most_dendrites * (1.0 - (1.0 - reach) * self._plated_dendrites))
        self._refresh()

    def capacitance_F(self) -> float:
        """Double-layer capacitance, F."""
        p = self._parameters
        return p.double_layer_F * (self.bare + p.covered_share * (1.0 - self.bare))

    def potassium_lost_C(self) -> float:
        """Potassium that has left the metal, C."""
        return self._potassium_start_C - self.potassium_C

    def salt_layer_m(self) -> float:
        """Thickness of the KClO4 layer on the electrode's face, m."""
        p = self._parameters
        return self.potassium_lost_C() * p.layer_m_per_C if p.precipitates else 0.0

    def _refresh(self) -> None:
        p = self._parameters
        gain = (1.0 + self._dendrites) / (1.0 + self._dendrites / (1.0 + p.dendrite_gain))
        hindrance = (1.0 + self._wear * self._worn) * (1.0 + self._nucleation * self._nuclei_missing)
        self.exchange_A = self._exchange_A * self.bare * gain / hindrance
        if self.metal_C < p.empty_C:
            self.exchange_A *= max(self.metal_C / p.empty_C, 1e-6)

    def _lose_potassium(self, potassium_C: float) -> None:
        """What is left of the potassium, C: the rest has become salt, and the metal sodium."""
        p = self._parameters
        self.potassium_C = potassium_C
        if p.sodium is not None:
            solid = 1.0 - potassium_C / (LIQUIDUS * self._metal_start_C)
            if solid > 0.0:
                self._take_surface(solid)
        if not p.precipitates:
            return
        salt_C = self._potassium_start_C - potassium_C
        depth = (salt_C - p.closed_C) / p.closing_C + _CLOSED
        self.bare = p.leaking_share + (1.0 - p.leaking_share) * 0.5 * erfc(_ROOT_HALF * depth)
        self.layer_ohm = self._layer_ohm_per_C * salt_C * (1.0 - self.bare)

    def _take_surface(self, solid: float) -> None:
        """Be, by this share, solid sodium instead of the liquid alloy."""
        p = self._parameters
        to = p.sodium or p
        self._exchange_A = p.exchange_A + solid * (to.exchange_A - p.exchange_A)
        self._wear = p.wear + solid * (to.wear - p.wear)
        self._nucleation = p.nucleation + solid * (to.nucleation - p.nucleation)
        self._most_dendrites_C = p.dendrite_C + solid * (to.dendrite_C - p.dendrite_C)
        self._most_dendrites = self._most_dendrites_C / p.dendrite_width_C
        self._plated_C = nan

    def _prepare_strip(self, charge_C: float) -> None:
        p = self._parameters
        self._stripped_C = charge_C
        self._stripped_potassium = self._potassium_rate * charge_C
        self._stripped_wear = exp(-charge_C / p.wear_C)
        self._stripped_seed = exp(-charge_C / p.seed_C)
        self._stripped_dendrites = exp(
            -charge_C * p.dendrite_gain / (1.0 + p.dendrite_gain) / p.dendrite_width_C
        )

    def _prepare_plate(self, charge_C: float) -> None:
        p, most_C = self._parameters, self._most_dendrites_C
        self._plated_C = charge_C
        self._plated_seed = exp(-charge_C / p.seed_C)
        self._plated_grow = exp(-charge_C / p.grow_C)
        self._plated_fed = p.grow_C / (p.grow_C - p.seed_C) * (self._plated_grow - self._plated_seed)
        self._plated_dendrites = exp(-charge_C / most_C) if most_C else 1.0
