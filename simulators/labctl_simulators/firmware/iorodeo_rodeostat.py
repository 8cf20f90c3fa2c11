"""Simulated IO Rodeo Rodeostat, firmware 0.1.0, with one cell connected. Not verified on hardware.

Theory of operation. A line of JSON is a command, and is answered with one. A test puts out its voltage every 200 us
from a timer, reads the current through two low passes of 310 Hz, and sends a sample each sample period among the
answers; ``{}`` ends them. With ``autoConnect`` (the default) it connects the electrodes when it begins and disconnects
them when it ends. Parameters that are set while it runs take effect at once.

Quirks, kept: ``stopTest`` is answered and then followed by ``{}`` although nothing may have run; ``v`` of a sample is
what was asked for, not what was measured or what the converter can; a pulse so short that no look falls into its window
gives ``NaN``; without a multiplexer its commands are refused, but ``getMuxEnabled`` is answered.

The voltage is moved here only as often as it changes: a ramp every 5 ms.

Source: iorodeo/potentiostat @86e4708 (firmware 0.1.0, ps_system_state and its neighbours). Left out: a line of more
than 2000 bytes makes the real one deaf until it is plugged in anew, here it is refused; samples are never lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from labctl_simulators.cells import Cell

from .iorodeo_rodeostat_circuit import CHANNELS, MODELS, VOLTS_10, Circuit, Range
from .iorodeo_rodeostat_json import read_object, written
from .iorodeo_rodeostat_run import Running
from .iorodeo_rodeostat_waveforms import EVERY_WAVEFORM, Refused, TICK_us, Waveform, real

FIRMWARE = "FW0.1.0"
_LONGEST_LINE = 2000
_SHORTEST_us, _LONGEST_us = 1_000, 1_000_000
_UINT32 = 0xFFFF_FFFF
_END = "{}\r\n"
_NOT_SUPPORTED = "multiplexer hardware not supported"

Message = dict[str, Any]


class _Failure(Exception):
    """A command that is refused, in the instrument's words."""


