"""Drives a Keithley 2601B with Tektronix' tm_devices: charges to a cut-off."""

import json
import sys
import time

from tm_devices import DeviceManager
from tm_devices.helpers import PYVISA_PY_BACKEND

with DeviceManager(verbose=False) as manager:
    manager.visa_library = PYVISA_PY_BACKEND
    smu = manager.add_smu("127.0.0.1", connection_type="SOCKET", port=int(sys.argv[1]))
    channel = smu.commands.smu["a"]
    found = {"model": smu.model}
    channel.source.offmode = 2
    channel.source.func = 0
    channel.source.limitv = 5.0
    channel.source.leveli = 1e-3
    channel.source.output = 1
    charge = []
    began_s = time.monotonic()
    while (voltage_V := float(channel.measure.v())) < 3.2 and time.monotonic() - began_s < 20.0:
        charge.append((voltage_V, float(channel.measure.i())))
    channel.source.output = 0
    found |= {"charge": charge, "end_V": voltage_V, "on_at_last": float(channel.source.output)}
print(json.dumps(found))
