"""Real mosquitto brokers on free ports, as open or as closed as a test wants them."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from labctl.station.broker import Broker

MOSQUITTO = "/usr/sbin/mosquitto"


@dataclass
class Mosquitto:
    """A broker in a process of its own, which can be killed, frozen and started anew at the same port."""

    folder: Path
    port: int
    lines: list[str]
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def at(self) -> Broker:
        return Broker("127.0.0.1", self.port)

    def start(self) -> None:
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join([f"listener {self.port} 127.0.0.1", *self.lines, ""]))
        log = (self.folder / "mosquitto.log").open("ab")
        # as the user who runs the tests: mosquitto of root would become somebody who cannot read its files
        command = [MOSQUITTO, "-c", str(config)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        end_s = time.monotonic() + 20.0
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
            assert time.monotonic() < end_s, "mosquitto does not listen"
            time.sleep(0.02)  # noqa: TID251  waits for another process

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mosquitto(folder: Path, *lines: str) -> Iterator[Mosquitto]:
    """A broker; without ``lines`` one that lets everybody do everything."""
    given = list(lines) or ["allow_anonymous true"]
    made = Mosquitto(folder, free_port(), ["user root", "persistence false", *given])
    made.start()
    try:
        yield made
    finally:
        made.stop()


def passwords(folder: Path, **users: str) -> str:
    """A password file; gives its line for the configuration."""
    path = folder / "passwords"
    for number, (name, password) in enumerate(users.items()):
        create = ["-c"] if number == 0 else []
        subprocess.run(["mosquitto_passwd", *create, "-b", str(path), name, password], check=True)
    return f"password_file {path}"


def access(folder: Path, text: str) -> str:
    """An access list; gives its line for the configuration."""
    path = folder / "access"
    path.write_text(text)
    return f"acl_file {path}"


@dataclass(frozen=True)
class Certificates:
    """Of a broker at 127.0.0.1 and of a client, and who signed them."""

    ca: Path
    server: Path
    client: Path

    @classmethod
    def made_in(cls, folder: Path) -> "Certificates":
        authority = trustme.CA()
        made = cls(folder / "ca.pem", folder / "server.pem", folder / "client.pem")
        authority.cert_pem.write_to_path(made.ca)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(made.server)
        authority.issue_cert("bench@lab.example").private_key_and_cert_chain_pem.write_to_path(made.client)
        return made

    def lines(self) -> list[str]:
        return [f"cafile {self.ca}", f"certfile {self.server}", f"keyfile {self.server}"]
