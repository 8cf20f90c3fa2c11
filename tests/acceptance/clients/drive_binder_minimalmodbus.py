"""Drives a BINDER MK 53 on a serial line with minimalmodbus: a set point, the mode, a reading, refusals."""

import json
import sys
import time

import minimalmodbus

LOW_FIRST = minimalmodbus.BYTEORDER_LITTLE_SWAP

chamber = minimalmodbus.Instrument(sys.argv[1], 1)
chamber.serial.baudrate = 9600
chamber.serial.timeout = 1.0


def refusal(action, *arguments, **options):
    try:
        action(*arguments, **options)
    except minimalmodbus.ModbusException as error:
        return f"{type(error).__name__}: {error}"
    return "none"


found = {"mode_at_first": chamber.read_register(0x1A22)}
chamber.write_float(0x1581, 40.0, byteorder=LOW_FIRST)
chamber.write_float(0x156F, 40.0, byteorder=LOW_FIRST)
chamber.write_register(0x1A22, 0x0800, functioncode=6)
found["mode"] = chamber.read_register(0x1A22, functioncode=4)
found["set_C"] = chamber.read_float(0x1077, byteorder=LOW_FIRST)
course_C, began_s = [], time.monotonic()
while not course_C or (abs(course_C[-1] - 40.0) > 0.1 and time.monotonic() - began_s < 20.0):
    course_C.append(chamber.read_float(0x11A9, functioncode=4, byteorder=LOW_FIRST))
found["course_C"] = course_C
chamber.write_float(0x1581, -12.5, byteorder=LOW_FIRST)
found["below_zero_C"] = chamber.read_float(0x1581, byteorder=LOW_FIRST)
found["no_register"] = refusal(chamber.read_register, 0x0001)
found["read_only"] = refusal(chamber.write_float, 0x11A9, 1.0)
found["too_hot"] = refusal(chamber.write_float, 0x1581, 500.0, byteorder=LOW_FIRST)
found["no_function"] = refusal(chamber.read_bit, 0x1A22)
chamber.address = 7
found["nobody"] = refusal(chamber.read_register, 0x1A22)
chamber.address = 1
found["alarm_text"] = chamber.read_string(0x1228, 20).replace("\0", "").strip()
chamber.write_register(0x1A22, 0, functioncode=6)
found["mode_at_last"] = chamber.read_register(0x1A22)
print(json.dumps(found))
