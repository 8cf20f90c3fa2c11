"""A simulated instrument behind a gateway: as ``labctl simulate`` offers it, and what is refused."""

import subprocess
import sys

LABCTL = (sys.executable, "-m", "labctl.cli.main")


def test_simulate_names_the_resource_as_a_station_file_wants_it() -> None:
    command = [*LABCTL, "simulate", "keithley-2400", "--tcp", "127.0.0.1:0", "--gpib", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        said = served.stdout.readline()
        served.terminate()
    assert said.startswith("ready GPIB0::7::INSTR via PRLGX-TCPIP0::127.0.0.1::")
    assert said.rstrip().endswith("::INTFC")


def test_an_address_without_a_socket_is_refused() -> None:
    command = [*LABCTL, "simulate", "keithley-2400", "--pty", "--gpib", "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "--gpib ADDRESS goes with --tcp" in done.stderr
