"""Serves the dashboard over HTTP until it is told to stop: where it listens, how long it waits for whom."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from labctl.errors import UserError
from labctl.station.listen import Listen
from labctl.telemetry.feed import Feed
from labctl.web.access import Access
from labctl.web.application import LOOPBACK_NAMES, create_app
from labctl.web.door import Door
from labctl.web.history import History
from labctl.web.live import Live

HEADERS_WITHIN_S = 10.0
"""A connection that has not sent the whole head of a request by then is closed."""

MOST_CONNECTIONS = 300
LONGEST_HEAD_bytes = 32 * 1024


async def serve_dashboard(
    listen: Listen,
    feeds: Sequence[Feed],
    database: str | None,
    door: Door,
    owner: int,
    stop: asyncio.Event,
    tell: Callable[[str], None],
    cache: Path | None = None,
) -> None:
    """Serve until ``stop`` is set.

    Args:
        listen: where, and who may come.
        feeds: what is shown live.
        database: URL or path of what is shown of the past; None: nothing.
        door: the way to stations.
        owner: user who may command without a token, over loopback.
        stop: ends it.
        tell: called with the address once it can be reached, and with what somebody should know of who comes.
        cache: folder for what took long to read; None: none.

    Raises:
        UserError: it must not or cannot listen there, or the token or database cannot be read.
    """
    listen.refuse_open()
    access = Access(listen.token(), listen.certificate is not None, owner, tell=tell)
    history = None if database is None else History(database, cache)
    live = Live(feeds)
    names = (*LOOPBACK_NAMES, listen.host, *listen.names)
    config = _config(listen, create_app(live, history, door, access, names))
    with _socket(listen) as listening:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(live.running())
            if history is not None:
                await stack.enter_async_context(history.running())
            tell(address(listen, listening.getsockname()[1]))
            await _serve(_Server(config, live), listening, stop)


def address(listen: Listen, port: int) -> str:
    """What a person types into a browser on this computer, or elsewhere."""
    scheme = "http" if listen.certificate is None else "https"
    host = listen.names[0] if listen.names else listen.host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"


async def _serve(server: "_Server", listening: socket.socket, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve([listening]))
        stopping = group.create_task(stop.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopping.cancel()


def _config(listen: Listen, app: Any) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=_PatientOnce,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=LONGEST_HEAD_bytes,
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise UserError(
            f"{listen.certificate} and {listen.key} are no certificate and its key: {error}"
        ) from error
    return config


def _socket(listen: Listen) -> socket.socket:
    """Listens. That it speaks TCP is said, since asyncio sends small answers at once (TCP_NODELAY) only where it is."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((listen.host, listen.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise UserError(
            f"the dashboard cannot listen on {listen.host}, port {listen.port}: {error.strerror}; "
            "give another with --listen"
        ) from error
    return listening


class _Server(uvicorn.Server):
    """Leaves signals to whoever starts it, and lets viewers go before it waits for them."""

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams end by themselves then."""
        self._live.close()
        await super().shutdown(sockets)


class _PatientOnce(H11Protocol):
    """HTTP/1.1 with a deadline for the head of each request: a byte now and then does not keep a connection open."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head is waited for."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Part of a head, or of a body."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._deadline is None and not self.transport.is_closing():
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._deadline = self.loop.call_later(HEADERS_WITHIN_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
