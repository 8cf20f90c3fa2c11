"""Full cells: a metal anode of sodium or of sodium-potassium alloy against Na2/3Ni1/3Mn2/3O2 (NNMO)."""

import math
from random import Random

from labctl_simulators.cells import Cell, nnmo
from labctl_simulators.cells.arcs import FilmArc
from labctl_simulators.cells.cathode import Cathode
from labctl_simulators.cells.electrode import Electrode
from labctl_simulators.cells.nnmo import ANODE_SPREAD, CATHODE_SPREAD, CELL_SPREAD, FullCellParameters
from labctl_simulators.cells.parameters import varied
from labctl_simulators.cells.roots import increasing_root
from labctl_simulators.cells.series import SeriesArcs

_EXCHANGE_STEP_C = 20e-3
"""Largest charge over which the electrolyte's potassium is taken as constant while it enters the cathode."""

_HOLD_STEP_C = 0.5e-3
"""Largest charge in one step of a hold: what the fastest process of the anode's surface takes."""

_HOLD_CHANGE_C = 20e-6
"""Largest change of current times duration in one step of a hold, which bounds the error of its charge."""

_FIRST_HOLD_S = 1e-6
_MOST_STEPS = 5000
"""Most steps to one call, so that absurd currents and voltages stay affordable."""

_PRECISION_A = 1e-13
_LEAST_SALT = 0.01

_FEC_LOADINGS = {"loading=9.9": nnmo.NA50K50_NACLO4_FEC, "loading=27": nnmo.NA50K50_NACLO4_FEC_27}


