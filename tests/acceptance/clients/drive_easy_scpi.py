"""Drives any SCPI instrument with easy-scpi, which spells every keyword out in full; argument two says which."""

import json
import sys

from easy_scpi import Instrument

instrument = Instrument(
    backend="@py", read_termination="\n", write_termination="\n", timeout=20_000, prefix_cmds=True
)
instrument.rid = sys.argv[1]
instrument.connect()
found = {"id": instrument.id}


def source_meter() -> None:
    instrument.source.function("CURRENT")
    instrument.source.current.level.immediate.amplitude(1e-3)
    found["set"] = [
        instrument.source.function(),
        float(instrument.source.current.level.immediate.amplitude()),
    ]
    instrument.output.state("ON")
    found["on"] = float(instrument.output.state())


if sys.argv[2] == "2400":
    instrument.sense.voltage.dc.protection.level(5)
    instrument.sense.function.concurrent("ON")
    instrument.sense.function.on('"VOLTAGE","CURRENT"')
    source_meter()
    instrument.format.elements.sense("VOLTAGE,CURRENT")
    found["read"] = [float(value) for value in instrument.query(":READ?").split(",")]
elif sys.argv[2] == "2450":
    instrument.source.current.vlimit.level(5)
    instrument.sense.function.on('"VOLTAGE:DC"')
    source_meter()
    found["read"] = [
        float(value) for value in instrument.measure('"defbuffer1",READing,SOURce', query=True).split(",")
    ]
elif sys.argv[2] == "b2900":
    instrument.sense.voltage.dc.protection.level.both(5)
    instrument.source.function.mode("CURRENT")
    instrument.source.current.level.immediate.amplitude(1e-3)
    instrument.output.state("ON")
    found["on"] = float(instrument.output.state())
    found["set"] = [
        instrument.source.function.mode(),
        float(instrument.source.current.level.immediate.amplitude()),
    ]
    found["read"] = [float(instrument.measure.voltage.dc()), float(instrument.measure.current.dc())]
else:
    instrument.function.impedance.type("RX")
    instrument.frequency.cw(1000)
    instrument.voltage.level(0.1)
    found["set"] = [instrument.function.impedance.type(), float(instrument.frequency.cw())]
    found["read"] = [float(value) for value in instrument.fetch.impedance.formatted().split(",")]
if sys.argv[2] != "e4980a":
    instrument.output.state("OFF")
    found["off"] = float(instrument.output.state())
found["errors"] = instrument.system.error.next()
instrument.disconnect()
print(json.dumps(found))
