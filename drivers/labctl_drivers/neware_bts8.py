"""Drives one channel of a Neware cycler through BTS 8's BTSServer: each step is a test that the cycler runs by itself.

Written for the BTS API protocol v1.19 (BTS Client of 2023-03-17 or newer); not verified on hardware.
Line: TCP, port 502, on the computer that runs BTS Client. Many channels are served over as many connections.

Quirks:
 1. A test is started with the path of a step file that the server opens: a folder that both computers see.
 2. Rows are numbered from 1 within a test, so that what a lost connection missed is fetched by its number.
 3. The server does not tell the limits that it holds: the file is read back before it is named, and that is all.
 4. Each step ends with the circuit open, so between two steps it is open until the next has been started.
 5. Some answers name the sub-device wrongly as 1: an answer is never recognised by it.
 6. The time of a row restarts with each step; the wall clock beside it has whole seconds only and is not used.

Source: "Neware BTS API" protocol v1.19; aurora-neware 0.2.3 and the captures in its tests.
"""

import tempfile
import uuid
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

from labctl.clock import Clock
from labctl.errors import (
    CannotHold,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
)
from labctl.instrument.channel import Driver, Identity, Sample, Traits
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Cutoff, Step
from labctl.link import Link
from labctl_drivers.neware_bts8_models import MODELS
from labctl_drivers.neware_bts8_server import BtsServer, Progress, Row
from labctl_drivers.neware_bts8_step import SHORT, check_step, step_file
from labctl_drivers.programmed_step import End, reached
from labctl_drivers.server_found_again import ServerFoundAgain

_OPEN = ("finish", "stop", "protect")
_SHORTEST_POLL_S, _LONGEST_POLL_S = 1.0, 10.0
_BEYOND_RANGE = 1.05
_SILENT_INTERVALS, _SILENT_S = 3.0, 30.0  # without a new row although one was due: something stands still
_LOOKS, _AGAIN_AFTER_S = 20, 0.1  # whether it has stopped, ended


