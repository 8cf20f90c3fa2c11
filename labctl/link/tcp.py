"""A TCP socket on the event loop, for instruments that speak through a plain one: many of them share a thread."""

import asyncio
import os
import re
import socket

from labctl.clock import TurnClock
from labctl.errors import LinkLost
from labctl.link.second import second_of

_PLAIN = re.compile(r"TCPIP\d*::([^:\s]+)::(\d+)::SOCKET", re.IGNORECASE)
_OPEN_S = 2.0
_WRITE_S = 2.0
_CHUNK = 65536


def plain_socket(resource: str) -> tuple[str, int] | None:
    """Host and port of a VISA resource that is nothing but a TCP socket.

    None for every other kind, and for all where ``LABCTL_VISA_LIBRARY`` names a library: who does that wants its way.
    """
    match = None if "LABCTL_VISA_LIBRARY" in os.environ else _PLAIN.fullmatch(resource.strip())
    return None if match is None else (match[1], int(match[2]))


class TcpPort:
    """One TCP connection. Whatever comes stays in the system until it is read: an answer that nobody asked for is seen.

    Args:
        address: host and port.
        name: for messages.
        clock: the time of the driver; it interrupts what waits here.
    """

    def __init__(self, address: tuple[str, int], name: str, clock: TurnClock) -> None:
        self.name = name
        self._address = address
        self._clock = clock
        self._peer: socket.socket | None = None

    async def open(self) -> None:
        """Connect, or connect again; input from before is gone.

        Raises:
            LinkLost: it cannot be reached.
            Superseded: something else is to be done first.
        """
        await self.close()
        self._clock.check()
        try:
            async with asyncio.timeout(_OPEN_S):
                self._peer = await _connected(self._address)
        except OSError as error:  # a timeout is one, too
            raise LinkLost(f"the port cannot be opened: {_words(error)}", self.name) from error

    async def write(self, data: bytes) -> None:
        """Hand all bytes over.

        Raises:
            LinkLost: the connection is gone.
            Superseded: something else is to be done first; nothing was written.
        """
        self._clock.check()
        try:
            peer = self._connected()
            try:
                sent = peer.send(data)
            except BlockingIOError:
                sent = 0
            if sent < len(data):
                async with asyncio.timeout(_WRITE_S):
                    await asyncio.get_running_loop().sock_sendall(peer, data[sent:])
        except OSError as error:
            shown = data.decode("ascii", "replace").strip()
            raise LinkLost(f"writing failed: {_words(error)}", self.name, shown) from error

    async def read(self, until_s: float) -> bytes:
        """Return what has come; wait for it until ``until_s`` on the clock, then return ``b""``.

        Raises:
            LinkLost: the connection is gone.
            Superseded: something else is to be done first.
        """
        clock = self._clock
        while True:
            clock.check()
            try:
                peer = self._connected()
                data = peer.recv(_CHUNK)
            except BlockingIOError:
                left_s = (until_s - clock.now()) / clock.speed
                if left_s <= 0.0:
                    return b""
                await self._readable(peer, left_s)
                continue
            except OSError as error:
                raise LinkLost(f"reading failed: {_words(error)}", self.name) from error
            if not data:
                raise LinkLost("reading failed: the instrument closed the connection", self.name)
            return data

    def beside(self, resource: str) -> "TcpPort":
        """The instrument's second port: the TCP port that follows, if it is not named.

        Raises:
            LinkLost: what is named is no plain TCP socket.
        """
        second = second_of(self.name, resource)
        address = plain_socket(second)
        if address is None:
            raise LinkLost(f"{second} is no TCP socket, as the first port is", self.name)
        return TcpPort(address, second, self._clock)

    async def close(self) -> None:
        """Close; idempotent."""
        peer, self._peer = self._peer, None
        if peer is not None:
            peer.close()

    async def _readable(self, peer: socket.socket, wait_s: float) -> None:
        """Return when there is something to read, the connection has ended, or the time is over."""
        loop, number = asyncio.get_running_loop(), peer.fileno()
        loop.add_reader(number, self._clock.wake)
        try:
            await self._clock.wait(wait_s)
        finally:
            loop.remove_reader(number)

    def _connected(self) -> socket.socket:
        if self._peer is None:
            raise OSError("the port is not open")
        return self._peer


def _words(error: OSError) -> str:
    """What the system says, without the number and the repeated address."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno)


async def _connected(address: tuple[str, int]) -> socket.socket:
    """A socket that sends at once, and notices a peer that vanished."""
    loop = asyncio.get_running_loop()
    (family, kind, protocol, _, where), *_ = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM)
    peer = socket.socket(family, kind, protocol)
    try:
        peer.setblocking(False)
        await loop.sock_connect(peer, where)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except BaseException:
        peer.close()
        raise
    return peer
