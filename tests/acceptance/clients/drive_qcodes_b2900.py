"""Drives a Keysight B2900 with QCoDeS' driver of the B2962A, whose commands it shares: charges to a cut-off."""

import json
import sys
import time

from qcodes.instrument_drivers.Keysight import KeysightB2962A

smu = KeysightB2962A("smu", sys.argv[1], visalib="@py", terminator="\n")
channel = smu.ch1
found = {"model": smu.get_idn()["model"]}
channel.source_mode("current")
channel.remote_sensing(True)
channel.voltage_limit(5.0)
channel.source_current(1e-3)
channel.enable(True)
charge = []
began_s = time.monotonic()
while (voltage_V := channel.voltage()) < 3.2 and time.monotonic() - began_s < 20.0:
    charge.append((voltage_V, channel.current()))
channel.enable(False)
found |= {"charge": charge, "end_V": voltage_V, "limit_V": channel.voltage_limit()}
found |= {"on_at_last": channel.enable(), "remote": channel.remote_sensing(), "errors": smu.ask(":SYST:ERR?")}
smu.close()
print(json.dumps(found))
