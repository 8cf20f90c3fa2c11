"""Talks MacNet about one channel of a Maccor tester: binary questions and answers, and the values in them.

A message is class, number, channel (from 0) and length, two bytes each, then data, all little-endian. The answer names
the same class, number and channel; its length is that of its data.

Source: Maccor help, "Remote Control - MacNet" (macnet_from_maccor_help.pdf), pages as numbered there.
"""

import math
import struct
from typing import Any, NamedTuple

from labctl.errors import InstrumentRefused, InvalidReading, LinkNonsense, WrongInstrument
from labctl.link import Deadline, Link
from labctl_drivers.maccor_4000_models import SINGLE, Ranges
from labctl_drivers.maccor_4000_setup import Limits, Output

_HEADER = struct.Struct("<HHHH")
_ANSWER = Deadline("an answer of MacTest32", slack_s=3.0)
_ECHO = (0, 0)
_VERSION, _SYSTEM = (1, 1), (1, 2)
_SPECIFICATION = (3, 1)
_NAMES, _STATUS = (4, 6), (4, 7)
_SUSPEND, _RESET, _START_DIRECT, _OUTPUT, _SAFETY = (6, 3), (6, 5), (6, 7), (6, 8), (6, 10)
_LAB_SYSTEM = 0  # the only type with direct mode, p. 47
_OFF = -1.0  # a power out of range is ignored; 0 ohm is ignored, p. 46

#: States of a channel, p. 25; those in which its circuit is open.
AVAILABLE, ACTIVE, SUSPENDED, PROBLEM = 0, 2, 3, 5
STATES = (
    *(
        "available",
        "selected",
        "active",
        "suspended",
        "completed",
        "problem",
        "not available",
        "reset",
        "start",
    ),
    *(
        "power fail",
        "no controller",
        "shut down",
        "starting",
        "blocked",
        "waiting",
        "FRA",
        "remote maintenance",
    ),
)
OPEN = (AVAILABLE, 1, SUSPENDED, 4, PROBLEM)
#: What an active channel does, RF1, p. 24: the sign of its current.
SIGNS = {1: 1.0, 2: -1.0, 4: 0.0, 5: 0.0}
#: Why it was ended, RF2, p. 24.
_REASONS = {
    163: "SMBus alarm",
    189: "safety capacity",
    190: "safety voltage",
    191: "safety overcharge",
    192: "suspended by an operator, or by the watchdog of direct mode",
    193: "normal end",
    194: "timeout fault",
    195: "timeout fault",
    196: "overcharge safety",
    197: "voltage safety",
    198: "slave error",
    252: "slave current control error",
    253: "voltage safety, absolute",
    254: "lost current control",
    255: "buffer full",
}
#: Answers to (6, 7) and (6, 8), p. 47, 48.
_START_RESULTS = {
    1: "illegal system type",
    2: "the channel is not available",
    3: "failed creating the pseudo test procedure",
}
_OUTPUT_RESULTS = {
    1: "illegal system type",
    2: "the channel is not active",
    3: "command sent too fast",
    4: "direct mode is not active",
    5: "direct mode is not ready yet",
}
NOT_YET = (3, 5)


class Status(NamedTuple):
    """A channel at one moment, (4, 7). Times in s; the current's sign follows from what the channel does."""

    doing: int
    reason: int
    state: int
    test_time_s: float
    voltage_V: float
    current_A: float

    @property
    def in_words(self) -> str:
        """``suspended (voltage safety)``."""
        state = STATES[self.state] if self.state < len(STATES) else f"in state {self.state}"
        reason = _REASONS.get(self.reason)
        return f"{state} ({reason})" if reason and self.state in (SUSPENDED, PROBLEM) else state

    @property
    def is_open(self) -> bool:
        """Whether no current can flow: it does nothing."""
        return self.state in OPEN


class Specification(NamedTuple):
    """What a channel can do, and its safety limits at this moment, (3, 1)."""

    ranges: Ranges
    limits: Limits


