"""Whose process is at the other end of a loopback TCP connection, as the kernel tells it."""

import struct
from ipaddress import ip_address
from pathlib import Path

_TABLES = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}


ESTABLISHED = "01"

Address = tuple[str, int]


def user_at(client: Address, server: Address) -> int | None:
    """The user whose socket on this computer is connected to a server's; None if nobody's is, or nobody can say.

    Both addresses have to fit: connections to different ports can share the client's.

    Source: proc(5), /proc/net/tcp: local_address and rem_address in hexadecimal, in the host's order of bytes; st; uid.
    """
    try:
        version, local, remote = ip_address(client[0]).version, _as_listed(client), _as_listed(server)
        lines = _TABLES[version].read_text("ascii").splitlines()[1:]
    except (ValueError, OSError):
        return None
    for line in lines:
        parts = line.split()
        if parts[1:4] == [local, remote, ESTABLISHED]:
            return int(parts[7])
    return None


def _as_listed(address: Address) -> str:
    """As the table writes it: words of 32 bits, each as the host's number, and the port."""
    packed = ip_address(address[0]).packed
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"


def is_loopback(host: str) -> bool:
    """Whether a name or address to listen on is reached from this computer only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
