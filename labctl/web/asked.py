"""What a request carries, read with care: query, path and JSON body, each described by one pydantic model."""

import json
import re
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from labctl.telemetry.messages import Severity
from labctl.web.problem import Problem

T = TypeVar("T", bound=BaseModel)

MOST_RUNS = 2**31 - 1

RunId = Annotated[int, Field(ge=1, le=MOST_RUNS)]
_TARGET = re.compile("[A-Za-z0-9_-]{1,32}")
_EVENT = re.compile("[A-Za-z0-9._-]{1,80}")
_Short = Annotated[str, Field(max_length=500)]
_Station = Annotated[str, Field(max_length=64)]
_CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
_ProtocolText = Annotated[str, Field(max_length=131072)]
_Cell = Annotated[dict[Annotated[str, Field(max_length=80)], _Short], Field(max_length=20)]


class _Body(BaseModel):
    """A JSON body: exactly what is described."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LoginBody(_Body):
    """The token."""

    token: Annotated[str, Field(min_length=1, max_length=500)]


class AcknowledgeBody(_Body):
    """Who is meant."""

    station: _Station | None = None


class CommandBody(_Body):
    """What is asked of a run, and that it is meant."""

    confirm: _Short
    station: _Station | None = None
    policy: Annotated[str, Field(pattern="^(continue|restart|ask|abort)$")] | None = None
    any_voltage: bool = False
    command_id: _CommandId | None = None


class CheckBody(_Body):
    """A protocol to look at."""

    protocol: _ProtocolText
    cell: _Cell = {}
    driver: Annotated[str, Field(max_length=80)] | None = None


class SubmitBody(_Body):
    """A protocol to run."""

    channel: Annotated[str, Field(max_length=32)]
    protocol: _ProtocolText
    station: _Station | None = None
    cell: _Cell = {}
    unattended: bool = False
    command_id: _CommandId | None = None


class _Query(BaseModel):
    """Text of a query, read as what it says; what is not described is not looked at."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, populate_by_name=True)


class RunsQuery(_Query):
    """Which runs."""

    state: (
        Annotated[
            str, Field(pattern="^(running|paused|finished|stopped|ended|faulted|failed|unsafe|interrupted)$")
        ]
        | None
    ) = None
    cell: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    before: RunId | None = None


class EventsQuery(_Query):
    """Which events of all runs."""

    severity: Severity = Severity.NOTICE
    acknowledged: bool | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    before: Annotated[int, Field(ge=1, le=2**53)] | None = None


def _cycles(text: str) -> str:
    if len(text.split(",")) > 24:
        raise ValueError("more than 24 cycles")
    return text


class SeriesQuery(_Query):
    """Which curve, and how fine."""

    x: Annotated[str, Field(pattern="^(time|capacity)$")] = "time"
    y: Annotated[str, Field(pattern="^(voltage|current)(,(voltage|current))?$")] = "voltage,current"
    start_s: Annotated[float, Field(alias="from")] = float("-inf")
    end_s: Annotated[float, Field(alias="to")] = float("inf")
    points: Annotated[int, Field(ge=16, le=20000)] = 2000
    cycles: (
        Annotated[str, Field(pattern="^[1-9][0-9]{0,6}(,[1-9][0-9]{0,6})*$"), AfterValidator(_cycles)] | None
    ) = None


def query(request: Request, model: type[T]) -> T:
    """The query of a request.

    Raises:
        Problem: it says something else than is described.
    """
    if twice := [key for key in model.model_fields if len(request.query_params.getlist(key)) > 1]:
        raise Problem(400, f"{twice[0]} is given twice")
    return _valid(model, dict(request.query_params), strict=False)


def run_id(request: Request) -> int:
    """The run in the path of a request.

    Raises:
        Problem: it is no number that a run can have.
    """
    text = request.path_params["run_id"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and 1 <= int(text) <= MOST_RUNS):
        raise Problem(404, f"{text[:40]!r} is no number of a run")
    return int(text)


def target(request: Request) -> str:
    """The run, channel or entry in the path of a request.

    Raises:
        Problem: nothing can be called so.
    """
    return _named(request, "target", _TARGET)


def event_id(request: Request) -> str:
    """The event in the path of a request.

    Raises:
        Problem: nothing can be called so.
    """
    return _named(request, "event_id", _EVENT)


def _named(request: Request, key: str, form: re.Pattern[str]) -> str:
    text: str = request.path_params[key]
    if not form.fullmatch(text):
        raise Problem(404, f"nothing can be called {text[:40]!r}")
    return text


async def body(request: Request, model: type[T]) -> T:
    """The JSON body of a request.

    Raises:
        Problem: it is no JSON, or says something else than is described.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "the body has to be application/json")
    try:
        content = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Problem(400, "the body is no JSON, or is nested too deep") from None
    if not isinstance(content, dict):
        raise Problem(400, "the body has to be a JSON object")
    return _valid(model, content, strict=True)


def _valid(model: type[T], content: dict[str, Any], *, strict: bool) -> T:
    try:
        return model.model_validate(content, strict=strict)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Problem(422, f"{where}: {first['msg']}"[:500]) from None
