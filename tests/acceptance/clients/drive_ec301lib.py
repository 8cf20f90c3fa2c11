"""Drives an EC301 with ec301lib (Python 2): charges to a cut-off, holds, streams, steps, cycles, is stopped."""

import json
import sys
import threading

sys.path[:0] = [sys.argv[2], sys.argv[2] + "/ec301lib"]
from ec301lib import EC301  # noqa: E402

pause = threading.Event().wait
ec301 = EC301(host="127.0.0.1", port=int(sys.argv[1]))


def streamed():
    """What came in once the stream has ended."""
    while not ec301.stream.done:
        pause(0.02)
    return [float(volt) for volt in ec301.readout()[1]]


ec301.enabled = False
found = {"id": ec301.id, "error": ec301.error, "rest_V": ec301.voltage, "on_at_first": ec301.enabled}
ec301.mode = "GALVANOSTAT"
ec301.setCurrent(-1e-3)
charge = []
while ec301.voltage < 0.2 and len(charge) < 200:
    charge.append((ec301.voltage, ec301.current))
    pause(0.05)
found.update({"charge": charge, "end_V": ec301.voltage})
ec301.setCurrent(0.0)
ec301.setPotential(0.25)
ec301.Irange = -2
found["held"] = (ec301.voltage, ec301.current)
ec301._query("badcmd")
found["complaint"] = ec301.error
ec301.averaging = 256
ec301.acquire(time=0.3)
found["acquired"] = streamed()
ec301.potentialStep(t0=0.3, t1=0.3, E0=0.2, E1=0.3)
found["stepped"] = streamed()
ec301.potentialCycle(t0=0.2, E0=0.2, E1=0.4, E2=0.1, v=0.5)
found["cycled"] = streamed()
ec301.potentialCycle(t0=60, E0=0.2, E1=0.4, E2=0.1, v=0.5)
pause(0.3)
ec301.stop()
found["aborted"] = streamed()
ec301.enabled = False
found["on_at_last"] = ec301.enabled
print(json.dumps(found))
