"""Bytes to and from one port: framing, deadlines, epochs, poisoning. Kinds of port: memory, VISA, serial."""

from labctl.link.fence import Fence
from labctl.link.link import Link
from labctl.link.port import Deadline, Port

__all__ = ["Deadline", "Fence", "Link", "Port"]
