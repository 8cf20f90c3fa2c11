"""Asks a station that is being served: one question, one answer."""

import json
import os
import socket
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from labctl.errors import StationError
from labctl.keeper.values import error_from_plain
from labctl.station.file import load_station
from labctl.station.local_socket import Answer, socket_path, stations

_PATIENCE_S = 30.0


class StationClient:
    """A connection to the process that serves a station of this user.

    Args:
        station: its name, or its file; None: the only one that is served.

    Raises:
        StationError: nobody serves it, or there are several to choose from.
    """

    def __init__(self, station: str | None) -> None:
        self.station = _meant(station)
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.settimeout(_PATIENCE_S)
        try:
            self._connection.connect(str(socket_path(self.station)))
        except OSError as error:
            self._connection.close()
            raise StationError(
                f"station {self.station} does not answer: {error.strerror or error}"
            ) from error
        self._lines = self._connection.makefile("rb")

    def ask(self, verb: str, /, command_id: str = "", **more: object) -> Any:
        """The answer to a question.

        Args:
            verb: what is asked.
            command_id: the same for each attempt, if the command is tried again.
            more: what the verb needs.

        Raises:
            LabctlError: what the station objects.
            StationError: it gives no answer.
        """
        question = {"id": command_id or uuid4().hex, "do": verb, **more}
        try:
            self._connection.sendall(json.dumps(question).encode() + b"\n")
            line = self._lines.readline()
        except OSError as error:
            raise self._silent(verb) from error
        if not line:
            raise self._silent(verb)
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise error_from_plain(answer["error"])
        return answer["ok"]

    def _silent(self, verb: str) -> StationError:
        return StationError(
            f"station {self.station} gave no answer to {verb!r}: look with labctl watch whether it was done"
        )

    def close(self) -> None:
        """End the connection."""
        self._lines.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def served(station: str | None) -> list[str]:
    """The stations that are served; of them only the one that a name or file means, if one is given."""
    names = stations()
    if station is None:
        return names
    if station not in names and os.path.exists(station):
        station = load_station(station).name
    return [name for name in names if name == station]


def _meant(station: str | None) -> str:
    names = served(station)
    if len(names) == 1:
        return names[0]
    start = "start it with labctl serve --station FILE"
    if station is not None:
        raise StationError(f"nobody serves station {station[:80]}; {start}")
    if not names:
        raise StationError(f"no station is served; {start}")
    raise StationError(f"several stations are served: give --station, one of {', '.join(names)}")
