"""Drives a DP832 with labmcp-bench-psu: charges to a cut-off, trips its overcurrent protection, switches all off."""

import json
import sys
import time

from labmcp.transports import open_transport
from labmcp_bench_psu.driver import open_power_supply

psu = open_power_supply(open_transport(sys.argv[1], read_termination="\n", write_termination="\n"))
psu.clear_error_state()
found = {"who": psu.identify(), "on_at_first": [psu.output_state(n) for n in (1, 2, 3)]}
psu.set_voltage(1, 3.4)
psu.set_current(1, 1.0)
psu.set_ovp(1, 3.6, True)
psu.set_ocp(1, 1.2, True)
found["set"] = psu.setpoints(1)
psu.set_output(1, True)
charge = []
began_s = time.monotonic()
while (reading := psu.measure(1))[0] < 3.3 and time.monotonic() - began_s < 20.0:
    charge.append((*reading, psu.mode(1)))
found |= {"charge": charge, "end_V": reading[0], "protection": vars(psu.protection(1))}
psu.set_ocp(1, 0.5, True)
found["tripped"] = psu.protection(1).ocp_tripped and not psu.output_state(1)
psu.clear_trips(1)
found["cleared"] = not psu.protection(1).ocp_tripped
psu.set_voltage(2, 12.0)
psu.set_output(2, True)
found["beside"] = psu.measure(2)
try:
    psu.set_voltage(3, 8.0)
    found["refused"] = ""
except Exception as error:
    found["refused"] = str(error)
found["not_off"] = psu.all_off()
found["errors"] = psu.errors()
psu.close()
print(json.dumps(found))
