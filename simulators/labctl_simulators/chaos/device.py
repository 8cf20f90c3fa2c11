"""A simulated instrument to which things happen: on its wire, in its insides, at its leads, by a seeded script."""

import heapq
import math
from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Protocol

from labctl_simulators.cells import Cell
from labctl_simulators.chaos.kinds import HANDS, MEANINGS, Kind, When
from labctl_simulators.chaos.leads import BreakableLeads
from labctl_simulators.chaos.port import ChaosPort
from labctl_simulators.chaos.spec import Fault
from labctl_simulators.firmware import Device

_INTRUSIONS = (b"t\n", b"i\n", b"Z\n", b"\n", b"v\n")
_TWIN_SERIAL = "TWIN0001"


class Troubled(Device, Protocol):
    """A simulated instrument with hands inside."""

    ons_ignored: float
    offs_ignored: float
    powers_its_line: bool
    """Without power it is gone from its line, as on USB; else a gateway may keep the connection."""

    def run_until(self, now_s: float) -> None:
        """Do what is due, whoever is connected."""
        ...

    def trouble(self, fault: Fault, random: Random) -> bool:
        """Let it suffer a fault; False if that cannot happen to it."""
        ...

    def relieve(self, fault: Fault) -> None:
        """The fault is over."""
        ...

    def cell_changed(self) -> None:
        """What is connected to it is another thing from now on."""
        ...


