"""An unmodified pymeasure drives the simulated E4980A over a real TCP socket, served by ``labctl simulate``."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from pymeasure.instruments.agilent import AgilentE4980

pytestmark = pytest.mark.filterwarnings("ignore:It is not known whether:FutureWarning")


@pytest.fixture(scope="module")
def resource() -> Iterator[str]:
    command = [sys.executable, "-m", "labctl.cli.main", "simulate", "keysight-e4980a"]
    options = ["--tcp", "127.0.0.1:0", "--cell", "rc:R0=10,R1=100,C1=1e-5", "--speed", "10"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().removeprefix("ready ").strip()
        server.terminate()


@pytest.fixture
def lcr(resource: str) -> Iterator[AgilentE4980]:
    instrument = AgilentE4980(
        resource, visa_library="@py", read_termination="\n", write_termination="\n", timeout=20_000
    )
    instrument.write("*RST")
    yield instrument
    instrument.adapter.close()


def test_one_frequency(lcr: AgilentE4980) -> None:
    assert "E4980A" in lcr.id
    lcr.mode = "RX"
    lcr.ac_voltage = 0.5
    lcr.frequency = 1000
    lcr.aperture("SHORT", 2)
    assert (lcr.mode, lcr.ac_voltage, lcr.frequency) == ("RX", 0.5, 1000.0)
    assert lcr.aperture() == ("SHOR", 2)
    true = 10.0 + 100.0 / (1.0 + 2j * 3.14159265 * 1000.0 * 1e-3)
    assert lcr.impedance == pytest.approx([true.real, true.imag], rel=2e-2)


def test_a_spectrum(lcr: AgilentE4980) -> None:
    lcr.mode = "RX"
    frequencies_Hz = [1e5, 1e4, 1e3, 100.0, 20.0]
    real, imaginary, read_Hz = lcr.freq_sweep(frequencies_Hz, return_freq=True)
    assert read_Hz == pytest.approx(frequencies_Hz)
    for frequency_Hz, re_ohm, im_ohm in zip(frequencies_Hz, real, imaginary, strict=True):
        true = 10.0 + 100.0 / (1.0 + 2j * 3.14159265 * frequency_Hz * 1e-3)
        assert abs(complex(re_ohm, im_ohm) - true) < 1e-2 * abs(true)
    assert lcr.trigger_source == "HOLD"


def test_an_abort_ends_a_measurement_and_the_next_one_is_whole(lcr: AgilentE4980) -> None:
    lcr.trigger_source = "BUS"
    lcr.mode = "ZTD"
    lcr.write(":APER LONG,200")  # more than a minute
    lcr.write(":TRIG:IMM")
    lcr.write(":ABOR")
    assert lcr.values(":FETC?")[2] == -1.0
    lcr.aperture("SHORT", 1)
    lcr.write(":TRIG:IMM")
    assert lcr.values(":FETC?")[2] == 0.0
    assert lcr.check_errors() == []
