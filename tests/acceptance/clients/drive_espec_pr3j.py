"""Drives an ESPEC PR-3J with espec-pr3j: limits, a condition, modes, a set point that is refused, standby."""

import json
import sys

from espec_pr3j import EspecPr3j, OperationMode, SettingError

chamber = EspecPr3j(resource_path=sys.argv[1], temperature_accuracy=0.3)
found = {"mode_at_first": str(chamber.get_mode())}
chamber.set_temperature_limits(upper_limit=60.0, lower_limit=5.0)
chamber.set_humidity_limits(upper_limit=90, lower_limit=20)
chamber.set_constant_condition(27.0, humidity=50.0, stable_time=0.5, poll_interval=0.1)
state, status, humidity = (
    chamber.get_test_area_state(),
    chamber.get_temperature_status(),
    chamber.get_humidity_status(),
)
found |= {"mode": str(state.operation_state), "alarms": state.number_of_alarms}
found |= {"at_C": status.current_temperature, "set_C": status.target_temperature}
found |= {"limits_C": [status.lower_limit, status.upper_limit], "humidity": humidity.target_humidity}
found |= {"heater": chamber.get_heater_percentage().temperature_heater}
try:
    chamber.set_target_temperature(70.0)
except SettingError:
    found["refused"] = True
chamber.set_target_humidity(None)
found["humidity_off"] = chamber.get_humidity_status().target_humidity is None
chamber.set_mode(OperationMode.STANDBY)
found["mode_at_last"] = str(chamber.get_mode())
chamber.close()
print(json.dumps(found))
