"""``labctl safety``: what opens the circuit, from read-back; and that asking switches nothing on."""

from pathlib import Path

import pytest

from tests.keeper.bench import Instruments
from tests.system.command_line import CommandLine


@pytest.fixture
def labctl(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def test_a_host_paced_instrument_has_no_answer(labctl: CommandLine, bench: Instruments) -> None:
    told = labctl("safety", "--driver", "keithley-2450", "--resource", bench.resources[0])
    assert told.code == 0, told.err
    assert "serial 04412345" in told.out
    assert "off mode NORM/NORM: off does not open the relay" in told.out, "as read back, not as declared"
    assert "if this computer dies        NOTHING opens the circuit" in told.out
    assert "within 1 s if it hangs" in told.out
    assert not any(word in bench.wire() for word in (":OUTP ON", ":INIT", "*RST"))


def test_a_watchdog_is_an_answer_once_the_instrument_takes_it(
    labctl: CommandLine, bench: Instruments
) -> None:
    where = ["--driver", "keithley-2450", "--resource", bench.resources[0]]
    (told,) = labctl("safety", *where, "--watchdog", "10 s", "--json").document()
    assert told["answers"]["this computer dies"].endswith("within 10 s")
    assert told["unattended"] is True
    assert any("takes the watchdog's 11 blocks" in sentence for sentence in told["read_back"])
    assert not any(word in bench.wire() for word in (":OUTP ON", ":INIT", "*RST"))


def test_what_does_not_answer_is_not_known(labctl: CommandLine, bench: Instruments, tmp_path: Path) -> None:
    (tmp_path / "bench.yaml").write_text(
        "station: bench\nchannels:\n"
        f"  there: {{driver: keithley-2450, resource: '{bench.resources[0]}', watchdog: 12 s}}\n"
        "  gone: {driver: keithley-2450, resource: 'TCPIP::127.0.0.1::9::SOCKET'}\n"
    )
    told = labctl("safety", "--station", "bench.yaml")
    assert told.code == 4
    assert "gone: keithley-2450 (2450), not asked" in told.out
    assert "nobody knows" in told.out
    assert "within 12 s" in told.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--station"),
        (["--driver", "keithley-2450"], "--resource"),
        (["--driver", "palmsens-emstat4", "--resource", "/dev/none", "--watchdog", "5 s"], "no watchdog"),
        (["--driver", "keithley-2450", "--resource", "COM1", "--watchdog", "1 s"], "from 3 s"),
        (["--driver", "keithley-2450", "--resource", "COM1", "--watchdog", "soon"], "--watchdog soon"),
    ],
)
def test_what_makes_no_sense_is_refused(labctl: CommandLine, arguments: list[str], said: str) -> None:
    refused = labctl("safety", *arguments)
    assert refused.code == 2
    assert said in refused.err
