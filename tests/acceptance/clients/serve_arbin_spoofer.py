"""Serves pycti-arbin's own ArbinSpoofer: what its first channel is to show comes as lines of JSON."""

import json
import socket
import sys

from pyctiarbin.arbinspoofer import ArbinSpoofer

with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
spoofer = ArbinSpoofer({"ip": "127.0.0.1", "port": port, "num_channels": 2})
spoofer.start()
print(port, flush=True)
for line in sys.stdin:
    spoofer.update_channel_status(0, json.loads(line))
    print("shown", flush=True)
spoofer.stop()
