"""Who may look and who may command: the token, sessions, and the user at the other end of a loopback connection.

Without a token the server listens on loopback only. Then every user of the computer may look, but only the one who
runs the server may command: the kernel says whose a connection is. With a token nothing is shown to whoever has not
given it; to let current flow it must have been given a short while ago, to end or open never again.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from labctl.web.loopback import Address, user_at
from labctl.web.problem import Problem

FRESH_S = 300.0
"""How long after giving the token a person may start something."""

IDLE_S = 12 * 3600.0
LONGEST_S = 7 * 24 * 3600.0
"""A session ends after so long without a request, and after so long whatever happens."""

_MOST_SESSIONS = 1000
_MOST_FAILURES = 5
_FAILURES_WITHIN_S = 60.0


@dataclass(slots=True)
class Session:
    """A viewer.

    Attributes:
        csrf: what a command has to repeat.
        begun_s, seen_s: when it began and was last used.
        token_s: when the token was given last; None: never.
    """

    csrf: str
    begun_s: float
    seen_s: float
    token_s: float | None = None


class _Failure(NamedTuple):
    time_s: float
    host: str


@dataclass(slots=True)
class Access:
    """Decides about requests.

    Attributes:
        token: what has to be given; None: nothing, for loopback.
        tls: whether connections are encrypted.
        owner: user whose connections may command where there is no token.
        user_at: tells the user of a loopback connection; None: not known.
        now: a clock that only goes forward.
        tell: is told of wrong tokens.
    """

    token: str | None = None
    tls: bool = False
    owner: int = -1
    user_at: Callable[[Address, Address], int | None] = user_at
    now: Callable[[], float] = monotonic
    tell: Callable[[str], None] = lambda _: None
    _sessions: "OrderedDict[str, Session]" = field(default_factory=OrderedDict)
    _failures: list[_Failure] = field(default_factory=list)

    def cookie(self, request: Request) -> str:
        """Name of the cookie: with TLS one that browsers bind to this host; by port, which they do not look at."""
        server = request.scope.get("server")
        name = f"labctl-{server[1] if server else 0}"
        return f"__Host-{name}" if self.tls else name

    # --- sessions ----------------------------------------------------------------------------------------------

    def session(self, request: Request) -> Session | None:
        """The session of a request; None if it has none that is valid."""
        name, now_s = request.cookies.get(self.cookie(request), ""), self.now()
        session = self._sessions.get(name)
        if session is None:
            return None
        if now_s - session.seen_s > IDLE_S or now_s - session.begun_s > LONGEST_S:
            del self._sessions[name]
            return None
        session.seen_s = now_s
        return session

    def begin(self, request: Request, response: Response, *, with_token: bool) -> Session:
        """A new session in the place of the old one; its cookie goes with the response."""
        self.end(request)
        now_s = self.now()
        name = secrets.token_urlsafe(32)
        session = Session(secrets.token_urlsafe(32), now_s, now_s, now_s if with_token else None)
        self._sessions[name] = session
        if len(self._sessions) > _MOST_SESSIONS:  # one that nobody has logged into goes first
            oldest = next((n for n, known in self._sessions.items() if known.token_s is None), None)
            del self._sessions[oldest or next(iter(self._sessions))]
        response.set_cookie(
            self.cookie(request), name, path="/", secure=self.tls, httponly=True, samesite="strict"
        )
        return session

    def end(self, request: Request) -> None:
        """Forget the session of a request."""
        self._sessions.pop(request.cookies.get(self.cookie(request), ""), None)

    def take_token(self, given: str, request: Request) -> None:
        """Compare a token, in a time that does not depend on it.

        Raises:
            Problem: it is wrong, there is none to give, or this address gave wrong ones too often.
        """
        if self.token is None:
            raise Problem(409, "this dashboard wants no token")
        now_s, host = self.now(), request.client.host if request.client else ""
        recent = [one for one in self._failures if now_s - one.time_s < _FAILURES_WITHIN_S]
        self._failures = recent[-_MOST_SESSIONS:]
        failed = sum(one.host == host for one in recent)
        if failed >= _MOST_FAILURES:
            raise Problem(429, "too many wrong tokens: wait a minute", headers={"Retry-After": "60"})
        if not _same(given, self.token):
            self._failures.append(_Failure(now_s, host))
            self.tell(f"a wrong token was given from {host}; {failed + 1} within a minute")
            raise Problem(401, "this is not the token", "token-wanted")

    # --- what may be done --------------------------------------------------------------------------------------

    def may_look(self, request: Request) -> None:
        """Let a request pass that reads.

        Raises:
            Problem: a token is wanted first.
        """
        if self.token is None or self._bearer(request):
            return
        session = self.session(request)
        if session is None or session.token_s is None:
            raise Problem(401, "give the token of this dashboard first", "token-wanted")

    def may_end(self, request: Request) -> None:
        """Let a request pass that was not made by a page elsewhere.

        Raises:
            Problem: it does not repeat what only our page knows.
        """
        if self._bearer(request):
            return  # no browser adds this header by itself: nothing can be forged
        session = self.session(request)
        if session is None or not _same(request.headers.get("x-csrf-token", ""), session.csrf):
            raise Problem(403, "X-CSRF-Token is not that of your session: read /api/v1/session again", "csrf")

    def may_ask(self, request: Request) -> None:
        """Let a request pass that asks for some work and changes nothing.

        Raises:
            Problem: why not.
        """
        self.may_look(request)
        self.may_end(request)

    def may_stop(self, request: Request) -> None:
        """Let a command pass that opens a circuit, or changes nothing on a cell.

        Raises:
            Problem: why not.
        """
        self.may_ask(request)
        if why := self.why_not(request):
            raise Problem(403, why)

    def may_start(self, request: Request) -> None:
        """Let a command pass that lets current flow.

        Raises:
            Problem: why not.
        """
        self.may_stop(request)
        if self.token is None or self._bearer(request):
            return
        if not self.fresh_s(self.session(request)):
            raise Problem(401, "to start something, give the token once more", "token-again")

    def why_not(self, request: Request) -> str:
        """Why this viewer may not command; empty if it may."""
        if self.token is not None:
            return ""
        peer, server = request.client, request.scope.get("server")
        user = self.user_at((peer.host, peer.port), tuple(server)) if peer and server else None
        if user is None:
            return "nobody can say whose connection this is: start the dashboard with a token to command from here"
        if user != self.owner:
            return "this dashboard belongs to another user of this computer: you can look, not command"
        return ""

    def fresh_s(self, session: Session | None) -> float:
        """For how long something may still be started, s; 0.0: the token has to be given again."""
        if self.token is None:
            return FRESH_S
        if session is None or session.token_s is None:
            return 0.0
        return max(0.0, session.token_s + FRESH_S - self.now())

    def _bearer(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if self.token is None or scheme.lower() != "bearer":
            return False
        self.take_token(given, request)
        return True


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