class ChaosDevice:
    """A device like any other, in memory, on TCP or on a pseudo-terminal, to which faults happen.

    Each kind of fault has a source of randomness of its own, for each connection, so that adding one fault does not
    shift another. The same cell, faults, seed and input give the same bytes.

    Args:
        make: makes the instrument, of a cell and a seed; ``serial=`` names another one of its model.
        cell: what is connected to it.
        seed: of the instrument's noise and of the faults.
        faults: what happens.

    Attributes:
        instrument: the truth.
        twin: the other instrument that answers here after a swap; None before.
        injected: how many faults of each kind have happened.
    """

    def __init__(
        self, make: Callable[..., Troubled], cell: Cell, seed: int, faults: tuple[Fault, ...]
    ) -> None:
        self.faults = faults
        self.injected: Counter[Kind] = Counter()
        self.now_s = 0.0
        self.twin: Troubled | None = None
        self._make = make
        self._seed = seed
        self._leads = BreakableLeads(cell)
        self.instrument: Troubled = make(self._leads, seed)
        self._ports: list[ChaosPort] = []
        self._connections = count()
        self._drift = 1.0 + sum(fault.value for fault in faults if fault.kind is Kind.DRIFT)
        self._acting: set[Kind] = set()
        self._events: list[tuple[float, int, Fault, bool]] = []
        order = count()
        for fault in faults:
            meaning = MEANINGS[fault.kind]
            if meaning.when in (When.ANSWER, When.WRITE):
                continue
            heapq.heappush(self._events, (fault.at_s, next(order), fault, True))
            if meaning.when is When.WHILE and fault.for_s < math.inf:
                heapq.heappush(self._events, (fault.at_s + fault.for_s, next(order), fault, False))
        self._streams = {fault: self.stream(f"{fault.kind} at {fault.at_s}") for fault in faults}

    # ---- as a Device ----

    def port(self) -> ChaosPort:
        """A further connection; while the port is gone, one that is lost with its first byte.

        Raises:
            ConnectionRefusedError: the instrument has no more.
        """
        answering = self.instrument if self.twin is None else self.twin
        port = ChaosPort(self, answering.port(), next(self._connections))
        self._ports.append(port)
        return port

    @property
    def circuit_closed(self) -> bool:
        """The truth about the instrument that the cell is connected to."""
        return self.instrument.circuit_closed

    # ---- for its ports ----

    def stream(self, name: str) -> Random:
        """A source of randomness of its own for each name."""
        return Random(f"{self._seed} {name}")

    def count(self, kind: Kind) -> None:
        """A fault has happened."""
        self.injected[kind] += 1

    def acting(self, kind: Kind) -> bool:
        """Whether a lasting fault acts at this moment."""
        return kind in self._acting

    def own_s(self, now_s: float) -> float:
        """The instrument's time."""
        return now_s if self._drift == 1.0 else now_s * self._drift

    def outer_s(self, own_s: float) -> float:
        """The time at which the instrument's time has come to ``own_s``."""
        if self._drift == 1.0:
            return own_s
        outer_s = own_s / self._drift
        while outer_s * self._drift < own_s:
            outer_s = math.nextafter(outer_s, math.inf)
        return outer_s

    def next_s(self) -> float | None:
        """When the next thing happens to the instrument."""
        return self._events[0][0] if self._events else None

    def forget(self, port: ChaosPort) -> None:
        """A connection is gone."""
        if port in self._ports:
            self._ports.remove(port)

    def advance(self, now_s: float) -> None:
        """Let happen what is due, each at its time, the instrument having lived until then."""
        while self._events and self._events[0][0] <= now_s:
            due_s, _, fault, begins = heapq.heappop(self._events)
            self.now_s = max(self.now_s, due_s)
            for port in tuple(self._ports):
                if not port.half_open:
                    port.run_to(self.now_s)
            self.instrument.run_until(self.own_s(self.now_s))
            if begins:
                self._begin(fault)
            else:
                self._acting.discard(fault.kind)
                self._set_leads(broken=Kind.CELL_OPEN in self._acting)
                self.instrument.relieve(fault)
        self.now_s = max(self.now_s, now_s)

    # ---- what happens ----

    def _begin(self, fault: Fault) -> None:
        kind, random = fault.kind, self._streams[fault]
        self._acting.add(kind)
        happened = kind not in HANDS or self.instrument.trouble(fault, random)
        if happened or kind in (Kind.SECOND_CLIENT, Kind.INTERRUPTED):
            self.count(kind)
        match kind:
            case Kind.RESET:
                self._lose_all()
            case Kind.FIN:
                self._mark("ends_in_next")
            case Kind.INTERRUPTED:
                self._mark("drops_next")
            case Kind.HALF_OPEN:
                self._mark("half_open")
            case Kind.GONE:
                self._lose_all()
            case Kind.POWER_CYCLE if self.instrument.powers_its_line or random.random() < 0.5:
                self._lose_all()
            case Kind.SECOND_CLIENT if not happened:
                for port in tuple(self._ports):
                    port.intrude(random.choice(_INTRUSIONS), self.now_s)
            case Kind.SWAPPED:
                self._lose_all()
                self.twin = self._make(BreakableLeads(_Resistor()), self._seed, serial=_TWIN_SERIAL)
                self.twin.run_until(self.own_s(self.now_s))
            case Kind.CELL_OPEN:
                self._set_leads(broken=True)
            case Kind.ON_IGNORED:
                self.instrument.ons_ignored += fault.value
            case Kind.OFF_IGNORED:
                self.instrument.offs_ignored += fault.value

    def _set_leads(self, *, broken: bool) -> None:
        if self._leads.broken is not broken:
            self._leads.broken = broken
            self.instrument.cell_changed()

    def _lose_all(self) -> None:
        for port in tuple(self._ports):
            port.lose(ConnectionResetError, self.now_s)

    def _mark(self, name: str) -> None:
        for port in self._ports:
            setattr(port, name, True)


class _Resistor:
    """1 kohm, for the twin."""

    def voltage_V(self, current_A: float) -> float:
        return 1e3 * current_A

    def current_A(self, voltage_V: float) -> float:
        return 1e-3 * voltage_V

    def advance_current(self, duration_s: float, current_A: float) -> None:
        pass

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        return 1e-3 * voltage_V * duration_s

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        return 1e3 + 0j
