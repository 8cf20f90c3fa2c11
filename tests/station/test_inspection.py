"""``labctl station check``: what is connected against what the file says."""

from pathlib import Path

from labctl.instrument.channel import Identity
from labctl.station import inspection
from labctl.station.connect import ChannelSpec
from labctl.station.file import load_station
from labctl.station.inspection import Finding, inspect, inspect_beside


async def test_each_channel_is_asked_and_what_does_not_match_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bench.yaml"
    path.write_text(
        "channels:\n"
        "  right: {driver: keithley-2450, cell: na, serial: '04412345'}\n"
        "  wrong: {driver: keithley-2450, cell: na, serial: '04412346'}\n"
        "  gone: {driver: keithley-2450, resource: 'TCPIP::127.0.0.1::1::SOCKET'}\n"
    )
    right, wrong, gone = await inspect(load_station(str(path)))
    assert (right.problem, right.identity and right.identity.serial) == ("", "04412345")
    assert "serial number 04412345 answers, the station file names 04412346" in wrong.problem
    assert "nothing was switched" in wrong.problem
    assert "127.0.0.1" in gone.problem
    assert wrong.identity is gone.identity is None


async def test_thermometers_and_chambers_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "bench.yaml"
    path.write_text(
        "auxiliaries:\n"
        "  oven: {driver: espec-pr3j}\n"
        "  gone: {driver: espec-pr3j, resource: 'TCPIP::127.0.0.1::1::SOCKET'}\n"
        "channels:\n"
        "  left: {driver: keithley-2450, cell: na, temperature: oven}\n"
        "  right: {driver: keithley-2450, cell: na, temperature: gone}\n"
    )
    oven, gone = await inspect_beside(load_station(str(path)))
    assert oven.problem == ""
    assert oven.identity is not None
    assert 250.0 < oven.sensors_K["temperature"] < 350.0
    assert gone.identity is None
    assert "the port cannot be opened" in gone.problem


def test_one_instrument_under_two_hosts_is_found_by_its_serial_number() -> None:
    identity = Identity("maker", "2450", "1", "1.0")
    found = [
        Finding(ChannelSpec(name, "keithley-2450", f"TCPIP::{name}.lab::INSTR"), identity, "")
        for name in ("a", "b")
    ]
    other = Finding(
        ChannelSpec("c", "keithley-2450", "TCPIP::c.lab::INSTR"), Identity("maker", "2450", "2", "1.0"), ""
    )
    checked = [inspection._twice(finding, [*found, other]) for finding in (*found, other)]
    assert [finding.problem for finding in checked] == [
        "the same instrument answers on channel b",
        "the same instrument answers on channel a",
        "",
    ]
