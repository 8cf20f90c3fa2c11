"""Options of commands that connect to an MQTT broker."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from labctl.station.broker import Broker

Url = Annotated[
    str | None,
    typer.Option(
        "--mqtt", metavar="URL", help="Broker: mqtt://HOST[:PORT], or mqtts:// over TLS.", show_default=False
    ),
]
User = Annotated[
    str, typer.Option("--mqtt-user", metavar="NAME", help="User name at the broker.", show_default=False)
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--mqtt-password-file",
        metavar="FILE",
        help="File of mode 0600 with the user's password; else the variable LABCTL_MQTT_PASSWORD.",
        show_default=False,
    ),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        "--mqtt-ca", metavar="FILE", help="Who may have signed the broker's certificate.", show_default=False
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option(
        "--mqtt-certificate", metavar="FILE", help="Certificate of this client.", show_default=False
    ),
]
Key = Annotated[
    Path | None,
    typer.Option("--mqtt-key", metavar="FILE", help="Its private key.", show_default=False),
]


def broker(
    url: str,
    user: str,
    password_file: Path | None,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
) -> "Broker":
    """The broker that a command line means.

    Raises:
        StationError: the URL is none.
    """
    from labctl.station.broker import Broker, place_of

    return Broker(*place_of(url), user, password_file, ca, certificate, key)


def arguments(broker: "Broker") -> list[str]:
    """The options that mean a broker."""
    given: dict[str, object] = {
        "--mqtt": broker,
        "--mqtt-user": broker.user or None,
        "--mqtt-password-file": broker.password_file,
        "--mqtt-ca": broker.ca,
        "--mqtt-certificate": broker.certificate,
        "--mqtt-key": broker.key,
    }
    options = [f"{option}={value}" for option, value in given.items() if value is not None]
    if not broker.confirm:
        options.append("--no-confirm")
    if broker.command_key is not None:
        options += [f"--command-key={broker.command_key}", *(f"--allow={verb}" for verb in broker.allowed)]
    return options
