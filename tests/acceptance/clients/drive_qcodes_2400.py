"""Drives a Keithley 2400 with QCoDeS: charges to a cut-off, then holds a voltage."""

import json
import sys
import time

from qcodes.instrument_drivers.Keithley import Keithley2400

smu = Keithley2400("smu", sys.argv[1], visalib="@py", terminator="\n")
smu.write(":OUTP:SMOD HIMP")
smu.mode("CURR")
smu.compliancev(5.0)
smu.curr(1e-3)
smu.output(1)
charge = []
began_s = time.monotonic()
while (voltage_V := smu.volt()) < 3.2 and time.monotonic() - began_s < 20.0:
    charge.append((voltage_V, 1e-3))
smu.output(0)
found = {"model": smu.get_idn()["model"], "charge": charge, "end_V": voltage_V}
smu.mode("VOLT")
smu.compliancei(1e-2)
smu.volt(3.3)
smu.output(1)
found["held_A"] = smu.curr()
smu.output(0)
found["on_at_last"] = smu.output()
found["errors"] = smu.ask(":SYST:ERR?")
smu.close()
print(json.dumps(found))
