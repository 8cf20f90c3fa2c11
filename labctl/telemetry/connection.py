"""A connection to a broker: MQTT 3.1.1, TLS if asked for, secrets from files."""

import logging
import os
import socket
import ssl
from pathlib import Path

from aiomqtt import Client, MqttCodeError, Will
from paho.mqtt.reasoncodes import ReasonCode

from labctl.errors import LabctlError, StationError
from labctl.station.broker import Broker

PASSWORD_VARIABLE = "LABCTL_MQTT_PASSWORD"

ANSWER_S = 10.0
"""How long a broker may take to answer before the connection counts as lost."""

KEEPALIVE_S = 10
"""Of a client that vanished the broker publishes the last will after one and a half times this."""

_QUIET = logging.getLogger("labctl.telemetry.mqtt")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class BrokerLost(LabctlError):
    """There is no broker, it does not answer, or it does not let us in; the sentence says which."""


def client(broker: Broker, identifier: str | None = None, will: Will | None = None) -> Client:
    """A client that is not connected yet; ``async with`` connects it.

    Args:
        broker: where, and as whom.
        identifier: the same for one and the same thing, so that a new connection ends the old; None: a random one.
        will: what the broker publishes if the connection breaks.

    Raises:
        StationError: a file is missing, or is none of what it should be.
    """
    return Client(
        broker.host,
        broker.port,
        username=broker.user or None,
        password=_password(broker),
        logger=_QUIET,  # a client's own log holds user names and payloads
        identifier=identifier,
        will=will,
        clean_session=True,
        timeout=ANSWER_S,
        keepalive=KEEPALIVE_S,
        tls_context=_tls(broker) if broker.tls else None,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # small messages, each waited for
    )


def why_lost(broker: Broker, error: Exception) -> str:
    """One line on a connection that was not made, or broke."""
    if isinstance(error, LabctlError):
        return str(error)
    if isinstance(error, MqttCodeError) and isinstance(error.rc, ReasonCode):
        who = f"user {broker.user}" if broker.user else "a client without a user name"
        return f"{broker} refuses {who}: {str(error.rc).lower()}"
    return f"no connection to {broker}: {error or type(error).__name__}"


def secret(path: Path, what: str) -> bytes:
    """The first line of a file that only its owner can read.

    Raises:
        StationError: it cannot be read, is empty, or others can read it.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise StationError(f"{path}: others can read {what}; chmod 600 {path}")
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise StationError(f"{path}: {what} cannot be read: {error.strerror}") from error
    if not lines or not lines[0].strip():
        raise StationError(f"{path}: holds no {what}")
    return lines[0].strip()


def _password(broker: Broker) -> str | None:
    if broker.password_file is not None:
        return secret(broker.password_file, "the password of the broker").decode(errors="surrogateescape")
    return os.environ.get(PASSWORD_VARIABLE) if broker.user else None


def _tls(broker: Broker) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=broker.ca)
        if broker.certificate is not None:
            context.load_cert_chain(broker.certificate, broker.key, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(path) for path in (broker.ca, broker.certificate, broker.key) if path)
        raise StationError(f"no encrypted connection can be made with {files}: {error}") from error
    return context
