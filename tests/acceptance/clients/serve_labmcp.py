"""Serves a simulator of labmcp over TCP, unchanged: bytes are passed on, and what it has to say by itself is asked for.

Arguments: 2400, 2450 or 2600 (labmcp-keithley-smu), or palmsens (labmcp-palmsens). Prints where it listens.
"""

import selectors
import socket
import sys

from labmcp.transports.sim import SimulatedTransport


def simulator(name: str):
    if name == "palmsens":
        from labmcp_palmsens.simulator import MethodScriptSimulator

        return MethodScriptSimulator(speed=10.0)
    from labmcp_keithley_smu.simulator import make_simulator

    return make_simulator(name, "resistor", 1000.0)


transport = SimulatedTransport(simulator(sys.argv[1]), read_termination="\n", write_termination="\n")
listener = socket.create_server(("127.0.0.1", 0))
print(f"ready TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET", flush=True)
while True:
    connection, _ = listener.accept()
    waiting = selectors.DefaultSelector()
    waiting.register(connection, selectors.EVENT_READ)
    try:
        while True:
            if waiting.select(0.005):
                data = connection.recv(65536)
                if not data:
                    break
                transport._write(data)
            if said := transport._read(65536, 0.0):
                connection.sendall(said)
    except ConnectionError:
        pass
    waiting.close()
    connection.close()
