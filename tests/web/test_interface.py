"""The interface is as it describes itself: schemathesis finds no 5xx and no answer that breaks its schema."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from labctl.station.listen import Listen
from labctl.web import openapi
from labctl.web.server import serve_dashboard
from tests.web.parts import FakeDoor, FakeFeed, event, held, samples, state, status

TOKEN = "0a51a2d2bb3f4bb8b7c9"
EXAMPLES = 5


@pytest.fixture(scope="module")
def address(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard that listens, in a thread with a loop of its own."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    feeds = [FakeFeed([status(), state("a1"), samples("a1"), event(1)])]
    ready, found, ends = threading.Event(), [], []

    def tell(address: str) -> None:
        found.append(address.rstrip("/"))
        ready.set()

    async def serve() -> None:
        stop = asyncio.Event()
        ends.append((asyncio.get_running_loop(), stop))
        listen = Listen(port=0, token_file=token)
        await serve_dashboard(listen, feeds, str(finished), FakeDoor(channels=[held()]), 0, stop, tell)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(30.0)
    yield found[0]
    loop, stop = ends[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(30.0)


SCHEMA = schemathesis.openapi.from_dict(openapi.description()).exclude(
    path="/api/v1/live"
)  # which does not end
SCHEMA.config.checks.negative_data_rejection.expected_statuses.append("413")  # too large is wrong, too
OPERATIONS = {
    operation.label: operation for operation in (found.ok() for found in SCHEMA.get_all_operations())
}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_breaks_it(label: str, mode: GenerationMode, address: str) -> None:
    @given(OPERATIONS[label].as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def holds(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"})

    with suppress(Unsatisfiable):  # where nothing is sent, nothing wrong can be
        holds()
