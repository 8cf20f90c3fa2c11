"""The trigger model: numbered blocks that the instrument executes by itself, host or no host.

Theory of operation (2461 Reference Manual pp. 6-186 to 6-235). Execution begins at block 1 and goes on to the next
number unless a block branches; past the last block the model is idle. A counter block adds 1, branches while its
count is below the target, and starts over the next time it is reached (the manual's example: 5 readings, looped 3
times, are 15). An event is remembered until a block asks for it. ``MEAS n,"buf",INF`` goes on measuring while the
following blocks run. Only measuring and delays take time; ``Assumed:`` every other block takes none, but a loop of
such blocks that gets somewhere (it counts) is held up for 0.1 s after 1000 of them, and one that does not rests until
an event.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

from labctl_simulators.firmware.keithley_2450_trigger_program import TriggerProgram

_BLOCKS_PER_INSTANT = 1000
_WAITING_AFTER_s = 0.1
_POLL_s = 0.1
_BUSY_LOOP_s = 0.1


class TriggerHost(Protocol):
    """What the blocks act on."""

    now_s: float

    @property
    def source_limited(self) -> bool:
        """Whether the source holds its limit now."""
        ...

    def next_reading_s(self) -> float:
        """Time that one reading takes from now."""
        ...

    def store_reading(self, buffer: str, *, first: bool) -> float:
        """Measure now, store, and return the reading."""
        ...

    def set_output(self, on: bool) -> None:
        """Switch the output."""
        ...

    def set_source_level(self, level: float) -> None:
        """Step the source."""
        ...

    def clear_buffer(self, buffer: str) -> None:
        """Empty a buffer."""
        ...

    def log_block_event(self, number: int, message: str) -> None:
        """Write to the event log."""
        ...


class TriggerModel:
    """Blocks and the state of their execution; ``due_s`` says when ``run`` wants to be called."""

    def __init__(self, host: TriggerHost) -> None:
        self._host = host
        self.program = TriggerProgram()
        self.due_s = math.inf
        self.running = False
        self.last_block = 0
        self.counters: dict[int, int] = {}
        self._next = 1
        self._resume: Callable[[], int | None] | None = None
        self._background: _Background | None = None
        self._started_s = 0.0
        self._foreground_s = math.inf
        self._visited: set[int] = set()
        self._readings: dict[int, float] = {}
        self._latest_measure = 0
        self._detected: set[str] = set()
        self._wait_since_s: float | None = None
        self._progress = False
        self._execute: dict[str, Callable[..., int | None]] = {
            "MEASURE": self._measure,
            "SOURCE_OUTPUT": self._source_output,
            "SOURCE_LEVEL": self._source_level,
            "DELAY_CONSTANT": self._delay,
            "BUFFER_CLEAR": self._buffer_clear,
            "BRANCH_ALWAYS": self._branch_always,
            "BRANCH_COUNTER": self._branch_counter,
            "RESET_BRANCH_COUNT": self._reset_counter,
            "BRANCH_ON_EVENT": self._branch_on_event,
            "BRANCH_LIMIT_CONSTANT": self._branch_limit,
            "BRANCH_ONCE": self._branch_once,
            "BRANCH_ONCE_EXCLUDED": self._branch_once_excluded,
            "WAIT": self._wait,
            "NOTIFY": self._notify_block,
            "LOG_EVENT": self._log_event,
            "DURATION": self._branch_duration,
            "NOP": self._nop,
        }

    @property
    def state(self) -> str:
        """IDLE, RUNNING, WAITING, EMPTY, BUILDING or ABORTED."""
        if not self.running:
            return self.program.state
        since_s = self._wait_since_s
        waiting = since_s is not None and self._host.now_s - since_s > _WAITING_AFTER_s
        return "WAITING" if waiting else "RUNNING"

    # ---- running ----

    def initiate(self) -> None:
        """:INIT. Block 1 runs at once."""
        self.running = True
        self._next, self.last_block = 1, 0
        self.counters, self._readings = {}, {}
        self._visited.clear()
        self._detected.clear()
        self._resume, self._background, self._wait_since_s = None, None, None
        self._started_s = self._foreground_s = self.due_s = self._host.now_s

    def abort(self) -> None:
        """:ABOR. The output stays as it is."""
        if self.running:
            self._stop("ABORTED")

    def clear(self) -> None:
        """*RST: stop and forget the program."""
        self.abort()
        self.program.load()
        self.last_block = 0

    def notify(self, event: str) -> None:
        """An event occurred; blocks that wait for one look again at once."""
        if self.running:
            self._detected.add(event)
            if self._resume is None:
                self._foreground_s = self.due_s = self._host.now_s

    def run(self) -> None:
        """Execute what is due at the host's time."""
        now_s = self._host.now_s
        if self._background is not None and self._background.due_s <= now_s:
            self._measure_in_background(self._background)
        if self._foreground_s <= now_s:
            self._run_blocks()
        if self.running:
            background_s = self._background.due_s if self._background is not None else math.inf
            self.due_s = min(self._foreground_s, background_s)

    def _run_blocks(self) -> None:
        """Execute until a block takes time or waits, or the model ends, or blocks only chase one another."""
        self._foreground_s = math.inf
        self._progress = False
        if self._resume is not None:
            resume, self._resume = self._resume, None
            following = resume()
            if following is None:
                return
            self._next = following
        for _ in range(_BLOCKS_PER_INSTANT):
            block = self.program.blocks.get(self._next)
            if block is None:
                self._stop("IDLE")
                return
            self.last_block = self._next
            following = self._execute[block.kind](self._next, *block.arguments)
            if following is None:
                return
            self._next = following
        if self._progress:
            self._foreground_s = self._host.now_s + _BUSY_LOOP_s
        elif self._polls_source_limit():
            self._foreground_s = self._host.now_s + _POLL_s

    def _stop(self, state: str) -> None:
        self.running = False
        self.program.state = state
        self.due_s = self._foreground_s = math.inf
        self._background = self._resume = self._wait_since_s = None

    def _polls_source_limit(self) -> bool:
        return any("SLIM" in block.arguments for block in self.program.blocks.values())

    def _occurred(self, event: str) -> bool:
        """Whether an event occurred since somebody asked; asking forgets it."""
        if event == "SLIM":
            return self._host.source_limited
        if event in self._detected:
            self._detected.discard(event)
            self._progress = True
            return True
        return False

    # ---- the blocks: each returns the number of the next one, or None when it takes time ----

    def _measure(self, number: int, buffer: str, count: int | str) -> int | None:
        self._background = None
        self._latest_measure = number
        if count == "INF":
            self._background = _Background(number, buffer, self._host.now_s + self._host.next_reading_s())
            return number + 1
        left = int(count)

        def finish() -> int | None:
            nonlocal left
            self._readings[number] = self._host.store_reading(buffer, first=left == count)
            left -= 1
            if left <= 0:
                return number + 1
            return self._take_time(self._host.next_reading_s(), finish)

        return self._take_time(self._host.next_reading_s(), finish)

    def _measure_in_background(self, task: "_Background") -> None:
        self._readings[task.number] = self._host.store_reading(task.buffer, first=task.first)
        due_s = self._host.now_s + self._host.next_reading_s()
        self._background = task._replace(due_s=due_s, first=False)

    def _take_time(self, duration_s: float, resume: Callable[[], int | None]) -> int | None:
        self._foreground_s = self._host.now_s + duration_s
        self._resume = resume
        return None

    def _delay(self, number: int, duration_s: float) -> int | None:
        if duration_s <= 0.0:
            return number + 1
        return self._take_time(duration_s, lambda: number + 1)

    def _source_output(self, number: int, on: bool) -> int:
        self._host.set_output(on)
        return number + 1

    def _source_level(self, number: int, *levels: float) -> int:
        """Step a sweep: the next level each time the block is reached."""
        index = self.counters.get(-number, 0)
        self._host.set_source_level(levels[index % len(levels)])
        self.counters[-number] = index + 1
        return number + 1

    def _buffer_clear(self, number: int, buffer: str) -> int:
        self._host.clear_buffer(buffer)
        return number + 1

    def _branch_always(self, number: int, target: int) -> int:
        return target

    def _branch_counter(self, number: int, count: int, target: int) -> int:
        self._progress = True
        reached = self.counters.get(number, 0)
        self.counters[number] = reached = (0 if reached >= count else reached) + 1
        return target if reached < count else number + 1

    def _reset_counter(self, number: int, counter: int) -> int:
        self.counters[counter] = 0
        return number + 1

    def _branch_on_event(self, number: int, event: str, target: int) -> int:
        return target if self._occurred(event) else number + 1

    def _branch_limit(
        self, number: int, kind: str, low: float, high: float, target: int, measured_by: int
    ) -> int:
        """ABOVe compares with the second value, BELow with the first (2461 Reference Manual p. 6-193)."""
        reading = self._readings.get(measured_by or self._latest_measure)
        if reading is None:
            return number + 1
        meets = {
            "ABOV": reading > high,
            "BEL": reading < low,
            "IN": low <= reading <= high,
            "OUT": not low <= reading <= high,
        }[kind]
        return target if meets else number + 1

    def _branch_once(self, number: int, target: int) -> int:
        if number in self._visited:
            return number + 1
        self._visited.add(number)
        return target

    def _branch_once_excluded(self, number: int, target: int) -> int:
        if number in self._visited:
            return target
        self._visited.add(number)
        return number + 1

    def _branch_duration(self, number: int, duration_s: float, target: int) -> int:
        """Branch while less than the duration has passed since :INIT (the template DurationLoop)."""
        return target if self._host.now_s - self._started_s < duration_s else number + 1

    def _wait(self, number: int, clear: str, logic: str, *events: str) -> int | None:
        if self._wait_since_s is None:
            self._wait_since_s = self._host.now_s
            if clear == "ENT":
                self._detected.difference_update(events)
        ready = all if logic == "AND" else any
        if not ready(
            event in self._detected or (event == "SLIM" and self._host.source_limited) for event in events
        ):
            self._foreground_s = self._host.now_s + _POLL_s if "SLIM" in events else math.inf
            return None
        self._detected.difference_update(events)
        self._wait_since_s = None
        self._progress = True
        return number + 1

    def _notify_block(self, number: int, identifier: int) -> int:
        self._detected.add(f"NOT{identifier}")
        return number + 1

    def _log_event(self, number: int, event_number: int, message: str) -> int:
        self._host.log_block_event(event_number, message)
        return number + 1

    def _nop(self, number: int) -> int:
        return number + 1


class _Background(NamedTuple):
    """A measurement that goes on while other blocks run."""

    number: int
    buffer: str
    due_s: float
    first: bool = True
