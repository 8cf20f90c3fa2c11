"""The pure part of the E4980A's driver: what fits it, its settings as text, its answers as values.

Source: E4980A/AL User's Guide. Assumed, since the pages seen do not print them: smallest levels and their
resolutions, the range of the automatic level control.
"""

import math
from typing import NamedTuple

from labctl.instrument.channel import Identity, ImpedanceTraits, Traits
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.units import show

MODELS = {"E4980A": 2e6, "E4980AL-102": 1e6, "E4980AL-052": 5e5, "E4980AL-032": 3e5}
"""Highest frequency in Hz; Data Sheet 5989-4435EN p. 2."""

LOWEST_HZ = 20.0
OVERLOADS = {-1: "no data", 1: "overload", 3: "overload of the source"}
"""What is no measurement; 4, a level that could not be regulated, is one."""

_LARGEST_V, _LARGEST_A = 2.0, 20e-3  # rms, without the power and bias enhancement
_REGULATED_V, _REGULATED_A = (3e-3, 1.0), (50e-6, 10e-3)
_STEPS_V = ((0.2, 1e-4), (0.5, 2e-4), (1.0, 5e-4), (_LARGEST_V, 1e-3))
_STEPS_A = ((2e-3, 1e-6), (5e-3, 2e-6), (10e-3, 5e-6), (_LARGEST_A, 10e-6))
_ROUNDED_BY = 0.1  # of an amplitude, at most, to what the instrument can set


class Setting(NamedTuple):
    """One setting: ``header value`` sets it, ``header?`` is answered with ``reads``, numbers to ``within`` of it."""

    header: str
    value: str
    reads: str
    within: float = 1e-4

    def set(self) -> bytes:
        """The command."""
        return f"{self.header} {self.value}".encode("ascii")

    def ask(self) -> bytes:
        """The query."""
        return f"{self.header}?".encode("ascii")

    def matches(self, reply: str) -> bool:
        """Whether what was read back is what was set."""
        try:
            return math.isclose(float(reply), float(self.reads), rel_tol=self.within, abs_tol=1e-12)
        except ValueError:
            return reply.upper() == self.reads


class Point(NamedTuple):
    """What is fetched: the two parameters and the status."""

    first: float
    second: float
    status: int


def traits_of(model: str) -> Traits:
    """What a model can measure; it cycles nothing."""
    return Traits(
        model=model,
        voltage_max_V=_LARGEST_V * math.sqrt(2.0),
        current_max_A=_LARGEST_A * math.sqrt(2.0),
        shortest_interval_s=0.1,
        autonomous=False,
        off_mode="no signal, no bias; its 100 ohm stay, behind a capacitor that blocks direct current",
        holds=(),
        host_silence=None,
        second_session=False,
        impedance=ImpedanceTraits(
            modes=frozenset(ImpedanceMode),
            high_Hz=MODELS[model],
            low_Hz=LOWEST_HZ,
            amplitude_max_V=_LARGEST_V * math.sqrt(2.0),
            amplitude_max_A=_LARGEST_A * math.sqrt(2.0),
            only_at_open_circuit=True,
        ),
    )


def level_rms(spec: ImpedanceSpec) -> float:
    """The largest level that the instrument can set and that modulates no more than asked for."""
    steps = _STEPS_V if spec.mode is ImpedanceMode.POTENTIOSTATIC else _STEPS_A
    wanted = spec.amplitude / math.sqrt(2.0)
    step = next((step for end, step in steps if wanted <= end), steps[-1][1])
    return math.floor(wanted / step + 1e-6) * step


def refused(spec: ImpedanceSpec, traits: Traits) -> str:
    """Why a sweep does not fit; empty if it does."""
    able = traits.impedance
    assert able is not None
    if spec.high_Hz > able.high_Hz or spec.low_Hz < able.low_Hz:
        asked = f"{show(spec.high_Hz, 'Hz')} to {show(spec.low_Hz, 'Hz')}"
        return f"it measures from {show(able.high_Hz, 'Hz')} to {show(able.low_Hz, 'Hz')}, not {asked}"
    if spec.bias:
        return "it measures about open circuit only: a capacitor blocks direct current"
    potentiostatic = spec.mode is ImpedanceMode.POTENTIOSTATIC
    unit, largest = ("V", able.amplitude_max_V) if potentiostatic else ("A", able.amplitude_max_A)
    if not 0.0 < spec.amplitude <= largest:
        return f"it modulates up to {show(largest, unit)}, not by {show(spec.amplitude, unit)}"
    if level_rms(spec) < (1.0 - _ROUNDED_BY) * spec.amplitude / math.sqrt(2.0):
        return f"an amplitude of {show(spec.amplitude, unit)} is finer than it can set"
    return ""


def setup_for(spec: ImpedanceSpec) -> tuple[Setting, ...]:
    """Everything but the frequency, in order; the level last."""
    level = level_rms(spec)
    potentiostatic = spec.mode is ImpedanceMode.POTENTIOSTATIC
    least, most = _REGULATED_V if potentiostatic else _REGULATED_A
    regulated = "1" if least <= level <= most else "0"
    return (
        Setting(":BIAS:STAT", "0", "0"),
        Setting(":DISP:PAGE", "MEAS", "MEAS"),
        Setting(":FORM", "ASC", "ASC"),
        Setting(":FORM:ASC:LONG", "1", "1"),
        Setting(":FUNC:IMP", "RX", "RX"),
        Setting(":FUNC:IMP:RANG:AUTO", "1", "1"),
        Setting(":APER", "MED,1", "MED,1"),
        Setting(":TRIG:SOUR", "BUS", "BUS"),
        Setting(":INIT:CONT", "1", "1"),
        frequency_setting(spec.high_Hz),
        Setting(":AMPL:ALC", regulated, regulated),
        _level(":VOLT" if potentiostatic else ":CURR", level),
    )


def frequency_setting(frequency_Hz: float) -> Setting:
    """To the four digits that the generator has."""
    return Setting(":FREQ", f"{frequency_Hz:.9g}", f"{frequency_Hz:.9g}", within=1e-3)


def _level(header: str, level: float) -> Setting:
    return Setting(header, f"{level:.6g}", f"{level:.6g}", within=1e-3)


def parse_identity(reply: str) -> Identity | None:
    """``Keysight Technologies,E4980A,MY46100001,A.06.15``; None: it is something else."""
    parts = [part.strip() for part in reply.split(",")]
    if len(parts) != 4 or parts[1] not in ("E4980A", "E4980AL"):
        return None
    return Identity(parts[0], parts[1], parts[2], parts[3])


def parse_point(reply: str) -> Point | None:
    """``A,B,status`` and perhaps a bin; None: it is no result."""
    parts = reply.split(",")
    if len(parts) not in (3, 4):
        return None
    try:
        point = Point(float(parts[0]), float(parts[1]), int(parts[2]))
    except ValueError:
        return None
    finite = math.isfinite(point.first) and math.isfinite(point.second)
    return point if finite and point.status in (*OVERLOADS, 0, 4) else None
