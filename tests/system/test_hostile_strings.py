"""Names and texts that mean something to an instrument, a database, a shell, a spreadsheet, a browser or a terminal.

They are refused with one line, or they are text: in the database, in files, on the wire and on a screen.
"""

import asyncio
import csv
import io
import json
import unicodedata
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from labctl.cli.screen import Inert, drawn_on
from labctl.engine.control import RunControl
from labctl.errors import DataError, ProtocolError
from labctl.exchange import export, tables
from labctl.exchange.export import export_run
from labctl.invisible import INVISIBLE, visible
from labctl.link.memory import MemoryPort
from labctl.protocol import load
from labctl.report.plots import plot_run
from labctl.station.connect import ChannelSpec
from labctl.station.launch import Launch, launch
from labctl.store.reader import Reader
from labctl.store.sqlite import load_dbapi
from tests.system.command_line import CommandLine

PROTOCOL = """\
protocol: short
cell: {electrode_diameter: 6 mm, equilibrium_voltage: 0 V}
safety: {voltage: [-1.0 V, 1.0 V], current: 5 mA}
record: {every: 10 s}
steps:
  - loop: 2
    steps:
      - constant_current: {current: +1 mA, until: {time: 1 min, voltage: 0.5 V}}
      - constant_current: {current: -1 mA, until: {time: 1 min, voltage: -0.5 V}}
"""

TEXT = (
    "x;OUTP ON",
    "x\\nOUTP ON",
    "'); DROP TABLE run;--",
    '"; DROP TABLE run;--',
    "<img src=x onerror=alert(1)>",
    "</text><script>alert(1)</script>&amp;",
    "../../etc/cron.d/x",
    "/etc/passwd",
    "CON",
    "a:b",
    "trailing.",
    "-rf",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+#/$SYS",
    "$\\undefined{$",
    "%s %n {0} {name} [bold red]",
    "Zelle 7, Na₅₀K₅₀ ×2 – größer",
    "细胞",
    "y" * 200,
)
"""What may be a name, and then is nothing but a name."""

REFUSED = (
    "",
    " ",
    "x\nOUTP ON",
    "x\rOUTP ON",
    "x\u2028OUTP ON",
    "x\x85OUTP ON",
    "\x1b[2Jx",
    "\x9b2Jx",
    "a\x07b",
    "a\x00b",
    "a\x7fb",
    "a\tb",
    "abc\u202etxt.exe",
    "a\u2066b",
    "a\u061cb",
    "zero\u200bwidth",
    "\ufeffbom",
    "half\udc80",
    "tag\U000e0041",
    "y" * 201,
)
"""What cannot be a name, since nobody could see what it is."""


@dataclass(frozen=True, slots=True)
class Written:
    """A database in which each name of ``TEXT`` has a run, and all bytes that went to the instruments."""

    path: Path
    sent: bytes

    @property
    def reader(self) -> Reader:
        return Reader(self.path)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    directory = tmp_path_factory.mktemp("hostile")
    (directory / "short.yaml").write_text(PROTOCOL)
    sent = bytearray()
    write = MemoryPort.write

    async def listen(port: MemoryPort, data: bytes) -> None:
        sent.extend(data)
        await write(port, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryPort, "write", listen)
        for name in TEXT:
            plan = load(str(directory / "short.yaml"), cell={"name": name})
            spec = ChannelSpec("simulated", "keithley-2450", cell="resistor:100")
            asyncio.run(launch(Launch(plan, spec, str(directory / "runs.db"), None, 0, 0.0), RunControl()))
    return Written(directory / "runs.db", bytes(sent))


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_what_nobody_can_see_is_refused_with_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "short.yaml").write_text(PROTOCOL)
    with pytest.raises(ProtocolError) as refused:
        load(str(tmp_path / "short.yaml"), cell={"name": name})
    assert str(refused.value).isprintable()
    assert str(refused.value).startswith("cell.name as given")


@pytest.mark.parametrize("name", ["x\\nOUTP ON", "x\\eOUTP ON", "x\\u202eOUTP ON"])
def test_a_protocol_cannot_bring_them_in_as_escapes(tmp_path: Path, name: str) -> None:
    (tmp_path / "p.yaml").write_text(PROTOCOL.replace("cell: {", f'cell: {{name: "{name}", '))
    with pytest.raises(ProtocolError) as refused:
        load(str(tmp_path / "p.yaml"))
    assert refused.value.line == 2
    assert str(refused.value).isprintable()


