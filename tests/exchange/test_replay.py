"""A recorded file through the simulated instruments: a protocol and its stop rules on what was really measured."""

import asyncio

import pytest

from labctl.engine.control import RunControl
from labctl.protocol import load
from labctl.station.connect import ChannelSpec
from labctl.station.launch import Launch, launch
from labctl.store.reader import Reader
from labctl.store.records import RunState

CURRENT_A, HALF_CYCLE_s, JUMPS_IN_CYCLE = 1e-3, 600.0, 8
PROTOCOL = """\
protocol: watched
cell: {name: cell 7}
safety: {voltage: [-1.0 V, 1.0 V], current: 5 mA}
record: {every: 10 s}
steps:
  - loop: PASSES
    steps:
      - constant_current: {current: +1 mA, until: {time: 10 min, voltage: 0.9 V}}
      - constant_current: {current: -1 mA, until: {time: 10 min, voltage: -0.9 V}}
stop_rules:
  - overpotential_jump: {hold: 30 s}
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Ten cycles of a symmetric cell; in the middle of the charge of one the overpotential trebles."""
    path = tmp_path_factory.mktemp("recording") / "cell.bdf.csv"
    rows, time_s = ["Test Time / s,Voltage / V,Current / A", "0.0,0.0,0.0", "10.0,0.0,0.0"], 10.0
    for cycle in range(1, 11):
        for sign in (+1, -1):
            for k in range(61):
                jumped = cycle > JUMPS_IN_CYCLE or (cycle == JUMPS_IN_CYCLE and (sign < 0 or k > 30))
                rows.append(
                    f"{time_s + 0.01 + 10.0 * k},{sign * (0.09 if jumped else 0.03)},{sign * CURRENT_A}"
                )
            time_s += 10.0 * 61
    path.write_text("\n".join(rows) + "\n")
    return path


def played(tmp_path, driver, recording, passes=10, rules=True):
    text = PROTOCOL.replace("PASSES", str(passes))
    (tmp_path / "p.yaml").write_text(text if rules else text[: text.index("stop_rules")])
    plan = load(str(tmp_path / "p.yaml"))
    spec = ChannelSpec("simulated", driver, cell=f"replay:{recording}")
    database = str(tmp_path / "runs.sqlite")
    asyncio.run(launch(Launch(plan, spec, database, None, 0, 0.0), RunControl()))
    return Reader(database)


@pytest.mark.parametrize("driver", ["palmsens-emstat4", "keithley-2450"])
def test_the_stop_rule_fires_where_the_recorded_cell_jumped(tmp_path, driver, recording):
    reader = played(tmp_path, driver, recording)
    run = reader.run()
    assert (run.state, run.end_reason.partition(":")[0]) == (RunState.STOPPED, "overpotential_jump")
    last = reader.half_cycles(1)[-1]
    assert (last.cycle, last.sign, last.complete) == (JUMPS_IN_CYCLE, +1, False)
    assert last.charge_C == pytest.approx(CURRENT_A * (310.0 + 30.0), rel=0.1)
    assert reader.half_cycles(1)[2].mean_voltage_V == pytest.approx(0.03, abs=2e-3)


@pytest.mark.parametrize("driver", ["palmsens-emstat4", "keithley-2450"])
def test_where_the_recording_is_over_the_run_does_not_go_on(tmp_path, driver, recording):
    reader = played(tmp_path, driver, recording, passes=20, rules=False)
    run = reader.run()
    assert run.state in (RunState.FAULTED, RunState.FAILED)
    assert len(reader.half_cycles(1)) <= 21
