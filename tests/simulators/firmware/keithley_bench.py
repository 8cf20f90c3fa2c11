"""A simulated 2450 on the bench: a battery whose charge is counted, and a client that lets time pass."""

import math

from labctl_simulators.firmware.keithley_2450 import Keithley2450


class Battery:
    """An ideal cell with a series resistance: V = q / C + R i. ``charge_C`` counts what went in."""

    def __init__(
        self, volts: float = 3.0, capacitance_F: float = 100.0, resistance_ohm: float = 10.0
    ) -> None:
        self.capacitance_F = capacitance_F
        self.resistance_ohm = resistance_ohm
        self.open_circuit_V = volts
        self.charge_C = 0.0

    def voltage_V(self, current_A: float) -> float:
        return self.open_circuit_V + self.resistance_ohm * current_A

    def current_A(self, voltage_V: float) -> float:
        return (voltage_V - self.open_circuit_V) / self.resistance_ohm

    def advance_current(self, duration_s: float, current_A: float) -> None:
        self._take(duration_s * current_A)

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        decay = math.exp(-duration_s / (self.resistance_ohm * self.capacitance_F))
        charge_C = (voltage_V - self.open_circuit_V) * self.capacitance_F * (1.0 - decay)
        self._take(charge_C)
        return charge_C

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        return complex(self.resistance_ohm, -1.0 / (2.0 * math.pi * frequency_Hz * self.capacitance_F))

    def _take(self, charge_C: float) -> None:
        self.charge_C += charge_C
        self.open_circuit_V += charge_C / self.capacitance_F


class Bench:
    """A 2450, the battery on it, and one connection; time passes when a reply is waited for, or on ``wait``."""

    def __init__(self, battery: Battery, **options: str | int) -> None:
        self.battery = battery
        self.device = Keithley2450(battery, **options)  # type: ignore[arg-type]
        self.port = self.device.port()
        self.now_s = 0.0

    def send(self, message: str) -> str:
        """Send one message; what it answers at once."""
        return self.port.receive(message.encode("latin-1") + b"\n", self.now_s).decode("latin-1")

    def ask(self, message: str) -> str:
        """Send one message and wait for its reply, without the LF; fails when none ever comes."""
        reply = self.send(message)
        while not reply:
            due_s = self.port.next_wake()
            assert due_s is not None, f"no reply to {message!r}, and none is due"
            self.now_s = max(self.now_s, due_s)
            reply = self.port.wake(self.now_s).decode("latin-1")
        assert reply.endswith("\n")
        return reply[:-1]

    def wait(self, duration_s: float) -> str:
        """Let time pass, waking the port as it wants; whatever is answered meanwhile."""
        end_s, output = self.now_s + duration_s, ""
        while (due_s := self.port.next_wake()) is not None and due_s <= end_s:
            self.now_s = max(self.now_s, due_s)
            output += self.port.wake(self.now_s).decode("latin-1")
        self.now_s = end_s
        return output + self.port.wake(end_s).decode("latin-1")

    def output_on(self) -> bool:
        """Whether the source is on."""
        return self.device.output_on

    def circuit_closed(self) -> bool:
        """Whether the relay connects the battery."""
        return self.device.circuit_closed

    def errors(self) -> list[int]:
        """Codes of the error queue, oldest first; the queue is empty afterwards."""
        codes = []
        while (code := int(self.ask(":SYST:ERR:CODE?"))) != 0:
            codes.append(code)
        return codes


def new_bench(
    volts: float = 3.0, capacitance_F: float = 100.0, resistance_ohm: float = 10.0, **options: str
) -> Bench:
    """A bench as it is after power-on."""
    return Bench(Battery(volts, capacitance_F, resistance_ohm), **options)


def current_source(**options: float) -> Bench:
    """A bench that sources current, measures voltage and opens its relay when off; output off."""
    bench = new_bench(**options)  # type: ignore[arg-type]
    bench.send(":OUTP:SMOD HIMP;:SOUR:FUNC CURR;:SENS:FUNC 'VOLT'")
    return bench