class Rodeostat:
    """The instrument; it has one line.

    Args:
        cell: at WRK against REF and CTR together.
        seed: of the converters' noise.
        model: a hardware variant.
        device_id: the number that its owner gave it.
    """

    def __init__(
        self, cell: Cell, seed: int = 0, *, model: str = "10V_microAmpV0.2", device_id: int = 1
    ) -> None:
        self.board = MODELS[model]
        self.variant = model
        self.circuit = Circuit(self.board, cell, seed)
        self.device_id = device_id
        self.auto_connect = True
        self.period_us = 10_000
        self.tests = {test.name: test for test in (make() for make in EVERY_WAVEFORM)}
        self.connected = False
        self._running: Running | None = None
        self._now_s = 0.0
        self._commands = self._known_commands()

    def port(self) -> RodeostatPort:
        """The line; a second is refused."""
        if self.connected:
            raise ConnectionRefusedError("a Rodeostat has one USB line")
        self.connected = True
        return RodeostatPort(self)

    @property
    def circuit_closed(self) -> bool:
        """Whether a current can flow in the cell."""
        return self.circuit.closed

    @property
    def next_s(self) -> float | None:
        """When the timer is to be served."""
        return None if self._running is None else self._running.next_s

    def live_until(self, now_s: float) -> str:
        """Let everything happen that is due; what the timer sends meanwhile."""
        said = ""
        while self._running is not None and self._running.next_s <= now_s:
            self._pass(self._running.next_s)
            said += self._running.look(self.circuit, self.period_us)
            if self._running.done:
                said += self._stop()
        self._pass(now_s)
        return said

    def execute(self, line: bytes, now_s: float) -> str:
        """Answer a line."""
        message = read_object(line)
        data: Message = {}
        try:
            if message is None:
                raise _Failure("unable to parse json")
            if "command" not in message:
                raise _Failure("CommandTable: command not found")
            name = message["command"] if isinstance(message["command"], str) else ""
            command = self._commands.get(name.strip())
            if command is None:
                raise _Failure(f"command, {name.strip()}, not found")
            data["command"] = name
            ended = command(message, data) or ""
            answer = {"success": True, "response": data}
        except _Failure as failure:
            ended = ""
            answer = {"success": False, "message": str(failure), "response": data}
        if self._running is not None:  # what has been changed takes effect at the next look
            looks = math.floor((now_s - self._running.began_s) * 1e6 / TICK_us) + 1
            self._running.next = min(self._running.next, max(looks, self._running.last + 1))
        return written(answer) + "\r\n" + ended

    # --- a test ----------------------------------------------------------------------------------------------

    def _pass(self, now_s: float) -> None:
        self.circuit.advance(now_s - self._now_s)
        self._now_s = max(self._now_s, now_s)

    def _stop(self) -> str:
        self._running = None
        if self.auto_connect and self.board.hardware != "V0.1":
            self._switch_all(False)
        if self.circuit.multiplexer.running:
            self.circuit.multiplexer.disconnect()
        return _END

    def _switch_all(self, connected: bool) -> None:
        circuit = self.circuit
        circuit.counter = circuit.reference = circuit.working = connected

    # --- commands --------------------------------------------------------------------------------------------

    def _known_commands(self) -> dict[str, Callable[[Message, Message], str | None]]:
        commands: dict[str, Callable[[Message, Message], str | None]] = {
            "runTest": self._run_test,
            "stopTest": lambda message, data: self._stop(),
            "getVolt": lambda message, data: data.update(v=self.circuit.set_V),
            "setVolt": self._set_volt,
            "getCurr": lambda message, data: data.update(i=self.circuit.read_current()[0]),
            "getRefVolt": lambda message, data: data.update(r=self.circuit.read_reference()),
            "setParam": self._set_param,
            "getParam": self._get_param,
            "setVoltRange": lambda m, d: self._choose(m, d, "voltRange", "volt_range", self.board.volts),
            "getVoltRange": lambda message, data: data.update(voltRange=self.circuit.volt_range.name),
            "setCurrRange": lambda m, d: self._choose(
                m, d, "currRange", "curr_range", self.board.microamperes
            ),
            "getCurrRange": lambda message, data: data.update(currRange=self.circuit.curr_range.name),
            "setDeviceId": self._set_device_id,
            "getDeviceId": lambda message, data: data.update(deviceId=self.device_id),
            "setSamplePeriod": self._set_sample_period,
            "getSamplePeriod": lambda message, data: data.update(samplePeriod=self.period_us // 1000),
            "getTestDoneTime": self._get_test_done_time,
            "getTestNames": lambda message, data: data.update(testNames=list(self.tests)),
            "getVersion": lambda message, data: data.update(version=FIRMWARE),
            "getVariant": lambda message, data: data.update(variant=self.variant),
            "getMuxEnabled": lambda m, data: data.update(muxEnabled=self.circuit.multiplexer.running),
            "getMuxTestNames": lambda message, data: data.update(
                testNames=[name for name, test in self.tests.items() if test.multiplexed]
            ),
        }
        multiplexed: dict[str, Callable[[Message, Message], str | None]] = {
            "setMuxEnabled": self._set_mux_enabled,
            "setEnabledMuxChannels": self._set_enabled_channels,
            "getEnabledMuxChannels": lambda m, d: d.update(muxChannel=list(self.circuit.multiplexer.enabled)),
            "setMuxRefElectConnected": lambda m, d: self._switch_mux(m, d, "reference"),
            "getMuxRefElectConnected": lambda m, d: d.update(connected=self.circuit.multiplexer.reference),
            "setMuxCtrElectConnected": lambda m, d: self._switch_mux(m, d, "counter"),
            "getMuxCtrElectConnected": lambda m, d: d.update(connected=self.circuit.multiplexer.counter),
            "setMuxWrkElectConnected": self._connect_mux_working,
            "getMuxWrkElectConnected": lambda m, d: d.update(
                connected=self.circuit.multiplexer.working or False
            ),
            "disconnectAllMuxElect": lambda m, d: self.circuit.multiplexer.disconnect(),
        }
        if not self.board.multiplexer:
            multiplexed = dict.fromkeys(multiplexed, _refuse_multiplexer)
        return commands | multiplexed | (self._switch_commands() if self.board.hardware != "V0.1" else {})

    def _switch_commands(self) -> dict[str, Callable[[Message, Message], str | None]]:
        circuit = self.circuit
        return {
            "setRefElectConnected": lambda m, d: self._switch(m, d, "reference"),
            "getRefElectConnected": lambda m, d: d.update(connected=circuit.reference),
            "setCtrElectConnected": lambda m, d: self._switch(m, d, "counter"),
            "getCtrElectConnected": lambda m, d: d.update(connected=circuit.counter),
            "setWrkElectConnected": lambda m, d: self._switch(m, d, "working"),
            "getWrkElectConnected": lambda m, d: d.update(connected=circuit.working),
            "setAllElectConnected": lambda m, d: self._switch(m, d, "counter", "reference", "working"),
            "getAllElectConnected": lambda m, d: d.update(
                connected=circuit.counter and circuit.reference and circuit.working
            ),
            "setElectAutoConnect": self._set_auto_connect,
            "getElectAutoConnect": lambda m, d: d.update(autoConnect=self.auto_connect),
            "setRefElectVoltRange": lambda m, d: self._choose(m, d, "voltRange", "ref_range", VOLTS_10),
            "getRefElectVoltRange": lambda m, d: d.update(voltRange=circuit.ref_range.name),
            "getHardwareVersion": lambda m, d: d.update(version=self.board.hardware),
        }

    def _run_test(self, message: Message, data: Message) -> None:
        waveform = self._named_test(message, data)
        multiplexer = self.circuit.multiplexer
        if multiplexer.running:
            if not waveform.multiplexed:
                raise _Failure(f"test, {waveform.name}, is not mux compatible")
            if not multiplexer.enabled:
                raise _Failure("mux running, but no enabled working electrode channels")
            multiplexer.connect_first()
        self.circuit.choose_ranges(*waveform.extremes_V())
        self.circuit.set_voltage(waveform.voltage_V(0))
        if self.auto_connect and self.board.hardware != "V0.1":
            self._switch_all(True)
        self._running = Running(waveform, self._now_s)

    def _named_test(self, message: Message, data: Message) -> Waveform:
        if "test" not in message:
            raise _Failure("json does not contain key: test")
        data["test"] = message["test"]
        test = self.tests.get(message["test"]) if isinstance(message["test"], str) else None
        if test is None:
            raise _Failure("test not found")
        return test

    def _set_volt(self, message: Message, data: Message) -> None:
        value = _given(message, "v")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _Failure("unable to convert volt to float")
        self.circuit.set_voltage(real(value))
        data["v"] = self.circuit.set_V

    def _set_param(self, message: Message, data: Message) -> None:
        if "test" not in message:
            raise _Failure("test key not found")
        test = self._named_test(message, data)
        try:
            data["param"] = test.take(message.get("param"))
        except Refused as refused:
            if isinstance(message.get("param"), dict):
                data["param"] = refused.taken
            raise _Failure(str(refused)) from None

    def _get_param(self, message: Message, data: Message) -> None:
        data["param"] = dict(self._named_test(message, data).values)

    def _get_test_done_time(self, message: Message, data: Message) -> None:
        if "test" not in message:
            raise _Failure("test key not found")
        data["testDoneTime"] = self._named_test(message, data).done_us // 1000 & _UINT32

    def _choose(
        self, message: Message, data: Message, key: str, which: str, ranges: tuple[Range, ...]
    ) -> None:
        name = _given(message, key)
        found = next((each for each in ranges if each.name == name), None)
        if found is not None:
            setattr(self.circuit, which, found)
        data[key] = getattr(self.circuit, which).name
        if found is None:
            raise _Failure(f"{key}, {name if isinstance(name, str) else ''}, not found")

    def _set_device_id(self, message: Message, data: Message) -> None:
        value = _given(message, "deviceId")
        if isinstance(value, bool) or not isinstance(value, int):
            raise _Failure("deviceId is not integer")
        data["deviceId"] = self.device_id = value & _UINT32

    def _set_sample_period(self, message: Message, data: Message) -> None:
        value = _given(message, "samplePeriod")
        if isinstance(value, bool) or not isinstance(value, int):
            raise _Failure("json samplePeriod value is not uin32_t")  # as the real one spells it
        period_us = (value & _UINT32) * 1000 & _UINT32
        if period_us > _LONGEST_us:
            raise _Failure("json samplePeriod value is too large")
        if period_us < _SHORTEST_us:
            raise _Failure("json samplePeriod value is too small")
        self.period_us = period_us
        for test in self.tests.values():
            test.period_us = period_us
        data["samplePeriod"] = period_us // 1000

    def _switch(self, message: Message, data: Message, *which: str) -> None:
        value = _truth(message, "connected")
        for each in which:
            setattr(self.circuit, each, value)
        data["connected"] = value

    def _set_auto_connect(self, message: Message, data: Message) -> None:
        data["autoConnect"] = self.auto_connect = _truth(message, "autoConnect")

    def _set_mux_enabled(self, message: Message, data: Message) -> None:
        value = _given(message, "muxEnabled")
        if not isinstance(value, bool):
            raise _Failure("unable to convert muxEnabled to bool")
        self.circuit.multiplexer.running = value
        self.circuit.multiplexer.disconnect()
        data["muxEnabled"] = value

    def _set_enabled_channels(self, message: Message, data: Message) -> None:
        given = _given(message, "muxChannel")
        if not isinstance(given, list):
            raise _Failure("muxChannel not a JsonArray")
        if len(given) > CHANNELS:
            raise _Failure("muxChannel array too large")
        for channel in given:
            if isinstance(channel, bool) or not isinstance(channel, int):
                raise _Failure("muxChannel element not an int")
            if not 0 < channel <= CHANNELS:
                raise _Failure("muxChannel element out of range")
        self.circuit.multiplexer.enabled = sorted(set(given))
        data["muxChannel"] = given

    def _switch_mux(self, message: Message, data: Message, which: str) -> None:
        value = _truth(message, "connected")
        if not self.circuit.multiplexer.running:
            raise _Failure("mux not enabled - unable to connect/disconnect")
        setattr(self.circuit.multiplexer, which, value)
        data["connected"] = value

    def _connect_mux_working(self, message: Message, data: Message) -> None:
        value = _given(message, "connected")
        multiplexer = self.circuit.multiplexer
        if not multiplexer.running:
            raise _Failure("mux not enabled - unable to connect/disconnect")
        if not isinstance(value, int):
            raise _Failure("connected must be bool or int")
        if value is True:
            raise _Failure("if bool 'connected' must be false")
        if value is not False and value not in multiplexer.enabled:
            raise _Failure("mux channel is not enabled")
        multiplexer.working = int(value)
        data["connected"] = value


def _given(message: Message, key: str) -> Any:
    if key not in message:
        raise _Failure(f"json does not contain key: {key}")
    return message[key]


def _truth(message: Message, key: str) -> bool:
    value = _given(message, key)
    if not isinstance(value, bool):
        raise _Failure(f"unable to convert '{key}' to bool")
    return value


def _refuse_multiplexer(message: Message, data: Message) -> None:
    raise _Failure(_NOT_SUPPORTED)


class RodeostatPort:
    """The USB line: lines in, lines out."""

    def __init__(self, device: Rodeostat) -> None:
        self._device = device
        self._input = bytearray()
        self._overlong = False

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take bytes, answer every line that is whole by now."""
        device = self._device
        said = device.live_until(now_s)
        *whole, rest = data.split(b"\n")
        for part in whole:
            line = self._taken(part)
            said += device.execute(b"" if line is None else line, now_s)
            said += device.live_until(now_s)
            self._input.clear()
            self._overlong = False
        self._taken(rest)
        return said.encode("latin-1", "replace")

    def next_wake(self) -> float | None:
        """When the timer of a test is due."""
        return self._device.next_s

    def wake(self, now_s: float) -> bytes:
        """What the timer sends."""
        return self._device.live_until(now_s).encode("latin-1", "replace")

    def close(self, now_s: float) -> None:
        """Unplugged from the computer; a test goes on, and its samples are lost."""
        self._device.live_until(now_s)
        self._device.connected = False

    def _taken(self, part: bytes) -> bytes | None:
        """The line so far; None: it is too long."""
        self._overlong = self._overlong or len(self._input) + len(part) > _LONGEST_LINE
        if not self._overlong:
            self._input += part
        return None if self._overlong else bytes(self._input)
