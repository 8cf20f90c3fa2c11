"""A small engine in a process of its own, to be killed and stopped: cycles for ever through a keeper.

    python engine.py KEEPER_FD KEEPER_PID

Reads lines ``{"resource": ..., "driver": ..., "lease_s": ..., "watchdog_s": ...}`` and forks an engine for each, whose
process id it prints: after the imports, an engine starts in a millisecond.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import aclosing, suppress
from typing import Any

from labctl import plugins
from labctl.clock import LoopClock
from labctl.errors import LabctlError
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.keeper.peer import Peer
from labctl.keeper.remote import RemoteChannel
from labctl.keeper.start import hand_over

SAFETY = SafetyLimits(-2.0, 2.0, 2e-3)


def current(value_A: float, time_s: float, every_s: float = 0.1) -> Step:
    cutoffs = (
        Cutoff(Quantity.TIME, Side.ABOVE, time_s),
        Cutoff(Quantity.VOLTAGE, Side.ABOVE, 1.9),
    )
    control = Control.CURRENT if value_A else Control.REST
    return Step(control, value_A, cutoffs, SAFETY, Sampling(every_s))


SWEEP = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, 0.0, 1e4, 1e2, 3, SAFETY)


class InheritedKeeper:
    """The keeper that another process has started."""

    def __init__(self, number: int, pid: int) -> None:
        self._control = socket.socket(fileno=number)
        self._pid = pid

    def ready(self) -> None:
        pass

    async def start(self) -> Peer:
        return await hand_over(self._control, self._pid)

    def end(self, peer: Peer) -> None:
        with suppress(ProcessLookupError):
            os.kill(peer.pid, signal.SIGKILL)


async def cycle(order: dict[str, Any], keepers: InheritedKeeper) -> None:
    channel = RemoteChannel(
        *("cell", order["driver"], order["resource"], LoopClock(), keepers),
        lease_s=order["lease_s"],
        options=(("watchdog_s", order["watchdog_s"]),) if order["watchdog_s"] else (),
    )
    await channel.connect()
    while True:
        for step in (current(5e-4, 0.4), current(-5e-4, 0.4), current(0.0, 0.2)):
            async with aclosing(channel.run(step)) as samples:
                async for _ in samples:
                    pass
        if channel.traits.impedance is not None:
            async with aclosing(channel.sweep(SWEEP)) as points:
                async for _ in points:
                    pass


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    plugins.driver("keithley-2450")
    keepers = InheritedKeeper(int(sys.argv[1]), int(sys.argv[2]))
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            with suppress(LabctlError):
                asyncio.run(cycle(order, keepers))
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
