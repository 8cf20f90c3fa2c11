"""Keithley 2450 family: models, ranges, and what is said on the wire, as pure functions of typed values."""

from dataclasses import dataclass

from labctl.errors import CannotHold
from labctl.instrument.channel import Identity, Sample, Traits
from labctl.instrument.step import Control, Quantity, Step
from labctl_drivers.smu_setting import Setting, number, words

BUFFER = '"labctl"'
BUFFER_SIZE = 10_000

_OVERRANGE = 1.05  # a range holds 105 % of its name; 2450 Reference Manual 2450-901-01 Rev. B p. 6-75
_MARGIN = 1.05  # at constant current, the voltage limit stays outside the host's safety window
_MARGIN_V = 0.02  # the smallest voltage limit, too; Rev. B p. 6-71
_INSIDE = (
    0.99  # at constant voltage, running into the current limit is ordinary: it stays inside the safety limit
)
_PROTECTION_TOLERANCE = 1.06  # overvoltage protection is good to 5 %; specifications SPEC-2450 Rev. A p. 4
_REST_RANGE_A = 1e-6


@dataclass(frozen=True, slots=True)
class Model:
    """What differs between the models.

    Attributes:
        current_ranges_A, voltage_ranges_V: ascending.
        protections_V: levels of the overvoltage protection, ascending; beyond them it is off.
    """

    current_ranges_A: tuple[float, ...]
    voltage_ranges_V: tuple[float, ...]
    protections_V: tuple[int, ...]

    def traits(self, name: str) -> Traits:
        """The traits of a channel of this model."""
        return Traits(
            model=name,
            voltage_max_V=_OVERRANGE * self.voltage_ranges_V[-1],
            current_max_A=_OVERRANGE * self.current_ranges_A[-1],
            shortest_interval_s=0.1,
            autonomous=False,
            off_mode="high impedance (output relay open)",
            holds=(
                "voltage limit at constant current: 5 %, at least 20 mV, beyond the safety window, for both signs",
                "current limit at constant voltage: 1 % inside the safety limit",
                "overvoltage protection at the next level above",
            ),
            host_silence=None,
            second_session=False,
            impedance=None,
        )


_SMALL_A = tuple(float(f"1e{decade}") for decade in range(-8, 1))
_LARGE_A = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 4.0, 5.0, 7.0)
_LARGE_V = (0.2, 2.0, 7.0, 10.0, 20.0, 100.0)
_LEVELS = (2, 5, 10, 20, 40, 60, 80)  # 2461 Reference Manual p. 6-96; those of the 2450: Rev. B p. 8-141

MODELS = {
    "2450": Model(_SMALL_A, (0.02, 0.2, 2.0, 20.0, 200.0), (*_LEVELS, 100, 120, 140, 160, 180)),
    "2460": Model(_LARGE_A, _LARGE_V, _LEVELS),
    "2461": Model(_LARGE_A, _LARGE_V, _LEVELS),
    # The 2470 has no level below 20 V, and 40 V (2470-901-01 Rev. A p. 12-81). Assumed: those two only.
    "2470": Model(_SMALL_A, (0.2, 2.0, 20.0, 200.0, 1000.0), (20, 40)),
}


