"""A connection to a simulated EC301: lines of commands in, answers and, once asked for, packets of binary data out.

Source: EC301 manual figure 33, tables 4 and 5. Assumed: 64 frames in a packet, the checksums as sums of the bytes
before them, a footer that the payload's length leaves out, and that of more than ``_MOST_PACKETS`` waiting packets the
older ones are dropped, which the packet counter tells.
"""

import math
import struct
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from labctl_simulators.firmware.scpi import LineBuffer
from labctl_simulators.firmware.srs_ec301_status import BAD_COMMAND, E_OVERLOAD, I_OVERLOAD

if TYPE_CHECKING:
    from labctl_simulators.firmware.srs_ec301 import SrsEc301

_FRAMES = 64
_SAMPLE_s = 4e-6
_MOST_PACKETS = 16
_LOOKED_AT_s = 256e-6
_RANGE_BITS = {0: 3, 1: 5, 2: 6}
_PLAYING_BIT = {"": 0, "ramp": 1 << 11, "pulse": 1 << 19, "arbitrary": 1 << 22}
_OVERLOAD_E, _OVERLOAD_I = 1 << 2, 1 << 3


class Ec301Port:
    """One connection: a line buffer, and a stream if it asked for one."""

    def __init__(self, device: "SrsEc301", execute: "Callable[[SrsEc301, Ec301Port, bytes], bytes]") -> None:
        self._execute = execute
        self._device = device
        self._lines = LineBuffer()
        self._frame_s: float | None = None
        self._payload = b""
        self._packets: deque[bytes] = deque(maxlen=_MOST_PACKETS)
        self._looked_s, self._volt, self._ampere = -math.inf, 0.0, 0.0
        self._counter = 0

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived and answer."""
        out = self.wake(now_s)
        for _ in range(self._lines.feed(data)):
            self._device.status.post(BAD_COMMAND)
        while (line := self._lines.pop()) is not None:
            out += self._execute(self._device, self, line)
        return out

    def next_wake(self) -> float | None:
        """When a packet is complete, or a waveform ends."""
        due = [self._device.next_change_s()]
        if self._frame_s is not None:
            due.append(self._frame_s + (_FRAMES - 1 - len(self._payload) // 16) * self._each_s())
        return min((time_s for time_s in due if time_s is not None), default=None)

    def wake(self, now_s: float) -> bytes:
        """The packets that are complete by now."""
        self._device.run_until(now_s)
        out = b"".join(self._packets)
        self._packets.clear()
        return out

    def take_frames(self, now_s: float) -> None:
        """Take the frames that are due, before the instrument lives on."""
        if self._frame_s is None:
            return
        each_s = self._each_s()
        late = int((now_s - self._frame_s) / each_s / _FRAMES) - _MOST_PACKETS
        if late > 0:
            self._counter += late
            self._frame_s += late * _FRAMES * each_s
        while self._frame_s <= now_s:
            self._take_frame(self._frame_s)
            self._frame_s += each_s
            if len(self._payload) == 16 * _FRAMES:
                self._packets.append(self._packet())

    def close(self, now_s: float) -> None:
        """The peer is gone; the instrument goes on as it is."""
        self._device.run_until(now_s)
        self.clear()

    def clear(self) -> None:
        """Forget input and stream."""
        self._lines.clear()
        self.stream(False)

    def stream(self, on: bool) -> None:
        """``getbda``."""
        self._frame_s = self._device.now_s + self._each_s() if on else None
        self._payload, self._looked_s = b"", -math.inf
        others = [port for port in self._device.streams if port is not self]
        self._device.streams = [*others, self] if on else others

    def poll(self) -> bytes:
        """``polbda?``: one packet. Assumed: of this moment."""
        kept, self._payload = self._payload, b""
        self._looked_s = -math.inf
        for _ in range(_FRAMES):
            self._take_frame(self._device.now_s)
        out, self._payload = self._packet(), kept
        return out

    def _take_frame(self, time_s: float) -> None:
        device = self._device
        if time_s - self._looked_s >= _LOOKED_AT_s:
            device.live_until(time_s)
            self._looked_s, self._volt, self._ampere = time_s, device.measure_V(), device.measure_A()
        self._payload += struct.pack("<Ifff", self._state(), 0.0, self._ampere, self._volt)

    def _packet(self) -> bytes:
        head = struct.pack("<BBHIIB", 0x1F, 0x10, self._counter & 0xFFFF, len(self._payload), 0, 0)
        head += bytes([sum(head) & 0xFF]) + b"\r\n"
        self._counter += 1
        overload = self._device.overload()
        overloads = _OVERLOAD_E * bool(overload & E_OVERLOAD) | _OVERLOAD_I * bool(overload & I_OVERLOAD)
        body = head + self._payload + struct.pack("<ffffB6x", 0.0, 0.0, 0.0, 0.0, overloads)
        self._payload = b""
        return body + bytes([sum(body) & 0xFF])

    def _each_s(self) -> float:
        return float(_SAMPLE_s * 2.0 ** self._device.settings["avgexp"])

    def _state(self) -> int:
        """The "fast" bits of a frame, table 4."""
        device = self._device
        return (
            int(not device.circuit_closed)
            | int(device.limiting) << 3
            | device.range << 4
            | _RANGE_BITS[int(device.settings["eadcrg"])] << 8
            | int(device.settings["avgexp"]) << 15
            | _PLAYING_BIT[device.playing_kind]
        )
