"""Simulated Maccor Series 4000: the tester's program MacTest32 with its doors for MacNet. Not verified on hardware.

Theory of operation. A connection is binary or JSON; the real program has a TCP port for each (57560, 57570). Here a
connection is what its first byte says: no binary message begins with a brace, since there is no such function class.
Either way a message names a function (maccor_4000_questions, maccor_4000_commands), is carried out on the channels as
they are at that moment (maccor_4000_channel), and is answered at once. A brace that was begun is waited for.

Source: Maccor help, "Remote Control - MacNet" (macnet_from_maccor_help.pdf, in pymacnet's repository). Left out: UDP,
smart batteries, chambers, regimes, data files, user authentication (anybody passes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from labctl_simulators.cells import Cell

from . import maccor_4000_binary, maccor_4000_json
from .maccor_4000_channel import IDLE, Channel
from .maccor_4000_circuit import MODELS, Model
from .maccor_4000_files import Files, Transfer
from .maccor_4000_messages import MacNetError, Params

_BEGAN_UNIX_S = 1_652_832_000.0  # 2022-05-18; firmware knows no calendar
_LONGEST_MESSAGE = 1 << 20
_OPEN_OHM = 1e10


class _NothingConnected:
    """The cell of a channel that has none."""

    def voltage_V(self, current_A: float) -> float:
        return _OPEN_OHM * current_A

    def current_A(self, voltage_V: float) -> float:
        return voltage_V / _OPEN_OHM

    def advance_current(self, duration_s: float, current_A: float) -> None:
        pass

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        return duration_s * voltage_V / _OPEN_OHM

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        return complex(_OPEN_OHM)


class Maccor4000:
    """A tester: its first channel has the cell, further cells have the next, what is left has nothing connected.

    Args:
        cell: at channel 1.
        seed: of the noise.
        further: cells at channel 2 and so on.
        model: the ranges of all channels.
        channels: how many there are at least.
        watchdog_s: ``MacNetDirectModeWD`` of System.ini; 0 as it comes from the factory.
    """

    second_after = 10  # the TCP port of JSON after that of binary messages

    def __init__(
        self,
        cell: Cell,
        seed: int = 0,
        *,
        further: Sequence[Cell] = (),
        model: str = "bipolar-5V",
        channels: int = 1,
        watchdog_s: float = 0.0,
    ) -> None:
        ranges: Model = MODELS[model]
        cells = [cell, *further]
        cells += [_NothingConnected() for _ in range(channels - len(cells))]
        self.channels = [Channel(each, ranges, seed + n, watchdog_s) for n, each in enumerate(cells)]
        self.files = Files()
        self.flags = 0
        self.used_names: set[str] = set()
        self.complaints: list[str] = []
        self._now_s = 0.0
        self._random_names = 0

    def port(self) -> MacNetConnection:
        """A further connection; the program takes many."""
        return MacNetConnection(self)

    def second_port(self) -> MacNetConnection:
        """At the other TCP port."""
        return MacNetConnection(self)

    @property
    def circuit_closed(self) -> bool:
        """Whether a current can flow in any channel, as of when it was last asked something."""
        return any(channel.circuit_closed for channel in self.channels)

    def live_until(self, now_s: float) -> None:
        """Let everything happen that is due by ``now_s``; a channel that does nothing waits until it is asked."""
        self._now_s = max(self._now_s, now_s)
        for channel in self.channels:
            if channel.state not in IDLE:
                channel.live_until(self._now_s)

    def unix_s(self) -> float:
        """What the clock of the tester's computer shows, s since 1970."""
        return _BEGAN_UNIX_S + self._now_s

    def use_name(self, name: str) -> str:
        """Take a name for a test; ``Random`` gives one."""
        while name == "Random" or (name.startswith("MAC-") and name in self.used_names):
            self._random_names += 1
            name = f"MAC-{self._random_names:06d}"
        self.used_names.add(name)
        return name

    # --- what a message says ---------------------------------------------------------------------------------

    def number(self, params: Params) -> int:
        """The index of the channel that is meant."""
        number = self.whole(params, "Chan")
        if not 0 <= number < len(self.channels):
            raise MacNetError("Illegal value")
        return number

    def channel(self, params: Params) -> Channel:
        """The channel that is meant, as it is now."""
        return self.alive(self.channels[self.number(params)])

    def alive(self, channel: Channel) -> Channel:
        """The channel as it is now."""
        channel.live_until(self._now_s)
        return channel

    def whole(self, params: Params, name: str, default: int | None = None) -> int:
        """A whole number."""
        value = self._value(params, name, default)
        if type(value) is not int or not -(2**31) <= value < 2**32:
            raise MacNetError("Illegal value")
        return value

    def number_of(self, params: Params, name: str, default: float | None = None) -> float:
        """A finite number."""
        value = self._value(params, name, default)
        if type(value) not in (int, float) or not abs(value) < 1e30 or math.isnan(value):
            raise MacNetError("Illegal value")
        return float(value)

    def text(self, params: Params, name: str, default: str | None = None) -> str:
        """Text."""
        value = self._value(params, name, default)
        if not isinstance(value, str) or len(value) > 1000:
            raise MacNetError("Illegal value")
        return value.strip()

    @staticmethod
    def _value(params: Params, name: str, default: Any) -> Any:
        value = params.get(name, default)
        if value is None:
            raise MacNetError("Missing object")
        return value


