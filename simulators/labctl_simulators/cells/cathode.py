"""A layered-oxide cathode: what it holds, how far its surface runs ahead, and how fast charge gets across."""

from math import exp, nan

from labctl_simulators.cells.intercalation import SPHERE, OpenCircuitCurve
from labctl_simulators.cells.nnmo import CathodeParameters

_POTASSIUM_LEVELS = 256
_SALT_LEVELS = 1024
"""Kinetics follow potassium and salt in steps of this share, so that they need not follow each sample."""


class Cathode:
    """One cathode, driven by current; positive current takes ions out.

    - **Content**, x, ions a formula unit: dx/dt = -i / Q. Of the charging current the share 1 - epsilon
      oxidises electrolyte instead.
    - **Potassium**, k, is a fraction of x. Ions leave as they are mixed; what enters is given.
    - **Diffusion.** The surface holds x + sum m_j, T span_j dm_j/dt = -gain_j T i / Q - m_j: a sphere of the
      diffusion time T, as a ladder of relaxations (``SPHERE``). Each is solved exactly at constant current.
      T = R^2 / D + Tp / c: the way through the pores, longer the less salt they have, counts as more of the way
      through the solid. Potassium is slower: 1/D and 1/i0 are those of the two, mixed by k.
    - **Potential** is that of the open-circuit curve at the surface's content; charge transfer belongs to the
      cell's arcs (``SeriesArcs``), for which this is a surface.

    Attributes:
        content: Ions a formula unit, mean over the particles.
        potassium: Fraction of potassium among them, 0..1.
        surface: Ions a formula unit at the particles' surface.
        exchange_A: Exchange current i0, A.
    """

    __slots__ = (
        "_ahead",
        "_curve",
        "_decays",
        "_diffusion_s",
        "_duration_s",
        "_feeds",
        "_levels",
        "_moved",
        "_parameters",
        "_responses",
        "_site_C",
        "content",
        "exchange_A",
        "potassium",
        "surface",
    )

    def __init__(self, parameters: CathodeParameters) -> None:
        self._parameters = parameters
        self._curve = OpenCircuitCurve(parameters.sodium, parameters.potassium)
        self._site_C = parameters.site_C
        self._ahead = [0.0] * len(SPHERE)
        self.content = self.surface = parameters.pristine_content
        self._moved = nan
        self._feeds = self._ahead
        self.potassium = 0.0
        self._take_levels(0, _SALT_LEVELS)
        self._prepare(0.0)

    def advance(self, duration_s: float, current_A: float, potassium: float) -> None:
        """Let time pass at a constant current; ``potassium`` is its share of what enters."""
        moved = -self.intercalating_A(current_A) / self._site_C
        before, self.content = self.content, self.content + moved * duration_s
        if potassium != self.potassium and before > 0.0 and moved > 0.0:
            self._take_potassium(
                self.potassium + (potassium - self.potassium) * (1.0 - before / self.content)
            )
        if duration_s != self._duration_s:
            self._prepare(duration_s)
        if moved != self._moved:
            self._moved = moved
            self._feeds = [moved * response for response in self._responses]
        self._ahead = [
            held * decay + feed
            for held, decay, feed in zip(self._ahead, self._decays, self._feeds, strict=True)
        ]
        self.surface = self.content + sum(self._ahead)

    def take_salt(self, share: float) -> None:
        """How much of its salt the electrolyte in the pores has left, above 0 to 1."""
        level = max(round(share * _SALT_LEVELS), 1)
        if level != self._levels[1]:
            self._take_levels(self._levels[0], level)

    def intercalating_A(self, current_A: float) -> float:
        """The part of the current that moves ions in or out, A."""
        return current_A * self._parameters.charge_efficiency if current_A > 0.0 else current_A

    def response(self, duration_s: float) -> tuple[float, float]:
        """The surface's content after ``duration_s``: without current, and the change by ampere intercalating."""
        if duration_s != self._duration_s:
            self._prepare(duration_s)
        rest = sum(held * decay for held, decay in zip(self._ahead, self._decays, strict=True))
        return self.content + rest, -(duration_s + sum(self._responses)) / self._site_C

    def potential_V(self, surface: float) -> float:
        """Potential against sodium, V, with this content at the surface."""
        return self._curve.potential_V(surface, self.potassium)

    def potassium_C(self) -> float:
        """Potassium in the host, C."""
        return self.potassium * self.content * self._site_C

    def capacitance_F(self) -> float:
        """Double-layer capacitance, F."""
        return self._parameters.double_layer_F

    def impedance_ohm(self, omega: float) -> complex:
        """Storage and diffusion about the present surface, ohm; ``omega`` in rad/s."""
        ahead = sum(
            gain * self._diffusion_s / (1.0 + 1j * omega * span * self._diffusion_s) for gain, span in SPHERE
        )
        return (
            -self._curve.slope_V(self.surface, self.potassium) / self._site_C * (1.0 / (1j * omega) + ahead)
        )

    def _take_potassium(self, fraction: float) -> None:
        self.potassium = fraction
        level = round(fraction * _POTASSIUM_LEVELS)
        if level != self._levels[0]:
            self._take_levels(level, self._levels[1])

    def _take_levels(self, potassium: int, salt: int) -> None:
        self._levels = (potassium, salt)
        p, fraction = self._parameters, potassium / _POTASSIUM_LEVELS
        self.exchange_A = p.exchange_A / (1.0 + fraction * (p.slower_exchange - 1.0))
        solid_s = p.diffusion_s * (1.0 + fraction * (p.slower_diffusion - 1.0))
        self._diffusion_s = solid_s + p.pores_s * _SALT_LEVELS / salt
        self._duration_s = -1.0

    def _prepare(self, duration_s: float) -> None:
        self._duration_s = duration_s
        times = -duration_s / self._diffusion_s
        self._decays = [exp(times / span) for _, span in SPHERE]
        self._responses = [
            self._diffusion_s * gain * (1.0 - decay)
            for (gain, _), decay in zip(SPHERE, self._decays, strict=True)
        ]
        self._moved = nan
