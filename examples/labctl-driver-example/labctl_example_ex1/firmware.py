"""A simulated EX-1, written from facts.md and not from the driver: bytes and a time in, bytes out.

Theory of operation. All connections share one instrument. Whenever a time is given the cell is brought up to it, at the
level if the output is on, else at open circuit. While the output is on it looks at its limits ten times a second and at
each reading; beyond them the output opens.
"""

from typing import Any

_LOOK_s = 0.1
_IDENTITY = b"EXAMPLE,EX-1,0001,1.0"
_LONGEST_LINE = 200


class ExampleEx1:
    """The instrument.

    Args:
        cell: what is connected: ``voltage_V``, ``current_A``, ``advance_current``, ``advance_voltage``.
        seed: an EX-1 that is simulated has no noise; taken because every simulator takes one.
    """

    def __init__(self, cell: Any, seed: int = 0) -> None:
        self.circuit_closed = False
        self._cell = cell
        self._now_s = 0.0
        self._limits = (b"-5,5,0.01", -5.0, 5.0, 0.01)
        self._level = (b"I,0", 0.0)

    def port(self) -> "Port":
        """A connection."""
        return Port(self)

    def advance(self, now_s: float) -> None:
        """Bring the cell up to a time, and look at the limits on the way."""
        while self.circuit_closed and now_s > self._now_s:
            self._pass(min(_LOOK_s, now_s - self._now_s))
            self._look()
        if now_s > self._now_s:
            self._pass(now_s - self._now_s)

    def answer(self, line: bytes, now_s: float) -> bytes:
        """What one line is answered with; empty for none."""
        self.advance(now_s)
        command, _, value = line.partition(b" ")
        try:
            match command:
                case b"*IDN?":
                    return _IDENTITY
                case b"LIM":
                    lowest_V, highest_V, most_A = map(float, value.split(b","))
                    self._limits = (value, lowest_V, highest_V, most_A)
                case b"LIM?":
                    return self._limits[0]
                case b"SET":
                    self._set(value)
                case b"SET?":
                    return self._level[0]
                case b"OUT":
                    self.circuit_closed = {b"1": True, b"0": False}[value]
                case b"OUT?":
                    return b"1" if self.circuit_closed else b"0"
                case b"MEAS?":
                    voltage_V, current_A = self._look()
                    return b"%.7g,%.7g,%d" % (voltage_V, current_A, self.circuit_closed)
                case _:
                    return b"ERR"
        except (ValueError, KeyError):
            return b"ERR"
        return b""

    def _set(self, text: bytes) -> None:
        mode, value = text.split(b",")
        most = {b"I": 10e-3, b"V": 5.0}[mode]
        if not abs(float(value)) <= most:
            raise ValueError
        self._level = (text, float(value))

    def _pass(self, duration_s: float) -> None:
        text, value = self._level
        if not self.circuit_closed:
            self._cell.advance_current(duration_s, 0.0)
        elif text.startswith(b"I"):
            self._cell.advance_current(duration_s, value)
        else:
            self._cell.advance_voltage(duration_s, value)
        self._now_s += duration_s

    def _look(self) -> tuple[float, float]:
        text, value = self._level
        if not self.circuit_closed:
            return self._cell.voltage_V(0.0), 0.0
        if text.startswith(b"I"):
            reading = self._cell.voltage_V(value), value
        else:
            reading = value, self._cell.current_A(value)
        _, lowest_V, highest_V, most_A = self._limits
        self.circuit_closed = lowest_V <= reading[0] <= highest_V and abs(reading[1]) <= most_A
        return reading


class Port:
    """One connection: any split of the input gives the same output."""

    def __init__(self, device: ExampleEx1) -> None:
        self._device = device
        self._input = b""

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take bytes, answer bytes."""
        *lines, self._input = (self._input + data).split(b"\n")
        self._input = self._input[:_LONGEST_LINE]
        answers = [self._device.answer(line.rstrip(b"\r"), now_s) for line in lines]
        return b"".join(answer + b"\n" for answer in answers if answer)

    def next_wake(self) -> float | None:
        """It never speaks unasked."""
        return None

    def wake(self, now_s: float) -> bytes:
        """Let time pass."""
        self._device.advance(now_s)
        return b""

    def close(self, now_s: float) -> None:
        """The instrument goes on."""
        self._device.advance(now_s)