def test_the_command_line_refuses_them_and_stores_nothing(tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(PROTOCOL)
    labctl = CommandLine(tmp_path)
    refused = labctl("run", "short.yaml", "--cell", "resistor:100", "--name", "a\u202eb")
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "U+202E" in refused.err
    assert not (tmp_path / "labctl.sqlite").exists()


def test_in_the_database_a_name_is_text(written: Written) -> None:
    assert tuple(run.cell.name for run in written.reader.runs()) == TEXT


def test_on_the_wire_there_is_no_name(written: Written) -> None:
    assert written.sent.count(b":OUTP ON\n") == len(TEXT)  # one for each run, none from a name
    assert all(32 <= byte < 127 or byte == 10 for byte in written.sent)
    assert not any(name.encode() in written.sent for name in TEXT if name not in ("CON", "a:b"))


def test_exports_stay_in_their_directory_under_plain_names(written: Written, tmp_path: Path) -> None:
    for run in written.reader.runs():
        for path in export_run(written.reader, run, tmp_path / "out"):
            assert path.parent == tmp_path / "out"
            assert path.name.isascii()
            assert set(path.name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
            assert path.name.startswith("labctl__")  # so it is never CON, a hidden file or an option
            assert len(path.name) < 120
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_in_a_spreadsheet_a_text_is_no_formula(written: Written, tmp_path: Path) -> None:
    copy = tmp_path / "runs.db"
    copy.write_bytes(written.path.read_bytes())
    texts = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", 'a"b,c\nd', "plain")
    for text in texts:
        with closing(load_dbapi().connect(str(copy), isolation_level=None)) as connection:
            connection.execute("UPDATE half_cycle SET end_reason = ? WHERE run_id = 1", (text,))
        reader = Reader(copy)
        table = export_run(reader, reader.run(1), tmp_path / "out")[2]
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        shown = visible(text)
        assert {row["end_reason"] for row in rows} == {f"'{shown}" if shown[0] in "=+-@\t" else shown}
        for value in (value for row in rows for value in row.values()):
            assert value[:1] not in tuple("=+@\t\r")
            assert value[:1] != "-" or float(value) < 0.0


@pytest.mark.parametrize("forgotten", ["formulas", "file names"])
def test_what_is_let_through_is_found(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    """The planted faults for the two tests above."""
    if forgotten == "formulas":
        monkeypatch.setattr(tables, "_text", str)
        with pytest.raises(AssertionError):
            test_in_a_spreadsheet_a_text_is_no_formula(written, tmp_path)
    else:
        monkeypatch.setattr(export, "safe_name", lambda text: text.replace("/", "_"))
        with pytest.raises(AssertionError):
            test_exports_stay_in_their_directory_under_plain_names(written, tmp_path)


def test_in_a_picture_a_name_is_text(written: Written, tmp_path: Path) -> None:
    for name in (
        "<img src=x onerror=alert(1)>",
        "</text><script>alert(1)</script>&amp;",
        "$\\undefined{$",
        "%s %n {0} {name} [bold red]",
    ):
        run = written.reader.runs()[TEXT.index(name)]
        for path in plot_run(written.reader, run, tmp_path / "picture"):
            if path.suffix == ".svg":
                root = ElementTree.parse(path).getroot()
                assert {element.tag.rpartition("}")[2] for element in root.iter()}.isdisjoint(
                    {"script", "img"}
                )
                assert name in "".join(root.itertext())


@pytest.mark.parametrize(
    "reference", ["1; DROP TABLE run", "1 OR 1=1", "' OR ''='", "-1", "１", "1e0", "\x1b[2J", "9" * 30]
)
def test_a_reference_is_a_number_or_last(written: Written, reference: str) -> None:
    with pytest.raises(DataError) as refused:
        written.reader.run(reference)
    assert str(refused.value).isprintable()
    assert len(written.reader.runs()) == len(TEXT)


def test_what_is_printed_cannot_move_a_cursor(tmp_path: Path, written: Written) -> None:
    """A database that somebody else has filled: every text in it is hostile."""
    copy = tmp_path / "labctl.sqlite"
    copy.write_bytes(written.path.read_bytes())
    hostile = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\u2066 \u200b\r\n"
    with closing(load_dbapi().connect(str(copy), isolation_level=None)) as connection:
        for table, column in (
            ("cell", "name"),
            ("run", "protocol"),
            ("run", "end_reason"),
            ("run", "channel"),
            ("run", "instrument_serial"),
            ("half_cycle", "end_reason"),
            ("event", "message"),
            ("event", "author"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = {column} || ?", (hostile,))
    labctl = CommandLine(tmp_path)
    for command in (("runs",), ("show", "1"), ("audit", "log", "1"), ("audit", "verify"), ("doctor",)):
        printed = labctl(*command)
        assert printed.out
        assert not INVISIBLE.search(printed.out + printed.err), command
    told = labctl("runs", "--json")
    assert not INVISIBLE.search(told.out)
    assert told.document()[0]["cell"]["name"] == TEXT[0] + hostile  # and a program still gets what is stored


def test_every_character_that_a_terminal_may_obey_is_written_as_an_escape() -> None:
    for code in range(0x110000):
        character = chr(code)
        if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") and character not in "\n\t":
            assert visible(character).isascii(), hex(code)
            assert visible(character).isprintable(), hex(code)
    for code in (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x61C, 0xFEFF):
        assert visible(chr(code)).isascii(), hex(code)
    assert visible("größer – 细胞\n\tx") == "größer – 细胞\n\tx"


def test_an_inert_stream_keeps_json_what_it_is() -> None:
    below = io.StringIO()
    stream = Inert(below)
    value = {"name": "a\u202eb\x9bc\U000e0041\ud800"}
    print(json.dumps(value, ensure_ascii=False), file=stream)  # type: ignore[call-overload]
    assert not INVISIBLE.search(below.getvalue())
    assert json.loads(below.getvalue()) == value
    assert drawn_on(stream) is below  # type: ignore[arg-type]
    assert drawn_on(below) is below
