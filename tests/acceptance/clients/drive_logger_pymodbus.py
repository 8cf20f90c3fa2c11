"""Reads a temperature logger with pymodbus: Modbus TCP, RTU over TCP, or a serial line; several clients at once."""

import json
import sys

from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient, ModbusTcpClient


def opened():
    if sys.argv[1].startswith("/"):
        client = ModbusSerialClient(sys.argv[1], baudrate=9600, timeout=2, retries=0)
    else:
        host, port = sys.argv[1].split(":")
        framer = {"tcp": FramerType.SOCKET, "rtu": FramerType.RTU}[sys.argv[2]]
        client = ModbusTcpClient(host, port=int(port), framer=framer, timeout=2, retries=0)
    assert client.connect()
    return client


clients = [opened() for _ in range(1 if sys.argv[1].startswith("/") else 3)]
found = {"int16": [], "float32": []}
for client in clients * 5:
    kind = client.DATATYPE
    registers = client.read_input_registers(0, count=4).registers
    assert len(registers) == 4
    found["int16"].append([client.convert_from_registers([word], kind.INT16) / 10 for word in registers])
    registers = client.read_holding_registers(16, count=2).registers
    found["float32"].append(client.convert_from_registers(registers, kind.FLOAT32))
client = clients[0]
found["no_register"] = client.read_holding_registers(300).exception_code
found["no_function"] = client.write_register(0, 1).exception_code
found["too_many"] = client.read_input_registers(0, count=125).exception_code
for client in clients:
    client.close()
print(json.dumps(found))
