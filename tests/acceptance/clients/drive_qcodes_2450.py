"""Drives a Keithley 2450 with QCoDeS: charges to a cut-off, reads buffers, sweeps; prints what it found."""

import json
import sys
import time

from qcodes.instrument_drivers.Keithley import Keithley2450

smu = Keithley2450("smu", sys.argv[1], visalib="@py")
found = {"model": smu.get_idn()["model"], "line_Hz": float(smu.line_frequency())}
smu.write("*RST")
smu.write(":OUTP:CURR:SMOD HIMP;:OUTP:VOLT:SMOD HIMP")
smu.terminals("rear")
found["terminals"] = smu.terminals()

smu.sense_function("voltage")
smu.source_function("current")
smu.source.range(1e-3)
smu.source.limit(5.0)
smu.source.current(1e-3)
smu.sense.four_wire_measurement(True)
smu.sense.nplc(0.1)
smu.sense.auto_range(True)
smu.sense.auto_zero_enabled(False)
smu.source.read_back_enabled(True)
found["set"] = [
    smu.source.range(), smu.source.limit(), smu.source.current(), smu.sense.four_wire_measurement(),
    float(smu.sense.nplc()), smu.sense.auto_range(), smu.sense.auto_zero_enabled(), smu.source.limit_tripped(),
]  # fmt: skip
smu.output_enabled(True)
charge = []
began_s = time.monotonic()
while (voltage_V := smu.sense.voltage()) < 3.2 and time.monotonic() - began_s < 20.0:
    charge.append(voltage_V)
smu.output_enabled(False)
found |= {"charge": charge, "end_V": voltage_V, "on_after": smu.output_enabled()}

# a buffer of its own, with the elements of each reading
with smu.buffer(name="own", size=100) as buffer:
    buffer.elements(["measurement", "source_value", "relative_time", "measurement_unit"])
    smu.sense.count(3)
    smu.output_enabled(True)
    buffer.trigger_start()
    smu.ask("*OPC?")
    smu.output_enabled(False)
    found["buffer"] = [
        buffer.size(),
        buffer.number_of_readings(),
        buffer.get_data(1, 3),
        buffer.get_last_reading(),
    ]
smu.sense.count(1)

# a sweep of voltages
smu.sense_function("current")
smu.source_function("voltage")
smu.source.limit(1e-2)
smu.source.range(20.0)
smu.source.auto_delay(True)
smu.sense.range(1e-2)
smu.sense.nplc(0.1)
smu.sense.clear_trace()
smu.source.sweep_setup(voltage_V, voltage_V + 0.04, 5)
smu.output_enabled(True)
found["swept_A"] = [float(value) for value in smu.sense.sweep()]
smu.output_enabled(False)
found["axis_V"] = [float(value) for value in smu.source.sweep_axis()]

# resistance, user delays
smu.sense_function("resistance")
smu.sense.user_number(1)
smu.sense.user_delay(0.5)
found["user_delay_s"] = float(smu.sense.user_delay())
found["errors"] = smu.ask(":SYST:ERR?")
smu.close()
print()
print(json.dumps(found))
