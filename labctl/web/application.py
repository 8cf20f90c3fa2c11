"""The application: its routes, put together from the parts that know."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from labctl.web.access import Access
from labctl.web.door import VERBS, Commands, Door
from labctl.web.fence import Fence
from labctl.web.history import History
from labctl.web.live import Live
from labctl.web.problem import HANDLERS
from labctl.web.site import Site
from labctl.web.stream import Viewers

STATIC = Path(__file__).with_name("static")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def create_app(
    live: Live,
    history: History | None,
    door: Door,
    access: Access,
    hosts: Sequence[str] = LOOPBACK_NAMES,
) -> ASGIApp:
    """The application. Whoever runs it has ``live.running()`` and ``history.running()`` entered meanwhile.

    Args:
        live: the present state.
        history: a database; None: there is none.
        door: the way to stations.
        access: who may look and command.
        hosts: names by which the server may be called.
    """
    site = Site(live, Viewers(live), history, Commands(door, live), access)
    files = StaticFiles(directory=STATIC)

    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    app = Starlette(
        routes=[Route("/", page), Mount("/static", files), Mount("/api/v1", routes=_routes(site))],
        exception_handlers=HANDLERS,
    )
    return Fence(app, hosts, access.tls)


def _routes(site: Site) -> list[Route]:
    run = "/runs/{run_id}"
    commands = [
        Route(f"/runs/{{target}}/{verb}", partial(site.command, verb), methods=["POST"]) for verb in VERBS
    ]
    return [
        Route("/openapi.json", site.description),
        Route("/session", site.session),
        Route("/session", site.login, methods=["POST"]),
        Route("/session/end", site.logout, methods=["POST"]),
        Route("/channels", site.channels),
        Route("/live", site.stream),
        Route("/runs", site.runs),
        Route(run, site.run),
        Route(f"{run}/series", site.series),
        Route(f"{run}/cycles", site.cycles),
        Route(f"{run}/spectra", site.spectra),
        Route(f"{run}/events", site.events),
        Route("/events", site.happened),
        Route("/protocols", site.protocols),
        Route("/check", site.check, methods=["POST"]),
        Route("/queue", site.queue),
        Route("/queue", site.submit, methods=["POST"]),
        *commands,
        Route("/events/{event_id}/acknowledge", site.acknowledge, methods=["POST"]),
    ]
