"""Letters through real servers: an SMTP server, a web hook, and one that is down for a while."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from labctl.errors import UserError
from labctl.notices import courier
from labctl.notices.courier import service_for
from labctl.notices.service import serve_notices
from labctl.notices.settings import Recipient, Rule, Settings
from labctl.telemetry.messages import Message, Severity
from tests.notices.test_desk import JUMP

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Hook:
    """A web hook that refuses its first ``refusals`` requests."""

    def __init__(self, refusals: int = 0) -> None:
        self.heard: list[dict[str, Any]] = []
        self.refusals = refusals
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refused, hook.refusals = hook.refusals > 0, hook.refusals - 1
                self.send_response(503 if refused else 200)
                self.end_headers()
                if not refused:
                    hook.heard.append(json.loads(body))

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self.server.server_port}/hook"


@contextmanager
def hook(refusals: int = 0) -> Iterator[Hook]:
    made = Hook(refusals)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


class Spoken:
    """A feed that says what it is given, and then nothing more."""

    def __init__(self, *messages: Message) -> None:
        self._messages = messages

    async def messages(self) -> AsyncGenerator[Message, None]:
        for message in self._messages:
            yield message
        await asyncio.Event().wait()


async def _serve_until(heard: list[Any], recipient: Recipient, told: list[str]) -> None:
    settings = Settings({recipient.name: recipient}, (Rule((recipient.name,), Severity.WARNING),))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve_notices(Spoken(JUMP), settings, told.append))
        async with asyncio.timeout(60.0):
            while not heard:
                await asyncio.sleep(0.05)
        task.cancel()


async def test_a_web_hook_hears_of_it() -> None:
    told: list[str] = []
    with hook() as there:
        await _serve_until(there.heard, Recipient("desk", there.url), told)
    assert there.heard[0]["title"].startswith("Warning bench-1/a1, cell Na50K50-07")
    assert "labctl show 12" in there.heard[0]["message"]
    assert told == []


async def test_what_is_refused_is_delivered_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "_FIRST_PAUSE_S", 0.05)
    told: list[str] = []
    with hook(refusals=2) as there:
        await _serve_until(there.heard, Recipient("desk", there.url), told)
        assert len(there.heard) == 1
    assert told[0] == "notices to desk do not arrive; trying again for a day"


async def test_a_letter_arrives_by_mail() -> None:
    heard: list[Any] = []

    class Mailbox:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
            heard.append(envelope)
            return "250 OK"

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Mailbox(), loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        address = f"mailto://127.0.0.1:{port}/?from=labctl@example.org&to=person@example.org"
        await _serve_until(heard, Recipient("mail", address), [])
    assert heard[0].rcpt_tos == ["person@example.org"]
    assert b"Na50K50-07" in heard[0].content


def test_an_address_that_is_none_is_refused_without_its_secret() -> None:
    with pytest.raises(UserError, match="recipient phone: its address is none") as caught:
        service_for(Recipient("phone", "nonsense://user:hidden@host"))
    assert "hidden" not in str(caught.value)
