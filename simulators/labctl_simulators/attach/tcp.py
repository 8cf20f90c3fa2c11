"""A simulated instrument on a TCP socket: one port of the device for each connection.

An instrument with a second line listens for it at the TCP port that follows, or ``second_after`` the first.
A peer may vanish, reset, send garbage or stop reading: none of it reaches the device or the other connections. While
a peer does not read, its port is neither fed nor woken, so that no more than one answer is held for it; the device's
own time goes on through the other ports. Where the device allows it one port stays unconnected for that purpose.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import AsyncExitStack

from labctl_simulators.attach.scaled_time import ScaledTime
from labctl_simulators.firmware import Device, TwoLines, WirePort

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

MOST_CONNECTIONS = 64
"""Further connections are reset; instruments allow far fewer."""

_PAIR_TRIES = 50  # to find two TCP ports that follow each other, where any will do


class _Bench:
    """The device, its simulated time, and the connections that want to be woken."""

    def __init__(self, device: Device, time: ScaledTime) -> None:
        self._device = device
        self._time = time
        self._loop = asyncio.get_running_loop()
        self._spare: WirePort | None = device.port()
        self._connections: set[_Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.arm()

    def open_port(self, connection: "_Connection", *, second: bool) -> WirePort:
        """A port for a new connection; ConnectionRefusedError when the device has no more.

        Args:
            connection: whose port it is.
            second: on the second line of a device that has two.
        """
        if len(self._connections) >= MOST_CONNECTIONS:
            raise ConnectionRefusedError("too many connections")
        if second:
            assert isinstance(self._device, TwoLines)
            port = self._device.second_port()
        else:
            port = self._spare or self._device.port()
            self._spare = self._another_port()
        self._connections.add(connection)
        return port

    def close_port(self, connection: "_Connection", port: WirePort) -> None:
        """The connection is gone."""
        self._connections.discard(connection)
        port.close(self.now_s())
        self._spare = self._spare or self._another_port()
        self.arm()

    def _another_port(self) -> WirePort | None:
        try:
            return self._device.port()
        except ConnectionRefusedError:
            return None

    def now_s(self) -> float:
        """Simulated time."""
        return self._time.now_s()

    def arm(self) -> None:
        """Set the timer to the earliest time at which a port wants to be woken."""
        wanted = [c.port.next_wake() for c in self._connections if c.port is not None and not c.paused]
        if self._spare is not None:
            wanted.append(self._spare.next_wake())
        due = [time_s for time_s in wanted if time_s is not None]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due:
            self._timer = self._loop.call_later(self._time.real_seconds_until(min(due)), self._wake)

    def _wake(self) -> None:
        self._timer = None
        now_s = self.now_s()
        if self._spare is not None:
            try:
                self._spare.wake(now_s)
            except ConnectionError:
                self._spare = self._another_port()
        for connection in list(self._connections):
            connection.wake(now_s)
        self.arm()

    def close(self) -> None:
        """Stop the timer and reset every connection."""
        for connection in list(self._connections):
            connection.abort()
        self._connections.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Connection(asyncio.Protocol):
    """One peer."""

    def __init__(self, bench: _Bench, *, second: bool = False) -> None:
        self._bench = bench
        self._second = second
        self._transport: asyncio.Transport | None = None
        self.port: WirePort | None = None
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer_socket = transport.get_extra_info("socket")
        peer_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            self.port = self._bench.open_port(self, second=self._second)
        except ConnectionRefusedError:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.port is not None:
            self._pass_on(self.port.receive, data, self._bench.now_s())
            self._bench.arm()

    def connection_lost(self, error: Exception | None) -> None:
        port, self.port = self.port, None
        if port is not None:
            self._bench.close_port(self, port)

    def pause_writing(self) -> None:
        self.paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._bench.arm()

    def wake(self, now_s: float) -> None:
        """Let the port do what is due, unless the peer is not reading."""
        if self.port is not None and not self.paused:
            self._pass_on(self.port.wake, now_s)

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _pass_on(self, ask: Callable[..., bytes], *arguments: object) -> None:
        """Send what the port answers; where it says so, reset or end the connection instead."""
        if self._transport is None:
            return
        try:
            self._send(ask(*arguments))
        except ConnectionResetError:
            peer_socket = self._transport.get_extra_info("socket")
            peer_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()
        except ConnectionAbortedError:
            self._transport.close()

    def _send(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)


async def serve(
    device: Device,
    *,
    host: str = "127.0.0.1",
    port: int = 5025,
    speed: float = 1.0,
    ready: Callable[[str], None],
) -> None:
    """Serve a device until cancelled.

    Args:
        device: a device of its own; it belongs to this server from now on.
        host: address to listen on.
        port: TCP port, 0 picks a free one.
        speed: simulated seconds in one real second.
        ready: called with the VISA resource string when connections are accepted, for a second line once more.

    Raises:
        OSError: the address cannot be listened on.
    """
    bench = _Bench(device, ScaledTime(speed))
    try:
        async with AsyncExitStack() as stack:
            after = getattr(device, "second_after", 1) if isinstance(device, TwoLines) else 0
            for server in await _listen(bench, host, port, after):
                await stack.enter_async_context(server)
                bound_host, bound_port = server.sockets[0].getsockname()[:2]
                ready(f"TCPIP::{bound_host}::{bound_port}::SOCKET")
            await server.serve_forever()
    finally:
        bench.close()


async def _listen(bench: _Bench, host: str, port: int, after: int) -> list[asyncio.Server]:
    """A server for each line of the device: the second at the TCP port that comes ``after`` the first; 0: none."""
    loop = asyncio.get_running_loop()
    tries = _PAIR_TRIES if port == 0 and after else 1
    while True:
        tries -= 1
        first = await loop.create_server(lambda: _Connection(bench), host, port)
        if not after:
            return [first]
        following = first.sockets[0].getsockname()[1] + after
        try:
            second = await loop.create_server(lambda: _Connection(bench, second=True), host, following)
        except OSError:
            first.close()
            if not tries:
                raise
        else:
            return [first, second]
