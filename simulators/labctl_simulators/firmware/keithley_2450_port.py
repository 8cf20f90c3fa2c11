"""One connection to the simulated 2450: its input, the message it runs, and its output."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from labctl_simulators.firmware.scpi import LineBuffer, Program
from labctl_simulators.firmware.scpi_parameters import INPUT_OVERRUN, ScpiError

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2450 import Keithley2450

MOST_OUTPUT_BYTES = 1_000_000
"""A port runs no further message while this much of its output is not taken."""


class Busy(NamedTuple):
    """A command that takes time: at ``due_s`` ``finish`` gives its reply, or a further Busy.

    ``due_s`` is None where the command waits for the trigger model to end.
    """

    due_s: float | None
    finish: "Callable[[], str | Busy | None]"


class Port:
    """One connection: its input, the message it runs, and its output."""

    def __init__(self, device: "Keithley2450") -> None:
        self._device = device
        self._lines = LineBuffer()
        self._output: list[str] = []
        self._output_bytes = 0
        self._program: Program = ()
        self._position = 0
        self._replies: list[str] = []
        self._busy: Busy | None = None
        self.due_s: float | None = math.inf
        """When the command in execution ends: infinity if none is, None if it waits for the trigger model."""

    # ---- the contract of a WirePort ----

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived, run what can be run, and answer."""
        device = self._device
        device.run_until(now_s)
        program = device.programs.get(data)
        if program is not None and self._busy is None and self._lines.empty:
            self._start(program)
        else:
            for _ in range(self._lines.feed(data)):
                device.report(ScpiError(*INPUT_OVERRUN))
            self._work()
        if device.due_s <= now_s:
            device.run_until(now_s)
        return self._take() if self._output else b""

    def next_wake(self) -> float | None:
        """When the instrument has something to do, for this connection or by itself."""
        if self._output or (self._busy is None and self._lines.has_line):
            return self._device.now_s
        due_s = self._device.due_s
        return None if due_s == math.inf else due_s

    def wake(self, now_s: float) -> bytes:
        """Do what is due and return the output of this connection."""
        self._device.run_until(now_s)
        output = self._take() if self._output else b""
        if self._busy is None and self._lines.has_line:
            self._work()
        return output

    def close(self, now_s: float) -> None:
        """Forget input, pending reply and output; the instrument goes on as it is."""
        self._device.run_until(now_s)
        self._device.forget(self)
        self._lines.clear()
        self._output.clear()
        self._replies.clear()
        self._busy, self.due_s = None, math.inf

    # ---- running messages ----

    def resume(self) -> None:
        """The command in execution is done: take its reply and go on with the message, then with the next."""
        busy = self._busy
        if busy is None:
            return
        self._busy, self.due_s = None, math.inf
        if self._accept(busy.finish()):
            self._run()
        if self._busy is None and self._lines.has_line:
            self._work()

    def _work(self) -> None:
        """Run waiting messages until one takes time or enough output waits."""
        while self._busy is None and self._output_bytes < MOST_OUTPUT_BYTES:
            line = self._lines.pop()
            if line is None:
                return
            self._start(self._device.program(line))

    def _start(self, program: Program) -> None:
        self._program, self._position = program, 0
        self._run()

    def _run(self) -> None:
        """Run the message from where it stands, until its end, a mistake, or a command that takes time."""
        device, program = self._device, self._program
        while self._position < len(program):
            run, arguments = program[self._position]
            self._position += 1
            try:
                result = run(device, *arguments)
            except ScpiError as error:
                device.report(error)
                break
            if result is not None and not self._accept(result):
                return
        if self._replies:
            reply = ";".join(self._replies) + "\n"
            self._replies.clear()
            self._output.append(reply)
            self._output_bytes += len(reply)

    def _accept(self, result: "str | Busy | None") -> bool:
        """Keep a reply; False if the command goes on."""
        if isinstance(result, Busy):
            self._busy, self.due_s = result, result.due_s
            self._device.reschedule()
            return False
        if result is not None:
            self._replies.append(result)
        return True

    def _take(self) -> bytes:
        output = "".join(self._output).encode("latin-1")
        self._output.clear()
        self._output_bytes = 0
        return output
