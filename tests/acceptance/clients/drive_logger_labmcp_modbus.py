"""Reads a temperature logger with labmcp-modbus by a register map: every kind of number, and what is refused."""

import json
import sys

from labmcp_modbus.driver import ModbusDevice, PymodbusClient
from labmcp_modbus.registers import parse_register_map

points = {}
for n in range(4):
    where = {"unit": "degC", "table": "input"}
    points |= {
        f"int16-{n}": {**where, "address": n, "type": "int16", "scale": 0.1},
        f"float-{n}": {**where, "address": 16 + 2 * n, "type": "float32", "table": "holding"},
        f"low-first-{n}": {**where, "address": 32 + 2 * n, "type": "float32", "word_order": "little"},
        f"int32-{n}": {**where, "address": 48 + 2 * n, "type": "int32", "scale": 0.001},
        f"kelvin-{n}": {**where, "address": 64 + n, "type": "uint16", "scale": 0.1, "unit": "K"},
    }
points["missing"] = {"table": "holding", "address": 200, "type": "uint16"}
client = PymodbusClient(sys.argv[1], timeout=3.0)
device = ModbusDevice(
    client, register_map=parse_register_map({"device": {"name": "logger"}, "points": points})
)
found = {reading.name: reading.value for reading in device.read_points()}
try:
    device.write_register(0, 1)
except Exception as error:
    found["written"] = str(error)
try:
    device.read_bits("coil", 0, 1)
except Exception as error:
    found["coils"] = str(error)
client.close()
print(json.dumps(found))
