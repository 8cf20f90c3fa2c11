"""Many simulated 2450s in one process, each at a TCP port of its own, which time what is done to them.

    python bench/many_instruments.py COUNT --every SECONDS [--seed N]

The first line printed is a JSON list of ports. At each line on standard input it prints what it has seen since the
line before, as JSON, and its processor time. At each instrument hangs a resistor, whose resistance grows tenfold at
random moments while current flows, so that the next reading crosses a cut-off that no slope has foretold: from that
answer on it is timed until ``:OUTP OFF`` arrives.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from random import Random

from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware import WirePort
from labctl_simulators.firmware.keithley_2450 import Keithley2450

LOW_OHM, HIGH_OHM, CROSSED_V = 100.0, 1000.0, 0.3
LATE_S = 0.05
JUMP_AFTER_S = 20.0, 100.0


class Account:
    """What all instruments of this process have seen since it was asked for last."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.firmware_s = 0.0
        self.reset()

    def reset(self) -> None:
        self.actions_ms: list[float] = []
        self.readings = self.exchanges = self.late = 0
        self.worst_gap_s = 0.0
        self.firmware_s = 0.0

    def reading(self, gap_s: float) -> None:
        """A reading is asked for, so long after the one before."""
        self.readings += 1
        self.worst_gap_s = max(self.worst_gap_s, gap_s)
        self.late += gap_s > self.every_s + LATE_S

    def report(self) -> str:
        used = resource.getrusage(resource.RUSAGE_SELF)
        found = {
            "actions_ms": self.actions_ms,
            "readings": self.readings,
            "exchanges": self.exchanges,
            "late": self.late,
            "worst_gap_s": self.worst_gap_s,
            "firmware_s": self.firmware_s,
            "processor_s": used.ru_utime + used.ru_stime,
        }
        self.reset()
        return json.dumps(found)


class Instrument:
    """One instrument, and the times of what is done to it."""

    def __init__(self, number: int, account: Account, random: Random) -> None:
        self._cell = Resistor(LOW_OHM)
        self.device = Keithley2450(self._cell, number, serial=f"{number:08}")
        self._account = account
        self._random = random
        self._asked_s: float | None = None
        self._crossed_s: float | None = None
        self._jump: asyncio.TimerHandle | None = None

    def heard(self, data: bytes, now_s: float) -> None:
        """Something was said to it."""
        self._account.exchanges += 1
        if data.startswith(b":READ?"):
            self._account.reading(now_s - self._asked_s if self._asked_s is not None else 0.0)
            self._asked_s = now_s
            return
        if b":OUTP ON" in data:
            self._jump_some_time()
        elif b":OUTP OFF" in data:
            self._switched_off(now_s)
        if b":TRAC:" not in data:  # the reading buffer is emptied now and then, which ends no step
            self._asked_s = None

    def said(self, answer: bytes, now_s: float) -> None:
        """It has answered: only readings, and who it is, come as four fields."""
        if answer.startswith(b"KEITHLEY"):
            return
        if self._crossed_s is None and self._cell.resistance_ohm == HIGH_OHM and answer.count(b",") == 3:
            voltage_V = float(answer.split(b",", 1)[0])
            self._crossed_s = now_s if voltage_V >= CROSSED_V else None

    def _jump_some_time(self) -> None:
        delay_s = self._random.uniform(*JUMP_AFTER_S)
        self._jump = asyncio.get_running_loop().call_later(delay_s, self._grow)

    def _grow(self) -> None:
        self._cell.resistance_ohm = HIGH_OHM

    def _switched_off(self, now_s: float) -> None:
        if self._jump is not None:
            self._jump.cancel()
        if self._crossed_s is not None:
            self._account.actions_ms.append((now_s - self._crossed_s) * 1e3)
        self._crossed_s, self._cell.resistance_ohm = None, LOW_OHM


class Connection(asyncio.Protocol):
    """One connection to an instrument."""

    def __init__(self, instrument: Instrument, account: Account) -> None:
        self._instrument = instrument
        self._account = account
        self._port: WirePort = instrument.device.port()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        now_s = time.monotonic()
        self._instrument.heard(data, now_s)
        began_s = time.thread_time()
        answer = self._port.receive(data, now_s)
        self._account.firmware_s += time.thread_time() - began_s
        self._send(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._port.close(time.monotonic())

    def _wake(self) -> None:
        self._timer = None
        began_s = time.thread_time()
        answer = self._port.wake(time.monotonic())
        self._account.firmware_s += time.thread_time() - began_s
        self._send(answer)

    def _send(self, answer: bytes) -> None:
        if answer:
            self._transport.write(answer)
            self._instrument.said(answer, time.monotonic())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_s = self._port.next_wake()
        if due_s is not None:
            delay_s = max(due_s - time.monotonic(), 0.0)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake)


async def serve(count: int, account: Account, seed: int) -> None:
    """Serve until standard input ends."""
    loop, random = asyncio.get_running_loop(), Random(seed)
    ports = []
    for number in range(count):
        instrument = Instrument(1000 * seed + number, account, random)
        server = await loop.create_server(
            lambda instrument=instrument: Connection(instrument, account), "127.0.0.1", 0
        )
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    ended = asyncio.Event()

    def asked() -> None:
        if sys.stdin.readline():
            print(account.report(), flush=True)
        else:
            ended.set()

    loop.add_reader(sys.stdin, asked)
    await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("count", type=int)
    parser.add_argument("--every", type=float, required=True, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(serve(given.count, Account(given.every), given.seed))


if __name__ == "__main__":
    main()
