"""Drives a JULABO circulator with labmcp-julabo: a bath temperature, limits, refusals, stop."""

import json
import sys
import time

from labmcp import InstrumentError
from labmcp.transports import open_transport
from labmcp_julabo.driver import JulaboCirculator

line = (
    {} if sys.argv[1].startswith("tcp") else {"baudrate": 4800}  # a pseudo-terminal has 8 bits
)
transport = open_transport(sys.argv[1], read_termination="\r\n", write_termination="\r", timeout=3.0, **line)
bath = JulaboCirculator(transport, command_delay_s=0.05)


def refusal(celsius):
    try:
        bath.set_setpoint(celsius)
    except InstrumentError as error:
        return str(error)
    return "none"


found = {"version": bath.identify()["version"], "status_at_first": bath.status().label}
found["limits_C"] = bath.warning_limits_c()
bath.set_setpoint(30.0)
bath.start()
course_C, began_s = [], time.monotonic()
while (not course_C or abs(course_C[-1] - 30.0) > 0.05) and time.monotonic() - began_s < 20.0:
    course_C.append(bath.bath_temperature_c())
found |= {
    "course_C": course_C[:: len(course_C) // 50 + 1] + course_C[-1:],
    "running": bath.is_running(),
    "status": bath.status().label,
}
found |= {"external_C": bath.external_temperature_c(), "power": bath.heating_power_pct()}
found |= {"too_cold": refusal(-60.0), "too_hot": refusal(250.0), "beyond": refusal(160.0)}
found["set_C"] = bath.setpoint_c()
found["missing"] = bath.optional_number("in_pv_09")
found["stopped"] = bath.stop()
found["status_at_last"] = bath.status().label
bath.close()
print(json.dumps(found))
