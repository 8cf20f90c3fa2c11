"""The conversation with a MethodSCRIPT instrument: commands, scripts, their errors, abort, and resynchronising.

Knows whether a script runs and who is spoken to; knows nothing of steps, sweeps or the meaning of packages.

Source: "Communication protocol for EmStat4" v1.3; MethodSCRIPT manual v1.8, chapters 6, 9 and 11.
"""

import contextlib
from collections.abc import Callable
from typing import NoReturn

from labctl.clock import Clock
from labctl.errors import (
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    LinkError,
    LinkNonsense,
    Superseded,
    WrongInstrument,
)
from labctl.link import Deadline, Link
from labctl_drivers.methodscript import Refusal, parse_refusal
from labctl_drivers.methodscript_sweep import OPEN_CIRCUIT, PROVE_OPEN

ANSWER = Deadline("an answer to a command")
SHORT_SCRIPT = Deadline("the next line of a short script", takes_s=1.0)
_DEAF_S = 0.15  # of the instrument's own time, after an error
_QUIET_S = 0.02  # on the wall
_IDLE = 0x0006
_MOST_LINES = 10_000
_STRUCTURE = b"MLC*+-T"


class MethodScriptSession:
    """One instrument at the other end of a link.

    Attributes:
        serial: the serial number that must answer; set once it is known.
        identity_proven: nothing has happened since the serial number was last asked that could have changed it.
        script_runs: a script was started and its end has not been seen.
    """

    def __init__(self, link: Link, clock: Clock) -> None:
        self.serial = ""
        self.identity_proven = False
        self.script_runs = False
        self._link = link
        self._clock = clock

    async def ask(self, command: bytes) -> str:
        """The value that answers a command; the command itself is echoed in front of it."""
        answer = await self.query(command)
        return answer[len(command) :].decode("ascii", "replace").strip()

    async def query(self, command: bytes) -> bytes:
        """The line that answers a command.

        Raises:
            InstrumentRefused: it is an error line.
            LinkNonsense: it does not begin with the command.
        """
        answer = await self._link.query(command, ANSWER)
        if refusal := parse_refusal(answer):
            await self._wait_until_it_listens()
            raise InstrumentRefused(str(refusal), self._link.name, command.decode(), answer.decode())
        if not answer.startswith(command):
            self._link.poison()
            raise LinkNonsense(
                "not an answer", self._link.name, command.decode(), answer.decode("ascii", "replace")
            )
        return answer

    async def become_ready(self) -> None:
        """Make sure that nothing runs and that answers belong to questions."""
        if self._link.poisoned:
            await self.resynchronise()
            await self.prove_identity()
        elif self.script_runs:
            await self.abort()

    async def upload(self, script: bytes, epoch: int | None) -> Refusal | None:
        """Send a script in one piece; None if it runs."""
        self.script_runs = True
        try:
            answer = await self._link.query(script, ANSWER, epoch=epoch)
        except Superseded:
            self.script_runs = False
            raise
        if answer == b"e":
            return None
        refusal = parse_refusal(answer)
        if refusal is None:
            self._link.poison()
            raise LinkNonsense("not an answer to a script", self._link.name, received=text_of(answer))
        self.script_runs = False
        await self._wait_until_it_listens()
        return refusal

    async def run_script(self, script: bytes) -> list[bytes]:
        """Run a short script to its end; returns its packages."""
        refusal = await self.upload(script, None)
        packages: list[bytes] = []
        while refusal is None and (line := await self._link.receive(SHORT_SCRIPT)):
            refusal = parse_refusal(line)
            if line[:1] == b"P":
                packages.append(line)
        self.script_runs = False
        if refusal:
            await self._wait_until_it_listens()
            raise InstrumentRefused(str(refusal), self._link.name, text_of(script))
        return packages

    async def abort(self) -> bool:
        """Abort whatever runs; ``on_finished`` opens the circuit then. Idle instruments answer ``Z!0006``.

        Returns:
            Whether something was running.
        """
        await self._link.send_anyway(b"")  # ends a command that was left half sent
        await self._link.send_anyway(b"Z")
        line = await self._skip_to(lambda line: line[:1] == b"Z")
        running = line == b"Z"
        if running:
            await self._skip_to(lambda line: not line)
        else:
            await self._wait_until_it_listens()
            if (refusal := parse_refusal(line)) is None or refusal.code != _IDLE:
                raise InstrumentRefused(str(refusal), self._link.name, "Z", text_of(line))
        self.script_runs = False
        return running

    async def _wait_until_it_listens(self) -> None:
        """Let the deafness after an error pass, and drop what the error leaves on the line."""
        await self._clock.sleep_until(self._clock.now() + _DEAF_S)
        await self._link.resynchronise(_QUIET_S, reopen=False)

    async def _skip_to(self, wanted: Callable[[bytes], bool]) -> bytes:
        for _ in range(_MOST_LINES):
            line = await self._link.receive(ANSWER)
            if wanted(line):
                return line
        self._link.poison()
        raise LinkNonsense("it goes on sending after an abort", self._link.name, "Z")

    async def resynchronise(self) -> None:
        """Silence the instrument, then the line. Who answers from then on has to be proven again."""
        self.identity_proven = False
        with contextlib.suppress(LinkError):
            await self._link.send_anyway(b"Z")
        await self._link.resynchronise()
        await self.abort()

    async def prove_identity(self) -> None:
        """Ask for the serial number.

        Raises:
            WrongInstrument: it is not the one that answered at first.
        """
        serial = await self.ask(b"i")
        if serial != self.serial:
            self._link.poison()
            raise WrongInstrument(f"serial {serial} answers instead of {self.serial}", self._link.name, "i")
        self.identity_proven = True

    async def finish(self) -> None:
        """Read to the empty line that ends a script: ``on_finished`` has been run, the cell is off."""
        while line := await self._link.receive(SHORT_SCRIPT):
            await self.expect_structure(line)
        self.script_runs = False
        if not self.identity_proven:
            await self.prove_identity()

    async def expect_structure(self, line: bytes) -> None:
        """Let pass the lines that only say where in its script the instrument is.

        Raises:
            InstrumentRefused: a run-time error; the circuit has been opened by a script of its own.
            LinkNonsense: not such a line.
        """
        if line[:1] == b"!" and (
            refusal := parse_refusal(line)
        ):  # with a letter before it: an answer to somebody else
            await self._open_after_error(refusal, line)
        if not line:
            self.script_runs = False
            raise InstrumentError("the script ended without saying why", self._link.name, cell="open")
        if line[:1] not in _STRUCTURE:
            self._link.poison()
            raise LinkNonsense("not a line of a running script", self._link.name, received=text_of(line))

    async def _open_after_error(self, refusal: Refusal, line: bytes) -> NoReturn:
        """Open the circuit after a run-time error, for ``on_finished`` is not run then."""
        self.script_runs = False
        error = InstrumentRefused(str(refusal), self._link.name, received=text_of(line), cell="open")
        try:
            await self._wait_until_it_listens()
            await self.run_script(OPEN_CIRCUIT)
        except (LinkError, InstrumentError) as failure:
            raise CellStateUnknown(
                f"{error}; and then cell_off failed", self._link.name, received=str(failure), cell="unknown"
            ) from failure
        raise error

    async def prove_open(self) -> bool:
        """Abort, ``cell_off``, and a measurement that is refused while the cell is on; whether it gave a reading.

        Raises:
            WrongInstrument: the circuit of another instrument was opened.
        """
        if self._link.poisoned:
            await self.resynchronise()
        else:
            await self.abort()
        await self.run_script(OPEN_CIRCUIT)
        readings = await self.run_script(PROVE_OPEN)
        if self.serial and not self.identity_proven:
            await self.prove_identity()
        return bool(readings)


def text_of(line: bytes) -> str:
    """A line as it may stand in a message."""
    return line.decode("ascii", "replace")
