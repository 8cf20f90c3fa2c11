"""Everything that has to be refused is, at its line, with the reason, fast and in little memory."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from labctl.errors import ProtocolError
from labctl.protocol import all_problems, load

GOOD = """\
protocol: bench
cell:
  electrode_diameter: 6 mm
  nominal_capacity: 0.3 mAh
safety:
  voltage: [-1.0 V, 1.0 V]
  current: 0.5 mA
record: {every: 10 s, voltage_change: 5 mV}
steps:
  - rest:
      until: {time: 1 h}
  - loop: 20
    steps:
      - constant_current:
          current: +0.4 mA/cm2
          until: {capacity: 1 mAh/cm2, voltage: 0.9 V}
      - constant_current:
          current: -0.4 mA/cm2
          until: {capacity: 1 mAh/cm2, voltage: -0.9 V}
      - impedance:
          mode: galvanostatic
          amplitude: 10 uA
          from: 100 kHz
          to: 0.1 Hz
          on_cycles: [1, 10, 20]
stop_rules:
  - overpotential_jump: {factor: 2, then: [impedance, stop]}
"""


class Bad(NamedTuple):
    """``old`` replaced by ``new`` in GOOD gives an error in ``line`` that contains ``word``."""

    name: str
    old: str
    new: str
    line: int
    word: str


_UP = "current: +0.4 mA/cm2"
_EXIT = "until: {capacity: 1 mAh/cm2, voltage: 0.9 V}"

NUMBERS = [
    Bad("nan", _UP, "current: .nan", 15, "finite"),
    Bad("nan with unit", "voltage: 0.9 V", "voltage: nan V", 16, "finite"),
    Bad("infinity", "time: 1 h", "time: .inf", 11, "finite"),
    Bad("overflow", "voltage: 0.9 V", "voltage: 1e400 V", 16, "beyond any voltage"),
    Bad("overflow, long exponent", "voltage: 0.9 V", "voltage: 1e99999999 V", 16, "not a number"),
    Bad("negative zero", "voltage: 0.9 V", "voltage: -0.0 V", 16, "negative zero"),
    Bad(
        "negative capacity",
        "{capacity: 1 mAh/cm2, voltage: 0.9 V}",
        "{capacity: -1 mAh/cm2, voltage: 0.9 V}",
        16,
        "negative",
    ),
    Bad("negative cut-off while charging", "voltage: 0.9 V", "voltage: -0.9 V", 16, "behind the equilibrium"),
    Bad("upper below lower", "[-1.0 V, 1.0 V]", "[1.0 V, -1.0 V]", 6, "not above"),
    Bad("upper equal to lower", "[-1.0 V, 1.0 V]", "[1.0 V, 1.0 V]", 6, "not above"),
    Bad("current zero", _UP, "current: 0 mA", 15, "no current"),
    Bad("mA given as A", _UP, "current: +0.4 A/cm2", 15, "mA or uA meant"),
    Bad("a tenth of an ampere", _UP, "current: 0.1 A", 15, "mA or uA meant"),
    Bad("safety in A", "current: 0.5 mA", "current: 0.5 A", 7, "mA or uA meant"),
    Bad("decimal comma in text", "time: 1 h", 'time: "1,5 h"', 11, "write 1.5 h"),
    Bad("exponent without unit", _UP, "current: 1e-3", 15, "no unit"),
    Bad("leading zero", "time: 1 h", "time: 010", 11, "leading zero"),
    Bad("leading zero count", "loop: 20", "loop: 020", 12, "whole number"),
    Bad("hexadecimal", "time: 1 h", "time: 0x10", 11, "decimal number"),
    Bad("sexagesimal", "time: 1 h", "time: 12:30", 11, "12 h 30 min"),
    Bad("no", "time: 1 h", "time: no", 11, "word, not a quantity"),
    Bad("on", "every: 10 s", "every: on", 8, "word, not a quantity"),
    Bad("true", _UP, "current: true", 15, "word, not a quantity"),
    Bad("underscore", "time: 1 h", "time: 1_000 s", 11, "write 1000 s"),
    Bad("underscore count", "loop: 20", "loop: 1_0", 12, "whole number"),
    Bad("full-width digits", "voltage: 0.9 V", "voltage: \uff10.\uff19 V", 16, "U+FF10"),
    Bad("sign convention reversed", "+0.4 mA/cm2", "-0.4 mA/cm2", 16, "positive current charges"),
    Bad("plus and minus", "+0.4 mA/cm2", "\u00b10.4 mA/cm2", 15, "two signs"),
    Bad("bare number", "voltage: 0.9 V", "voltage: 0.9", 16, "no unit"),
    Bad("megaampere", "current: 0.5 mA", "current: 1 MA", 7, "did you mean 1 mA?"),
    Bad("wrong case", _UP, "current: +0.4 ma/cm2", 15, "did you mean +0.4 mA/cm2?"),
    Bad("wrong dimension", _UP, "current: 0.4 mAh/cm2", 15, "areal capacity"),
    Bad("too much", "time: 1 h", "time: 90000 d", 11, "beyond any time"),
]

LOGIC = [
    Bad("no voltage window", "  voltage: [-1.0 V, 1.0 V]\n", "", 6, "'voltage' is missing"),
    Bad("only one voltage", "[-1.0 V, 1.0 V]", "[-1.0 V]", 6, "two entries"),
    Bad("no safety current", "  current: 0.5 mA\n", "", 6, "'current' is missing"),
    Bad(
        "no safety", "safety:\n  voltage: [-1.0 V, 1.0 V]\n  current: 0.5 mA\n", "", 1, "'safety' is missing"
    ),
    Bad("no voltage cut-off", _EXIT, "until: {capacity: 1 mAh/cm2}", 16, "no voltage ends this step"),
    Bad(
        "cut-off on the other side only",
        _EXIT,
        "until: {time: 1 h, voltage: {below: -0.9 V}}",
        16,
        "upper side",
    ),
    Bad("no time limit", _EXIT, "until: {voltage: 0.9 V}", 16, "neither time nor capacity"),
    Bad("rest for ever", "until: {time: 1 h}", "until: {voltage: {above: 0.1 V}}", 11, "'time' is missing"),
    Bad("no exit", _EXIT, "until: {}", 16, "no voltage"),
    Bad("no until", "          " + _EXIT + "\n", "", 15, "'until' is missing"),
    Bad("until says nothing", _EXIT, "until:", 16, "where a mapping is wanted"),
    Bad("cut-off outside the window", "voltage: 0.9 V", "voltage: 1.2 V", 16, "safety window"),
    Bad("cut-off on the window", "voltage: 0.9 V", "voltage: 1.0 V", 16, "safety window"),
    Bad("current above safety", _UP, "current: 0.6 mA", 15, "safety current"),
    Bad("no passes", "loop: 20", "loop: 0", 12, "out of range"),
    Bad("a billion passes", "loop: 20", "loop: 1000000000", 12, "out of range"),
    Bad("centuries", "loop: 20", "loop: 1000000", 9, "years"),
    Bad("goto", "- rest:\n      until: {time: 1 h}", "- goto: 1", 10, "unknown step 'goto'"),
    Bad("include", "protocol: bench", "include: other.yaml\nprotocol: bench", 1, "unknown key 'include'"),
    Bad("unknown step", "- rest:", "- rset:", 10, "did you mean 'rest'?"),
    Bad(
        "unknown key",
        "until: {capacity: 1 mAh/cm2, voltage: 0.9 V}",
        "cuttoff: {voltage: 0.9 V}",
        16,
        "unknown key 'cuttoff'",
    ),
    Bad("mistyped key", _EXIT, "untill: {voltage: 0.9 V}", 16, "did you mean 'until'?"),
    Bad(
        "two steps in one item",
        "- rest:\n      until: {time: 1 h}",
        "- rest:\n      until: {time: 1 h}\n    tag: x",
        12,
        "its own '- '",
    ),
    Bad("duplicate key", "current: 0.5 mA", "current: 0.5 mA\n  current: 50 mA", 8, "first in line 7"),
    Bad("frequency zero", "to: 0.1 Hz", "to: 0 Hz", 24, "is zero"),
    Bad("frequency negative", "to: 0.1 Hz", "to: -0.1 Hz", 24, "negative"),
    Bad("frequencies rise", "from: 100 kHz", "from: 0.01 Hz", 23, "high to the low"),
    Bad("amplitude too large", "amplitude: 10 uA", "amplitude: 0.6 mA", 22, "safety current"),
    Bad(
        "PEIS amplitude too large",
        "mode: galvanostatic\n          amplitude: 10 uA",
        "mode: potentiostatic\n          amplitude: 1.5 V",
        22,
        "safety window",
    ),
    Bad("amplitude of the other mode", "amplitude: 10 uA", "amplitude: 10 mV", 22, "not a current"),
    Bad("sample interval zero", "every: 10 s", "every: 0 s", 8, "is zero"),
    Bad("sample interval beyond a watchdog", "every: 10 s", "every: 5 h", 8, "out of range"),
    Bad(
        "sample interval beyond the step",
        "until: {time: 1 h}",
        "until: {time: 5 s}",
        11,
        "longer than the step",
    ),
    Bad(
        "rule without its signal",
        "- overpotential_jump: {factor: 2, then: [impedance, stop]}",
        "- impedance_rise\nx: 1",
        28,
        "unknown key 'x'",
    ),
    Bad("overpotential of nothing", "[-1.0 V, 1.0 V]", "[-1.0 V, 1.1 V]", 27, "equilibrium_voltage"),
    Bad(
        "unknown rule",
        "- overpotential_jump:",
        "- overpotential_jmup:",
        27,
        "did you mean 'overpotential_jump'?",
    ),
    Bad("unknown action", "[impedance, stop]", "[impedance, halt]", 27, "unknown action 'halt'"),
    Bad("stop before the end", "[impedance, stop]", "[stop, impedance]", 27, "stop comes last"),
    Bad("rule parameter without unit", "{factor: 2,", "{hold: 60,", 27, "no unit"),
    Bad(
        "specific without mass",
        "  nominal_capacity: 0.3 mAh\n",
        "  nominal_capacity: 120 mAh/g\n",
        4,
        "needs a mass",
    ),
    Bad("listed pass never comes", "[1, 10, 20]", "[1, 10, 21]", 25, "never comes"),
    Bad(
        "schedule outside a loop",
        "until: {time: 1 h}",
        "until: {time: 1 h}\n      every: 10",
        12,
        "no loop around",
    ),
    Bad("charging to below", "current: -0.4 mA/cm2", "current: +0.4 mA/cm2", 19, "behind the equilibrium"),
    Bad("too fast a rate", _UP, "current: 5000C", 15, "beyond any C-rate"),
    Bad(
        "diameter and area",
        "electrode_diameter: 6 mm",
        "electrode_diameter: 6 mm\n  electrode_area: 1 cm2",
        4,
        "keep one",
    ),
    Bad(
        "voltage held without time",
        "- rest:\n      until: {time: 1 h}",
        "- constant_voltage: {voltage: 0.1 V, until: {current: 1 uA}}",
        10,
        "time limits",
    ),
    Bad("ambiguous side", "until: {time: 1 h}", "until: {time: 1 h, voltage: 0.1 V}", 11, "either side"),
    Bad(
        "empty steps",
        GOOD[GOOD.index("steps:\n") : GOOD.index("stop_rules")],
        "steps: []\n",
        9,
        "at least one entry",
    ),
    Bad(
        "hold on what only grows",
        "{capacity: 1 mAh/cm2,",
        "{capacity: {value: 1 mAh/cm2, hold: 5 s},",
        16,
        "single value",
    ),
    Bad(
        "retention of a rest",
        "loop: 20\n",
        "loop: 20\n    until: {capacity_retention: 150 %}\n",
        13,
        "out of range",
    ),
]

YAML = [
    Bad("alias bomb", "protocol: bench", "protocol: &a bench\nb: [*a, *a]", 1, "anchor &a"),
    Bad("alias", "protocol: bench", "protocol: *a", 1, "alias *a"),
    Bad("merge key", "protocol: bench", "protocol: bench\n<<: {a: 1}", 2, "merge keys"),
    Bad("brackets", "protocol: bench", "protocol: " + "[" * 3000, 1, "nested more than"),
    Bad("python object", "protocol: bench", "protocol: !!python/object:os.system x", 1, "tag !!python"),
    Bad("tab", "  current: 0.5 mA", "\tcurrent: 0.5 mA", 7, "a tab"),
    Bad("second document", "protocol: bench", "protocol: bench\n---\na: b", 2, "second YAML document"),
    Bad("direction override", "protocol: bench", "protocol: bench\u202e", 1, "U+202E"),
    Bad("NUL", "protocol: bench", "protocol: ben\0ch", 1, "U+0000"),
    Bad("escaped NUL", "protocol: bench", 'protocol: "ben\\0ch"', 1, "U+0000"),
    Bad("unclosed bracket", "[-1.0 V, 1.0 V]", "[-1.0 V, 1.0 V", 7, "not YAML"),
    Bad("a list as key", "protocol: bench", "[a]: b\nprotocol: bench", 1, "key has to be a word"),
    Bad("a name with a path", "protocol: bench", "protocol: ../../etc/cron.d/x", 1, "not a name"),
    Bad("not a mapping", GOOD, "- protocol\n", 1, "where a mapping is wanted"),
    Bad("nothing", GOOD, "", 1, "empty"),
    Bad("many entries", "protocol: bench", "protocol: [" + "a," * 60_000 + "]", 1, "entries"),
]

FULL_CELL = """\
protocol: full
cell: {nominal_capacity: 1.5 mAh}
safety: {voltage: [2.4 V, 4.4 V], current: 5 mA}
record: {every: 10 s}
steps:
  - loop: 20
    steps:
      - constant_current: {current: 1C, until: {time: 2 h, voltage: 2.5 V}}
      - constant_current: {current: -1C, until: {time: 2 h, voltage: 4.2 V}}