class MacNetConnection:
    """One peer."""

    def __init__(self, tester: Maccor4000) -> None:
        self._tester = tester
        self._transfer = Transfer(tester.files)
        self._input = bytearray()
        self._braces: maccor_4000_json.Braces | None = None
        self._begun = False

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take bytes, answer every message that is whole by now."""
        self._tester.live_until(now_s)
        if not self._begun:
            data = data.lstrip(b" \t\r\n")
            if not data:
                return b""
            self._begun = True
            self._braces = maccor_4000_json.Braces() if data[:1] == b"{" else None
        if self._braces is not None:
            messages = self._braces.feed(data)
            answers = b"".join(maccor_4000_json.answer(self._tester, self._transfer, m) for m in messages)
            if len(self._braces) > _LONGEST_MESSAGE:
                raise ConnectionAbortedError("a message without end")
            return answers
        self._input += data
        return self._binary()

    def next_wake(self) -> float | None:
        """Never: it speaks only when it is spoken to."""
        return None

    def wake(self, now_s: float) -> bytes:
        """Nothing is due."""
        return b""

    def close(self, now_s: float) -> None:
        """The peer is gone; what runs goes on."""
        self._input.clear()
        self._begun, self._braces = False, None
        self._transfer = Transfer(self._tester.files)

    def _binary(self) -> bytes:
        header, answers = maccor_4000_binary.HEADER, b""
        while len(self._input) >= header.size:
            function_class, number, channel, length = header.unpack_from(self._input)
            function = function_class, number
            whole = header.size + maccor_4000_binary.data_bytes(function, length, channel)
            if len(self._input) < whole:
                break
            message = bytes(self._input[:whole])
            del self._input[:whole]
            answers += self._answered(function, channel, length, message)
        return answers

    def _answered(self, function: tuple[int, int], channel: int, length: int, message: bytes) -> bytes:
        header, data = maccor_4000_binary.HEADER, message[maccor_4000_binary.HEADER.size :]
        if function[0] == 0:
            return message
        if function == (1, 5):
            body = self._listing(data)
        elif function == (1, 6):
            body = self._transfer.send(data)
        elif function == (1, 7):
            body = self._transfer.get(data)
            if not body:
                return b""
        else:
            return maccor_4000_binary.answer(self._tester, function, channel, length, data)
        return header.pack(*function, channel, len(body)) + body

    def _listing(self, data: bytes) -> bytes:
        kind, command = (data[0], data[1]) if len(data) >= 2 else (0, 0)
        files, index, name, size = self._transfer.listing(kind, command)
        head = bytes([kind, command]) + files.to_bytes(2, "little")
        if command == 0:
            return head
        date = round(1000.0 * self._tester.unix_s()).to_bytes(8, "little")
        text = name.encode("latin-1", "replace")
        numbers = index.to_bytes(2, "little") + date + size.to_bytes(8, "little")
        return head + numbers + len(text).to_bytes(2, "little") + text
