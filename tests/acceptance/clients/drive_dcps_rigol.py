"""Drives a DP832 and a DL3021 with dcps: charges to a cut-off, meets both protections, discharges, is aborted."""

import json
import sys
import threading

from dcps.RigolDL3000 import RigolDL3000
from dcps.RigolDP800 import RigolDP800

CHANNEL = 1
supply = RigolDP800(sys.argv[1], wait=0.0, read_termination="\n", write_termination="\n")
load = RigolDL3000(sys.argv[2], wait=0.0, write_termination="\n")
supply.open()
load.open()
found = {"who": [supply.idn(), load.idn()], "on_at_first": supply.isOutputOn(CHANNEL) or load.isInputOn()}
supply.setRemoteLock()
supply.beeperOff()
load.setRemoteLock()

supply.setVoltage(3.4, CHANNEL)
supply.setCurrent(1.0, CHANNEL)
supply.setVoltageProtection(3.6, channel=CHANNEL)
supply.voltageProtectionOn(CHANNEL)
found["set"] = [supply.queryVoltage(CHANNEL), supply.queryCurrent(CHANNEL)]
found["protected"] = [supply.isVoltageProtectionOn(CHANNEL), supply.queryVoltageProtection(CHANNEL)]
supply.outputOn(CHANNEL)
charge = []
while (volts := supply.measureVoltage(CHANNEL)) < 3.3 and len(charge) < 200:
    charge.append((volts, supply.measureCurrent(CHANNEL)))
supply.outputOff(CHANNEL)
found |= {"charge": charge, "end_V": volts, "off": not supply.isOutputOn(CHANNEL)}

supply.setVoltageProtection(2.0, channel=CHANNEL)
supply.outputOn(CHANNEL)
found["tripped"] = supply.isVoltageProtectionTripped(CHANNEL) and not supply.isOutputOn(CHANNEL)
supply.voltageProtectionOff(CHANNEL)
supply.voltageProtectionClear(CHANNEL)
supply.outputOff(CHANNEL)

for mode in ("LIST", "WAVe", "BATTery", "OCP", "OPP", "FIXed"):
    load.setFunctionMode(mode)
found["modes"] = load.queryFunctionMode()
found["functions"] = []
for function in ("RESistance", "VOLTage", "POWer", "CURRent"):
    load.setFunction(function)
    found["functions"].append(load.queryFunction())
load.setSenseState(True)
load.setCurrentRange(4.0)
load.setCurrent(2.0)
load.setCurrentVON(2.0)
load.inputOn()
threading.Event().wait(0.2)
discharge = []
while (volts := load.measureVoltage()) > 2.9 and len(discharge) < 200:
    discharge.append((volts, load.measureCurrent()))
load.inputOff()
found |= {"discharge": discharge, "sense": load.querySenseState(), "on_at_last": load.isInputOn()}
found["errors"] = [supply.readError(), load.readError()]
load.setLocal()
supply.setLocal()
load.close()
supply.close()
print(json.dumps(found))
