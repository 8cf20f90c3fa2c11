"""Drives a Maccor with pymacnet, as its README does: every method, a charge to a cut-off, a hold, aborts."""

import json
import logging
import sys
import time

import pymacnet

logging.disable(logging.CRITICAL)  # it logs what it returns as False, too
binary_port, json_port = map(int, sys.argv[1:3])


def config(channel, **others):
    return {
        "server_ip": "127.0.0.1",
        "json_msg_port": json_port,
        "bin_msg_port": binary_port,
        "msg_buffer_size_bytes": 1024,
        "channel": channel,
        "test_name": "",
        "test_procedure": "test_procedure_1",
        "c_rate_ah": 1,
        "v_max_v": 4.2,
        "v_min_v": -1.0,
        "v_max_safety_limit_v": 4.25,
        "v_min_safety_limit_v": -2.0,
        "i_max_safety_limit_a": 3.0,
        "i_min_safety_limit_a": -3.0,
        "power_safety_limit_chg_w": 25,
        "power_safety_limit_dsg_w": 25,
        "data_record_time_s": 0.5,
        "data_record_voltage_delta_vbys": 0.0,
        "data_record_current_delta_abys": 0.0,
    } | others


def until(true, channel):
    """The channel's status once something is true of it."""
    deadline_s = time.monotonic() + 20.0
    while True:
        time.sleep(0.02)  # noqa: TID251 - waits for the simulated time of another process
        if true(status := channel.read_channel_status()):
            return status
        assert time.monotonic() < deadline_s, status


def active(status):
    return status["Stat"] == 2


cycler = pymacnet.CyclerInterface(config(1))
first, third = pymacnet.ChannelInterface(config(1)), pymacnet.ChannelInterface(config(3))
found = {
    "channels": cycler.get_num_channels(),
    "number": third.get_channel_number(),
    "system": cycler.read_system_info()["MacTest32EXEversionMajor"],
    "id": cycler.read_general_info()["SystemID"],
    "statuses": [status["Stat"] for status in cycler.read_all_channel_statuses()],
    "aux": len(first.read_aux()),
    "variable": [first.set_channel_variable(3, 0.25), first.set_channel_variable(1, -1)],
    "too_early": first.set_direct_mode_output(1e-3),
    "started": first.start_test_with_direct_control(),
    "again": first.start_test_with_direct_control(),
}
until(active, first)
found["charging"] = first.set_direct_mode_output(1e-3)
found["at_cutoff"] = until(lambda status: status["Voltage"] >= 0.2, first)
found["discharging"] = first.set_direct_mode_output(-1e-3)
found["below"] = until(lambda status: status["Voltage"] < 0.0, first)
found["holding"] = first.set_direct_mode_output(2e-3, 0.15)
found["held"] = until(lambda status: status["Voltage"] > 0.14 and status["Current"] < 5e-4, first)
# Its rest goes over the binary port, to the channel two further on.
found["third"] = third.start_test_with_direct_control()
until(active, third)
third.set_direct_mode_output(1e-3)
until(lambda status: status["Current"] > 0.0, third)
found["rest"] = first.set_direct_mode_output(0)
found["rested"] = until(lambda status: status["RF1"] == 4, third)
found["aborted"] = first.reset_channel()
found["after"] = first.read_channel_status()
# A procedure by its name; one that has ended is reset before the next.
found["procedure"] = first.start_test_with_procedure()
found["charged"] = until(lambda status: status["RF1"] == 1, first)
found["ended"] = until(lambda status: status["Stat"] == 4, first)
found["next"] = first.start_test_with_procedure()
found["next_aborted"] = first.reset_channel()
none = pymacnet.ChannelInterface(config(1, test_procedure="there is none"))
found["no_procedure"] = none.start_test_with_procedure()
named = pymacnet.ChannelInterface(config(1, test_name="cell-7"))
found["named"] = [
    named.start_test_with_direct_control(),
    named.reset_channel(),
    named.start_test_with_direct_control(),
]
# A safety limit of the channel.
tight = pymacnet.ChannelInterface(config(1, v_max_safety_limit_v=0.25))
found["tight"] = tight.start_test_with_direct_control()
until(active, tight)
tight.set_direct_mode_output(2e-3)
found["tripped"] = until(lambda status: not active(status), tight)
third.reset_channel()
print(json.dumps(found))
