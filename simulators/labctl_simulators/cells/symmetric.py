"""Symmetric cells of sodium and of sodium-potassium alloys: two metal electrodes and their salt."""

import math
from random import Random

from labctl_simulators.cells import Cell, parameters
from labctl_simulators.cells.arcs import FilmArc
from labctl_simulators.cells.electrode import Electrode
from labctl_simulators.cells.parameters import CELL_SPREAD, ELECTRODE_SPREAD, SymmetricParameters, varied
from labctl_simulators.cells.roots import increasing_root
from labctl_simulators.cells.series import SeriesArcs

_SURFACE_STEP_C = 0.1e-3
_SHORT_STEP_C = 2e-3
"""Largest charge, through the electrodes and through the terminals, in one step of a current that depends on the
state: a fifth of what the fastest process of a surface takes, a fraction of what ripens a short. The charge of
a hold is then good to 0.05 %, or to 30 uC where less than a millicoulomb passes."""

_SUBSTEPS = 5000
"""Most such steps to one call, so that absurd voltages stay affordable."""

_FIRST_SUBSTEP_S = 1e-6
_SUBSTEP_GROWTH = 0.25
"""After a change of the load a step is a quarter of the time since: a relaxation looks the same on any scale."""

_PRECISION_A = 1e-15

Load = tuple[bool, float]
"""What the terminals are held at: (True, volt) or (False, ampere)."""