class FullCell:
    """An NNMO cathode as working electrode facing a metal anode; positive current charges.

    One state, two measurements. The terminals see, in series, ::

        V = E(x_surface, k) + R i + v_film + eta_cathode + eta_anode

    - E: open-circuit potential of the cathode against sodium at its surface's content (``Cathode``). The anode
      is the zero; that a liquid alloy lies some 20 mV off is neglected.
    - R = Rc + Re / c: contacts, and an electrolyte of which the share c of its salt is left.
    - v_film: films and salt layer; eta: charge transfer, Butler-Volmer with alpha = 1/2 (``SeriesArcs``).

    ``impedance_ohm`` is the linearisation of just these equations: R, the arcs, and storage with diffusion
    behind them, so that a slow sine in time and the spectrum agree. Arcs are settled at the bias; the surface's
    content is that of the present state, because under a bias no cell of finite capacity is ever settled.

    **Potassium.** Discharge strips it from the anode (``Electrode``). Where its salt dissolves, it fills the
    electrolyte up to the share ks of the N cations, and the next ions to enter the cathode are potassium by
    a ks / (a ks + 1 - ks), so that NNMO of sodium becomes NNMO of potassium. Where it does not, it takes
    as much of the electrolyte's anions along, c falls, and a layer closes the anode's surface.

    How time is advanced. At constant current everything is solved in closed form, any duration in one step, but
    for the share of potassium that enters the cathode, which is taken anew every 20 mC. At constant voltage
    steps are implicit, hence stable: each ends with the current that then flows, and is shortened until that
    differs little from the one at its begin.

    Validity: 10 uHz to 1 MHz; no short (the cells of the paper ended otherwise), no self-discharge, no exchange
    of ions without current. Absurd currents give finite and monotonic answers.

    Source: paper and assumptions as given in ``nnmo``.

    Attributes:
        anode: The metal electrode.
        cathode: The NNMO electrode.
        nominal_capacity_C: Capacity that C-rates refer to, C.
    """

    __slots__ = (
        "_age_s",
        "_arcs",
        "_behind_V",
        "_hold_s",
        "_load",
        "_parameters",
        "_series_ohm",
        "_settled_A",
        "anode",
        "cathode",
        "nominal_capacity_C",
    )

    def __init__(self, parameters: FullCellParameters, seed: int) -> None:
        random = Random(seed)
        self._parameters = own = varied(parameters, CELL_SPREAD, random)
        self.anode = Electrode(varied(own.anode, ANODE_SPREAD, random))
        self.cathode = Cathode(varied(own.cathode, CATHODE_SPREAD, random))
        self.nominal_capacity_C = nnmo.NOMINAL_CAPACITY_C
        exponents = (own.cathode.double_layer_exponent, own.anode.double_layer_exponent)
        film = FilmArc(own.film_exponent, own.film_tau_s)
        self._arcs = SeriesArcs(film, self.cathode, self.anode, exponents)
        self._age_s = 0.0
        self._series_ohm = own.contact_ohm + own.electrolyte_ohm
        self._behind_V = self.cathode.potential_V(self.cathode.surface)
        self._load = (False, 0.0)
        self._settled_A = 0.0
        """Terminal current at which the arcs carry no state; NaN while they do."""
        self._hold_s = _FIRST_HOLD_S

    def voltage_V(self, current_A: float) -> float:
        """Terminal voltage at this instant, V."""
        return self._series_ohm * current_A + self._behind_V

    def current_A(self, voltage_V: float) -> float:
        """Terminal current at this instant, A."""
        return (voltage_V - self._behind_V) / self._series_ohm

    def advance_current(self, duration_s: float, current_A: float) -> None:
        """Let ``duration_s`` pass at ``current_A`` into the cathode."""
        if current_A != self._settled_A:
            self._take_load((False, current_A))
            self._move(duration_s, current_A)
            self._relax(duration_s, current_A)
            if self._arcs.settled:
                self._settled_A = current_A
            return
        self._move(duration_s, current_A)
        cathode = self.cathode
        overpotential_V = self._arcs.settled_V(current_A, self._film_ohm())
        self._behind_V = cathode.potential_V(cathode.surface) + overpotential_V

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        """Let ``duration_s`` pass at ``voltage_V``; the charge passed, in C, positive into the cathode."""
        self._take_load((True, voltage_V))
        shortest_s = max(_FIRST_HOLD_S, duration_s / _MOST_STEPS)
        remaining_s, total_C = duration_s, 0.0
        while remaining_s > 0.0:
            step_s = min(max(self._hold_s, shortest_s), remaining_s)
            current_A = self._held_current_A(step_s, voltage_V)
            while step_s > shortest_s and self._is_too_long(step_s, current_A):
                step_s = max(0.3 * step_s, shortest_s)
                current_A = self._held_current_A(step_s, voltage_V)
            self._hold_s = 2.0 * step_s
            self._move(step_s, current_A)
            self._relax(step_s, current_A)
            total_C += step_s * current_A
            remaining_s -= step_s
        return total_C

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        """Small-signal impedance, ohm, of the present state with the arcs settled at ``bias_current_A``."""
        omega = 2.0 * math.pi * frequency_Hz
        arcs_ohm = self._arcs.impedance_ohm(omega, bias_current_A, self._film_ohm())
        return self._series_ohm + arcs_ohm + self.cathode.impedance_ohm(omega)

    def _take_load(self, load: tuple[bool, float]) -> None:
        """Hold the terminals at (True, volt) or (False, ampere)."""
        self._settled_A = math.nan
        if load != self._load:
            self._load = load
            self._arcs.disturb()

    def _move(self, duration_s: float, current_A: float) -> None:
        """Let time and charge pass through both electrodes."""
        self._age_s += duration_s
        charge_C = current_A * duration_s
        if charge_C >= 0.0:
            self.anode.plate(charge_C)
            self.cathode.advance(duration_s, current_A, 0.0)
            return
        if not self.anode.potassium_C:
            self.anode.strip(-charge_C)
            self.cathode.advance(duration_s, current_A, 0.0)
            return
        steps = min(math.ceil(-charge_C / _EXCHANGE_STEP_C), _MOST_STEPS)
        for _ in range(steps):
            self.anode.strip(-charge_C / steps)
            self.cathode.advance(duration_s / steps, current_A, self._entering_potassium())

    def _entering_potassium(self) -> float:
        """Share of potassium among the ions that enter the cathode; the salt that is left follows, too."""
        p = self._parameters
        free = (self.anode.potassium_lost_C() - self.cathode.potassium_C()) / p.salt_C
        share = min(max(free, 0.0), p.soluble_share)
        salt = max(1.0 - (free - share), _LEAST_SALT)
        self._series_ohm = p.contact_ohm + p.electrolyte_ohm / salt
        self.cathode.take_salt(salt)
        return p.selectivity * share / (p.selectivity * share + 1.0 - share)

    def _relax(self, duration_s: float, current_A: float) -> None:
        """Let the arcs relax at a constant current, the electrodes being as they are at the end."""
        arcs_V = self._arcs.relax(duration_s, current_A, self._film_ohm())
        self._behind_V = self.cathode.potential_V(self.cathode.surface) + arcs_V

    def _held_current_A(self, duration_s: float, voltage_V: float) -> float:
        """The current which, flowing for ``duration_s``, leads to this voltage."""
        cathode, arcs, film_ohm = self.cathode, self._arcs, self._film_ohm()
        rest, change = cathode.response(duration_s)

        def excess(current_A: float) -> float:
            surface = rest + change * cathode.intercalating_A(current_A)
            arcs_V = arcs.voltage_after_V(duration_s, current_A, film_ohm)
            return self._series_ohm * current_A + arcs_V + cathode.potential_V(surface) - voltage_V

        return increasing_root(excess, arcs.current_A, self._series_ohm, _PRECISION_A)

    def _is_too_long(self, step_s: float, current_A: float) -> bool:
        changed_C = abs(current_A - self._arcs.current_A) * step_s
        return changed_C > _HOLD_CHANGE_C or abs(current_A) * step_s > _HOLD_STEP_C

    def _film_ohm(self) -> float:
        p = self._parameters
        return p.film_ohm * (1.0 + p.film_growth * math.sqrt(self._age_s / 3600.0)) + self.anode.layer_ohm


