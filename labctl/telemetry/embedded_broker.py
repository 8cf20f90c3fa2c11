"""A broker for the bench, in this process: amqtt, MQTT 3.1.1, no passwords, nothing kept after its end."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from labctl.errors import StationError, UserError
from labctl.telemetry.ending import told_to_end

_PLUGINS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


async def serve_broker(host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until told to end.

    Args:
        host, port: where to listen; port 0: any that is free.
        ready: called with the broker's URL once it answers.

    Raises:
        UserError: the Python package amqtt is not installed.
        StationError: nothing can listen there.
    """
    async with told_to_end(with_input=False) as told, broker(host, port) as url:
        ready(url)
        await told.wait()


@asynccontextmanager
async def broker(host: str, port: int) -> AsyncIterator[str]:
    """A broker that answers; gives its URL."""
    try:
        from amqtt.broker import Broker
        from amqtt.contexts import BrokerConfig, ListenerConfig
    except ModuleNotFoundError as error:
        raise UserError(
            "the embedded broker needs the Python package amqtt: pip install labctl-cycler[broker]"
        ) from error
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    port = _free(host, port)
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    served = Broker(BrokerConfig(listeners={"default": ListenerConfig(bind=at)}, plugins=_PLUGINS))
    await served.start()
    try:
        yield f"mqtt://{at}"
    finally:
        async with asyncio.timeout(5.0):
            await served.shutdown()


def _free(host: str, port: int) -> int:
    """A port at which nobody listens yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except (OSError, OverflowError) as error:
        raise StationError(f"nothing can listen at {host}, port {port}: {error}") from error
