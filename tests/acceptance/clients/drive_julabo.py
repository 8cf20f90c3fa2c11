"""Drives a JULABO circulator with julabo: set points, start, a bath temperature, stop."""

import json
import sys
import time

from julabo import JulaboMS, connection_for_url

line = connection_for_url(sys.argv[1], concurrency="syncio", eol=b"\r\n")
line.open()
bath = JulaboMS(line)
found = {"identification": bath.identification(), "status_at_first": bath.status()}
bath.set_point_1(10.5)
bath.set_point_2(33.25)
bath.active_set_point_channel(1)
bath.start()
found["started"] = bath.is_started()
course_C, began_s = [], time.monotonic()
while (not course_C or abs(course_C[-1] - 10.5) > 0.05) and time.monotonic() - began_s < 20.0:
    course_C.append(bath.bath_temperature())
found |= {
    "course_C": course_C[:: len(course_C) // 50 + 1] + course_C[-1:],
    "set_C": [bath.set_point_1(), bath.set_point_2()],
}
found["control"] = bath.temperature_control().name
bath.set_point_1(500.0)
found["refused"] = bath.status()
found["status"] = bath.status()
bath.stop()
found["status_at_last"] = bath.status()
print(json.dumps(found))
