"""Drives a Keithley with labmcp-keithley-smu: charges to a cut-off, meets a limit, is aborted in a sweep."""

import json
import sys
import threading
import time

from labmcp.transports import open_transport
from labmcp_keithley_smu.driver import open_smu

smu = open_smu(open_transport(sys.argv[1], read_termination="\n", write_termination="\n"))
found = {"model": smu.identify()["model"], "on_at_first": smu.output_state()}
smu.set_remote_sense(True)
smu.configure("current", 1e-3, 5.0)
smu.set_output(True)
charge = []
began_s = time.monotonic()
while (reading := smu.read("current")).voltage_v < 3.2 and time.monotonic() - began_s < 20.0:
    charge.append((reading.voltage_v, reading.current_a))
found |= {"charge": charge, "end_V": reading.voltage_v, "remote": smu.status().remote_sense}
smu.configure("current", 1e-3, 1.0)
smu.set_output(True)
found["limited"] = smu.read("current").in_compliance
smu.configure("current", 0.0, 5.0)
aborter = threading.Timer(0.5, smu.request_abort)
aborter.start()
data = smu.sweep("current", [1e-5 * n for n in range(1, 100)], delay_s=0.05)
aborter.join()
found |= {"swept": len(data.readings), "aborted": data.aborted, "on_at_last": smu.output_state()}
found["errors"] = smu.error_list()
smu.close()
print(json.dumps(found))
