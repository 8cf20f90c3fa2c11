"""What is done at each address: a few lines that let a request pass or not, ask the part that knows, and answer."""

import asyncio
import json
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from labctl.web import asked, openapi
from labctl.web.access import FRESH_S, Access, Session
from labctl.web.door import STARTING, Commands
from labctl.web.history import History
from labctl.web.live import Live
from labctl.web.plan_document import bundled_protocols, checked
from labctl.web.problem import Problem
from labctl.web.stream import Viewers

NO_HISTORY = "this dashboard reads no database: start it with --db to look at runs"
PROTOCOLS_AT_ONCE = 2


@dataclass
class Site:
    """The handlers.

    Attributes:
        live: the present state.
        viewers: those who follow it.
        history: a database; None: there is none.
        commands: what may be asked of stations.
        access: who may look and command.
    """

    live: Live
    viewers: Viewers
    history: History | None
    commands: Commands
    access: Access

    def __post_init__(self) -> None:
        self._checking = asyncio.Semaphore(PROTOCOLS_AT_ONCE)

    # --- sessions ----------------------------------------------------------------------------------------------

    async def description(self, request: Request) -> Response:
        """The interface, for programs."""
        return Response(openapi.as_json(), media_type="application/json")

    async def session(self, request: Request) -> Response:
        """What this viewer may do."""
        session = self.access.session(request)
        answer = Response(media_type="application/json")
        if session is None:
            session = self.access.begin(request, answer, with_token=False)
        return self._session(request, session, answer)

    async def login(self, request: Request) -> Response:
        """A new session for whoever gives the token: the name of an old one could be known to somebody else."""
        body = await asked.body(request, asked.LoginBody)
        self.access.take_token(body.token, request)
        answer = Response(media_type="application/json")
        session = self.access.begin(request, answer, with_token=True)
        return self._session(request, session, answer)

    async def logout(self, request: Request) -> Response:
        """End the session."""
        self.access.may_end(request)
        self.access.end(request)
        answer = _json({"message": "the session is over"})
        name = self.access.cookie(request)
        answer.delete_cookie(name, secure=self.access.tls, httponly=True, samesite="strict")
        return answer

    def _session(self, request: Request, session: Session, answer: Response) -> Response:
        access = self.access
        logged_in = access.token is None or session.token_s is not None
        why_not = access.why_not(request)
        may = logged_in and not why_not and bool(self.commands.stations)
        fresh_s = access.fresh_s(session)
        answer.body = _dumped(
            {
                "csrf": session.csrf,
                "logged_in": logged_in,
                "token_wanted": access.token is not None,
                "fresh_second": min(fresh_s, FRESH_S),
                "may": {
                    "look": logged_in,
                    "stop": may,
                    "start": may and fresh_s > 0.0,
                    "history": logged_in and self.history is not None,
                },
                "why_not": why_not or ("" if self.commands.stations else "no station can be asked from here"),
                "stations": list(self.commands.stations) if logged_in else [],
                "version": _version(),
            }
        )
        answer.headers["content-length"] = str(len(answer.body))
        return answer

    # --- the present -------------------------------------------------------------------------------------------

    async def channels(self, request: Request) -> Response:
        """All of it, once."""
        self.access.may_look(request)
        return Response(self.live.as_document(), media_type="application/json")

    async def stream(self, request: Request) -> ASGIApp:
        """All of it, and what changes."""
        self.access.may_look(request)
        seen = request.headers.get("last-event-id", "")
        return self.viewers.stream(seen, request.query_params.get("samples"))

    # --- the past ----------------------------------------------------------------------------------------------

    async def runs(self, request: Request) -> Response:
        """One page of runs."""
        return _json(await self._past(request).runs(asked.query(request, asked.RunsQuery)))

    async def run(self, request: Request) -> Response:
        """One run."""
        return _json(await self._past(request).run(asked.run_id(request)))

    async def series(self, request: Request) -> Response:
        """A curve of a run."""
        past, query = self._past(request), asked.query(request, asked.SeriesQuery)
        series = await past.series(asked.run_id(request), query)
        return Response(series.encoded(), media_type="application/octet-stream")

    async def cycles(self, request: Request) -> Response:
        """Half-cycles and cycles of a run."""
        return _json(await self._past(request).cycles(asked.run_id(request)))

    async def spectra(self, request: Request) -> Response:
        """Spectra of a run."""
        return _json(await self._past(request).spectra(asked.run_id(request)))

    async def happened(self, request: Request) -> Response:
        """One page of the events of all runs."""
        return _json(await self._past(request).happened(asked.query(request, asked.EventsQuery)))

    async def events(self, request: Request) -> Response:
        """Events of a run."""
        return _json(await self._past(request).events(asked.run_id(request)))

    def _past(self, request: Request) -> History:
        self.access.may_look(request)
        if self.history is None:
            raise Problem(409, NO_HISTORY, "no-history")
        return self.history

    # --- protocols ---------------------------------------------------------------------------------------------

    async def protocols(self, request: Request) -> Response:
        """Those that come with labctl."""
        self.access.may_look(request)
        return _json({"protocols": await asyncio.to_thread(bundled_protocols)})

    async def check(self, request: Request) -> Response:
        """The plan of a text."""
        self.access.may_ask(request)
        body = await asked.body(request, asked.CheckBody)
        async with self._checking:
            return _json(await asyncio.to_thread(checked, body.protocol, body.cell, body.driver))

    # --- commands ----------------------------------------------------------------------------------------------

    async def queue(self, request: Request) -> Response:
        """What waits and what runs."""
        self.access.may_look(request)
        return _json(await self.commands.queue())

    async def submit(self, request: Request) -> Response:
        """One more run."""
        self.access.may_start(request)
        return _json(await self.commands.submit(await asked.body(request, asked.SubmitBody)), 201)

    async def command(self, verb: str, request: Request) -> Response:
        """Something is asked of a run."""
        if verb in STARTING:
            self.access.may_start(request)
        else:
            self.access.may_stop(request)
        body = await asked.body(request, asked.CommandBody)
        return _json(await self.commands.command(asked.target(request), verb, body))

    async def acknowledge(self, request: Request) -> Response:
        """Somebody looks after an event."""
        self.access.may_stop(request)
        body = await asked.body(request, asked.AcknowledgeBody)
        return _json(await self.commands.acknowledge(asked.event_id(request), body.station))


def _json(content: Any, status: int = 200) -> Response:
    return Response(_dumped(content), status, media_type="application/json")


def _dumped(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


@cache
def _version() -> str:
    return version("labctl-cycler")
