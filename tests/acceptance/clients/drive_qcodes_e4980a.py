"""Drives a Keysight E4980A with QCoDeS: a spectrum, functions, corrections, bias; prints what it found."""

import json
import sys

from qcodes.instrument_drivers.Keysight import KeysightE4980A, KeysightE4980AMeasurements

lcr = KeysightE4980A("lcr", sys.argv[1], visalib="@py", timeout=20)
lcr.reset()
found = {"model": lcr.get_idn()["model"], "options": list(lcr._options()), "mode": lcr.signal_mode()}
lcr.voltage_level(0.1)
lcr.meas_time_mode("short")
lcr.averaging_rate(2)
lcr.imp_autorange_enabled(True)
found["set"] = [lcr.voltage_level(), lcr.meas_time_mode(), lcr.averaging_rate(), lcr.imp_autorange_enabled()]
spectrum = []
for frequency_Hz in (1e5, 1e4, 1e3, 1e2):
    lcr.frequency(frequency_Hz)
    pair = lcr.measure_impedance
    spectrum.append([lcr.frequency(), float(pair.resistance), float(pair.reactance)])
found["spectrum"] = spectrum

found["functions"] = {}
for measurement in (
    KeysightE4980AMeasurements.CPD,
    KeysightE4980AMeasurements.RX,
    KeysightE4980AMeasurements.ZTD,
    KeysightE4980AMeasurements.YTR,
    KeysightE4980AMeasurements.GB,
    KeysightE4980AMeasurements.LSRS,
):
    lcr.measurement_function(measurement)
    first, second = lcr.measurement.get()
    found["functions"][lcr.measurement_function()] = [float(first), float(second)]

lcr.range(1000)
found["range"] = [float(lcr.range()), lcr.imp_autorange_enabled()]
lcr.dc_bias_voltage_level(1.5)
lcr.dc_bias_enabled(True)
found["bias"] = [lcr.dc_bias_voltage_level(), lcr.dc_bias_enabled(), lcr.dc_bias_autorange_enabled()]
lcr.dc_bias_enabled(False)
lcr.correction.open_state(True)
lcr.correction.short_state(False)
found["corrected"] = [lcr.correction.open_state(), lcr.correction.short_state()]
lcr.correction.open_state(False)
lcr.current_level(1e-3)
found["current_A"] = lcr.current_level()
found["errors"] = lcr.system_errors()
lcr.clear_status()
lcr.close()
print()
print(json.dumps(found))
