"""The manual's exchanges, against the simulated firmware and against the codec, apart from each other."""

from pathlib import Path

from labctl_example_ex1 import codec
from labctl_example_ex1.firmware import ExampleEx1

from labctl.instrument.step import Control, SafetyLimits
from labctl.plugins import cell

LINES = [
    line for line in (Path(__file__).parent / "transcript.txt").read_text().splitlines() if line[0] in "<>"
]


def test_the_firmware_answers_as_the_manual_says() -> None:
    port = ExampleEx1(cell("resistor:1000", 1)).port()
    sent = b"".join(line[2:].encode() + b"\n" for line in LINES if line[0] == ">")
    answered = b"".join(line[2:].encode() + b"\n" for line in LINES if line[0] == "<")
    assert port.receive(sent, 0.0) == answered
    byte_by_byte = ExampleEx1(cell("resistor:1000", 1)).port()
    assert b"".join(byte_by_byte.receive(sent[i : i + 1], 0.0) for i in range(len(sent))) == answered


def test_the_codec_writes_and_reads_what_the_manual_shows() -> None:
    sent = [line[2:].encode() for line in LINES if line[0] == ">"]
    assert b"LIM " + codec.limits(SafetyLimits(-1.0, 1.0, 5e-4)) in sent
    assert b"SET " + codec.level(Control.CURRENT, 1e-4) in sent
    assert codec.parse_reading(b"0.1,0.0001,1") == (0.1, 1e-4, True)
    identity = codec.parse_identity(LINES[1][2:].encode())
    assert identity is not None
    assert identity.serial == "0001"
    assert codec.parse_identity(b"EXAMPLE,EX-2,0001,1.0") is None
