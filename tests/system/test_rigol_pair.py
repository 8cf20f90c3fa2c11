"""A supply and a load as a person uses them: what they cannot run is said; what they can is run, by a station file."""

from tests.system.command_line import CommandLine

SHORT = """\
protocol: short
cell: {nominal_capacity: 1.5 Ah, simulate_as: supercapacitor}
safety: {voltage: [0.1 V, 2.85 V], current: 1.2 A}
record: {every: 30 s}
steps:
  - constant_current: {current: 1 A, until: {time: 10 min, voltage: 2.7 V}}
  - rest: {until: {time: 1 min}}
  - constant_current: {current: -1 A, until: {time: 10 min, voltage: 0.2 V}}
"""
STATION = """\
channels:
  big:
    driver: rigol-pair
    model: DP832+DL3021
    resource: {supply}
    load: {load}
    limits: {{voltage: [0 V, 3 V], current: 2 A}}
"""
SPEED = "200"


def test_cells_of_milliamperes_and_of_both_signs_are_refused_with_the_reason(labctl: CommandLine) -> None:
    told = labctl("check", "na50k50-symmetric", "--driver", "rigol-pair")
    assert told.code == 2
    assert "one polarity" in told.out
    assert "source-measure unit" in told.out
    assert "cannot measure impedance" in told.out
    told = labctl("check", "na50k50-nnmo-napf6", "--driver", "rigol-pair")
    assert told.code == 2
    assert "steps of 1 mA" in told.out


def test_the_bundled_protocol_of_amperes_is_run(labctl: CommandLine) -> None:
    found = labctl("run", "supercapacitor", "--driver", "rigol-pair", "--json").document()
    assert found["state"] == "finished"
    charges = [half_cycle["charge_C"] for half_cycle in found["half_cycles"]]
    assert len(charges) == 6
    assert all(abs(charge - 3000.0 * 1.7) < 60.0 for charge in charges)  # 3000 F between 1.0 V and 2.7 V


def test_a_pair_of_a_station_file_is_run_over_two_ports(labctl: CommandLine) -> None:
    (labctl.directory / "short.yaml").write_text(SHORT)
    served = labctl.start(
        *("simulate", "rigol-pair", "--tcp", "127.0.0.1:0", "--cell", "supercapacitor", "--speed", SPEED)
    )
    try:
        assert served.stdout is not None
        supply, load = (served.stdout.readline().split()[1] for _ in range(2))
        (labctl.directory / "station.yaml").write_text(STATION.format(supply=supply, load=load))
        found = labctl(
            "run", "short.yaml", "--station", "station.yaml", "--speed", SPEED, "--json"
        ).document()
    finally:
        served.terminate()
        served.communicate(timeout=10)
    assert found["state"] == "finished"
    charge, discharge = (half_cycle["charge_C"] for half_cycle in found["half_cycles"])
    assert abs(charge - 600.0) < 60.0  # 0.1 s on the wall is 20 s of experiment
    assert abs(discharge - 600.0) < 60.0
