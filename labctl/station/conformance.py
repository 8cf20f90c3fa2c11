"""The checks of conformance, applied to an instrument on a bench with a resistor at its terminals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from labctl.clock import LoopClock, ThreadClock
from labctl.errors import CannotHold, CellStateUnknown, LabctlError
from labctl.instrument.channel import Driver, Identity, Traits
from labctl.instrument.conformance import Attendant, Bench, Check, DoesNotConform
from labctl.instrument.conformance_load import ON_A_BENCH, WITH_A_PERSON
from labctl.instrument.step import SafetyLimits
from labctl.instrument.threaded import ThreadedChannel
from labctl.keeper.claim import Claim
from labctl.link.open import open_port
from labctl.link.port import Port
from labctl.link.tapped import TappedPort

_AT_THE_LOAD_V = 0.5
_OF_ITS_RANGE = 0.5
_SPAN_S, _LATE_S = 10.0, 0.2
_QUIET = 2e-3
"""Assumed: part of the current that may be read at rest; a meter on the range of the current reads its own noise."""


class Outcome(StrEnum):
    """How a check ended."""

    KEPT = "kept"
    BROKEN = "BROKEN"
    CANNOT = "it cannot"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        promise: in words.
        found: what was found where it was not kept, or why it was left out.
        measured: figures, a sentence each.
    """

    promise: str
    outcome: Outcome
    found: str = ""
    measured: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Which driver, and where.

    Attributes:
        resource: of the instrument.
        options: further keywords of the driver: which of several channels it is.
    """

    driver: Driver
    resource: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Load:
    """What is at the terminals, and how it is used.

    Attributes:
        resistance_ohm: of the resistor.
        current_A: what is sent through it.
        accuracy: part by which resistor and instrument together may be off.
    """

    resistance_ohm: float
    current_A: float
    accuracy: float = 0.01


@dataclass(frozen=True, slots=True)
class Conformance:
    """All that was found of one instrument."""

    driver: str
    resource: str
    identity: Identity
    load: Load
    findings: tuple[Finding, ...]

    @property
    def conforms(self) -> bool:
        """Whether every check was made, but for those that need a person, and nothing is broken."""
        outcomes = {finding.outcome for finding in self.findings}
        return Outcome.KEPT in outcomes and not outcomes & {Outcome.BROKEN, Outcome.CANNOT}

    @property
    def verdict(self) -> str:
        """In words."""
        if self.conforms:
            return "conforms"
        if any(finding.outcome is Outcome.BROKEN for finding in self.findings):
            return "does not conform"
        cannot = sum(finding.outcome is Outcome.CANNOT for finding in self.findings)
        return f"cannot be judged by this, since it cannot do {cannot} of {len(self.findings)} things"


def current_for(resistance_ohm: float, traits: Traits) -> float:
    """A current that gives half a volt at the load, or as much as half of the instrument's ranges allow, in A."""
    return min(
        min(_AT_THE_LOAD_V, _OF_ITS_RANGE * traits.voltage_max_V) / resistance_ohm,
        _OF_ITS_RANGE * traits.current_max_A,
    )


async def conform(
    place: Place,
    load: Load,
    clock: LoopClock,
    attendant: Attendant | None = None,
    told: Callable[[Finding], None] = lambda finding: None,
) -> Conformance:
    """Apply every check that a resistor allows; the circuit is open afterwards.

    Args:
        place: which driver, and where the instrument is.
        load: the resistor at its terminals.
        clock: the time it lives in; faster than real time only for a simulated instrument.
        attendant: the person who pulls the cable; None leaves that out.
        told: gets each finding as soon as it is there.

    Raises:
        StationError: another labctl holds the instrument.
        CannotHold: the current.
        LinkError, WrongInstrument: nothing, or something else, answers.
        CellStateUnknown: the circuit could not be confirmed open; no further check is made.
    """
    claim = Claim(place.resource)
    await claim.take()
    try:
        identity, traits = await _who(place, clock)
        if load.current_A > traits.current_max_A:
            raise CannotHold(f"{load.current_A:g} A are more than {traits.current_max_A:g} A", place.resource)
        findings = []
        checks: Sequence[Check] = ON_A_BENCH if attendant is None else (*ON_A_BENCH, *WITH_A_PERSON)
        for check in checks:
            findings.append(await _apply(check, place, load, clock, attendant))
            told(findings[-1])
        if attendant is None:
            findings += [
                Finding(_words(check), Outcome.LEFT_OUT, "nobody was there") for check in WITH_A_PERSON
            ]
    finally:
        claim.drop()
    return Conformance(place.driver.name, place.resource, identity, load, tuple(findings))


async def _who(place: Place, clock: LoopClock) -> tuple[Identity, Traits]:
    channel = ThreadedChannel(place.driver, place.resource, clock, options=place.options)
    try:
        return await channel.connect(), channel.traits
    finally:
        await channel.close()


async def _apply(
    check: Check, place: Place, load: Load, clock: LoopClock, attendant: Attendant | None
) -> Finding:
    sent: list[bytes] = []

    def tapped(resource: str, clock: ThreadClock, driver: Driver) -> Port:
        return TappedPort(open_port(resource, clock, driver), sent)

    channel = ThreadedChannel(place.driver, place.resource, clock, options=place.options, port=tapped)
    bench = _bench(channel, clock, load, sent, attendant)
    finding: list[Finding] = []
    try:
        with _judged(check, bench, finding):
            await check(bench)
    finally:
        try:
            await channel.make_safe()
        finally:
            await channel.close()
    return finding[0]


def _bench(
    channel: ThreadedChannel, clock: LoopClock, load: Load, sent: list[bytes], attendant: Attendant | None
) -> Bench:
    window_V = 2.0 * load.resistance_ohm * load.current_A
    return Bench(
        *(channel, clock, None, None, sent),
        late_s=max(_LATE_S, 0.5 * _LATE_S * clock.speed),
        accuracy=load.accuracy,
        load_ohm=load.resistance_ohm,
        current_A=load.current_A,
        safety=SafetyLimits(-window_V, window_V, 2.0 * load.current_A),
        span_s=_SPAN_S * clock.speed**0.5,
        quiet_A=max(1e-7, _QUIET * load.current_A),
        attendant=attendant,
    )


@contextmanager
def _judged(check: Check, bench: Bench, finding: list[Finding]) -> Iterator[None]:
    outcome, found = Outcome.KEPT, ""
    try:
        yield
    except DoesNotConform as broken:
        outcome, found = Outcome.BROKEN, str(broken)
    except CannotHold as cannot:
        outcome, found = Outcome.CANNOT, str(cannot)
    except CellStateUnknown:
        raise
    except LabctlError as error:
        outcome, found = Outcome.BROKEN, f"{type(error).__name__}: {error}"
    finding.append(Finding(_words(check), outcome, found, tuple(bench.measured)))


def _words(check: Check) -> str:
    return getattr(check, "__name__", str(check)).replace("_", " ")
