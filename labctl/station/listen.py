"""Where the dashboard listens and who may come, as the section ``dashboard:`` of a station file says it.

dashboard:
listen: 0.0.0.0:8443
certificate: /etc/labctl/bench-1.pem
key: /etc/labctl/bench-1.key
token_file: /etc/labctl/dashboard.token
names: [bench-1.lab.example]
"""

import stat
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from labctl.errors import UserError
from labctl.protocol.document import Node
from labctl.protocol.problems import Problems
from labctl.station.entries import mapping, word

PORT = 8420
LOOPBACK = "127.0.0.1"
SHORTEST_TOKEN = 20

_KEYS = ("listen", "certificate", "key", "token_file", "names")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a dashboard listens.

    Attributes:
        host: an address of this computer.
        port: TCP; 0: any that is free.
        certificate, key: files in PEM, for TLS; None: there is none.
        token_file: whose first line viewers have to give; None: there is none.
        names: by which it may be called, besides its address.
    """

    host: str = LOOPBACK
    port: int = PORT
    certificate: Path | None = None
    key: Path | None = None
    token_file: Path | None = None
    names: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Whether it is reached from this computer only."""
        return ip_address(self.host).is_loopback

    def refuse_open(self) -> None:
        """Nothing but loopback without encryption and a token.

        Raises:
            UserError: it would be open to everybody, or half of a pair is missing.
        """
        if (self.certificate is None) != (self.key is None):
            raise UserError("the dashboard needs a certificate and its key, or neither")
        if not self.is_loopback and (self.certificate is None or self.token_file is None):
            raise UserError(
                f"the dashboard would be open to everybody who reaches {self.host}: give --certificate, --key and "
                f"--token-file, or listen on {LOOPBACK}"
            )

    def token(self) -> str | None:
        """What viewers have to give; None if nothing.

        Raises:
            UserError: the file cannot be read, can be read by others, or holds too little.
        """
        if self.token_file is None:
            return None
        try:
            mode = self.token_file.stat().st_mode
            token = self.token_file.read_text("utf-8").partition("\n")[0].strip()
        except (OSError, ValueError) as error:
            raise UserError(f"{self.token_file}: the token cannot be read: {error}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UserError(f"{self.token_file}: others can read the token; chmod 600 {self.token_file}")
        if len(token) < SHORTEST_TOKEN:
            raise UserError(
                f"{self.token_file}: a token of {len(token)} characters can be guessed: write {SHORTEST_TOKEN} or "
                "more, as from openssl rand -hex 24"
            )
        return token


def address_from(text: str) -> tuple[str, int]:
    """Host and port of ``8420``, ``127.0.0.1:8420``, ``[::1]:8420``, ``localhost:8420``.

    Raises:
        UserError: it is none of these.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    host = LOOPBACK if host in ("", "localhost") else host
    try:
        ip_address(host)
        number = int(port) if port.isascii() and port.isdecimal() else -1
    except ValueError:
        number = -1
    if not 0 <= number < 65536:
        raise UserError(
            f"{text[:80]!r} is no place to listen: write {PORT}, {LOOPBACK}:{PORT} or [::]:{PORT}"
        )
    return host, number


def listen_from(node: Node, folder: Path, problems: Problems) -> Listen:
    """The section of a station file; relative paths are from the file's folder."""
    parts = mapping(node, _KEYS, problems)
    problems.raise_first()

    def path(key: str) -> Path | None:
        return folder / word(parts[key], problems) if key in parts else None

    host, port = LOOPBACK, PORT
    try:
        if "listen" in parts:
            host, port = address_from(word(parts["listen"], problems))
        found = Listen(
            host, port, path("certificate"), path("key"), path("token_file"), _names(parts, problems)
        )
        found.refuse_open()
    except UserError as error:
        problems.fatal(parts["listen"].mark if "listen" in parts else node.mark, str(error))
    return found


def _names(parts: dict[str, Node], problems: Problems) -> tuple[str, ...]:
    if "names" not in parts:
        return ()
    content = parts["names"].content
    if not isinstance(content, list):
        problems.fatal(parts["names"].mark, "a list is wanted here", "write [bench-1.lab.example]")
    return tuple(word(name, problems) for name in content)
