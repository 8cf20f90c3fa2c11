"""A simulated Keithley 2450 that can be troubled: hooks into its output stage, its meter, its event log."""

from dataclasses import replace
from random import Random

from labctl_simulators.cells import Cell
from labctl_simulators.chaos.kinds import Kind
from labctl_simulators.chaos.spec import Fault
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.keithley_2450_circuit import Circuit, Drive
from labctl_simulators.firmware.keithley_2450_meter import Meter
from labctl_simulators.firmware.keithley_2450_models import Model, Range
from labctl_simulators.firmware.keithley_2450_source import Source
from labctl_simulators.firmware.keithley_2450_status import ERROR, LOG_LENGTH, Status

_FLOATING_V = 2e-3
_FOREIGN = (
    b":OUTP OFF\n",
    b"*RST\n",
    b"*CLS\n",
    b"*ESE 255\n",
    b":READ?\n",
    b':TRAC:CLE "labctl"\n',
    b':TRAC:DEL "labctl"\n',
    b":FORM:ASC:PREC 4\n",
    b':SENS:FUNC "CURR"\n',
    b":SENS:VOLT:NPLC 0.1\n",
    b":SENS:VOLT:RSEN OFF\n",
    b":SOUR:CURR:VLIM 10\n",
    b":SOUR:CURR 1e-4\n",
    b":SOUR:VOLT 0.01\n",
    b":SOUR:FUNC VOLT\n",
    b":OUTP:CURR:SMOD NORM\n",
)


class TroubledKeithley2450(Keithley2450):
    """The instrument, with hands inside.

    Attributes:
        ons_ignored, offs_ignored: how many of the next commands to close or open the circuit do nothing.
    """

    powers_its_line = False
    source: "_Source"
    meter: "_Meter"

    def __init__(self, cell: Cell, seed: int = 0, *, model: str = "2450", serial: str = "04412345") -> None:
        self.ons_ignored = self.offs_ignored = 0.0
        super().__init__(cell, seed, model=model, serial=serial)
        self.source = _Source(self.model)
        self.meter = _Meter(self.model, Random(seed))
        self.source_changed()

    def set_output(self, on: bool) -> None:
        """:OUTP, unless it is one of those that are ignored."""
        if on and not self.output_on and self.ons_ignored > 0.0:
            self.ons_ignored -= 1.0
        elif not on and self.output_on and self.offs_ignored > 0.0:
            self.offs_ignored -= 1.0
        else:
            super().set_output(on)

    def trouble(self, fault: Fault, random: Random) -> bool:
        """Let it suffer a fault; False if that cannot happen to it."""
        match fault.kind:
            case Kind.ERRORS_FULL:
                for _ in range(LOG_LENGTH):
                    self.log(-350, "Queue overflow", ERROR)
            case Kind.INTERRUPTED:
                self.log(-410, "Query INTERRUPTED", ERROR)
            case Kind.POWER_CYCLE:
                self._lose_power()
            case Kind.SECOND_CLIENT:
                self._obey(random.choice(_FOREIGN))
            case Kind.FRONT_PANEL:
                self._press(random)
            case Kind.CLIPPED:
                self.source.clip = fault.value
                self.source_changed()
            case Kind.FROZEN:
                self.meter.frozen = True
            case Kind.SENSE_OPEN:
                self.meter.sense_open = True
            case Kind.REVERSED:
                self.meter.reversed = True
            case _:
                return False
        return True

    def relieve(self, fault: Fault) -> None:
        """The fault is over."""
        match fault.kind:
            case Kind.CLIPPED:
                self.source.clip = 1.0
                self.source_changed()
            case Kind.FROZEN:
                self.meter.thaw()
            case Kind.SENSE_OPEN:
                self.meter.sense_open = False
            case Kind.REVERSED:
                self.meter.reversed = False
            case _:
                pass

    def cell_changed(self) -> None:
        """The output stage finds its operating point anew."""
        drive = self.circuit.drive
        self.circuit.apply(None)
        self.circuit.apply(drive)

    def _lose_power(self) -> None:
        self.reset()
        self.status = Status()

    def _obey(self, message: bytes) -> None:
        stranger = self.port()
        stranger.receive(message, self.now_s)
        stranger.close(self.now_s)

    def _press(self, random: Random) -> None:
        """The OUTPUT key while the output is on, or the level turned to between half and twice what it was."""
        if self.output_on and random.random() < 0.5:
            super().set_output(False)
            return
        function = self.source.function
        reach = self.source.range_in_use(function).maximum
        level = self.source.active.level * random.choice((0.5, 0.9, 1.1, 2.0))
        self.set_source_level(max(-reach, min(level, reach)))


class _Source(Source):
    """Holds a current at a part ``clip`` of what is set."""

    def __init__(self, model: Model) -> None:
        self.clip = 1.0
        super().__init__(model)

    def drive(self) -> Drive | None:
        drive = super().drive()
        if drive is None or not (self.output_on and drive.sources_current) or self.clip == 1.0:
            return drive
        return replace(drive, level=self.clip * drive.level)


class _Meter(Meter):
    """Can be frozen, and measures the voltage through sense leads that can be off or swapped."""

    def __init__(self, model: Model, random: Random) -> None:
        self.frozen = self.sense_open = self.reversed = False
        self._frozen: dict[str, tuple[float, int]] = {}
        super().__init__(model, random)

    def thaw(self) -> None:
        """Readings are readings again."""
        self.frozen = False
        self._frozen.clear()

    def measure(self, circuit: Circuit, sourced: str | None, source_range: Range) -> tuple[float, int]:
        value, status = super().measure(circuit, sourced, source_range)
        if self.function == "VOLT":
            value = self._through_sense_leads(value)
        return self._frozen.setdefault(self.function, (value, status)) if self.frozen else (value, status)

    def read_back(self, circuit: Circuit, sourced: str, source_range: Range) -> float:
        value = super().read_back(circuit, sourced, source_range)
        if sourced == "VOLT":
            value = self._through_sense_leads(value)
        return self._frozen.setdefault(f"back {sourced}", (value, 0))[0] if self.frozen else value

    def _through_sense_leads(self, value: float) -> float:
        if self.sense_open:
            value = self._random.gauss(0.0, _FLOATING_V)
        return -value if self.reversed else value
