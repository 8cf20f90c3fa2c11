"""A peer for links: a few words, answered at once, late, in pieces or never; in memory, on TCP, on a pty."""

import contextlib
import heapq
import os
import selectors
import socket
import threading
import time
import tty
from collections.abc import Callable, Iterator
from itertools import count


class Peer:
    """Sans-IO: ``echo X`` answers X, and the other words misbehave in a way of their own.

    ``late D X`` answers after D seconds, ``silent`` never; ``split X`` answers in two pieces, ``twice X`` two times at
    once, ``merge X Y`` with two lines; ``crlf X`` ends with CR LF; ``chatter X`` sends X after its answer; ``hangup``
    ends the connection. Everything it received is in ``received``.
    """

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.hung_up = False
        self._input = b""
        self._due: list[tuple[float, int, bytes]] = []
        self._order = count()

    def receive(self, data: bytes, now_s: float) -> bytes:
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            self.received.append(line)
            self._answer(line, now_s)
        return self.wake(now_s)

    def next_wake(self) -> float | None:
        return self._due[0][0] if self._due else None

    def wake(self, now_s: float) -> bytes:
        out = b""
        while self._due and self._due[0][0] <= now_s:
            out += heapq.heappop(self._due)[2]
        return out

    def close(self, now_s: float) -> None:
        self._input = b""
        self._due.clear()
        self.hung_up = False

    def _answer(self, line: bytes, now_s: float) -> None:
        word, *rest = line.split(b" ")
        match word, rest:
            case b"echo", [text]:
                self._send(now_s, text + b"\n")
            case b"late", [delay, text]:
                self._send(now_s + float(delay), text + b"\n")
            case b"split", [text]:
                self._send(now_s, text[:1])
                self._send(now_s + 0.02, text[1:] + b"\n")
            case b"twice", [text]:
                self._send(now_s, text + b"\n" + text + b"\n")
            case b"merge", [first, second]:
                self._send(now_s, first + b"\n" + second + b"\n")
            case b"crlf", [text]:
                self._send(now_s, text + b"\r\n")
            case b"chatter", [text]:
                self._send(now_s, text + b"\n")
                self._send(now_s + 0.02, b"unasked\n")
            case b"hangup", []:
                self.hung_up = True

    def _send(self, time_s: float, data: bytes) -> None:
        heapq.heappush(self._due, (time_s, next(self._order), data))


@contextlib.contextmanager
def on_tcp(peer: Peer) -> Iterator[str]:
    """Serve on 127.0.0.1, one connection after the other; yields the VISA resource."""
    server = socket.create_server(("127.0.0.1", 0))
    with server, _in_thread(lambda stop: _serve_tcp(server, peer, stop)):
        yield f"TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET"


@contextlib.contextmanager
def on_pty(peer: Peer) -> Iterator[str]:
    """Serve on a pseudo-terminal; yields the path of its client's end."""
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    try:
        with _in_thread(lambda stop: _serve_pty(master, peer, stop)):
            yield os.ttyname(slave)
    finally:
        os.close(slave)
        with contextlib.suppress(OSError):
            os.close(master)


@contextlib.contextmanager
def _in_thread(serve: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(stop,), name="peer")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _serve_tcp(server: socket.socket, peer: Peer, stop: threading.Event) -> None:
    server.settimeout(0.02)
    while not stop.is_set():
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                _converse(connection.fileno(), peer, stop)
        peer.close(0.0)


def _serve_pty(master: int, peer: Peer, stop: threading.Event) -> None:
    with contextlib.suppress(OSError):
        _converse(master, peer, stop)


def _converse(descriptor: int, peer: Peer, stop: threading.Event) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not stop.is_set() and not peer.hung_up:
            if selector.select(0.005):
                data = os.read(descriptor, 65536)
                if not data:
                    return
                answer = peer.receive(data, time.monotonic())
            else:
                answer = peer.wake(time.monotonic())
            if answer:
                os.write(descriptor, answer)
