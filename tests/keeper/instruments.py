"""Simulated instruments in a process of their own, which write down every byte and what their circuits truly do.

``python tests/keeper/instruments.py LOG KIND COUNT`` serves COUNT instruments over TCP; the first line printed is a
JSON list of their resources. Lines of ``LOG.index``: ``[monotonic second, "wire", text]`` and ``[..., "circuit",
closed]``. On standard input it takes ``[index, fault, times]``: ``ignore-off`` (-1: for ever), ``mute`` (0: no more),
``deaf`` (connections that are open now hear nothing any more, later ones do).
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable

from labctl_simulators.attach.tcp import serve
from labctl_simulators.cells.resistor import resistor
from labctl_simulators.firmware import Device, WirePort
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.palmsens_emstat4 import EmStat4

KINDS: dict[str, Callable[[], Device]] = {
    "keithley-2450": lambda: Keithley2450(resistor("1000", 0)),
    "palmsens-emstat4": lambda: EmStat4(resistor("1000", 0)),
}


class Recorded:
    """A device whose ports write down what happens, and which can be made to disobey."""

    def __init__(self, device: Device, log: str) -> None:
        self._device = device
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._closed: bool | None = None
        self.ignored_offs = 0
        self.mute = False
        self.ports: list[RecordedPort] = []

    def port(self) -> "RecordedPort":
        self.ports.append(RecordedPort(self._device.port(), self))
        return self.ports[-1]

    @property
    def circuit_closed(self) -> bool:
        return self._device.circuit_closed

    def note(self, kind: str, value: object) -> None:
        os.write(self._log, json.dumps([time.monotonic(), kind, value]).encode() + b"\n")

    def look(self) -> None:
        if self._closed != self._device.circuit_closed:
            self._closed = self._device.circuit_closed
            self.note("circuit", self._closed)

    def let_pass(self, data: bytes) -> bytes:
        """What the firmware gets to see of a message."""
        if b":OUTP OFF\n" not in data or not self.ignored_offs:
            return data
        self.ignored_offs -= 1
        return data.replace(b":OUTP OFF\n", b"")


class RecordedPort:
    """One connection."""

    def __init__(self, port: WirePort, device: Recorded) -> None:
        self._port = port
        self._device = device
        self.used = False
        self.deaf = False

    def receive(self, data: bytes, now_s: float) -> bytes:
        self.used = True
        if self.deaf:
            return b""
        self._device.note("wire", data.decode("latin-1"))
        answer = self._port.receive(self._device.let_pass(data), now_s)
        self._device.look()
        return b"" if self._device.mute else answer

    def next_wake(self) -> float | None:
        return self._port.next_wake()

    def wake(self, now_s: float) -> bytes:
        answer = self._port.wake(now_s)
        self._device.look()
        return b"" if self._device.mute else answer

    def close(self, now_s: float) -> None:
        self._port.close(now_s)
        self._device.look()


async def main(log: str, kind: str, count: int) -> None:
    devices = [Recorded(KINDS[kind](), f"{log}.{index}") for index in range(count)]
    ready: dict[int, str] = {}

    def obey() -> None:
        for line in os.read(0, 65536).splitlines():
            index, fault, times = json.loads(line)
            if fault == "ignore-off":
                devices[index].ignored_offs = times
            elif fault == "deaf":
                for port in devices[index].ports:
                    port.deaf = port.used
            else:
                devices[index].mute = bool(times)
            devices[index].note("fault", [fault, times])

    asyncio.get_running_loop().add_reader(0, obey)

    def announce(index: int, resource: str) -> None:
        ready[index] = resource
        if len(ready) == count:
            print(json.dumps([ready[i] for i in range(count)]), flush=True)

    async with asyncio.TaskGroup() as group:
        for index, device in enumerate(devices):
            group.create_task(serve(device, port=0, ready=lambda name, index=index: announce(index, name)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
