"""What a station says to whoever listens at its socket: its status, its channels' states, thinned samples.

Theory of operation. Nobody hands anything to this: a few times a second it looks at what the workers hold in memory
anyway, and only while somebody listens. So a run costs the same whether it is watched or not, whatever its sampling
rate, and what is lost here is in the database. Each listener has a mailbox that is bounded; a listener that stands
still loses samples and outdated states, and delays nobody. A line is a document as ``labctl.telemetry.messages``
describes it, which a test sees to.
"""

import asyncio
import json
import math
import traceback
from collections.abc import AsyncGenerator, Callable, Mapping
from importlib.metadata import version
from typing import Any

from labctl.protocol import estimate
from labctl.station.mailbox import Mailbox
from labctl.station.worker import Worker
from labctl.store.liveness import unix_time_s

_LOOK_S = 0.25
"""Between two looks at the latest samples; every fourth look they are sent."""

_LOOKS_A_SECOND = 4
_LOOKS_A_SIGN = 40
"""The status is said this often even if nothing happens, so that a listener can tell silence from death."""

_AT_ONCE = 16
"""Channels looked at before the event loop gets its turn: below a millisecond."""

_COLUMNS = ("seq", "test_time_second", "unix_time_second", "voltage_volt", "current_ampere")
_TEMPERATURE = "temperature_kelvin"
_UPDATED = "updated_unix_second"

_SAMPLES_KEPT = 10
_EVENTS_KEPT = 200
_AFTER_A_BUG_S = 5.0

Values = dict[str, Any]


