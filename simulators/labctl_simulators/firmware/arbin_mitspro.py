"""Simulated Arbin: the Console TCP/IP Interface (CTI) of MITS Pro, with its channels. Not verified on hardware.

Theory of operation. A connection carries binary frames (arbin_frames), each answered by the feedback of its command.
Schedules (arbin_schedule) lie on the computer's disk (arbin_files); a channel (arbin_channel) is assigned one by name,
and runs it. Commands come by TCP port 9031 of the real computer, those about files by 9032: here one port takes both.

Source: "Arbin CTI Protocol Commands" v1.1 and "Arbin CTI Instructions" v4.5, as published with pycti-arbin.
Assumed: before a login, and where a checksum or command is not understood, nothing is answered; meta variables are
limited to one update in 200 ms where they come in a batch; in MITS 8 those given with an assignment have no effect.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import ClassVar

from labctl_simulators.cells import Cell

from . import arbin_frames as wire
from .arbin_channel import IDLE, PAUSED, RUNNING, UNSAFE, ArbinChannel, Scale
from .arbin_files import Disk
from .arbin_information import SERIAL_NUMBER, information, login, resume_data, start_data
from .arbin_schedule import Unusable, read_schedule

USERS = {"admin": ("000000", True), "viewer": ("000000", False)}
"""Names, their passwords, and whether they may control."""

_LOGGED_IN, _REFUSED, _WAS_LOGGED_IN = 1, 2, 3
_DONE, _NO_CHANNEL, _OTHERS = 0, 0x10, 0x11
_NAME_EMPTY, _NOT_FOUND, _IS_RUNNING, _CANNOT_ASSIGN = 0x12, 0x13, 0x14, 0x17
_START_RUNNING, _NO_SCHEDULE, _NO_STEP, _NO_TEST_NAME = 0x12, 0x15, 0x19, 0x23
_NOT_RUNNING, _NOT_PAUSED, _CONTINUE_RUNNING, _CONTINUE_UNSAFE = 0x12, 0x15, 0x12, 0x16
_MV_FAILED, _NO_CODE, _MV_NOT_RUNNING, _TOO_OFTEN = 0x10, 0x11, 0x12, 0x14
_ALL = 0xFFFFFFFF
_LEAST_BETWEEN_UPDATES_S = 0.2
_MOST_UPDATES = 160
_MOST_MESSAGES = 100
_CODES = {code: index for index, code in enumerate((52, 53, 54, 55, *range(105, 117)))}


class ArbinMitsPro:
    """A cycler with the computer that runs MITS Pro: its first channel has the cell, further cells further channels.

    Args:
        cell: at channel 1, which is 0 on the wire.
        seed: of the noise.
        further: cells at channel 2 and so on.
        scale: ranges of all channels; None: +-10 V, 1 A.
    """

    def __init__(
        self, cell: Cell, seed: int = 0, *, further: Sequence[Cell] = (), scale: Scale | None = None
    ) -> None:
        self.channels = [ArbinChannel(each, seed + n, scale) for n, each in enumerate((cell, *further))]
        self.disk = Disk(self._in_use)
        self.messages: list[str] = []
        self.updated_s = [-math.inf] * len(self.channels)

    def port(self) -> CtiConnection:
        """A further connection; the server takes many."""
        return CtiConnection(self)

    @property
    def circuit_closed(self) -> bool:
        """Whether a current can flow in any channel, as of when it was last asked something."""
        return any(channel.circuit_closed for channel in self.channels)

    def _in_use(self, name: str) -> bool:
        plain = name.lower().removesuffix(".sdx")
        running = (channel for channel in self.channels if channel.status in RUNNING)
        return any(channel.schedule_name.lower().removesuffix(".sdx") == plain for channel in running)


class CtiConnection:
    """One peer of the server."""

    def __init__(self, server: ArbinMitsPro) -> None:
        self._server = server
        self._frames = wire.FrameBuffer()
        self._may_control: bool | None = None  # None before the login
        self._now_s = 0.0

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take bytes, answer every request that is whole by now."""
        self._now_s = now_s
        return b"".join(self._answer(request) for request in self._frames.feed(data))

    def next_wake(self) -> float | None:
        """At once where the connection is to be ended: the server speaks only when it is spoken to."""
        return self._now_s if self._frames.broken else None

    def wake(self, now_s: float) -> bytes:
        """End the connection if no frame came.

        Raises:
            ConnectionAbortedError: it is ended.
        """
        if self._frames.broken:
            raise ConnectionAbortedError("no frame")
        return b""

    def close(self, now_s: float) -> None:
        """The peer is gone; what runs goes on."""
        self._frames.clear()
        self._may_control = None

    def _answer(self, request: wire.Request) -> bytes:
        if request.command == wire.LOGIN:
            return self._login(request.body)
        answer = self._COMMANDS.get(request.command)
        if self._may_control is None or answer is None:
            return b""
        for channel in self._server.channels:
            channel.live_until(self._now_s)
        try:
            return answer(self, request)
        except struct.error:  # fewer arguments than the command has
            return b""

    # --- who is there ----------------------------------------------------------------------------------------

    def _login(self, body: bytes) -> bytes:
        user, password = wire.from_narrow(body[:32]), wire.from_narrow(body[32:64])
        known, may_control = USERS.get(user, ("", False))
        result = _REFUSED if not known or password != known else _LOGGED_IN
        if result == _LOGGED_IN and self._may_control is not None:
            result = _WAS_LOGGED_IN
        if result != _REFUSED:
            self._may_control = may_control
        return login(result, len(self._server.channels), may_control=may_control)

    def _connect(self, request: wire.Request) -> bytes:
        (kick_out,) = struct.unpack_from("<I", request.body)
        return wire.frame(0xEEBA0002, struct.pack("<II32x", kick_out, 0))

    def _serial(self, request: wire.Request) -> bytes:
        return wire.simple(0xBB430001, SERIAL_NUMBER, 0)

    def _channels(self, request: wire.Request) -> bytes:
        return information(self._server.channels, *struct.unpack_from("<hhI", request.body))

    def _start_data(self, request: wire.Request) -> bytes:
        return start_data(self._server.channels, _list(request.body))

    def _resume_data(self, request: wire.Request) -> bytes:
        return resume_data(self._server.channels, _list(request.body))

    # --- schedules -------------------------------------------------------------------------------------------

    def _assign(self, request: wire.Request) -> bytes:
        number, everywhere = struct.unpack_from("<IB", request.body)
        name = wire.from_wide(request.body[5:405])
        barcode = wire.from_wide(request.body[409:553])
        return b"".join(
            wire.simple(0xBB120001, each, self._assign_to(each, name, barcode))
            for each in self._chosen(number, everywhere=bool(everywhere))
        )

    def _assign_to(self, number: int, name: str, barcode: str = "") -> int:
        channel = self._channel(number)
        if channel is None:
            return _NO_CHANNEL
        if not self._may_control:
            return _OTHERS
        if not name:
            return _NAME_EMPTY
        if channel.status in RUNNING or channel.status == PAUSED:
            return _IS_RUNNING
        data = self._server.disk.schedule(name)
        if data is None:
            return _NOT_FOUND
        try:
            channel.assign(name, read_schedule(data), barcode)
        except Unusable:
            return _CANNOT_ASSIGN
        return _DONE

    def _start(self, request: wire.Request) -> bytes:
        test_name = wire.from_wide(request.body[:144])
        numbers = _list(request.body[144:]) or list(struct.unpack_from("<I", request.body, 144))
        return self._told(0xBB230004, {each: self._start_one(each, test_name, 0) for each in numbers})

    def _start_ex(self, request: wire.Request) -> bytes:
        return self._start_all(
            request.body, entry=4 + 144 + 400 + 128 + 128 + 4 + 244, step_at=4 + 144 + 400 + 256
        )

    def _start_all(self, body: bytes, *, entry: int, step_at: int) -> bytes:
        results: dict[int, int] = {}
        for begin in range(4, len(body) - entry + 1, entry):
            part = body[begin : begin + entry]
            (number,) = struct.unpack_from("<I", part)
            (step,) = struct.unpack_from("<I", part, step_at)
            schedule = wire.from_wide(part[148:548])
            results[number] = self._assign_to(number, schedule) if schedule else _DONE
            if results[number] in (_DONE, _IS_RUNNING):
                results[number] = self._start_one(number, wire.from_wide(part[4:148]), step)
        return self._told(0xBB230004, results)

    def _start_one(self, number: int, test_name: str, step: int) -> int:
        channel = self._channel(number)
        if channel is None:
            return _NO_CHANNEL
        if not self._may_control:
            return _OTHERS
        if channel.status in RUNNING or channel.status in (PAUSED, UNSAFE):
            return _START_RUNNING
        if channel.schedule is None:
            return _NO_SCHEDULE
        if not test_name:
            return _NO_TEST_NAME
        if step >= len(channel.schedule.steps):
            return _NO_STEP
        channel.start(test_name, step)
        return _DONE

    def _stop(self, request: wire.Request) -> bytes:
        number, everywhere = struct.unpack_from("<IB", request.body)
        feedback = b""
        for each in self._chosen(number, everywhere=bool(everywhere)):
            channel = self._channel(each)
            result = _NO_CHANNEL if channel is None else _DONE if self._may_control else _OTHERS
            if channel is not None and result == _DONE:
                channel.stop()
            feedback += wire.simple(0xBB130001, each, result)
        return feedback

    def _resume(self, request: wire.Request) -> bytes:
        number, everywhere = struct.unpack_from("<IB", request.body)
        return b"".join(
            wire.simple(0xBB130002, each, self._resume_one(each))
            for each in self._chosen(number, everywhere=bool(everywhere))
        )

    def _resume_ex(self, request: wire.Request) -> bytes:
        entry, results = 4 + 144 + 400 + 4 + 244, {}
        for begin in range(4, len(request.body) - entry + 1, entry):
            (number,) = struct.unpack_from("<I", request.body, begin)
            results[number] = self._resume_one(number)
        return b"".join(wire.simple(0xBB130002, number, result) for number, result in results.items())

    def _resume_one(self, number: int) -> int:
        channel = self._channel(number)
        if channel is None:
            return _NO_CHANNEL
        if not self._may_control:
            return _OTHERS
        if channel.status in RUNNING or channel.status in (PAUSED, UNSAFE):
            return _START_RUNNING
        if channel.schedule is None:
            return _NO_SCHEDULE
        if channel.status != IDLE or not channel.test_name:
            return _NO_TEST_NAME
        channel.resume()
        return _DONE

    def _continue(self, request: wire.Request) -> bytes:
        numbers = _list(request.body) or list(struct.unpack_from("<I", request.body))
        return self._told(0xBB230006, {each: self._continue_one(each) for each in numbers})

    def _continue_one(self, number: int) -> int:
        channel = self._channel(number)
        if channel is None:
            return _NO_CHANNEL
        if not self._may_control:
            return _OTHERS
        if channel.status == UNSAFE:
            return _CONTINUE_UNSAFE
        if channel.status != PAUSED:
            return _CONTINUE_RUNNING if channel.status in RUNNING else _NOT_PAUSED
        channel.continue_()
        return _DONE

    def _jump(self, request: wire.Request) -> bytes:
        step, number = struct.unpack_from("<iI", request.body)
        channel = self._channel(number)
        if channel is None:
            result = _NO_CHANNEL
        elif not self._may_control:
            result = _OTHERS
        elif channel.status not in RUNNING:
            result = _NOT_RUNNING
        else:
            channel.jump(step)
            result = _DONE
        return wire.simple(0xBB230005, number, result)

    # --- meta variables --------------------------------------------------------------------------------------

    def _set_mv(self, request: wire.Request) -> bytes:
        number, kind, code, value_kind, value = struct.unpack_from("<Iii16xif", request.body)
        result = _MV_FAILED if (kind, value_kind) != (1, 1) else self._may_set(number, code, value)
        if result == _DONE:
            self._server.channels[number].set_variable(_CODES[code], value)
        return wire.simple(0xBB510001, number, result)

    def _update_mv(self, request: wire.Request) -> bytes:
        (number,) = struct.unpack_from("<I", request.body)
        updates = list(struct.iter_unpack("<HHf", request.body[22:]))
        result = _MV_FAILED if not 0 < len(updates) <= _MOST_UPDATES else _DONE
        for each, code, value in updates:
            result = result or self._may_set(each, code, value)
            early = each < len(self._server.channels) and (
                self._now_s - self._server.updated_s[each] < _LEAST_BETWEEN_UPDATES_S - 1e-6
            )
            result = result or (_TOO_OFTEN if early else _DONE)
        if result == _DONE:
            for each, code, value in updates:
                self._server.updated_s[each] = self._now_s
                self._server.channels[each].set_variable(_CODES[code], value)
        return wire.simple(0xBB510002, number, result)

    def _may_set(self, number: int, code: int, value: float) -> int:
        channel = self._channel(number)
        if channel is None or not self._may_control or not math.isfinite(value):
            return _MV_FAILED
        if code not in _CODES:
            return _NO_CODE
        return _DONE if channel.status in RUNNING else _MV_NOT_RUNNING

    # --- the rest --------------------------------------------------------------------------------------------

    def _files(self, request: wire.Request) -> bytes:
        return b"".join(self._server.disk.answer(request.command, request.body))

    def _message(self, request: wire.Request) -> bytes:
        self._server.messages.append(wire.from_wide(request.body))
        del self._server.messages[:-_MOST_MESSAGES]
        return wire.frame(0xCD410002, struct.pack("<I", 1))

    def _calibrate(self, request: wire.Request) -> bytes:
        return wire.frame(0xCD410001, struct.pack("<I", 0))  # the window of calibration is not open

    def _channel(self, number: int) -> ArbinChannel | None:
        return self._server.channels[number] if number < len(self._server.channels) else None

    def _chosen(self, number: int, *, everywhere: bool) -> list[int]:
        return list(range(len(self._server.channels))) if everywhere else [number]

    def _told(self, command: int, results: dict[int, int]) -> bytes:
        """Feedback for each channel that failed; one with -1 if none has."""
        failed = {number: result for number, result in results.items() if result != _DONE}
        return b"".join(
            wire.simple(command, number, result) for number, result in (failed or {_ALL: _DONE}).items()
        )

    _COMMANDS: ClassVar[dict[int, Callable[[CtiConnection, wire.Request], bytes]]] = {
        wire.CONNECT: _connect,
        wire.SERIAL: _serial,
        wire.CHANNELS: _channels,
        wire.START_DATA: _start_data,
        wire.RESUME_DATA: _resume_data,
        wire.ASSIGN: _assign,
        wire.START: _start,
        wire.START_EX: _start_ex,
        wire.STOP: _stop,
        wire.RESUME: _resume,
        wire.RESUME_EX: _resume_ex,
        wire.CONTINUE: _continue,
        wire.JUMP: _jump,
        wire.SET_MV: _set_mv,
        wire.UPDATE_MV: _update_mv,
        wire.BROWSE: _files,
        wire.DOWNLOAD: _files,
        wire.UPLOAD: _files,
        wire.NEW_OR_DELETE: _files,
        wire.NEW_FOLDER: _files,
        wire.DELETE: _files,
        wire.MESSAGE: _message,
        wire.CALIBRATE: _calibrate,
    }


def _list(body: bytes) -> list[int]:
    """Channels that a request lists: how many, then each."""
    (count,) = struct.unpack_from("<I", body)
    count = min(count, (len(body) - 4) // 2)
    return list(struct.unpack_from(f"<{count}H", body, 4))
