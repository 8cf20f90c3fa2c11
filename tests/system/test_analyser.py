"""A SourceMeter cycles Na50K50 and an LCR meter measures it: in virtual time, and over TCP in keepers' processes."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labctl import plugins
from labctl.engine.control import RunControl
from labctl.engine.outcome import RunState
from labctl.instrument.analyser_queue import AnalyserQueue
from labctl.protocol import load
from labctl.station.connect import AnalyserSpec, ChannelSpec
from labctl.station.file import load_station
from labctl.station.launch import Launch, launch
from labctl.store.reader import Reader
from labctl_simulators.firmware.keysight_e4980a import KeysightE4980A

LABCTL = [sys.executable, "-m", "labctl.cli.main"]
BUNDLED = Path(__file__).parents[2] / "protocols" / "na50k50-symmetric.yaml"
PAIR = ("--driver", "keithley-2450", "--analyser", "keysight-e4980a")


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    """Two short cycles of the bundled protocol, its spectra within what the analyser reaches."""
    text = BUNDLED.read_text()
    for old, new in {
        r"to: 0\.1 Hz": "to: 20 Hz",
        r"loop: \d+": "loop: 2",
        r"on_cycles: .*": "on_cycles: [1, 2]",
        r"capacity: 1 mAh/cm2": "capacity: 0.05 mAh/cm2",
        r"time: 1 h": "time: 1 min",
    }.items():
        text, count = re.subn(old, new, text)
        assert count, old
    path = tmp_path / "short.yaml"
    path.write_text(text)
    return path


def labctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LABCTL, *arguments], capture_output=True, text=True, check=False)


def spec() -> ChannelSpec:
    analyser = AnalyserSpec("keysight-e4980a", AnalyserQueue("lcr"))
    return ChannelSpec("a", "keithley-2450", cell="na50k50", analyser=analyser)


async def test_na50k50_with_its_spectra_in_virtual_time(protocol: Path, tmp_path: Path) -> None:
    database = str(tmp_path / "runs.sqlite")
    run_id, end = await launch(Launch(load(str(protocol)), spec(), database, None, 1, 0.0), RunControl())
    assert end.state is RunState.FINISHED
    reader = Reader(database)
    assert len(reader.spectra(run_id)) == 2
    (analyser,) = (event for event in reader.events(run_id) if event.kind == "analyser")
    assert analyser.message.startswith("Keysight Technologies E4980A, serial MY46100001 measures")


async def test_a_dead_analyser_costs_spectra_and_nothing_else(
    protocol: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = KeysightE4980A.execute
    monkeypatch.setattr(
        KeysightE4980A, "execute", lambda self, line: "" if b"FETC" in line else execute(self, line)
    )
    database, told = str(tmp_path / "runs.sqlite"), list[str]()
    run_id, end = await launch(
        Launch(load(str(protocol)), spec(), database, None, 1, 0.0),
        RunControl(),
        tell=lambda kind, sentence: told.append(sentence),
    )
    assert end.state is RunState.FINISHED
    assert sum("no spectrum: simulated keysight-e4980a: no answer in time" in line for line in told) == 2
    assert sum("ended by capacity" in line for line in told) == 4
    assert not Reader(database).spectra(run_id)


def test_check_names_the_frequencies_that_it_cannot_reach() -> None:
    done = labctl("check", "na50k50-symmetric", *PAIR)
    assert done.returncode == 2
    assert "0.1 Hz is below 2450 + E4980A, which ends at 20 Hz" in done.stdout


def test_check_holds_what_it_can(protocol: Path) -> None:
    done = labctl("check", str(protocol), *PAIR)
    assert done.returncode == 0, done.stdout
    assert "can hold all of it" in done.stdout


@pytest.mark.parametrize(
    "driver", [name for name in plugins.names("drivers") if plugins.driver(name).check_step]
)
def test_an_analyser_beside_it_changes_no_step(protocol: Path, driver: str) -> None:
    alone = labctl("check", str(protocol), "--driver", driver, "--without", "impedance")
    beside = labctl("check", str(protocol), "--driver", driver, "--analyser", "keysight-e4980a")
    assert [line for line in beside.stdout.splitlines() if line.startswith("  line")] == [
        line for line in alone.stdout.splitlines() if line.startswith("  line")
    ]
    assert beside.returncode == alone.returncode, beside.stderr


def test_a_cycler_is_no_analyser(protocol: Path) -> None:
    done = labctl("check", str(protocol), "--driver", "keithley-2450", "--analyser", "keithley-2450")
    assert done.returncode != 0
    assert "measures no impedance" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_pair_over_tcp_shares_a_cell(protocol: Path, tmp_path: Path) -> None:
    served = [*LABCTL, "simulate", "keithley-2450", "--analyser", "keysight-e4980a", "--tcp", "127.0.0.1:0"]
    database = str(tmp_path / "runs.sqlite")
    with subprocess.Popen(
        [*served, "--cell", "na50k50", "--speed", "500"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        first, second = (server.stdout.readline().removeprefix("ready ").strip() for _ in range(2))
        places = ("--resource", first, "--analyser-resource", second, "--speed", "500")
        done = labctl("run", str(protocol), *PAIR, *places, "--db", database, "--json")
        server.terminate()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert len(Reader(database).spectra(1)) == 2


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ((*PAIR, "--analyser-resource", "TCPIP::127.0.0.1::1::SOCKET"), "both are simulated"),
        ((*PAIR, "--resource", "TCPIP::127.0.0.1::1::SOCKET"), "or neither is"),
    ],
)
def test_one_simulated_and_one_real_is_refused(
    protocol: Path, tmp_path: Path, given: tuple[str, ...], reason: str
) -> None:
    done = labctl("run", str(protocol), *given, "--db", str(tmp_path / "runs.sqlite"))
    assert done.returncode != 0
    assert reason in done.stderr


async def test_two_channels_of_a_station_take_turns_at_their_analyser(protocol: Path, tmp_path: Path) -> None:
    (tmp_path / "bench.yaml").write_text(
        "analysers: {lcr: {driver: keysight-e4980a, deadline: 5 h}}\nchannels:\n"
        + "".join(f"  {name}: {{driver: keithley-2450, cell: na50k50, analyser: lcr}}\n" for name in "ab")
    )
    station, plan = load_station(str(tmp_path / "bench.yaml")), load(str(protocol))
    databases = {name: str(tmp_path / f"{name}.sqlite") for name in station.channels}
    async with asyncio.TaskGroup() as group:
        for name, channel in station.channels.items():
            group.create_task(launch(Launch(plan, channel, databases[name], 2000.0, 1, 0.0), RunControl()))
    assert [len(Reader(path).spectra(1)) for path in databases.values()] == [2, 2]


def test_a_run_is_taken_up_with_its_analyser(protocol: Path, tmp_path: Path) -> None:
    database = str(tmp_path / "runs.sqlite")
    run = [*LABCTL, "run", str(protocol), *PAIR, "--speed", "200", "--db", database]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        assert any("cycle 1 charge" in line for line in running.stdout)
        running.kill()
    resume = ("resume", "last", "--policy", "continue", "--speed", "max", "--db", database)
    refused = labctl(*resume)
    assert refused.returncode != 0
    assert "cannot measure impedance" in refused.stderr
    done = labctl(*resume, "--analyser", "keysight-e4980a")
    assert done.returncode == 0, done.stderr
    assert len(Reader(database).spectra(1)) == 2
