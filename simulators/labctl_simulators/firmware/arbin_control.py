"""What becomes of a command to one channel of the simulated Arbin: it is carried out, or answered by a result code.

Source: "Arbin CTI Protocol Commands" v1.1, the tables of error codes.
Assumed: an unsafe channel stays so until a person at the computer has looked.
"""

from __future__ import annotations

import math

from .arbin_channel import IDLE, PAUSED, RUNNING, UNSAFE, ArbinChannel
from .arbin_schedule import Unusable, read_schedule

DONE, NO_CHANNEL, MAY_NOT = 0, 0x10, 0x11
MV_FAILED, MV_TOO_OFTEN = 0x10, 0x14

VARIABLE_OF_CODE = {code: index for index, code in enumerate((52, 53, 54, 55, *range(105, 117)))}

_NAME_EMPTY, _NOT_FOUND, _IS_RUNNING, _CANNOT_ASSIGN = 0x12, 0x13, 0x14, 0x17
_RUNNING_OR_UNSAFE, _NO_SCHEDULE, _NO_STEP, _NO_TEST_NAME = 0x12, 0x15, 0x19, 0x23
_CONTINUE_RUNNING, _NOT_PAUSED, _CONTINUE_UNSAFE = 0x12, 0x15, 0x16
_JUMP_NOT_RUNNING = 0x12
_NO_CODE, _MV_NOT_RUNNING = 0x11, 0x12


def is_busy(channel: ArbinChannel) -> bool:
    """Whether a test runs or is paused."""
    return channel.status in RUNNING or channel.status == PAUSED


def assign(channel: ArbinChannel, name: str, data: bytes | None, barcode: str) -> int:
    """Assign a schedule file; None: there is none of that name."""
    if not name:
        return _NAME_EMPTY
    if is_busy(channel):
        return _IS_RUNNING
    if data is None:
        return _NOT_FOUND
    try:
        channel.assign(name, read_schedule(data), barcode)
    except Unusable:
        return _CANNOT_ASSIGN
    return DONE


def start(channel: ArbinChannel, test_name: str, step: int) -> int:
    """Start a test with a step, counted from 0."""
    if is_busy(channel) or channel.status == UNSAFE:
        return _RUNNING_OR_UNSAFE
    if channel.schedule is None:
        return _NO_SCHEDULE
    if not test_name:
        return _NO_TEST_NAME
    if step >= len(channel.schedule.steps):
        return _NO_STEP
    channel.start(test_name, step)
    return DONE


def stop(channel: ArbinChannel) -> int:
    """Stop whatever runs; nothing may."""
    channel.stop()
    return DONE


def resume(channel: ArbinChannel) -> int:
    """Go on with a test that was stopped."""
    if is_busy(channel) or channel.status == UNSAFE:
        return _RUNNING_OR_UNSAFE
    if channel.schedule is None:
        return _NO_SCHEDULE
    if channel.status != IDLE or not channel.test_name:
        return _NO_TEST_NAME
    channel.resume()
    return DONE


def continue_(channel: ArbinChannel) -> int:
    """Go on behind a pause."""
    if channel.status == UNSAFE:
        return _CONTINUE_UNSAFE
    if channel.status != PAUSED:
        return _CONTINUE_RUNNING if channel.status in RUNNING else _NOT_PAUSED
    channel.continue_()
    return DONE


def jump(channel: ArbinChannel, step: int) -> int:
    """Go on with another step, counted from 0."""
    if channel.status not in RUNNING:
        return _JUMP_NOT_RUNNING
    channel.jump(step)
    return DONE


def may_set(channel: ArbinChannel, code: int, value: float) -> int:
    """Whether a meta variable may be set."""
    if not math.isfinite(value):
        return MV_FAILED
    if code not in VARIABLE_OF_CODE:
        return _NO_CODE
    return DONE if channel.status in RUNNING else _MV_NOT_RUNNING
