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
from functools import partial
from typing import ClassVar

from labctl_simulators.cells import Cell

from . import arbin_control as control
from . import arbin_frames as wire
from .arbin_channel import RUNNING, ArbinChannel, Scale
from .arbin_files import Disk
from .arbin_information import SERIAL_NUMBER, information, login, resume_data, start_data

USERS = {"admin": ("000000", True), "viewer": ("000000", False)}
"""Names, their passwords, and whether they may control."""

_LOGGED_IN, _REFUSED, _WAS_LOGGED_IN = 1, 2, 3
_ALL = 0xFFFFFFFF
_BETWEEN_UPDATES_S = 0.2 - 1e-6
_MOST_UPDATES = 160
_MOST_MESSAGES = 100
_START_ENTRY, _RESUME_ENTRY = 4 + 144 + 400 + 256 + 4 + 244, 4 + 144 + 400 + 4 + 244


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
        name, barcode = wire.from_wide(request.body[5:405]), wire.from_wide(request.body[409:553])
        return self._one_or_all(0xBB120001, request, lambda channel: self._assign_to(channel, name, barcode))

    def _assign_to(self, channel: ArbinChannel, name: str, barcode: str = "") -> int:
        return control.assign(channel, name, self._server.disk.schedule(name), barcode)

    def _start(self, request: wire.Request) -> bytes:
        test_name = wire.from_wide(request.body[:144])
        return self._told(
            0xBB230004, request.body[144:], lambda channel: control.start(channel, test_name, 0)
        )

    def _start_ex(self, request: wire.Request) -> bytes:
        results = {}
        for begin in range(4, len(request.body) - _START_ENTRY + 1, _START_ENTRY):
            number, test_name, schedule, step = struct.unpack_from("<I144s400s256xI", request.body, begin)
            names = wire.from_wide(test_name), wire.from_wide(schedule)
            results[number] = self._try(number, partial(self._start_advanced, *names, step))
        return _success_or_failures(0xBB230004, results)

    def _start_advanced(self, test_name: str, schedule: str, step: int, channel: ArbinChannel) -> int:
        assigned = control.DONE
        if schedule and not control.is_busy(channel):
            assigned = self._assign_to(channel, schedule)
        return assigned or control.start(channel, test_name, step)

    def _stop(self, request: wire.Request) -> bytes:
        return self._one_or_all(0xBB130001, request, control.stop)

    def _resume(self, request: wire.Request) -> bytes:
        return self._one_or_all(0xBB130002, request, control.resume)

    def _resume_ex(self, request: wire.Request) -> bytes:
        begins = range(4, len(request.body) - _RESUME_ENTRY + 1, _RESUME_ENTRY)
        numbers = [struct.unpack_from("<I", request.body, begin)[0] for begin in begins]
        return b"".join(
            wire.simple(0xBB130002, number, self._try(number, control.resume)) for number in numbers
        )

    def _continue(self, request: wire.Request) -> bytes:
        return self._told(0xBB230006, request.body, control.continue_)

    def _jump(self, request: wire.Request) -> bytes:
        step, number = struct.unpack_from("<iI", request.body)
        return wire.simple(0xBB230005, number, self._try(number, lambda channel: control.jump(channel, step)))

    # --- meta variables --------------------------------------------------------------------------------------

    def _set_mv(self, request: wire.Request) -> bytes:
        number, kind, code, value_kind, value = struct.unpack_from("<Iii16xif", request.body)
        result = control.MV_FAILED if (kind, value_kind) != (1, 1) else self._set(((number, code, value),))
        return wire.simple(0xBB510001, number, result)

    def _update_mv(self, request: wire.Request) -> bytes:
        (number,) = struct.unpack_from("<I", request.body)
        updates = tuple(struct.iter_unpack("<HHf", request.body[22:]))
        touched = {each for each, *_ in updates if each < len(self._server.channels)}
        early = any(self._now_s - self._server.updated_s[each] < _BETWEEN_UPDATES_S for each in touched)
        if not 0 < len(updates) <= _MOST_UPDATES:
            return wire.simple(0xBB510002, number, control.MV_FAILED)
        result = control.MV_TOO_OFTEN if early else self._set(updates)
        if result == control.DONE:
            for each in touched:
                self._server.updated_s[each] = self._now_s
        return wire.simple(0xBB510002, number, result)

    def _set(self, updates: Sequence[tuple[int, int, float]]) -> int:
        """Set all of them, or none."""
        for number, code, value in updates:
            allowed = self._try(number, partial(control.may_set, code=code, value=value))
            if allowed != control.DONE:
                return control.MV_FAILED if allowed == control.MAY_NOT and not self._may_control else allowed
        for number, code, value in updates:
            self._server.channels[number].set_variable(control.VARIABLE_OF_CODE[code], value)
        return control.DONE

    # --- the rest --------------------------------------------------------------------------------------------

    def _files(self, request: wire.Request) -> bytes:
        return b"".join(self._server.disk.answer(request.command, request.body))

    def _message(self, request: wire.Request) -> bytes:
        self._server.messages.append(wire.from_wide(request.body))
        del self._server.messages[:-_MOST_MESSAGES]
        return wire.frame(0xCD410002, struct.pack("<I", 1))

    def _calibrate(self, request: wire.Request) -> bytes:
        return wire.frame(0xCD410001, struct.pack("<I", 0))  # the window of calibration is not open

    # --- one channel, or several -----------------------------------------------------------------------------

    def _try(self, number: int, act: Callable[[ArbinChannel], int]) -> int:
        """Do something with a channel; the result."""
        if number >= len(self._server.channels):
            return control.NO_CHANNEL
        return act(self._server.channels[number]) if self._may_control else control.MAY_NOT

    def _one_or_all(self, command: int, request: wire.Request, act: Callable[[ArbinChannel], int]) -> bytes:
        """Feedback for each channel of a request that names one, or all of them."""
        number, everywhere = struct.unpack_from("<IB", request.body)
        numbers = range(len(self._server.channels)) if everywhere else (number,)
        return b"".join(wire.simple(command, each, self._try(each, act)) for each in numbers)

    def _told(self, command: int, listed: bytes, act: Callable[[ArbinChannel], int]) -> bytes:
        """Feedback to a request that lists channels; in v1.1 it is one number."""
        numbers = _list(listed) or list(struct.unpack_from("<I", listed))
        return _success_or_failures(command, {each: self._try(each, act) for each in numbers})

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


def _success_or_failures(command: int, results: dict[int, int]) -> bytes:
    """Feedback for each channel that failed; one with -1 if none has."""
    failed = {number: result for number, result in results.items() if result != control.DONE}
    return b"".join(
        wire.simple(command, number, result) for number, result in (failed or {_ALL: control.DONE}).items()
    )