class SymmetricCell:
    """Two like electrodes facing each other; positive current strips the working electrode, plates the counter.

    One state, two measurements. The terminals see, in series, ::

        V = R0 i + v_film + eta_working + eta_counter        (all parallel to the short's conductance G)

    - R0: contacts and electrolyte, without time constant.
    - v_film: the SEI and the salt layers of both electrodes, one depressed arc (``FilmArc``).
    - eta: charge transfer of each electrode parallel to its double layer, Butler-Volmer with alpha = 1/2,
      dispersed (``ChargeTransferArc``). Settled, the two are (2RT/F) asinh(i / 2 i0) each; at zero bias they
      are RT / (F i0) each, 2RT / (F i0) together.

    ``impedance_ohm`` is the linearisation of just these equations, so that a slow dV/di, a sine in time and
    the spectrum agree. How i0, the layers and all else follow from the charge passed is in ``Electrode``. The
    SEI grows with the square root of time. The short: once ``short_after_C`` have passed, a dendrite is across,
    and its conductance G ripens with further charge; the electrodes then get the rest of the current only.

    How time is advanced. At constant current without a short everything is solved in closed form, any
    duration in one step: first the surfaces by their charge, then the arcs with the surfaces' final state. Arcs
    settle within seconds, in which a surface hardly changes; once they are settled they follow the surface and
    carry no state. At constant voltage, and with a short, the internal current depends on the state: steps
    grow from a microsecond after a change of the load to 0.1 mC. Each moves the surfaces with the current
    that flows, then finds the current with which the arcs' exact solution meets the load at the step's end.

    Validity: 10 mHz to 1 MHz (no diffusion below, no inductance above); currents of some mA. Beyond, answers
    stay finite and monotonic.

    ``voltage_V`` and ``current_A`` are those of this instant: after a change of current the arcs answer only
    as time passes, as a double layer does, so that at first only the ohmic part shows.

    Source: paper and assumptions as given in ``parameters``.
    """

    __slots__ = (
        "_age_s",
        "_arcs",
        "_arcs_V",
        "_counter",
        "_load",
        "_parameters",
        "_passed_C",
        "_settled_A",
        "_short_S",
        "_working",
    )

    def __init__(self, parameters: SymmetricParameters, seed: int) -> None:
        random = Random(seed)
        self._parameters = own = varied(parameters, CELL_SPREAD, random)
        self._working = Electrode(varied(own, ELECTRODE_SPREAD, random))
        self._counter = Electrode(varied(own, ELECTRODE_SPREAD, random))
        film = FilmArc(own.film_exponent, own.film_tau_s)
        exponents = (own.double_layer_exponent, own.double_layer_exponent)
        self._arcs = SeriesArcs(film, self._working, self._counter, exponents)
        self._age_s = 0.0
        self._passed_C = 0.0
        self._short_S = 0.0
        self._arcs_V = 0.0
        self._load: Load = (False, 0.0)
        self._settled_A = 0.0
        """Terminal current at which the arcs carry no state; NaN while they do, or while there is a short."""

    def voltage_V(self, current_A: float) -> float:
        """Terminal voltage at this instant, V."""
        series_ohm = self._parameters.contact_ohm
        return (series_ohm * current_A + self._arcs_V) / (1.0 + series_ohm * self._short_S)

    def current_A(self, voltage_V: float) -> float:
        """Terminal current at this instant, A."""
        return (voltage_V - self._arcs_V) / self._parameters.contact_ohm + self._short_S * voltage_V

    def advance_current(self, duration_s: float, current_A: float) -> None:
        """Let ``duration_s`` pass at ``current_A`` into the working electrode."""
        charge_C = current_A * duration_s
        passed_C = self._passed_C + abs(charge_C)
        if current_A != self._settled_A or passed_C > self._parameters.short_after_C:
            self._advance_unsettled(duration_s, current_A)
            return
        self._passed_C = passed_C
        self._move(duration_s, charge_C)
        self._arcs_V = self._arcs.settled_V(current_A, self._film_ohm())

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        """Let ``duration_s`` pass at ``voltage_V``; the charge passed, in C, positive into the working electrode."""
        return self._advance_loaded(duration_s, (True, voltage_V))

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        """Small-signal impedance, ohm, of the present surfaces, settled at ``bias_current_A``."""
        omega = 2.0 * math.pi * frequency_Hz
        bias_A = self._internal_current_A((False, bias_current_A)) if self._short_S else bias_current_A
        impedance = self._parameters.contact_ohm + self._arcs.impedance_ohm(omega, bias_A, self._film_ohm())
        return impedance / (1.0 + self._short_S * impedance)

    def _advance_unsettled(self, duration_s: float, current_A: float) -> None:
        """The part before the short in one exact step, the part after it in small ones."""
        until_short_C = self._parameters.short_after_C - self._passed_C
        free_s = duration_s
        if until_short_C <= 0.0:
            free_s = 0.0
        elif abs(current_A) * duration_s > until_short_C:
            free_s = until_short_C / abs(current_A)
        if free_s > 0.0:
            self._advance_free(free_s, current_A)
        if free_s < duration_s:
            self._advance_loaded(duration_s - free_s, (False, current_A))

    def _advance_free(self, duration_s: float, current_A: float) -> None:
        """Without a short the internal current is the terminal current: one exact step."""
        self._take_load((False, current_A))
        self._passed_C += abs(current_A) * duration_s
        self._move(duration_s, current_A * duration_s)
        self._relax(duration_s, current_A)
        if self._arcs.settled:
            self._settled_A = current_A

    def _advance_loaded(self, duration_s: float, load: Load) -> float:
        """Steps of the surfaces with the current as it is, of the arcs with the current that follows."""
        self._take_load(load)
        is_voltage, value = load
        remaining_s, total_C = duration_s, 0.0
        while remaining_s > 0.0:
            step_s = min(self._substep_s(load, duration_s), remaining_s)
            internal_C = step_s * self._arcs.current_A
            charge_C = internal_C + step_s * self._short_S * value if is_voltage else step_s * value
            self._passed_C += abs(charge_C)
            self._ripen_short()
            self._move(step_s, internal_C)
            self._relax(step_s, self._internal_current_A(load, step_s))
            total_C += charge_C
            remaining_s -= step_s
        return total_C

    def _take_load(self, load: Load) -> None:
        """At a change of the load the arcs begin to carry state: that of the current which flowed until now."""
        self._settled_A = math.nan
        if load != self._load:
            self._load = load
            self._arcs.disturb()

    def _move(self, duration_s: float, charge_C: float) -> None:
        """Let time and charge pass through the surfaces."""
        self._age_s += duration_s
        if charge_C > 0.0:
            self._working.strip(charge_C)
            self._counter.plate(charge_C)
        elif charge_C < 0.0:
            self._working.plate(-charge_C)
            self._counter.strip(-charge_C)

    def _relax(self, duration_s: float, internal_A: float) -> None:
        """Let the arcs relax at a constant current, the surfaces being as they are at the end."""
        self._arcs_V = self._arcs.relax(duration_s, internal_A, self._film_ohm())

    def _film_ohm(self) -> float:
        p = self._parameters
        grown = 1.0 + p.film_growth * math.sqrt(self._age_s / 3600.0)
        return p.film_ohm * grown + self._working.layer_ohm + self._counter.layer_ohm

    def _internal_current_A(self, load: Load, duration_s: float = math.inf) -> float:
        """The current through the electrodes under this load, after ``duration_s`` of it or settled.

        At the terminals V = R0 i + arcs(i), and either V is given or i + G V is.
        """
        is_voltage, value = load
        series_ohm = self._parameters.contact_ohm
        own, arcs = (series_ohm, 1.0) if is_voltage else (1.0 + self._short_S * series_ohm, self._short_S)
        film_ohm = self._film_ohm()

        def excess(current_A: float) -> float:
            return (
                own * current_A + arcs * self._arcs.voltage_after_V(duration_s, current_A, film_ohm) - value
            )

        return increasing_root(excess, self._arcs.current_A, own, _PRECISION_A)

    def _substep_s(self, load: Load, duration_s: float) -> float:
        is_voltage, value = load
        terminal_A = abs(self.current_A(value) if is_voltage else value)
        steps = max(abs(self._arcs.current_A) / _SURFACE_STEP_C, terminal_A / _SHORT_STEP_C)
        step_s = max(1.0 / steps, duration_s / _SUBSTEPS) if steps else math.inf
        if self._arcs.settled:
            return step_s
        return min(step_s, max(_FIRST_SUBSTEP_S, _SUBSTEP_GROWTH * self._arcs.age_s))

    def _ripen_short(self) -> None:
        p = self._parameters
        beyond_C = self._passed_C - p.short_after_C
        if beyond_C > 0.0:
            self._short_S = -math.expm1(-beyond_C / p.short_ripening_C) / p.short_ohm


