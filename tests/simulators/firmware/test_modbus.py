"""The serving side of Modbus: published frames, every function and exception, rubbish, and any split of the input."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.firmware.binder_mk53 import BinderMk53
from labctl_simulators.firmware.modbus import ADDRESS, ModbusFault, ModbusPort, carry_out, crc16


class Memory:
    """A hundred registers."""

    functions = frozenset({3, 4, 6, 8, 16, 22, 23})

    def __init__(self) -> None:
        self.words = list(range(100))

    def read(self, function: int, address: int, count: int, now_s: float) -> list[int]:
        if address + count > len(self.words):
            raise ModbusFault(ADDRESS)
        return self.words[address : address + count]

    def write(self, address: int, words: tuple[int, ...], now_s: float) -> None:
        self.read(3, address, len(words), now_s)
        self.words[address : address + len(words)] = words


def rtu(text: str) -> bytes:
    body = bytes.fromhex(text)
    return body + crc16(body)


def test_the_published_frames_of_a_binder() -> None:
    chamber = BinderMk53(None, 1)
    chamber.set_C[0x1581] = 25.0
    port = chamber.port()
    assert port.receive(bytes.fromhex("01 03 11 A9 00 02 11 17"), 0.0)[:3] == b"\x01\x03\x04"
    assert port.receive(rtu("01 03 1077 0002"), 0.0) == bytes.fromhex("01 03 04 00 00 41 C8 CB F5")


def test_a_chamber_answers_an_idle_line_only_for_itself_and_obeys_broadcasts_in_silence() -> None:
    chamber = BinderMk53(None, 1)
    port = chamber.port()
    assert port.receive(rtu("02 03 1077 0002"), 0.0) == b""
    assert port.receive(rtu("00 06 1A22 0800"), 0.0) == b""
    assert chamber.mode == 0x0800
    assert port.receive(rtu("01 03 1A22 0001"), 0.0) == rtu("01 03 02 0800")


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("03 0005 0002", "03 04 0005 0006"),
        ("04 0005 0001", "04 02 0005"),
        ("06 0005 BEEF", "06 0005 BEEF"),
        ("10 0005 0002 04 0001 0002", "10 0005 0002"),
        ("16 0004 00F2 0025", "16 0004 00F2 0025"),
        ("17 0003 0002 0004 0001 02 00FF", "17 04 0003 00FF"),
        ("08 0000 A537", "08 0000 A537"),
        ("01 0000 0001", "81 01"),
        ("2B 0E 01 00", "AB 01"),
        ("08 0001 0000", "88 01"),
        ("03 0063 0002", "83 02"),
        ("03 FFFF 0002", "83 02"),
        ("06 0064 0000", "86 02"),
        ("10 0063 0002 04 0001 0002", "90 02"),
        ("03 0000 0000", "83 03"),
        ("03 0000 007E", "83 03"),
        ("03 0000", "83 03"),
        ("10 0000 0000 00", "90 03"),
        ("10 0000 0002 02 0001", "90 03"),
        ("16 0004 00F2", "96 03"),
        ("17 0003 0002 0004 0001", "97 03"),
    ],
)
def test_functions_and_exceptions_are_those_of_the_specification(asked: str, answered: str) -> None:
    assert carry_out(Memory(), bytes.fromhex(asked), 0.0) == bytes.fromhex(answered)


def test_masks_write_as_the_specification_says() -> None:
    memory = Memory()
    memory.words[4] = 0x12
    carry_out(memory, bytes.fromhex("16 0004 00F2 0025"), 0.0)
    assert memory.words[4] == 0x17


def test_after_rubbish_or_half_a_frame_the_next_request_is_understood() -> None:
    port = BinderMk53(None, 1).port()
    question, answer = rtu("01 03 1A22 0001"), rtu("01 03 02 0000")
    assert port.receive(b"\xff\x00\x01\x03" + question, 0.0) == answer
    assert port.receive(question[:-1] + b"\x00" + question, 1.0) == answer
    assert port.receive(rtu("01 63 0102"), 2.0) == rtu("01 E3 01")
    assert port.receive(b"\x01\x10\x00\x00\x00\x7b\xf6", 3.0) == b""
    assert port.receive(question, 3.5) == b""
    assert port.receive(question, 5.0) == answer, "what is not completed within a second is dropped"


@pytest.mark.parametrize("number", [0, 1, 0x0103, 0x0110, 0x7F10, 0xFFFF])
def test_a_connection_tells_modbus_tcp_from_serial_frames(number: int) -> None:
    body = bytes.fromhex("03 0000 0002")
    request = struct.pack(">HHHB", number, 0, len(body) + 1, 1) + body
    answer = struct.pack(">HHHB", number, 0, 7, 1) + bytes.fromhex("03 04 0000 0001")
    for chunk in (1, 7, 8, len(request)):
        port = ModbusPort(Memory(), 1)
        pieces = [request[at : at + chunk] for at in range(0, len(request), chunk)]
        assert b"".join(port.receive(piece, 0.0) for piece in pieces) == answer
    serial = rtu("01 03 0000 0002")
    assert ModbusPort(Memory(), 1).receive(serial, 0.0) == rtu("01 03 04 0000 0001")


def test_several_registers_are_written_over_tcp_and_a_gateway_knows_no_other_unit() -> None:
    memory = Memory()
    port = ModbusPort(memory, 1)
    body = bytes.fromhex("10 0000 0002 04 0007 0008")
    request = struct.pack(">HHHB", 5, 0, len(body) + 1, 255) + body
    assert port.receive(request, 0.0) == struct.pack(">HHHB", 5, 0, 6, 255) + body[:5]
    assert memory.words[:2] == [7, 8]
    other = struct.pack(">HHHB", 6, 0, 6, 9) + bytes.fromhex("03 0000 0001")
    assert port.receive(other, 0.0) == struct.pack(">HHHB", 6, 0, 3, 9) + bytes.fromhex("83 0B")
    with pytest.raises(ConnectionAbortedError):
        port.receive(b"GET / HTTP/1.1\r\n\r\n", 0.0)


@given(data=st.binary(max_size=120), cuts=st.lists(st.integers(0, 140), max_size=8))
def test_any_bytes_in_any_pieces_are_answered_alike(data: bytes, cuts: list[int]) -> None:
    data += rtu("01 03 1A22 0001")
    whole = BinderMk53(None, 1).port().receive(data, 1.0)
    port = BinderMk53(None, 1).port()
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    assert b"".join(port.receive(data[a:b], 1.0) for a, b in pairwise(edges)) == whole


@given(data=st.binary(max_size=300))
def test_no_bytes_upset_a_connection_that_takes_both_packings(data: bytes) -> None:
    port = ModbusPort(Memory(), 1)
    for at in range(0, len(data), 7):
        try:
            port.receive(data[at : at + 7], 0.0)
        except ConnectionAbortedError:
            return
