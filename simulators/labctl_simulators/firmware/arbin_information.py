"""What the simulated Arbin tells of itself, its channels and their tests.

Source: "Arbin CTI Protocol Commands" v1.1 (login, channel information); "Arbin CTI Instructions" v4.5 (data before a
start and a resumption).
Assumed: each channel has one thermocouple and one auxiliary voltage; a length of a step's label counts bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .arbin_channel import RUNNING, UNSAFE, ArbinChannel
from .arbin_frames import CHANNELS, LOGIN, RESUME_DATA, START_DATA, frame, narrow, wide

SERIAL_NUMBER = 218340

_FEEDBACK_EE, _FEEDBACK_CD = 0xEEBA0000 - 0xEEAB0000, 0xCD310000 - 0xCD130000
_AUX = 0x400
_ALL, _ONLY_RUNNING, _ONLY_UNSAFE = 1, 2, 3
_ROOM_C = 25.0
_NO_TEST_NAME, _NO_RESUME_DATA = 35, 36
_NOTE = "MSTAT\r\n\r\nCurrent: 1A,100mA,10mA,1mA\r\nVoltage: -10V to 10V\r\n\r\nSimulated"


def login(result: int, channels: int, *, may_control: bool) -> bytes:
    """The feedback to a login: what the cycler is."""
    return frame(
        LOGIN + _FEEDBACK_EE,
        struct.pack("<I4s", result, bytes((127, 0, 0, 1)))
        + narrow(str(SERIAL_NUMBER), 16)
        + narrow(_NOTE, 256)
        + wide("Simulated Arbin", 1024)
        + wide("In memory", 1024)
        + wide("", 1024)
        + wide("", 1024)
        + wide("", 64)
        + wide("", 16)
        + struct.pack("<IIIIII", 0, 1, int(may_control), channels, 0, 0),
    )


def information(channels: Sequence[ArbinChannel], number: int, selection: int, auxiliary: int) -> bytes:
    """One feedback for each channel that was asked for; -1 is all of them."""
    if number >= 0:
        chosen = [number] if number < len(channels) else []
    else:
        chosen = [
            index
            for index, channel in enumerate(channels)
            if selection not in (_ONLY_RUNNING, _ONLY_UNSAFE)
            or (selection == _ONLY_RUNNING and channel.status in RUNNING)
            or (selection == _ONLY_UNSAFE and channel.status == UNSAFE)
        ]
    if not chosen:
        return frame(CHANNELS + _FEEDBACK_EE, struct.pack("<I", 0))
    return b"".join(
        frame(
            CHANNELS + _FEEDBACK_EE,
            struct.pack("<I", 1) + _channel(index, channels[index], wants_aux=bool(auxiliary & _AUX)),
        )
        for index in chosen
    )


def _channel(index: int, channel: ArbinChannel, *, wants_aux: bool) -> bytes:
    shown = channel.shown
    capacities = (shown.charge_C, shown.discharge_C, shown.charge_J, shown.discharge_J)
    floats = (
        shown.voltage_V,
        shown.current_A,
        shown.voltage_V * shown.current_A,
        *(value / 3600.0 for value in capacities),
        *(0.0,) * 5,  # internal resistance, dV/dt, ACR, ACI and its phase
    )
    aux = (shown.voltage_V, 0.0, _ROOM_C, 0.0) if wants_aux else ()
    counts = (1, 1, *(0,) * 12) if wants_aux else (0,) * 14
    return (
        struct.pack("<IhB", index, channel.status, channel.comm_failure)
        + wide(channel.schedule_name, 200)
        + wide(channel.test_name, 72)
        + narrow(channel.exit, 100)
        + narrow(channel.where(), 64)
        + wide(channel.barcode, 72)
        + wide("", 200)
        + wide("", 200)
        + struct.pack("<Hdd12f", index, shown.test_s, shown.step_s, *floats)
        + struct.pack("<14H", *counts)
        + struct.pack(f"<{len(aux)}f", *aux)
    )


def start_data(channels: Sequence[ArbinChannel], numbers: Sequence[int]) -> bytes:
    """What is known of channels before a start."""
    entries = b"".join(
        struct.pack("<IIII", number, 0, len(channel.test_names), len(_labels(channel)))
        + wide(channel.schedule_name, 200)
        + struct.pack("<16f", *channel.variables)
        + _strings(channel.test_names)
        + _strings(_labels(channel))
        for number, channel in _known(channels, numbers)
    )
    count = len(_known(channels, numbers))
    return frame(START_DATA + _FEEDBACK_CD, struct.pack("<I", count) + entries)


def resume_data(channels: Sequence[ArbinChannel], numbers: Sequence[int]) -> bytes:
    """The state of tests, with their variables."""
    entries = b""
    for number, channel in _known(channels, numbers):
        code = 0 if channel.test_name else _NO_TEST_NAME if channel.schedule else _NO_RESUME_DATA
        shown = channel.shown
        entries += struct.pack("<III", number, code, len(_labels(channel)))
        entries += wide(channel.test_name, 72) + wide(channel.schedule_name, 200)
        entries += wide("CTI", 64) + wide("", 64) + wide("2026-01-01 00:00:00", 64)
        entries += struct.pack(
            "<I6d", channel.cycle, shown.test_s, shown.step_s, *(value / 3600.0 for value in shown[4:])
        )
        entries += bytes(12 * 8 + 4 * 4 + 2 * 8)  # counters
        entries += struct.pack("<16f", *channel.variables) + _strings(_labels(channel))
    count = len(_known(channels, numbers))
    return frame(RESUME_DATA + _FEEDBACK_CD, struct.pack("<I", count) + entries)


def _known(channels: Sequence[ArbinChannel], numbers: Sequence[int]) -> list[tuple[int, ArbinChannel]]:
    return [(number, channels[number]) for number in numbers if number < len(channels)]


def _labels(channel: ArbinChannel) -> list[str]:
    return [] if channel.schedule is None else [step.label for step in channel.schedule.steps]


def _strings(texts: Sequence[str]) -> bytes:
    data = [text.encode("latin-1", "replace") for text in texts]
    return b"".join(struct.pack("<I", len(each)) + each for each in data)
