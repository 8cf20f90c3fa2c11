"""Drives a Keithley 2601B with QCoDeS: charges to a cut-off, sweeps and traces by scripts; prints what it found."""

import json
import sys
import time

from qcodes.dataset import LinSweep
from qcodes.instrument_drivers.Keithley import Keithley2601B

smu = Keithley2601B("smu", sys.argv[1], visalib="@py")
channel = smu.channels[0]
found = {"model": smu.model, "line_Hz": float(channel.linefreq())}
smu.visa_handle.write("smua.source.offmode = 2")
channel.mode("current")
channel.limitv(5.0)
channel.four_wire_measurement(True)
channel.nplc(0.1)
channel.sourcerange_i(1e-3)
channel.curr(1e-3)
channel.output(True)
found["set"] = [
    channel.limitv(),
    channel.four_wire_measurement(),
    channel.nplc(),
    channel.sourcerange_i(),
    channel.mode(),
]
charge = []
began_s = time.monotonic()
while (voltage_V := channel.volt()) < 3.2 and time.monotonic() - began_s < 20.0:
    charge.append([voltage_V, channel.curr()])
channel.output(False)
found |= {"charge": charge, "end_V": voltage_V, "on_after": channel.output()}

channel.mode("voltage")
channel.limiti(0.01)
channel.setup_fastsweep(LinSweep(channel.volt, voltage_V, voltage_V + 0.04, 5, 0.01), mode="IV")
found["swept_A"] = [float(value) for value in channel.fastsweep()]

channel.timetrace_mode("current")
channel.timetrace_npts(4)
channel.timetrace_dt(0.02)
channel.volt(voltage_V + 0.02)
found["traced_A"] = [float(value) for value in channel.timetrace()]
channel.output(False)
smu.display_settext("done")
smu.display_clear()
found["errors"] = smu.ask("errorqueue.count")
smu.close()
print()
print(json.dumps(found))
