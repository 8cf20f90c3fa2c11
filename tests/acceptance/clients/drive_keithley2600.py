"""Drives a Keithley 2600 with the package keithley2600, which explores its command groups: charges to a cut-off."""

import json
import sys
import time

from keithley2600 import Keithley2600

smu = Keithley2600(
    sys.argv[1], visa_library="@py", timeout=10000, read_termination="\n", write_termination="\n"
)
smu.smua.source.offmode = smu.smua.OUTPUT_HIGH_Z
smu.smua.sense = smu.smua.SENSE_REMOTE
smu.smua.source.limitv = 5.0
smu.apply_current(smu.smua, 1e-3)
charge = []
began_s = time.monotonic()
while (voltage_V := smu.smua.measure.v()) < 3.2 and time.monotonic() - began_s < 20.0:
    charge.append((voltage_V, smu.smua.measure.i()))
smu.smua.source.output = smu.smua.OUTPUT_OFF
found = {"charge": charge, "end_V": voltage_V, "on_at_last": smu.smua.source.output}
found["errors"] = smu.errorqueue.count
smu.disconnect()
print(json.dumps(found))