class MacNet:
    """The tester at the other end of a link, asked about one of its channels.

    Attributes:
        channel: counted from 0.
    """

    def __init__(self, link: Link) -> None:
        self.channel = 0
        self._link = link
        self._nonce = 0

    async def prove(self) -> None:
        """Show that question and answer belong together: an echo with a number in it.

        Raises:
            LinkNonsense: something else came back.
        """
        self._nonce = (self._nonce + 37) % 0x10000
        await self._ask(_ECHO, channel=self._nonce)

    async def tester(self) -> tuple[str, str, int]:
        """Its name, its program's version, how many channels it has.

        Raises:
            WrongInstrument: it is of a type without direct mode.
        """
        version = await self._ask(_VERSION)
        build, minor, major = self._unpacked("<HBB", version[2:6])
        system = await self._ask(_SYSTEM)
        name, kind, _, channels = self._unpacked("<50sBHH", system[:55])
        if kind != _LAB_SYSTEM:
            raise WrongInstrument(
                f"a tester of system type {kind}; direct mode needs type {_LAB_SYSTEM}", self._link.name
            )
        return name.decode("ascii", "replace").strip(" \0"), f"{major}.{minor}.{build}", channels

    async def specification(self) -> Specification:
        """Ranges and safety limits."""
        data = await self._ask(_SPECIFICATION, length=1)
        _, high_V, low_V, *rest = self._floats(21, data)
        safe_high_V, safe_low_V, *rest = rest
        charging, discharging, rest = rest[:4], rest[4:8], rest[8:]
        currents_A = tuple(min(pair) for pair in zip(charging[::-1], discharging[::-1], strict=True))
        limits = Limits(safe_high_V, safe_low_V, *(abs(value) for value in rest[:4]))
        return Specification(Ranges(low_V, high_V, currents_A), limits)  # type: ignore[arg-type]

    async def status(self) -> Status:
        """State and readings."""
        data = await self._ask(_STATUS)
        doing, reason, state, _, _, _, test_time_s, _, _, _, current_A, voltage_V, _ = self._unpacked(
            "<BBHIIHffffffQ", data
        )
        if not all(map(math.isfinite, (test_time_s, current_A, voltage_V))):
            raise InvalidReading("not a number among its readings", self._link.name)
        sign = SIGNS.get(doing, 1.0) if state == ACTIVE else 1.0
        flowing_A = abs(current_A) * sign if sign else current_A
        return Status(doing, reason, state, test_time_s, voltage_V, flowing_A)

    async def test_name(self) -> str:
        """Of the test that runs, or ran last."""
        data = await self._ask(_NAMES)
        return data[:25].decode("ascii", "replace").rstrip(" \0")

    async def set_limits(self, limits: Limits, epoch: int) -> None:
        """Set the safety limits, and read them back: from the answer, and from the channel's specification.

        Raises:
            InstrumentRefused: others are set.
        """
        data = struct.pack("<6f", *limits)
        self._refuse_others(self._floats(6, await self._ask(_SAFETY, data, epoch=epoch)), limits)
        self._refuse_others((await self.specification()).limits, limits)

    def _refuse_others(self, told: tuple[float, ...], wanted: Limits) -> None:
        if not same_limits(told, wanted):
            raise InstrumentRefused(
                f"the safety limits {_shown(wanted)} were not taken: {_shown(told)}", self._link.name
            )

    async def start_direct(self, name: str, record_s: float, epoch: int) -> None:
        """Begin direct mode at rest: no current flows until ``output`` says so.

        Args:
            name: of the test and its data file, up to 25 characters.
            record_s: how often the tester itself records.
            epoch: that of the step.

        Raises:
            InstrumentRefused: it is not begun.
        """
        data = (
            name.encode("ascii").ljust(25)
            + struct.pack("<ffffBB", 0.0, 0.0, _OFF, 0.0, 4, ord("R"))
            + struct.pack("<fff", record_s, 0.0, 0.0)
        )
        result = self._result(await self._ask(_START_DIRECT, data, epoch=epoch))
        if result:
            words = _START_RESULTS.get(result, "unknown")
            raise InstrumentRefused(f"direct mode is refused: {words} ({result})", self._link.name)

    async def output(self, output: Output, epoch: int) -> int:
        """Set the output of direct mode; one of ``NOT_YET`` if it has to be said again in a moment, else 0.

        Raises:
            InstrumentRefused: it is not taken.
        """
        data = struct.pack(
            "<ffffBB",
            *(output.current_A, output.voltage_V, _OFF, 0.0),
            *(output.range_number, ord(output.mode)),
        )
        result = self._result(await self._ask(_OUTPUT, data, epoch=epoch))
        if result and result not in NOT_YET:
            words = _OUTPUT_RESULTS.get(result, "unknown")
            raise InstrumentRefused(f"the output is refused: {words} ({result})", self._link.name)
        return result

    async def suspend(self) -> None:
        """Open the circuit; the answer is not looked at, the status tells."""
        await self._ask(_SUSPEND)

    async def suspend_anyway(self) -> None:
        """The same on a line that is not in order."""
        await self._link.send_anyway(_HEADER.pack(*_SUSPEND, self.channel, 0))

    async def reset(self) -> None:
        """End the test; likewise."""
        await self._ask(_RESET)

    # --- questions and answers -------------------------------------------------------------------------------

    async def _ask(
        self,
        function: tuple[int, int],
        data: bytes = b"",
        *,
        length: int | None = None,
        channel: int | None = None,
        epoch: int | None = None,
    ) -> bytes:
        """The data of the answer to a question.

        Raises:
            LinkNonsense: it answers something else; the link is poisoned.
        """
        asked = (*function, self.channel if channel is None else channel)

        def size(received: bytes) -> int:
            if len(received) < _HEADER.size:
                return 0
            *answered, count = _HEADER.unpack_from(received)
            if tuple(answered) != asked:
                raise ValueError(f"{tuple(answered)} answers in place of {asked}")
            return _HEADER.size + int(count)

        header = _HEADER.pack(*asked, len(data) if length is None else length)
        frame = await self._link.exchange(header + data, size, _ANSWER, epoch=epoch)
        return frame[_HEADER.size :]

    def _unpacked(self, how: str, data: bytes) -> tuple[Any, ...]:
        try:
            return struct.unpack(how, data)
        except struct.error:
            self._link.poison()
            raise LinkNonsense(f"an answer of {len(data)} bytes", self._link.name) from None

    def _floats(self, count: int, data: bytes) -> tuple[float, ...]:
        found: tuple[float, ...] = self._unpacked(f"<{count}f", data)
        if not all(map(math.isfinite, found)):
            raise InvalidReading("not a number among its limits", self._link.name)
        return found

    def _result(self, data: bytes) -> int:
        (result,) = self._unpacked("<H", data)
        return int(result)


def same_limits(found: tuple[float, ...], wanted: tuple[float, ...]) -> bool:
    """Whether they are the same in single precision; the sign of a current or power does not count."""
    voltages = zip(found[:2], wanted[:2], strict=True)
    others = zip(map(abs, found[2:]), wanted[2:], strict=True)
    return all(abs(a - b) <= SINGLE * max(1.0, abs(b)) for a, b in voltages) and all(
        abs(a - b) <= SINGLE * max(1e-6, b) for a, b in others
    )


def _shown(limits: tuple[float, ...]) -> str:
    units = ("V", "V", "A", "A", "W", "W")
    return ", ".join(f"{value:g} {unit}" for value, unit in zip(limits, units, strict=True))
