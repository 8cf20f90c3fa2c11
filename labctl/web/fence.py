"""What is let in at all: which host names, which origins, how large and how slow a body; and what every answer says.

Plain ASGI around the whole application, so that no route can be forgotten.
"""

import asyncio
import re
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labctl.web.problem import Problem

LARGEST_BODY_bytes = 512 * 1024
"""A protocol is at most 128 KiB, in JSON at most a few times that."""

BODY_WITHIN_S = 10.0

_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_HOST = re.compile(r"(?:(?P<name>[A-Za-z0-9.-]+)|\[(?P<v6>[0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?")
_LONG_s = 365 * 24 * 3600


class Fence:
    """Stands around an application.

    Args:
        app: what it stands around.
        hosts: names and addresses by which the server may be called, without port.
        tls: whether connections are encrypted.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], tls: bool) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._scheme = "https" if tls else "http"
        self._headers = dict(_HEADERS)
        if tls:
            self._headers["strict-transport-security"] = f"max-age={_LONG_s}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._let_in(scope, receive, self._with_headers(scope, send))
        elif scope["type"] == "websocket":  # there are none
            await send({"type": "websocket.close", "code": 1008})

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = Headers(scope=scope)
            self._refuse_strange_host(headers)
            if scope["method"] not in _SAFE:
                self._refuse_other_origin(headers)
                receive = _given_back(await _body(headers, receive), receive)
        except Problem as problem:
            problem.headers["connection"] = "close"  # what is left of the body is not read
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refuse_strange_host(self, headers: Headers) -> None:
        """A name that is not ours is how a page elsewhere reaches a server on loopback (DNS rebinding)."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name_in(hosts[0]) not in self._hosts:
            raise Problem(
                421, "this server is not called by this name; labctl dashboard --allow-host NAME allows one"
            )

    def _refuse_other_origin(self, headers: Headers) -> None:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        ours = f"{self._scheme}://{headers['host']}"
        if (origin is not None and origin.lower() != ours.lower()) or site not in (
            None,
            "same-origin",
            "none",
        ):
            raise Problem(403, "a page of another origin may not command")

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        return send_with_headers


def _name_in(host: str) -> str | None:
    """The name or address in a Host header, in lower case; None if it is no such header."""
    found = _HOST.fullmatch(host)
    return found and (found["name"] or found["v6"]).lower()


async def _body(headers: Headers, receive: Receive) -> bytes:
    """The whole body of a request.

    Raises:
        Problem: it is too large, too slow, or no JSON.
    """
    too_large = Problem(413, f"a request of more than {LARGEST_BODY_bytes // 1024} KiB")
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdecimal() or int(length[:12]) > LARGEST_BODY_bytes:
        raise too_large
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Problem(400, "the request ended early")
                chunks.append(message.get("body", b""))
                if sum(map(len, chunks)) > LARGEST_BODY_bytes:
                    raise too_large
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise Problem(408, f"the request was not complete within {BODY_WITHIN_S:.0f} s") from None


def _given_back(body: bytes, receive: Receive) -> Receive:
    """Hands out a body that was read already, and then whatever follows."""
    waiting = [body]

    async def receive_body() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return receive_body