def na50k50_nnmo_napf6(argument: str | None, seed: int) -> Cell:
    """Make the cell ``na50k50-nnmo-napf6``: Na50K50 against NNMO, 1 M NaPF6 in EC/DMC; 1C is 0.1 mA."""
    return _make("na50k50-nnmo-napf6", nnmo.NA50K50_NAPF6, argument, seed)


def na50k50_nnmo_naclo4(argument: str | None, seed: int) -> Cell:
    """Make the cell ``na50k50-nnmo-naclo4``: Na50K50 against NNMO, 1 M NaClO4 in EC/DMC; 1C is 0.1 mA."""
    return _make("na50k50-nnmo-naclo4", nnmo.NA50K50_NACLO4, argument, seed)


def na_nnmo_naclo4(argument: str | None, seed: int) -> Cell:
    """Make the cell ``na-nnmo-naclo4``: sodium against NNMO, 1 M NaClO4 in EC/DMC; 1C is 0.1 mA."""
    return _make("na-nnmo-naclo4", nnmo.NA_NACLO4, argument, seed)


def na50k50_nnmo_naclo4_fec(argument: str | None, seed: int) -> Cell:
    """Make the cell ``na50k50-nnmo-naclo4-fec`` or ``...:loading=27``: as without FEC; 1C is 0.1 mA.

    Args:
        argument: ``loading=9.9`` (if left out) or ``loading=27``: mg/cm2 of alloy, those that the paper cycled.
        seed: Sets the cell's deviations in manufacturing.

    Raises:
        ValueError: Another argument or loading.
    """
    values = _FEC_LOADINGS.get(argument or "loading=9.9")
    if values is None:
        raise ValueError(
            f"na50k50-nnmo-naclo4-fec takes loading=9.9 or loading=27 (mg/cm2), not {argument!r}"
        )
    return FullCell(values, seed)


def _make(name: str, values: FullCellParameters, argument: str | None, seed: int) -> Cell:
    if argument:
        raise ValueError(
            f"the cell {name} takes no argument, not {argument!r}; its spread is set by the seed"
        )
    return FullCell(values, seed)
