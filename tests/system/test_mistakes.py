"""What a person gets wrong on the command line: one line that says what is right, the right exit code, nothing sent."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.system.command_line import CommandLine
from tests.system.test_instruments import PROTOCOL, simulated

RUN = ("run", "na50k50-symmetric")


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("run", "na50k50-symetric"), 2, "did you mean the bundled na50k50-symmetric"),
        ((*RUN, "--driver", "keithley-245"), 2, "did you mean 'keithley-2450'"),
        ((*RUN, "--speed", "fast"), 2, "positive number"),
        ((*RUN, "--speed", "-1"), 2, "positive number"),
        ((*RUN, "--speed", "nan"), 2, "positive number"),
        ((*RUN, "--cell", "resistr"), 2, "did you mean 'resistor'"),
        ((*RUN, "--cell", "resistor:x"), 2, "resistor"),
        ((*RUN, "--without", "rests"), 2, "impedance"),
        ((*RUN, "--channel", "a"), 2, "--station"),
        ((*RUN, "--resource", "/dev/null"), 2, "--driver"),
        ((*RUN, "--station", "nowhere.yaml"), 2, "no such file"),
        ((*RUN, "--db", "/nowhere/at/all.sqlite"), 7, "/nowhere/at"),
        (("simulate", "keithley-2450", "--tcp", "5025"), 2, "HOST:PORT"),
        (("simulate", "keithley-2450"), 2, "--pty"),
        (("simulate", "keithley-2450", "--pty", "--speed", "0"), 2, "positive"),
        (("show", "1"), 2, "no such file"),
        (("runs",), 2, "no such file"),
        ((*RUN, "--driver", "palmsens-emstat4", "--resource", "/dev/nowhere"), 4, "/dev/nowhere"),
        (
            (
                *RUN,
                "--driver",
                "keithley-2450",
                "--resource",
                "TCPIP::127.0.0.1::1::SOCKET",
                "--without",
                "impedance",
            ),
            4,
            "127.0.0.1",
        ),
        (("rn",), 2, "Did you mean"),
    ],
)
def test_one_line_and_an_exit_code(
    labctl: CommandLine, arguments: tuple[str, ...], code: int, word: str
) -> None:
    outcome = labctl(*arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert word in outcome.err
    if arguments[0] != "rn":
        assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("channels: {a: {driver: keithley-2450}}", "resource or a simulated cell"),
        ("channels: {a: {driver: keithly-2450, cell: na}}", "did you mean 'keithley-2450'"),
        ("channels: {a: {driver: keithley-2450, cell: na, resorce: x}}", "unknown key 'resorce'"),
        (
            "channels: {a: {driver: keithley-2450, resource: R}, b: {driver: keithley-2450, resource: r}}",
            "already",
        ),
        ("chanels: {}", "'channels' is missing"),
        ("channels: [a]", "a mapping is wanted"),
    ],
)
def test_a_wrong_station_file_is_told_by_line(labctl: CommandLine, line: str, problem: str) -> None:
    (labctl.directory / "bench.yaml").write_text(f"station: bench\n{line}\n")
    outcome = labctl(*RUN, "--station", "bench.yaml")
    assert outcome.code == 2
    assert problem in outcome.err
    assert "bench.yaml:" in outcome.err


def test_a_station_file_names_a_simulated_channel(labctl: CommandLine, tmp_path: Path) -> None:
    (labctl.directory / "two-cycles.yaml").write_text(PROTOCOL)
    (labctl.directory / "bench.yaml").write_text(
        "station: bench\n"
        "channels:\n"
        "  stat: {driver: palmsens-emstat4, cell: na}\n"
        "  wrong: {driver: palmsens-emstat4, cell: na, serial: other}\n"
    )
    assert "several channels" in labctl("run", "two-cycles.yaml", "--station", "bench.yaml").err
    done = labctl("run", "two-cycles.yaml", "--station", "bench.yaml", "--channel", "stat", "--json")
    assert done.document()["channel"] == "stat"
    refused = labctl("run", "two-cycles.yaml", "--station", "bench.yaml", "--channel", "wrong")
    assert refused.code == 4
    assert "serial number" in refused.err


@pytest.mark.parametrize(("presses", "complete"), [(1, True), (2, False)])
def test_ctrl_c_leaves_a_finished_readable_run(labctl: CommandLine, presses: int, complete: bool) -> None:
    (labctl.directory / "two-cycles.yaml").write_text(PROTOCOL)
    with simulated(labctl, "palmsens-emstat4") as resource:
        run = labctl.start(
            *("run", "two-cycles.yaml", "--driver", "palmsens-emstat4"),
            *("--resource", resource, "--speed", "3600"),
        )
        assert run.stderr is not None
        while "cycle 1 charge" not in run.stderr.readline():
            pass
        time.sleep(0.5)  # noqa: TID251  well into the next half-cycle, which takes 2.5 s
        for _ in range(presses):
            run.send_signal(signal.SIGINT)
            time.sleep(0.1)  # noqa: TID251  a person's fingers
        _, err = run.communicate(timeout=30)
    assert run.returncode == 130, err
    shown = labctl("show", "last", "--json").document()
    assert shown["state"] == "ended"
    assert len(shown["half_cycles"]) == 2
    assert shown["half_cycles"][-1]["complete"] is complete


def test_help_is_quick_because_heavy_imports_wait() -> None:
    heavy = "('numpy', 'sqlalchemy', 'pydantic', 'rich')"
    listing = f"import sys, labctl.cli.main; print([m for m in {heavy} if m in sys.modules])"
    printed = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"
