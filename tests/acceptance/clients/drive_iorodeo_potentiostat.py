"""Drives a Rodeostat with IO Rodeo's own Potentiostat, as its examples do; prints what it found."""

import json
import sys

from potentiostat import Potentiostat

EVERY_TEST = {
    "cyclic": {
        "amplitude": 0.3,
        "offset": 0.1,
        "period": 1000,
        "numCycles": 1,
        "shift": 0.0,
        "quietTime": 50,
    },
    "sinusoid": {"amplitude": 0.3, "offset": 0.0, "period": 500, "numCycles": 2, "shift": 0.25},
    "constant": {"value": 0.4, "duration": 200},
    "linearSweep": {"startValue": -0.4, "finalValue": 0.4, "duration": 400},
    "chronoamp": {"step": [[100, 0.1], [200, -0.4]]},
    "multiStep": {"step": [[100, 0.1], [100, -0.2], [100, 0.4]]},
    "squareWave": {
        "startValue": -0.1,
        "finalValue": 0.1,
        "stepValue": 0.02,
        "amplitude": 0.05,
        "window": 0.2,
    },
    "differentialPulse": {
        "startValue": -0.1,
        "finalValue": 0.1,
        "stepValue": 0.02,
        "pulseValue": 0.05,
        "window": 0.2,
    },
}

device = Potentiostat(sys.argv[1])
found = {
    "variant": device.hardware_variant,
    "firmware": device.firmware_version,
    "hardware": device.hardware_version,
    "names": device.get_test_names(),
    "ranges": [device.set_volt_range(name) for name in device.get_all_volt_range()],
    "current_ranges": [device.set_curr_range(name) for name in device.get_all_curr_range()],
    "reference_ranges": [device.set_ref_elect_volt_range(name) for name in device.get_all_volt_range()],
    "id": device.set_device_id(42),
    "rate": device.set_sample_rate(100),
}
device.set_volt_range("1V")

found["parameters"] = {}
found["tests"] = {}
for name, parameters in EVERY_TEST.items():
    times, volts, currents = device.run_test(name, param=parameters, display=None)
    told = device.get_param(name)
    found["parameters"][name] = all(told[key] == value for key, value in parameters.items())
    found["tests"][name] = [times, volts, currents, device.get_test_done_time(name, timeunit="s")]

# by hand: a voltage, then open circuit
device.set_auto_connect(False)
device.set_ref_elect_connected(True)
device.set_wrk_elect_connected(True)
device.set_volt(0.25)
device.set_ctr_elect_connected(True)
found["by_hand"] = [
    device.get_volt(),
    device.get_curr(),
    device.get_ref_volt(),
    device.get_all_elect_connected(),
]
device.set_ctr_elect_connected(False)
found["open_circuit_V"] = device.get_ref_volt()
device.set_all_elect_connected(False)
device.set_auto_connect(True)

# a charge that its user cuts off: the answer to stopTest ends the samples, and {} is left over
charge = []


def cut_off(channel: int, time_s: float, volt: float, current_uA: float) -> None:
    charge.append([time_s, current_uA])
    if current_uA < 200.0 and len(charge) > 3 and charge[-2][1] >= 200.0:
        device.stop_test(rsp=False)


device.run_test("constant", param={"value": 0.8, "duration": 600_000}, on_data=cut_off, display=None)
found["charge"] = charge
left = device.readline()
while left.strip() != b"{}":
    left = device.readline()
found["connected_after"] = device.get_all_elect_connected()

device.stop_test()
found["after_an_idle_stop"] = device.readline().decode().strip()

device.set_mux_enabled(True)
device.set_enabled_mux_channels([1, 3])
found["mux"] = [device.get_mux_enabled(), device.get_enabled_mux_channels(), device.get_mux_test_names()]
by_channel = device.run_test("constant", param={"value": 0.4, "duration": 200}, display="data")
found["mux_counts"] = {channel: len(data["i"]) for channel, data in by_channel.items()}
device.set_mux_ref_elect_connected(True)
device.set_mux_ctr_elect_connected(True)
found["mux_working"] = [device.set_mux_wrk_elect_connected(3), device.get_mux_wrk_elect_connected()]
device.disconnect_all_mux_elect()
found["mux_open"] = [
    device.get_mux_ref_elect_connected(),
    device.get_mux_ctr_elect_connected(),
    device.get_mux_wrk_elect_connected(),
    device.set_mux_enabled(False),
]
try:
    device.set_volt("much")
except OSError as error:
    found["refused"] = str(error)
print()
print(json.dumps(found))
