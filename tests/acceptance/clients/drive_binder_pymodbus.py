"""Drives a BINDER MK 53 with pymodbus, on a serial line or with RTU frames over TCP: reads, writes, exceptions."""

import json
import sys

from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

if sys.argv[1].startswith("/"):
    client = ModbusSerialClient(sys.argv[1], baudrate=9600, timeout=2, retries=0)
else:
    host, port = sys.argv[1].split(":")
    client = ModbusTcpClient(host, port=int(port), framer=FramerType.RTU, timeout=2, retries=0)
assert client.connect()


def floats(answer):
    assert not answer.isError(), answer
    return client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32, word_order="little")


def words(value):
    return client.convert_to_registers(value, client.DATATYPE.FLOAT32, word_order="little")


def refusal(answer):
    return answer.exception_code if answer.isError() else 0


found = {"mode_at_first": client.read_holding_registers(0x1A22).registers}
for register in (0x1581, 0x156F):
    assert not client.write_registers(register, words(35.5)).isError()
assert not client.write_register(0x1A22, 0x0800).isError()
found["mode"] = client.read_input_registers(0x1A22).registers
found["set_C"] = floats(client.read_holding_registers(0x1077, count=2))
found["air_C"] = floats(client.read_input_registers(0x11A9, count=2))
found["together"] = len(client.read_holding_registers(0x1228, count=20).registers)
found["exceptions"] = {
    "coils": refusal(client.read_coils(0)),
    "write a coil": refusal(client.write_coil(0, True)),
    "both": refusal(
        client.readwrite_registers(read_address=0x1A22, read_count=1, address=0x1A22, values=[0])
    ),
    "mask": refusal(client.mask_write_register(address=0x1A22)),
    "identification": refusal(client.read_device_information()),
    "no register": refusal(client.read_holding_registers(0)),
    "beyond the end": refusal(client.read_holding_registers(0xFFFF, count=2)),
    "half a float written": refusal(client.write_register(0x1581, 1)),
    "read only": refusal(client.write_registers(0x11A9, words(20.0))),
    "too cold": refusal(client.write_registers(0x1581, words(-41.0))),
    "no number": refusal(client.write_registers(0x1581, words(float("nan")))),
    "a program": refusal(client.write_register(0x1A22, 0x0400)),
}
client.close()
print(json.dumps(found))