class Broadcast:
    """Looks at the workers of a station, for its listeners.

    Args:
        station: its name.
        workers: its channels by name.
        tell: called with a channel's name, or none, and a sentence that is worth a line.

    Attributes:
        listeners: what waits for each.
        services: what accompanies the station, and how each is, in words.
    """

    def __init__(self, station: str, workers: Mapping[str, Worker], tell: Callable[[str, str], None]) -> None:
        self._station = station
        self._workers = workers
        self._tell = tell
        self._since_s = unix_time_s()
        self._version = version("labctl-cycler")
        self.services: dict[str, str] = {}
        self.listeners: set[Mailbox[bytes]] = set()
        self._heard = asyncio.Event()
        self._states: dict[str, Values] = {}
        self._expected_s: dict[str, float | None] = {}
        self._columns: dict[str, Values] = {}
        self._events = 0

    async def listen(self) -> AsyncGenerator[list[bytes], None]:
        """Lines, without their ends: a snapshot first, then what changes."""
        mailbox: Mailbox[bytes] = Mailbox()
        self.listeners.add(mailbox)
        try:
            self._put("status", self._status())
            for number, name in enumerate(self._workers):
                await self._breathe(number)
                self._say_state(name, anew=True)
            self._heard.set()
            while True:
                yield await mailbox.take()
        finally:
            self.listeners.discard(mailbox)
            if not self.listeners:
                self._heard.clear()

    def service(self, name: str, state: str) -> None:
        """How something that accompanies the station is, in words; empty: well."""
        if self.services.get(name) != state:
            self.services[name] = state
            self._put("status", self._status())

    def event(self, kind: str, text: str, author: str, severity: str, data: Values | None = None) -> None:
        """Something happened that is no part of any run: it is said, and not recorded."""
        self._events += 1
        now_s = unix_time_s()
        line = {
            "type": "event",
            "v": 1,
            "station": self._station,
            "id": f"{self._station}.{self._since_s:.3f}.{self._events}",
            "unix_time_second": now_s,
            "kind": kind,
            "text": text,
            "author": author,
            "severity": severity,
            "data": data,
        }
        self._put("event", line, _EVENTS_KEPT)

    async def live(self) -> None:
        """Look at the workers while somebody listens, until cancelled. Nothing that goes wrong here leaves it."""
        while True:
            try:
                await self._live()
            except Exception:  # noqa: BLE001  what is only shown must not end what it shows
                self._tell("", f"a bug in what is shown of the station:\n{traceback.format_exc()}")
                await asyncio.sleep(_AFTER_A_BUG_S)

    async def _live(self) -> None:
        turn = 0
        while True:
            await self._heard.wait()
            for number, name in enumerate(self._workers):
                await self._breathe(number)
                self._gather(name)
                if (number + turn) % _LOOKS_A_SECOND == 0 or self._has_turned(name):
                    self._say_state(name)
            turn += 1
            if turn % _LOOKS_A_SECOND == 0:
                self._say_samples()
            if turn % _LOOKS_A_SIGN == 0:
                self._put("status", self._status())
            await asyncio.sleep(_LOOK_S)

    async def _breathe(self, number: int) -> None:
        """Let others have the event loop after a few channels."""
        if number % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)

    # --- states ------------------------------------------------------------------------------------------------

    def _has_turned(self, name: str) -> bool:
        """Whether a channel does something else than was said, which cannot wait for its turn."""
        said, worker = self._states.get(name), self._workers[name]
        entry = "" if worker.entry is None else str(worker.entry)
        return said is None or bool((said["state"], said["entry"]) != (worker.state, entry))

    def _say_state(self, name: str, *, anew: bool = False) -> None:
        before, now = self._states.get(name), self._look(name)
        self._states[name] = now
        if anew or before is None or now | {_UPDATED: 0.0} != before | {_UPDATED: 0.0}:
            self._put(f"state {name}", now)

    def _look(self, name: str) -> Values:
        """What a channel does."""
        worker = self._workers[name]
        status, run = worker.status(), worker.run
        place = None if run is None else run.place
        expected_s = self._expected(worker)
        left_s = None if expected_s is None or run is None else max(expected_s - (status.time_s or 0.0), 0.0)
        return {
            "type": "state",
            "v": 1,
            "station": self._station,
            "channel": name,
            "state": status.state,
            "reason": status.reason,
            "instrument": status.instrument,
            "entry": status.entry,
            "run_id": status.run_id,
            "cell": status.cell,
            "protocol": status.protocol,
            "cycle": status.cycle,
            "doing": status.doing,
            "path": "" if place is None else place.node.path,
            "test_time_second": status.time_s,
            "voltage_volt": status.voltage_V,
            "current_ampere": status.current_A,
            "charge_coulomb": status.charge_C,
            "overpotential_volt": status.overpotential_V,
            "temperature_kelvin": status.temperature_K,
            "expected_second": expected_s,
            "remaining_second": left_s,
            "queued": status.queued,
            _UPDATED: unix_time_s(),
        }

    def _expected(self, worker: Worker) -> float | None:
        """How long the plan of a channel's entry lasts at most; added up once."""
        entry = worker.entry
        if entry is None or entry.plan is None:
            return None
        if str(entry) not in self._expected_s:
            expected_s = estimate(entry.plan).duration_s
            self._expected_s[str(entry)] = expected_s if math.isfinite(expected_s) else None
        return self._expected_s[str(entry)]

    # --- samples -----------------------------------------------------------------------------------------------

    def _gather(self, name: str) -> None:
        """Note a channel's latest sample, if it is another than before."""
        worker = self._workers[name]
        run, sample = worker.run, worker.sample
        if run is None or sample is None or worker.started_unix_s is None:
            return
        run_id, seq, test_s = worker.run_id, run.progress().seq, run.elapsed_s
        if run_id is None or test_s is None:
            return
        columns = self._columns.get(name)
        if columns is None or columns["run_id"] != run_id:
            columns = self._columns[name] = {"run_id": run_id, "said": 0, **_empty()}
        if seq <= (columns["seq"][-1] if columns["seq"] else columns["said"]):
            return
        row = (seq, test_s, worker.started_unix_s + test_s, sample.voltage_V, sample.current_A)
        for key, value in zip(_COLUMNS, row, strict=True):
            columns[key].append(value)
        columns[_TEMPERATURE].append(run.temperature_K)

    def _say_samples(self) -> None:
        said = {}
        for name, columns in self._columns.items():
            if columns["seq"]:
                said[name] = {"run_id": columns["run_id"]} | {key: columns[key] for key in _COLUMNS}
                if any(kelvin is not None for kelvin in columns[_TEMPERATURE]):
                    said[name][_TEMPERATURE] = columns[_TEMPERATURE]
                columns |= {"said": columns["seq"][-1], **_empty()}
        if said:
            line = {"type": "sample", "v": 1, "station": self._station, "channels": said}
            self._put("sample", line | {"updated_unix_second": unix_time_s()}, _SAMPLES_KEPT)

    # --- the station -------------------------------------------------------------------------------------------

    def _status(self) -> Values:
        return {
            "type": "status",
            "v": 1,
            "station": self._station,
            "online": True,
            "version": self._version,
            "channels": list(self._workers),
            "since_unix_second": self._since_s,
            "services": dict(self.services),
            "updated_unix_second": unix_time_s(),
        }

    def _put(self, kind: str, values: Values, most: int = 1) -> None:
        line = _line(values)
        for mailbox in self.listeners:
            mailbox.put(kind, line, most)


def _empty() -> Values:
    return {key: [] for key in (*_COLUMNS, _TEMPERATURE)}


def _line(values: Values) -> bytes:
    return json.dumps(values, ensure_ascii=False, allow_nan=False).encode(errors="replace")
