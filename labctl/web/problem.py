"""How a request is refused: one sentence for the person, as ``application/problem+json`` (RFC 9457).

Problem       raised by whoever refuses           responses     one for each exception a handler may meet
"""

import json
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from labctl.errors import DataError, LabctlError

Handler = Callable[[Request, Exception], Response]


class Problem(Exception):
    """A request that is refused.

    Args:
        status: of HTTP, 400 to 599.
        detail: one sentence: what is wrong, and what would be right.
        kind: what a program acts upon, see openapi.yaml; ``about:blank`` if there is nothing to.
        headers: further ones of the answer.
    """

    def __init__(
        self, status: int, detail: str, kind: str = "about:blank", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.headers = headers or {}

    def response(self) -> Response:
        """The answer."""
        body = {
            "type": self.kind,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return Response(
            json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
            self.status,
            self.headers,
            media_type="application/problem+json",
        )


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    return Problem(
        error.status_code, _SENTENCES.get(error.status_code, error.detail), headers=headers
    ).response()


def _of_labctl(_: Request, error: Exception) -> Response:
    """What labctl objects to, in its own words."""
    missing = isinstance(error, DataError) and "there is no run" in str(error)
    return Problem(404 if missing else 409, str(error)).response()


def _of_a_bug(_: Request, error: Exception) -> Response:
    traceback.print_exception(error)
    return Problem(
        500, "a bug in labctl; its dashboard's log says more, and no cell is touched by it"
    ).response()


_SENTENCES = {404: "there is nothing at this address", 405: "this address does not know this method"}

HANDLERS: dict[Any, Handler] = {
    Problem: _refused,
    HTTPException: _of_http,
    LabctlError: _of_labctl,
    Exception: _of_a_bug,
}