"""


def refusal(path: Path | str) -> ProtocolError:
    started = time.process_time()
    with pytest.raises(ProtocolError) as caught:
        load(path)
    assert time.process_time() - started < 1.0
    assert "\n" not in str(caught.value)
    return caught.value


def write(folder: Path, text: str) -> Path:
    path = folder / "bench.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_the_good_protocol_is_good(tmp_path: Path) -> None:
    assert all_problems(write(tmp_path, GOOD)) == []


@pytest.mark.parametrize("bad", [*NUMBERS, *LOGIC, *YAML], ids=lambda bad: bad.name)
def test_refused_at_its_line(bad: Bad, tmp_path: Path) -> None:
    assert bad.old in GOOD
    error = refusal(write(tmp_path, GOOD.replace(bad.old, bad.new, 1)))
    assert bad.word in str(error)
    assert error.line == bad.line
    assert error.remedy
    assert str(error).startswith(f"{tmp_path}/bench.yaml:{bad.line}:{error.column}: ")


def test_signs_are_checked_without_an_equilibrium_voltage(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, FULL_CELL))
    assert error.line == 9
    assert "positive current charges" in error.remedy


BARE = """\
protocol: bare
safety: {{voltage: [-1 V, 2 V], current: 1 mA}}
record: {{every: 10 s}}
steps:
  - constant_current: {{current: {current}, until: {{{end}, voltage: 1 V}}}}