class NewareBts8:
    """One channel of a Neware cycler.

    Args:
        link: to the BTSServer.
        clock: the time of the driver.
        model: the channel's ranges.
        address: ``device-unit-channel`` as BTS Client shows it, 21-1-1; None: the only channel there is.
        folder: where step files are written, a folder that the server's computer sees; None: of this computer.
        folder_there: the same folder as the server's computer names it; None: likewise.

    Attributes:
        traits: of the model.
        step_began_s: experiment time at which the server had started the present step.
    """

    def __init__(
        self,
        link: Link,
        clock: Clock,
        model: str = "5V10mA",
        address: str | None = None,
        folder: str | None = None,
        folder_there: str | None = None,
    ) -> None:
        self.traits: Traits = MODELS[model]
        self.step_began_s = 0.0
        self._link = link
        self._clock = clock
        self._server = BtsServer(link)
        self._way = ServerFoundAgain(link, clock, self._greet)
        self._address = address
        self._folder = Path(folder or tempfile.gettempdir())
        self._folder_there = folder_there or str(self._folder)
        self._found_closed = False
        self._last_s = 0.0

    async def connect(self) -> Identity:
        """Log in and find the channel; what it does goes on.

        Raises:
            WrongInstrument: the server has no such channel.
            LinkError: no BTSServer answers.
        """
        await self._link.open()
        await self._greet()
        present = await self._server.present()
        self._found_closed = present.status not in _OPEN and present.step_type != "rest"
        place = self._server.place
        return Identity("Neware", self.traits.model, str(place), f"BTS 8, device type {place.kind}")

    async def _greet(self) -> None:
        await self._server.log_in()
        await self._server.choose(self._address)

    async def found_closed(self) -> bool:
        """Whether ``connect`` found a test that lets a current flow."""
        return self._found_closed

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; see ``Channel.run``. The circuit is open when the last sample is handed over."""
        return self._run(step, self._link.fence.epoch)

    async def _run(self, step: Step, epoch: int) -> AsyncGenerator[Sample, None]:
        check_step(step, self.traits)
        test = await self._start(step, epoch)
        taken, new_row_s = 0, self._clock.now()
        last: tuple[Sample, End] | None = None
        while True:
            progress, rows = await self._way.persistently(partial(self._new_rows, test, taken))
            # What came after the progress was asked for is asked for again: its last row may be the step's last.
            rows = rows[: progress.rows - taken]
            taken += len(rows)
            for row in rows[:-1]:
                yield self._taken(row)[0]
            if rows:
                last = self._taken(rows[-1])
            if taken < progress.rows:  # a page was full
                if last is not None:
                    yield last[0]
                continue
            if progress.finished:
                break
            if rows and last is not None:
                yield last[0]
                new_row_s = self._clock.now()
            else:
                self._refuse_standstill(step, new_row_s)
            await self._clock.sleep_until(self._next_look_s(step))
        if last is None:
            raise InvalidReading("a test without a row", self._link.name, cell="open")
        present = await self._way.persistently(self._server.present)
        yield last[0]._replace(cutoff=self._why_it_ended(step, last[1], present.status))

    async def _start(self, step: Step, epoch: int) -> int:
        """Hand the step file over and let the channel begin; returns the number of the test."""
        server = self._server
        await self._way.meet_again_if_lost()
        present = await server.present()
        if present.status not in _OPEN:
            await self._stop()
        before = (await server.progress()).test
        name = f"labctl-{server.place}-{uuid.uuid4().hex}.xml"
        path, data = self._folder / name, step_file(step, present.voltage_V)
        between = "\\" if "\\" in self._folder_there else "/"
        try:
            path.write_bytes(data)
            if path.read_bytes() != data:
                raise InstrumentError(f"the step file {path} is not what was written", cell="open")
            started = await server.start(
                f"{self._folder_there}{between}{name}", "labctl", self._folder_there, epoch
            )
        except OSError as error:
            raise InstrumentError(
                f"the step file {path} cannot be written: {error.strerror}", self._link.name, cell="open"
            ) from error
        finally:
            path.unlink(missing_ok=True)  # Assumed: the server has read it when it answers
        if not started:
            raise InstrumentRefused(
                f"the BTSServer does not start the step file {name}: can it read {self._folder_there}, can the channel "
                "hold the step? its log says",
                self._link.name,
                cell="open",
            )
        self.step_began_s = max(self._clock.now(), self._last_s)
        test = (await self._way.persistently(server.progress)).test
        if test == before:
            raise InstrumentRefused("a step was started, but no test has begun", self._link.name, "start")
        return test

    async def _new_rows(self, test: int, taken: int) -> tuple[Progress, list[Row]]:
        """How far our test is, and a page of what has not been taken yet.

        Raises:
            InstrumentError: another test runs on the channel.
        """
        progress = await self._server.progress()
        if progress.test != test:
            raise InstrumentError(
                f"test {progress.test} runs where test {test} was started: somebody else uses the channel",
                self._link.name,
            )
        return progress, await self._server.rows(test, taken + 1) if progress.rows > taken else []

    def _taken(self, row: Row) -> tuple[Sample, End]:
        """A row in experiment time, and what the step had come to with it.

        Raises:
            InvalidReading: it is beyond what the channel measures.
        """
        most_V, most_A = _BEYOND_RANGE * self.traits.voltage_max_V, _BEYOND_RANGE * self.traits.current_max_A
        if not (abs(row.voltage_V) <= most_V and abs(row.current_A) <= most_A):
            raise InvalidReading(
                f"{row.voltage_V:g} V, {row.current_A:g} A is not a reading", self._link.name
            )
        self._last_s = self.step_began_s + row.time_s
        sample = Sample(self._last_s, row.voltage_V, row.current_A)
        return sample, End(row.time_s, row.voltage_V, row.current_A, row.charge_C)

    def _next_look_s(self, step: Step) -> float:
        """The next sample is due, or the step's end."""
        now_s = self._clock.now()
        next_s = now_s + min(max(step.sampling.every_s, _SHORTEST_POLL_S), _LONGEST_POLL_S)
        limit_s = step.time_limit_s()
        end_s = next_s if limit_s is None else self.step_began_s + limit_s
        return min(next_s, end_s if end_s > now_s else now_s + _AGAIN_AFTER_S)

    def _refuse_standstill(self, step: Step, new_row_s: float) -> None:
        silent_s = self._clock.now() - new_row_s
        if silent_s > _SILENT_INTERVALS * step.sampling.every_s + _SILENT_S * self._clock.speed:
            raise InvalidReading(f"no new row for {silent_s:g} s", self._link.name)

    def _why_it_ended(self, step: Step, end: End, status: str) -> Cutoff:
        """The cut-off that the last row has reached.

        Raises:
            InstrumentError: it was no cut-off.
        """
        if status == "protect":
            raise InstrumentError("the cycler has protected the cell", self._link.name, cell="open")
        if status == "stop":
            raise InstrumentError("the step was stopped", self._link.name, cell="open")
        cutoff = reached(step.cutoffs, end, SHORT)
        if cutoff is None:
            raise InstrumentError(
                f"the step ended at {end.voltage_V:g} V, {end.current_A:g} A after {end.time_s:g} s, which is none of "
                f"its cut-offs; the channel's status is {status}",
                self._link.name,
            )
        return cutoff

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Refused: a Neware cycler measures no impedance."""
        raise CannotHold(f"{self.traits.model} cannot measure impedance")

    async def make_safe(self) -> None:
        """Stop the channel, and read back that it has stopped.

        Raises:
            CellStateUnknown: not confirmed after three tries.
        """
        await self._way.make_safe(self._stop)

    async def _stop(self) -> None:
        """Stop whatever runs.

        Raises:
            InstrumentError: it goes on.
        """
        await self._server.stop()
        for _ in range(_LOOKS):
            status = (await self._server.present()).status
            if status in _OPEN:
                return
            await self._clock.sleep_until(self._clock.now() + _AGAIN_AFTER_S * self._clock.speed)
        raise InstrumentError(f"the channel does not stop, its status is {status}", self._link.name)

    async def close(self) -> None:
        """Give the port back; what runs goes on."""
        await self._link.close()


DRIVER = Driver(
    name="neware-bts8",
    summary="Neware cyclers through BTS 8: each step runs in the cycler, data fetched by row number; no impedance",
    traits=MODELS,
    terminator=b"\n",
    open=NewareBts8,
    wire="BTS API: XML over a LAN socket, port 502",
    check_step=check_step,
    settings={
        "address": "the channel as BTS Client shows it: 21-1-1",
        "folder": "a folder for step files that the computer of BTS Client sees, too",
        "folder_there": "the same folder as that computer names it: C:\\steps",
    },
)
