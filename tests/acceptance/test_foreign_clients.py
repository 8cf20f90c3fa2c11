"""Further clients that others wrote, unmodified, on twins that had been accepted by others before."""

import cmath
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from labctl_simulators.attach import tcp
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.keithley_2600 import Keithley2600
from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from labctl_simulators.firmware.keysight_e4980a import KeysightE4980A
from tests.acceptance.environments import client_environment, run_client
from tests.acceptance.served import Served
from tests.simulators.firmware.keithley_bench import Battery

pytestmark = pytest.mark.timeout(1200)  # an environment may have to be made first

QCODES = ("qcodes==0.58.0", "pyvisa-py==0.8.1")
EASY_SCPI = ("easy-scpi==0.1.7", "pyvisa-py==0.8.1")


def battery() -> Battery:
    """0.1 V/s at 1 mA."""
    return Battery(3.0, capacitance_F=0.01, resistance_ohm=10.0)


def test_qcodes_charges_with_a_2450_to_a_cutoff_fills_a_buffer_and_sweeps() -> None:
    device = Keithley2450(battery())
    with Served(device, tcp.serve, port=0) as server:
        found = run_client(client_environment(*QCODES), "drive_qcodes_2450.py", server.resource)
    assert (found["model"], found["line_Hz"], found["terminals"]) == ("2450", 60.0, "REAR")
    assert found["set"] == [1e-3, 5.0, 1e-3, True, 0.1, True, False, False]
    assert len(found["charge"]) > 10
    assert found["charge"][0] < 3.1 < 3.2 <= found["end_V"] < 3.3
    assert not found["on_after"]
    size, count, data, last = found["buffer"]
    assert (size, count, len(data)) == (100, 3, 12)
    assert [float(text) for text in data[1::4]] == pytest.approx([1e-3] * 3, rel=1e-3)
    assert data[3] == "Volt"
    assert last.split(",")[0] == data[8]
    assert len(found["swept_A"]) == len(found["axis_V"]) == 5
    assert 0.0 < found["swept_A"][0] < found["swept_A"][-1] < 5e-3
    assert found["user_delay_s"] == 0.5
    assert found["errors"] == '0,"No error;0,0,0"'
    assert not device.circuit_closed


def test_qcodes_charges_with_a_2601b_and_sweeps_and_traces_by_scripts_read_in_binary() -> None:
    device = Keithley2600(battery())
    with Served(device, tcp.serve, port=0) as server:
        found = run_client(client_environment(*QCODES), "drive_qcodes_2600.py", server.resource)
    assert (found["model"], found["line_Hz"]) == ("2601B", 60.0)
    assert found["set"] == [5.0, True, 0.1, 1e-3, "current"]
    assert len(found["charge"]) > 10
    assert all(current_A == pytest.approx(1e-3, rel=1e-2) for _, current_A in found["charge"])
    assert 3.2 <= found["end_V"] < 3.3
    assert not found["on_after"]
    assert len(found["swept_A"]) == 5
    assert 0.0 < found["swept_A"][0] < found["swept_A"][-1] < 5e-3
    traced = found["traced_A"]
    assert len(traced) == 4
    decay = [after / before for before, after in pairwise(traced)]
    assert decay == pytest.approx([0.8187] * 3, rel=0.01), "20 ms of a time constant of 100 ms"
    assert float(found["errors"]) == 0.0
    assert not device.circuit_closed


def test_qcodes_measures_a_spectrum_functions_corrections_and_bias_with_an_e4980a() -> None:
    device = KeysightE4980A(RcCell(10.0, 100.0, 1e-5))
    with Served(device, tcp.serve, 10.0, port=0) as server:
        found = run_client(client_environment(*QCODES), "drive_qcodes_e4980a.py", server.resource)
    assert (found["model"], found["options"], found["mode"]) == ("E4980A", ["001"], "Voltage")
    assert found["set"] == [0.1, "short", 2, True]
    for frequency_Hz, real_ohm, imaginary_ohm in found["spectrum"]:
        true = 10.0 + 100.0 / (1.0 + 2j * cmath.pi * frequency_Hz * 1e-3)
        assert abs(complex(real_ohm, imaginary_ohm) - true) < 0.02 * abs(true)
    functions = found["functions"]
    true = 10.0 + 100.0 / (1.0 + 2j * cmath.pi * 0.1)  # 100 Hz
    assert functions["RX"] == pytest.approx([true.real, true.imag], rel=0.02)
    assert functions["ZTD"] == pytest.approx([abs(true), cmath.phase(true) * 180.0 / cmath.pi], rel=0.02)
    assert functions["YTR"] == pytest.approx([1.0 / abs(true), -cmath.phase(true)], rel=0.02)
    assert functions["GB"] == pytest.approx([(1.0 / true).real, (1.0 / true).imag], rel=0.02)
    assert functions["CPD"][0] == pytest.approx((1.0 / true).imag / (200.0 * cmath.pi), rel=0.02)
    assert functions["LSRS"][1] == pytest.approx(true.real, rel=0.02)
    assert found["range"] == [1000.0, False]
    assert found["bias"] == [1.5, True, True]
    assert found["corrected"] == [True, False]
    assert found["current_A"] == 1e-3
    assert found["errors"] == '0,"No error"'


def test_labmcp_charges_with_a_2450_to_a_cutoff_and_is_aborted() -> None:
    device = Keithley2450(battery())
    with Served(device, tcp.serve, port=0) as server:
        host, port = server.resource.split("::")[1:3]
        python = client_environment("labmcp-keithley-smu==0.1.2")
        found = run_client(python, "drive_labmcp_keithley_smu.py", f"tcp://{host}:{port}")
    assert found["model"] in {"2450", "MODEL 2450"}
    assert len(found["charge"]) > 3
    assert all(current_A == pytest.approx(1e-3, rel=1e-2) for _, current_A in found["charge"])
    assert 3.2 <= found["end_V"] < 3.4
    assert found["remote"]
    assert found["limited"]
    assert found["aborted"]
    assert 0 < found["swept"] < 99
    assert (found["on_at_first"], found["on_at_last"]) == (False, False)
    assert found["errors"] == []


@pytest.mark.parametrize(
    ("name", "make", "is_set"),
    [
        ("2400", Keithley2400, ["CURR", 1e-3]),
        ("2450", Keithley2450, ["CURR", 1e-3]),
        ("b2900", KeysightB2900, ["CURR", 1e-3]),
        ("e4980a", KeysightE4980A, ["RX", 1000.0]),
    ],
)
def test_easy_scpi_spells_every_keyword_out(name: str, make: Callable[..., Any], is_set: list[Any]) -> None:
    with Served(make(Resistor(100.0)), tcp.serve, port=0) as server:
        found = run_client(client_environment(*EASY_SCPI), "drive_easy_scpi.py", server.resource, name)
    assert name.upper()[:4] in found["id"].upper() or "B2901A" in found["id"]
    assert found["set"] == is_set
    expected = [100.0, 0.0] if name == "e4980a" else [0.1, 1e-3]
    assert found["read"][:2] == pytest.approx(expected, rel=2e-3, abs=0.2 if name == "e4980a" else 1e-6)
    assert found.get("on", 1.0) == 1.0
    assert found.get("off", 0.0) == 0.0
    assert found["errors"].lstrip("+").startswith("0,")