stop_rules:
  - {rule}
"""


@pytest.mark.parametrize(
    ("current", "end", "rule", "line", "word"),
    [
        ("C/5", "time: 1 h", "soft_short", 5, "needs a capacity"),
        ("0.1 mA/cm2", "time: 1 h", "soft_short", 5, "needs an area"),
        ("10 mA/g", "time: 1 h", "soft_short", 5, "needs a mass"),
        ("0.1 mA", "capacity: 1 mAh/cm2", "soft_short", 5, "needs an area"),
        ("0.1 mA", "time: 1 h", "soft_short", 7, "needs the overpotential"),
        ("0.1 mA", "time: 1 h", "impedance_rise", 7, "needs spectra"),
        ("0.1 mA", "time: 1 h", "coulombic_efficiency", 7, "no loop passes current"),
        ("0.1 mA", "time: 1 h", "capacity_retention: {minimum: 70 %}", 7, "no loop passes current"),
        ("0.1 mA", "time: 1 h", "capacity_retention: {then: impedance}", 7, "none to repeat"),
    ],
)
def test_what_is_not_there_cannot_be_used(
    current: str, end: str, rule: str, line: int, word: str, tmp_path: Path
) -> None:
    path = write(tmp_path, BARE.format(current=current, end=end, rule=rule))
    assert (line, True) in [(error.line, word in str(error)) for error in all_problems(path)]


def test_a_rule_given_twice_has_to_differ(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, GOOD + "  - overpotential_jump: {factor: 2, then: [impedance, stop]}\n"))
    assert (error.line, "given twice" in str(error)) == (28, True)


def test_one_mistake_is_told_once(tmp_path: Path) -> None:
    for bad in NUMBERS:
        assert len(all_problems(write(tmp_path, GOOD.replace(bad.old, bad.new, 1)))) == 1, bad.name


def test_all_problems_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("every: 10 s", "evry: 10 s").replace("mode: galvanostatic", "mode: both")
    text = text.replace("current: 0.5 mA", "current: 0.5")
    assert [error.line for error in all_problems(write(tmp_path, text))] == [7, 8, 21]


def test_a_value_given_instead_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"^cell.electrode_diameter as given:1:1: '6' has no unit"):
        load(write(tmp_path, GOOD), cell={"electrode_diameter": "6"})
    with pytest.raises(ProtocolError, match="unknown key 'diameter'; did you mean 'electrode_diameter'"):
        load(write(tmp_path, GOOD), cell={"diameter": "6 mm"})


def test_loops_a_thousand_deep(tmp_path: Path) -> None:
    deep = "{loop: 1, steps: [" * 1000 + "tag: x" + "]}" * 1000
    assert "nested" in str(refusal(write(tmp_path, GOOD.replace("- rest:", f"- {deep}\n  - rest:"))))


def test_loops_nine_deep(tmp_path: Path) -> None:
    deep = "{loop: 1, steps: [" * 9 + "tag: x" + "]}" * 9
    error = refusal(write(tmp_path, GOOD.replace("- rest:", f"- {deep}\n  - rest:")))
    assert (error.line, error.problem) == (10, "loops are nested more than 8 deep")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (GOOD.encode("utf-16"), "UTF-16"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "byte-order mark"),
        (GOOD.replace("bench", "b\u00e9").encode("latin-1"), "not UTF-8"),
        (b"\x00" * 100, "U+0000"),
        (b"#" * 50_000_000, "kB large"),
    ],
)
def test_bytes_that_are_no_text(content: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / "bench.yaml"
    path.write_bytes(content)
    error = refusal(path)
    assert (error.line, error.column > 0) == (1, True)
    assert word in str(error)


def test_a_byte_that_is_not_utf8_is_found(tmp_path: Path) -> None:
    path = tmp_path / "bench.yaml"
    path.write_bytes(GOOD.encode() + b"# caf\xe9\n")
    error = refusal(path)
    assert (error.line, error.column) == (GOOD.count("\n") + 1, 6)


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    fifo, link = tmp_path / "fifo.yaml", tmp_path / "link.yaml"
    os.mkfifo(fifo)
    link.symlink_to(fifo)
    for path in (fifo, link, tmp_path, "/dev/zero"):
        assert "not an ordinary file" in str(refusal(path))
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert "cannot be read" in str(refusal(loop))
    assert "no such file" in str(refusal(tmp_path / "nothing.yaml"))
    assert "did you mean the bundled na50k50-symmetric?" in str(refusal("na50k50-symetric"))
    assert "cannot be read" in str(refusal("x" * 300))
    assert "no such file" in str(refusal("two\nlines"))
    assert refusal("a\0b").problem


def test_a_link_to_an_ordinary_file_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(write(tmp_path, GOOD))
    assert load(link).protocol == "bench"


def test_line_ends_of_other_systems_are_fine(tmp_path: Path) -> None:
    assert load(write(tmp_path, GOOD.replace("\n", "\r\n"))).nodes == load(write(tmp_path, GOOD)).nodes


MEMORY = r"""
import re, sys
from labctl.errors import ProtocolError
from labctl.protocol import load
try:
    load(sys.argv[1])
except ProtocolError:
    # Of this program alone: getrusage also counts what the process that started it took.
    print(int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 120_000, "[" + "a," * 60_000, "- {" * 40_000], ids=["deep", "wide", "both"]
)
def test_refusing_takes_little_memory(text: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, str(write(tmp_path, text))], capture_output=True, check=True
    )
    assert int(run.stdout) < 200
