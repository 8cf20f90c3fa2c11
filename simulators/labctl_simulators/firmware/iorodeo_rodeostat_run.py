"""A test of the simulated Rodeostat while it runs: what its timer does every 200 us.

It is served only as often as the voltage changes or something is sent. A look reads what flowed until then, then moves
the voltage; a reading stands for all looks since the one before.

Source: iorodeo/potentiostat, firmware 0.1.0: ps_system_state, ps_filter, ps_squarewave_test,
ps_differential_pulse_test.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from .iorodeo_rodeostat_circuit import Circuit
from .iorodeo_rodeostat_json import written
from .iorodeo_rodeostat_waveforms import TICK_us, Waveform

_RC_us = 1e6 / (2.0 * math.pi * 200.0 / math.sqrt(math.sqrt(2.0) - 1.0))


@dataclass(slots=True)
class _Mean:
    """Of the current in one half of a stair."""

    total: float = 0.0
    count: int = 0

    def take(self, value: float) -> None:
        self.total, self.count = self.total + value, self.count + 1

    def result(self) -> float:
        value = self.total / self.count if self.count else math.nan
        self.total, self.count = 0.0, 0
        return value


class _LowPass:
    """Two stages, each moved by a part of the difference at every look of the timer."""

    def __init__(self) -> None:
        self.first = self.value = 0.0

    def hold(self, level: float, looks: int, look_us: float) -> None:
        """Take the same reading for a number of looks."""
        part = look_us / (_RC_us + look_us)
        left = (1.0 - part) ** looks
        first = self.first - level
        self.value = level + left * (self.value - level + looks * part * first)
        self.first = level + left * first


@dataclass(slots=True)
class Running:
    """A test that runs.

    Args:
        waveform: what it puts out.
        began_s: when.

    Attributes:
        last, next: the look that was last, and the one that is next, counted from its beginning.
        done: that was its last look.
    """

    waveform: Waveform
    began_s: float
    last: int = 0
    next: int = 0
    done: bool = False
    filters: dict[int, _LowPass] = field(default_factory=dict)
    forward: _Mean = field(default_factory=_Mean)
    reverse: _Mean = field(default_factory=_Mean)
    reverse_before: float = 0.0

    @property
    def next_s(self) -> float:
        """When the next look is due."""
        return self.began_s + self.next * TICK_us * 1e-6

    def look(self, circuit: Circuit, period_us: int) -> str:
        """The timer: read, move the voltage, send a sample where one is due, see whether that was the end."""
        waveform, multiplexer = self.waveform, circuit.multiplexer
        looks, self.last = self.next - self.last, self.next
        time_us = self.next * TICK_us
        channel = multiplexer.working if multiplexer.running else 0
        low_pass = self.filters.setdefault(channel, _LowPass())
        current_uA, limited = circuit.read_current()
        low_pass.hold(current_uA, looks, TICK_us * (len(multiplexer.enabled) if multiplexer.running else 1))
        voltage_V = waveform.voltage_V(time_us)
        circuit.set_voltage(voltage_V)
        said = ""
        sample = self._sample(time_us, period_us, voltage_V, low_pass.value) if time_us else None
        if sample is not None:
            sample |= {"n": channel} if channel else {}
            said = written(sample | ({"le": True} if limited else {})) + "\r\n"
            if multiplexer.running:
                multiplexer.connect_next()
        self.done = time_us >= waveform.done_us
        due_us = min(
            waveform.next_change_us(time_us), (time_us // period_us + 1) * period_us, waveform.done_us
        )
        self.next = -(-max(due_us, time_us + TICK_us) // TICK_us)
        return said

    def _sample(
        self, time_us: int, period_us: int, voltage_V: float, current_uA: float
    ) -> dict[str, Any] | None:
        """The sample that is due at a look, if one is."""
        waveform = self.waveform
        if not waveform.pulsed:
            due = time_us % period_us == 0
            return {"t": time_us // 1000, "v": voltage_V, "i": current_uA} if due else None
        assert hasattr(waveform, "stair_V")
        assert hasattr(waveform, "window_us")
        since_us = time_us - waveform.quiet_us
        if since_us <= 0:
            due = since_us < 0 and time_us % period_us == 0
            return {"t": time_us // 1000, "v": voltage_V, "i": 0.0} if due else None
        place_us, half_us = since_us % period_us, period_us // 2
        # A look reads what flowed until then: the one at a half's end belongs to that half.
        place_us = place_us or period_us
        mean, end_us = (self.forward, half_us) if place_us <= half_us else (self.reverse, period_us)
        if end_us - place_us < waveform.window_us():
            mean.take(current_uA)
        if place_us != period_us:
            return None
        forward, reverse = self.forward.result(), self.reverse.result()
        before, self.reverse_before = self.reverse_before, reverse
        difference = forward - reverse
        if waveform.name == "differentialPulse":
            difference = forward - before if since_us > period_us else 0.0
        return {"t": time_us // 1000, "v": waveform.stair_V(time_us), "i": difference}