FORMAT = (Setting(":FORM", "ASC", "ASC"), Setting(":FORM:ASC:PREC", "10", "10"))


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that is armed with the output off and stays as it is while the level changes.

    Attributes:
        source, sense: ``CURR`` or ``VOLT``: what is sourced and what is measured, the other one of the two.
        source_range: A or V.
        limit: V at constant current, A at constant voltage.
        sense_range: V or A.
        protection: word of the overvoltage protection.
    """

    source: str
    sense: str
    source_range: float
    limit: float
    sense_range: float
    protection: str

    def settings(self) -> tuple[Setting, ...]:
        """In the order in which the instrument accepts them: protection and ranges bound the limit."""
        source, sense = f":SOUR:{self.source}", f":SENS:{self.sense}"
        limit = f"{source}:VLIM" if self.source == "CURR" else f"{source}:ILIM"
        return (
            words(":SOUR:FUNC", self.source),
            words(":OUTP:CURR:SMOD", "HIMP"),
            words(":OUTP:VOLT:SMOD", "HIMP"),
            Setting(":SENS:FUNC", f'"{self.sense}"', f'"{self.sense}:DC"'),
            Setting(f"{sense}:RSEN", "ON", "1"),
            number(f"{sense}:NPLC", 1.0),
            number(f"{source}:RANG", self.source_range),
            number(f"{sense}:RANG", self.sense_range),
            words(":SOUR:VOLT:PROT", self.protection),
            number(limit, self.limit),
            Setting(f"{source}:READ:BACK", "ON", "1"),
        )

    def level(self, value: float) -> Setting:
        """The set point."""
        return number(f":SOUR:{self.source}", value)

    def tripped(self) -> bytes:
        """Asks whether the limit holds the output at this moment."""
        return f":SOUR:{self.source}:{'VLIM' if self.source == 'CURR' else 'ILIM'}:TRIP?".encode("ascii")

    def elements(self) -> str:
        """What to read so that every reading is voltage, current, time of the instrument, unit of what is measured."""
        return "READ,SOUR,REL,UNIT" if self.source == "CURR" else "SOUR,READ,REL,UNIT"

    def measures(self, unit: str) -> bool:
        """Whether ``unit`` is that of what should be measured.

        Assumed: it begins with V or A; the manuals do not print it, the simulator answers ``Volt`` and ``Ampere``.
        """
        return unit.startswith("V" if self.sense == "VOLT" else "A")


def setup_for(step: Step, model: Model, name: str) -> Setup:
    """What to arm for a step.

    Raises:
        CannotHold: a set point or cut-off is beyond the ranges, or a set point beyond the step's safety limits.
    """
    safety = step.safety
    most_V = _OVERRANGE * model.voltage_ranges_V[-1]
    most_A = _OVERRANGE * model.current_ranges_A[-1]
    for cutoff in step.cutoffs:
        if cutoff.quantity is Quantity.VOLTAGE and not abs(cutoff.threshold) <= most_V:
            raise CannotHold(f"a cut-off at {cutoff.threshold:g} V; it measures up to {most_V:g} V", name)
    window_V = max(abs(safety.voltage_min_V), abs(safety.voltage_max_V))
    limit_V = min(max(_MARGIN * window_V, window_V + _MARGIN_V), most_V)
    limit_A = min(_INSIDE * safety.current_max_A, most_A)
    protection = _protection(limit_V, model)
    if step.control is Control.VOLTAGE:
        inside = safety.voltage_min_V <= step.value <= safety.voltage_max_V
        _refuse_unless(inside and abs(step.value) <= most_V, f"{step.value:g} V", name)
        return Setup(
            "VOLT",
            "CURR",
            _range_for(step.value, model.voltage_ranges_V),
            limit_A,
            _range_for(limit_A, model.current_ranges_A),
            protection,
        )
    if step.scan is not None:
        low_V, high_V = step.scan.extremes_V
        inside = safety.voltage_min_V <= low_V and high_V <= safety.voltage_max_V
        farthest_V = max(abs(low_V), abs(high_V))
        _refuse_unless(inside and farthest_V <= most_V, f"a scan from {low_V:g} V to {high_V:g} V", name)
        return Setup(
            "VOLT",
            "CURR",
            _range_for(farthest_V, model.voltage_ranges_V),
            limit_A,
            _range_for(limit_A, model.current_ranges_A),
            protection,
        )
    value_A, range_A = 0.0, _REST_RANGE_A
    if step.control is not Control.REST:
        value_A = step.largest_A()
        _refuse_unless(abs(value_A) <= min(safety.current_max_A, most_A), f"{value_A:g} A", name)
        range_A = _range_for(value_A, model.current_ranges_A)
    return Setup("CURR", "VOLT", range_A, limit_V, _range_for(limit_V, model.voltage_ranges_V), protection)


def parse_identity(reply: str) -> Identity | None:
    """The reply to ``*IDN?``, or None if it is not one of a Keithley 24xx.

    ``KEITHLEY INSTRUMENTS,MODEL 2450,04412345,1.7.12b``; the manual prints ``KEITHLEY INSTRUMENTS INC.``
    Assumed: the electrochemistry versions, the same instruments with a cable, say ``MODEL 2450-EC``.
    """
    fields = [field.strip() for field in reply.split(",")]
    if len(fields) != 4 or "KEITHLEY" not in fields[0].upper():
        return None
    model = fields[1].upper().removeprefix("MODEL").strip().removesuffix("-EC")
    return Identity(fields[0], model, fields[2], fields[3])


def parse_error(reply: str) -> tuple[int, str]:
    """The reply to ``:SYST:ERR?``: code and words. ``0,"No error;0,0,0"``; 2461 Reference Manual p. 6-147.

    Raises:
        ValueError: it is nothing of the kind.
    """
    code, _, rest = reply.partition(",")
    return int(code), rest.strip('"').split(";")[0]


def parse_stored(reply: str, setup: Setup, time_s: float, relative_s: float) -> list[tuple[Sample, float]]:
    """The reply to ``:TRAC:DATA?`` for readings that were missed.

    Args:
        reply: a flat list of voltage, current, relative time, unit.
        setup: what should have been measured.
        time_s, relative_s: experiment time and instrument time of a reading that was not missed.

    Returns:
        Samples in experiment time, each with its instrument time.

    Raises:
        ValueError: it is nothing of the kind.
    """
    texts = reply.split(",")
    if not all(map(setup.measures, texts[3::4])):
        raise ValueError("it measured something else")
    columns = ([float(text) for text in texts[place::4]] for place in range(3))
    return [
        (Sample(time_s + rel - relative_s, voltage_V, current_A), rel)
        for voltage_V, current_A, rel, _ in zip(*columns, texts[3::4], strict=True)
    ]


def _range_for(value: float, ranges: tuple[float, ...]) -> float:
    return next(full for full in ranges if abs(value) <= _OVERRANGE * full)


def _protection(limit_V: float, model: Model) -> str:
    needed_V = _PROTECTION_TOLERANCE * limit_V
    return next((f"PROT{level}" for level in model.protections_V if level >= needed_V), "NONE")


def _refuse_unless(holds: bool, what: str, name: str) -> None:
    if not holds:
        raise CannotHold(f"{what} is beyond its ranges or the safety limits of the step", name)
