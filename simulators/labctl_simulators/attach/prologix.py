"""A simulated instrument behind a Prologix-like GPIB-Ethernet gateway: one TCP socket, one GPIB address.

What begins with ``++`` is for the gateway; everything else goes to the instrument at the present address, if there is
one, without the escape character that protects CR, LF, ESC and ``+``. An answer waits in the instrument until it is
addressed to talk: by ``++read``, or after each line with ``++auto 1``. Nobody answers at another address.
Source: Prologix GPIB-ETHERNET controller manual 1.6.6.0, "Commands"; Assumed: one gateway serves one client at a
time in reality, and several here.
"""

from collections.abc import Callable

from labctl_simulators.attach import tcp
from labctl_simulators.firmware import Device, WirePort

DEFAULT_ADDRESS = 24
_ESCAPE, _LF, _CR = 0x1B, 0x0A, 0x0D
_VERSION = b"Prologix GPIB-ETHERNET Controller version 01.06.06.00\r\n"
_LONGEST_LINE = 65_536


class Gateway:
    """A device that is reached through a gateway.

    Args:
        device: with one cell connected to it.
        address: its GPIB address, 0 to 30.
    """

    def __init__(self, device: Device, address: int = DEFAULT_ADDRESS) -> None:
        self._device = device
        self._address = address

    def port(self) -> "GatewayPort":
        """A further connection to the gateway."""
        return GatewayPort(self._device.port(), self._address)

    @property
    def circuit_closed(self) -> bool:
        """True while the instrument's output relay connects the cell."""
        return self._device.circuit_closed


class GatewayPort:
    """One connection to the gateway: its lines, the talker's waiting answer, and whether it is asked for."""

    def __init__(self, inner: WirePort, address: int) -> None:
        self._inner = inner
        self._address = str(address)
        self._settings = {"addr": self._address, "auto": "0", "mode": "1", "eoi": "1", "eos": "0"}
        self._line = bytearray()
        self._escaped = False
        self._waiting = b""
        self._reading = False

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived and answer."""
        out = b""
        for byte in data:
            if self._escaped:
                self._escaped = False
                self._line.append(byte)
            elif byte == _ESCAPE:
                self._escaped = True
                if not self._line:
                    self._line.append(_ESCAPE)  # so that an escaped + is not taken for the gateway's
            elif byte in (_LF, _CR):
                if self._line:
                    out += self._take_line(bytes(self._line), now_s)
                self._line.clear()
            elif len(self._line) < _LONGEST_LINE:
                self._line.append(byte)
        return out + self._talk()

    def next_wake(self) -> float | None:
        """When the instrument has something to do."""
        return self._inner.next_wake()

    def wake(self, now_s: float) -> bytes:
        """Let the instrument do what is due; its answer leaves only if it is asked for."""
        self._waiting += self._inner.wake(now_s)
        return self._talk()

    def close(self, now_s: float) -> None:
        """The peer is gone."""
        self._inner.close(now_s)
        self._line.clear()
        self._waiting, self._reading, self._escaped = b"", False, False

    def _take_line(self, line: bytes, now_s: float) -> bytes:
        if line.startswith(b"++"):
            return self._command(line[2:].decode("latin-1").split(), now_s)
        if self._settings["addr"].split()[0] == self._address:
            self._reading = self._settings["auto"] == "1" and b"?" in line
            self._waiting += self._inner.receive(line.removeprefix(b"\x1b") + b"\n", now_s)
        return b""

    def _command(self, words: list[str], now_s: float) -> bytes:
        name, *arguments = words or [""]
        here = self._settings["addr"].split()[0] == self._address
        if name == "read":
            self._reading = here
        elif name == "clr" and here:
            self._waiting = b""
            self._clear()
        elif name == "trg" and here:
            self._waiting += self._inner.receive(b"*TRG\n", now_s)
        elif name == "spoll":
            return b"16\r\n" if here and self._waiting else b"0\r\n"
        elif name == "ver":
            return _VERSION
        elif arguments:
            self._settings[name] = " ".join(arguments)
            self._reading = False
        elif name in self._settings:
            return self._settings[name].encode("latin-1") + b"\r\n"
        return b""

    def _clear(self) -> None:
        """Selected Device Clear; Assumed: an instrument that knows none ignores it."""
        clear = getattr(self._inner, "clear", None)
        if clear is not None:
            clear()

    def _talk(self) -> bytes:
        """The answer, if it is there and asked for."""
        if not (self._reading and self._waiting):
            return b""
        answer, self._waiting, self._reading = self._waiting, b"", False
        return answer


async def serve(
    device: Device,
    *,
    host: str = "127.0.0.1",
    port: int = 1234,
    speed: float = 1.0,
    address: int = DEFAULT_ADDRESS,
    ready: Callable[[str], None],
) -> None:
    """Serve a device behind a gateway until cancelled.

    Args:
        device: a device of its own; it belongs to this server from now on.
        host: address to listen on.
        port: TCP port, 0 picks a free one.
        speed: simulated seconds in one real second.
        address: GPIB address of the device.
        ready: called once, with the VISA resource string as a station file wants it.

    Raises:
        OSError: the address cannot be listened on.
    """

    def listening(resource: str) -> None:
        gateway = resource.removeprefix("TCPIP").removesuffix("SOCKET") + "INTFC"
        ready(f"GPIB0::{address}::INSTR via PRLGX-TCPIP0{gateway}")

    await tcp.serve(Gateway(device, address), host=host, port=port, speed=speed, ready=listening)