def na(argument: str | None, seed: int) -> Cell:
    """Make the cell ``na``: sodium against sodium, 1 M NaClO4 in EC/DMC with 5 % FEC."""
    return _make("na", parameters.NA, argument, seed)


def na50k50(argument: str | None, seed: int) -> Cell:
    """Make the cell ``na50k50``: liquid Na50K50 against itself, 1 M NaClO4 in EC/DMC with 5 % FEC."""
    return _make("na50k50", parameters.NA50K50, argument, seed)


def na50k50_nafsi(argument: str | None, seed: int) -> Cell:
    """Make the cell ``na50k50-nafsi``: liquid Na50K50 against itself, 1 M NaFSI, which no potassium salt leaves."""
    return _make("na50k50-nafsi", parameters.NA50K50_NAFSI, argument, seed)


def na60k40(argument: str | None, seed: int) -> Cell:
    """Make the cell ``na60k40``: liquid Na60K40 against itself, 1 M NaClO4 in EC/DMC."""
    return _make("na60k40", parameters.NA60K40, argument, seed)


def na80k20(argument: str | None, seed: int) -> Cell:
    """Make the cell ``na80k20``: liquid Na70K30 with solid Na against itself, 1 M NaClO4 in EC/DMC."""
    return _make("na80k20", parameters.NA80K20, argument, seed)


def _make(name: str, values: SymmetricParameters, argument: str | None, seed: int) -> Cell:
    if argument:
        raise ValueError(
            f"the cell {name} takes no argument, not {argument!r}; its spread is set by the seed"
        )
    return SymmetricCell(values, seed)
