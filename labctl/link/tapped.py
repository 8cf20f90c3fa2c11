"""A port that remembers every line which has left through it."""

from labctl.errors import LinkLost
from labctl.link.port import HasSecond, Port


class TappedPort:
    """Passes everything on.

    Args:
        port: the port itself.
        sent: where the lines are added to.
    """

    def __init__(self, port: Port, sent: list[bytes]) -> None:
        self.name = port.name
        self._port = port
        self._sent = sent

    async def open(self) -> None:
        """Open it."""
        await self._port.open()

    async def write(self, data: bytes) -> None:
        """Hand all bytes over, and remember them."""
        self._sent += data.splitlines()
        await self._port.write(data)

    async def read(self, until_s: float) -> bytes:
        """What has come."""
        return await self._port.read(until_s)

    def beside(self, resource: str) -> Port:
        """The instrument's second port, which is not listened to."""
        if not isinstance(self._port, HasSecond):
            raise LinkLost("no second port is known here", self.name)
        return self._port.beside(resource)

    async def close(self) -> None:
        """Close it."""
        await self._port.close()
