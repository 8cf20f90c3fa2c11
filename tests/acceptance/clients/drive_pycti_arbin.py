"""Drives an Arbin with pycti-arbin: charges to a cut-off, holds, sets a meta variable, aborts, and is refused."""

import json
import sys
import time

from pyctiarbin import ChannelInterface, CyclerInterface

host, port = sys.argv[1], int(sys.argv[2])
where = {"ip_address": host, "port": port}


def credentials(password: str) -> str:
    with open(f"env-{password}", "w") as file:
        file.write(f"ARBIN_CTI_USERNAME=admin\nARBIN_CTI_PASSWORD={password}\n")
    return file.name


def channel(number: int, schedule: str, test: str) -> ChannelInterface:
    config = {"channel": number, "schedule_name": schedule, "test_name": test, **where}
    return ChannelInterface(config, env)


def brief(status: dict) -> list:
    names = ("status", "step_and_cycle_format", "test_time_s", "voltage_v", "current_a", "charge_capacity_ah")
    return [status[name] for name in names]


def until_shown(channel: ChannelInterface, word: str, least_A: float) -> list:
    """A reading is refreshed when one is logged."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < 10.0:
        shown = brief(channel.read_channel_status())
        if shown[0] == word and abs(shown[4]) >= least_A:
            break
    return shown


env = credentials("000000")
cycler = CyclerInterface(where, env)
login = cycler.get_login_feedback()
found = {
    "channels": cycler.get_num_channels(),
    "serial": login["cycler_sn"],
    "name": login["nick_name"],
    "control": login["allow_control"],
    "none": cycler.read_channel_status(3),
}

cell, load = channel(1, "Cycles.sdx", "charge"), channel(2, "OnRequest.sdx", "on request")
found |= {"first": brief(cell.read_channel_status()), "before": load.set_meta_variable(1, 2e-3)}
found |= {"started": cell.start_test(), "again": cell.start_test(), "assigned_again": cell.assign_schedule()}
seen = [brief(cell.read_channel_status())]
began_s = time.monotonic()
while seen[-1][0] != "Pause" and time.monotonic() - began_s < 30.0:
    seen.append(brief(cell.read_channel_status()))
    time.sleep(0.005)  # noqa: TID251 - polls as a client does
found |= {"seen": seen, "by_number": brief(cycler.read_channel_status(1))}

found |= {"load": load.start_test(), "set": load.set_meta_variable(1, 2e-3)}
found["flows"] = until_shown(load, "Charge", 1e-3)
found["turned"] = load.set_meta_variable(1, -1e-3) and until_shown(load, "Discharge", 1e-4)
found |= {"aborted": load.stop_test(), "idle": brief(load.read_channel_status()), "twice": load.stop_test()}

found["missing"] = channel(2, "Nowhere.sdx", "x").start_test()
found["nobody"] = channel(9, "Rest.sdx", "x").assign_schedule()
try:
    CyclerInterface(where, credentials("wrong"))
except AssertionError:
    found["refused"] = True
print(json.dumps(found))
