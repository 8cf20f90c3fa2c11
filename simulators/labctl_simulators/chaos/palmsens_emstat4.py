"""A simulated EmStat4 that can be troubled: hooks into its relay, its converters and its power."""

from random import Random

from labctl_simulators.cells import Cell
from labctl_simulators.chaos.kinds import Kind
from labctl_simulators.chaos.spec import Fault
from labctl_simulators.firmware.methodscript_controller import Controller
from labctl_simulators.firmware.methodscript_models import MODELS, Model
from labctl_simulators.firmware.methodscript_potentiostat import Mode, Potentiostat
from labctl_simulators.firmware.palmsens_emstat4 import EmStat4

_FLOATING_V = 2e-3


class TroubledEmStat4(EmStat4):
    """The instrument, with hands inside. It has no error queue, no front panel, and one line."""

    powers_its_line = True

    def __init__(
        self, cell: Cell, seed: int = 0, *, model: str = "es4_hr", serial: str = "ES4SIM0001"
    ) -> None:
        super().__init__(cell, seed, model=model, serial=serial)
        self._front: _Potentiostat = _Potentiostat(cell, MODELS[model], Random(seed))
        self._controller = Controller(self._front, serial)

    @property
    def ons_ignored(self) -> float:
        """How many of the next commands to close the circuit do nothing."""
        return self._front.ons_ignored

    @ons_ignored.setter
    def ons_ignored(self, count: float) -> None:
        self._front.ons_ignored = count

    @property
    def offs_ignored(self) -> float:
        """How many of the next commands to open the circuit do nothing."""
        return self._front.offs_ignored

    @offs_ignored.setter
    def offs_ignored(self, count: float) -> None:
        self._front.offs_ignored = count

    def run_until(self, now_s: float) -> None:
        """Let a running script do what is due; what it sends to nobody is lost."""
        self._controller.run(now_s)
        self._front.advance(now_s)

    def trouble(self, fault: Fault, random: Random) -> bool:
        """Let it suffer a fault; False if that cannot happen to it."""
        front = self._front
        match fault.kind:
            case Kind.POWER_CYCLE:
                front.lose_power()
                self._controller = Controller(front, self._controller.serial)
            case Kind.CLIPPED:
                front.clip = fault.value
            case Kind.FROZEN:
                front.frozen = True
            case Kind.SENSE_OPEN:
                front.sense_open = True
            case Kind.REVERSED:
                front.reversed = True
            case _:
                return False
        return True

    def relieve(self, fault: Fault) -> None:
        """The fault is over."""
        front = self._front
        match fault.kind:
            case Kind.CLIPPED:
                front.clip = 1.0
            case Kind.FROZEN:
                front.thaw()
            case Kind.SENSE_OPEN:
                front.sense_open = False
            case Kind.REVERSED:
                front.reversed = False
            case _:
                pass

    def cell_changed(self) -> None:
        """Nothing to do: it asks the cell at each moment."""


class _Potentiostat(Potentiostat):
    """Its relay can stick, its converters can freeze, its sense leads can be off, its current can fall short."""

    def __init__(self, cell: Cell, model: Model, noise: Random) -> None:
        self.ons_ignored = self.offs_ignored = 0.0
        self.clip = 1.0
        self.frozen = self.sense_open = self.reversed = False
        self._frozen: dict[str, tuple[float, str]] = {}
        super().__init__(cell, model, noise)

    def thaw(self) -> None:
        """Readings are readings again."""
        self.frozen = False
        self._frozen.clear()

    def lose_power(self) -> None:
        """The relay falls off by its spring; what was set is forgotten."""
        self.cell_on = False
        self.mode = Mode.OFF
        self.current_A = self.potential_V = 0.0

    def close_relay(self) -> None:
        if self.ons_ignored > 0.0 and not self.cell_on:
            self.ons_ignored -= 1.0
        else:
            super().close_relay()

    def open_relay(self) -> None:
        if self._sticks():
            return
        super().open_relay()

    def switch_mode(self, mode: Mode) -> None:
        stuck = self._sticks()
        super().switch_mode(mode)
        self.cell_on = stuck

    def apply_current(self, current_A: float) -> None:
        super().apply_current(current_A)
        self.current_A *= self.clip

    def read_potential(self, late: int = 0) -> tuple[float, str]:
        value, metadata = super().read_potential(late)
        if self.sense_open:
            value = self.noise.gauss(0.0, _FLOATING_V)
        if self.reversed:
            value = -value
        return self._frozen.setdefault("ab", (value, metadata)) if self.frozen else (value, metadata)

    def read_current(self, late: int = 0) -> tuple[float, str]:
        reading = super().read_current(late)
        return self._frozen.setdefault("ba", reading) if self.frozen else reading

    def _sticks(self) -> bool:
        """Whether the relay, told to open, stays closed."""
        if not (self.cell_on and self.offs_ignored > 0.0):
            return False
        self.offs_ignored -= 1.0
        return True
