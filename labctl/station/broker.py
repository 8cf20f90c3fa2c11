"""The broker of a station: where it is, and by which files a client shows who it is. No secret is held here.

mqtt:
  url: mqtts://broker.lab.example:8883
  user: bench-1
  password_file: /etc/labctl/broker.password
  ca: /etc/labctl/ca.pem
  certificate: /etc/labctl/bench-1.pem
  key: /etc/labctl/bench-1.key
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from labctl.errors import StationError
from labctl.protocol.document import Node
from labctl.protocol.problems import Problems
from labctl.protocol.strict import did_you_mean
from labctl.station.entries import mapping, word

SECURE, PLAIN = "mqtts", "mqtt"
_PORTS = {PLAIN: 1883, SECURE: 8883}

COMMANDS = ("pause", "stop", "abort", "resume", "skip")
"""What can be allowed to those who command from elsewhere."""

HARMLESS = ("pause", "stop", "abort")
"""What is allowed unless the station file says otherwise: whatever opens a circuit, and nothing that closes one."""


@dataclass(frozen=True, slots=True)
class Broker:
    """How to connect to a broker.

    Attributes:
        host, port, tls: where it is.
        user: empty: nobody in particular.
        password_file: a file whose first line is the password; None: the environment's LABCTL_MQTT_PASSWORD, if any.
        ca: certificates of who may have signed the broker's; None: those that the computer trusts.
        certificate, key: of the client; None: it has none.
        confirm: take for delivered what the broker has handed back; else what it has acknowledged.
        command_key: a file of mode 0600 with the key that commands are signed with; None: none are taken.
        allowed: which.
    """

    host: str
    port: int
    tls: bool = False
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    confirm: bool = True
    command_key: Path | None = None
    allowed: tuple[str, ...] = HARMLESS

    def __str__(self) -> str:
        """The URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SECURE if self.tls else PLAIN}://{host}:{self.port}"


def place_of(url: str) -> tuple[str, int, bool]:
    """Host, port and whether it is encrypted.

    Raises:
        StationError: not the URL of a broker, or one with a password in it.
    """
    shape = "write mqtt://HOST[:PORT] or, encrypted, mqtts://HOST[:PORT]"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise StationError(f"not the URL of a broker: {error}; {shape}") from error
    if parts.username is not None or parts.password is not None:
        raise StationError(
            "the URL of a broker holds no user and no password, since everybody could read them: "
            "give --user, and the password in a file or in LABCTL_MQTT_PASSWORD"
        )
    if parts.scheme not in _PORTS or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise StationError(f"{url[:100]!r} is not the URL of a broker; {shape}")
    return host, port or _PORTS[parts.scheme], parts.scheme == SECURE


_KEYS = ("url", "user", "password_file", "ca", "certificate", "key", "confirm", "commands")


def broker_from(node: Node, folder: Path, problems: Problems) -> Broker:
    """The broker of a station file, as the head of this module shows it; files are found from the file's folder."""
    parts = mapping(node, _KEYS, problems)
    problems.raise_first()
    if "url" not in parts:
        problems.fatal(node.mark, "'url' is missing", "write `url: mqtts://HOST`")
    try:
        host, port, tls = place_of(word(parts["url"], problems))
    except StationError as error:
        problems.fatal(parts["url"].mark, str(error))

    def file(name: str, among: dict[str, Node] = parts) -> Path | None:
        return folder / word(among[name], problems) if name in among else None

    if "key" in parts and "certificate" not in parts:
        problems.add(
            parts["key"].mark, "a key without a certificate shows nobody who this is", "add `certificate`"
        )
    if not tls and (secure := next((name for name in ("ca", "certificate") if name in parts), None)):
        problems.add(
            parts[secure].mark, f"{secure!r} needs an encrypted connection", "write `url: mqtts://HOST`"
        )
    commands = mapping(parts["commands"], ("key", "allow"), problems) if "commands" in parts else {}
    if "commands" in parts and "key" not in commands:
        problems.fatal(parts["commands"].mark, "commands need a key to be signed with", "write `{key: FILE}`")
    return Broker(
        host,
        port,
        tls,
        user=word(parts["user"], problems) if "user" in parts else "",
        password_file=file("password_file"),
        ca=file("ca"),
        certificate=file("certificate"),
        key=file("key"),
        confirm=_confirm(parts["confirm"], problems) if "confirm" in parts else True,
        command_key=file("key", commands),
        allowed=_allowed(commands["allow"], problems) if "allow" in commands else HARMLESS,
    )


def _confirm(node: Node, problems: Problems) -> bool:
    if (said := word(node, problems)) not in ("yes", "no"):
        problems.add(node.mark, f"{said!r} is neither yes nor no")
    return said == "yes"


def _allowed(node: Node, problems: Problems) -> tuple[str, ...]:
    if not isinstance(node.content, list) or not node.content:
        problems.fatal(node.mark, "a list of commands is wanted here", f"write [{', '.join(HARMLESS)}]")
    verbs = tuple(word(each, problems) for each in node.content)
    for verb, place in zip(verbs, node.content, strict=True):
        if verb not in COMMANDS:
            problems.add(place.mark, f"{verb!r} is no command", did_you_mean(verb, COMMANDS))
    return verbs
