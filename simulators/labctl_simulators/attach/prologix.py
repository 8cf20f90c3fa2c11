"""A simulated instrument behind a Prologix-like GPIB-Ethernet gateway: one TCP socket, one GPIB address.

An instrument with a second line has a second address, the next one. What begins with ``++`` is for the gateway;
everything else goes to the instrument at the present address, if there is one, without the escape character that
protects CR, LF, ESC and ``+``. An answer waits in the instrument until it is addressed to talk: by ``++read``, or
after each line with ``++auto 1``. Nobody answers at another address. Source: Prologix GPIB-ETHERNET controller manual
1.6.6.0, "Commands"; Assumed: one gateway serves one client at a time in reality, and several here.
"""

from collections.abc import Callable

from labctl_simulators.attach import tcp
from labctl_simulators.firmware import Device, TwoLines, WirePort

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
        talkers = {str(self._address): Talker(self._device.port())}
        if isinstance(self._device, TwoLines):
            talkers[str(self._address + 1)] = Talker(self._device.second_port())
        return GatewayPort(talkers, str(self._address))

    @property
    def circuit_closed(self) -> bool:
        """True while the instrument's output relay connects the cell."""
        return self._device.circuit_closed


class Talker:
    """A line to an instrument at an address, its waiting answer, and whether that is asked for."""

    def __init__(self, inner: WirePort) -> None:
        self.inner = inner
        self.waiting = b""
        self.reading = False

    def listen(self, line: bytes, now_s: float) -> None:
        """Hear a line."""
        self.waiting += self.inner.receive(line, now_s)

    def clear(self) -> None:
        """Selected Device Clear; Assumed: an instrument that knows none ignores it."""
        self.waiting = b""
        clear = getattr(self.inner, "clear", None)
        if clear is not None:
            clear()

    def talk(self) -> bytes:
        """The answer, if it is there and asked for."""
        if not (self.reading and self.waiting):
            return b""
        answer, self.waiting, self.reading = self.waiting, b"", False
        return answer


class GatewayPort:
    """One connection to the gateway: its lines, and who listens at which address.

    Args:
        talkers: by address.
        address: where it begins.
    """

    def __init__(self, talkers: dict[str, Talker], address: str) -> None:
        self._talkers = talkers
        self._settings = {"addr": address, "auto": "0", "mode": "1", "eoi": "1", "eos": "0"}
        self._line = bytearray()
        self._escaped = False

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
        """When an instrument has something to do."""
        due = [talker.inner.next_wake() for talker in self._talkers.values()]
        return min((time_s for time_s in due if time_s is not None), default=None)

    def wake(self, now_s: float) -> bytes:
        """Let the instruments do what is due; an answer leaves only if it is asked for."""
        for talker in self._talkers.values():
            talker.waiting += talker.inner.wake(now_s)
        return self._talk()

    def close(self, now_s: float) -> None:
        """The peer is gone."""
        for talker in self._talkers.values():
            talker.inner.close(now_s)
            talker.waiting, talker.reading = b"", False
        self._line.clear()
        self._escaped = False

    def _addressed(self) -> Talker | None:
        return self._talkers.get(self._settings["addr"].split()[0])

    def _take_line(self, line: bytes, now_s: float) -> bytes:
        if line.startswith(b"++"):
            return self._command(line[2:].decode("latin-1").split(), now_s)
        if (talker := self._addressed()) is not None:
            talker.reading = self._settings["auto"] == "1" and b"?" in line
            talker.listen(line.removeprefix(b"\x1b") + b"\n", now_s)
        return b""

    def _command(self, words: list[str], now_s: float) -> bytes:
        name, *arguments = words or [""]
        talker = self._addressed()
        if name == "spoll":
            return b"16\r\n" if talker is not None and talker.waiting else b"0\r\n"
        if name == "ver":
            return _VERSION
        if name in ("read", "clr", "trg"):
            if talker is not None:
                self._address_one(name, talker, now_s)
        elif arguments:
            self._settings[name] = " ".join(arguments)
            for each in self._talkers.values():
                each.reading = False
        elif name in self._settings:
            return self._settings[name].encode("latin-1") + b"\r\n"
        return b""

    def _address_one(self, name: str, talker: Talker, now_s: float) -> None:
        if name == "read":
            talker.reading = True
        elif name == "clr":
            talker.clear()
        else:
            talker.listen(b"*TRG\n", now_s)

    def _talk(self) -> bytes:
        return b"".join(talker.talk() for talker in self._talkers.values())


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
        ready: called with the VISA resource string as a station file wants it, for a second address once more.

    Raises:
        OSError: the address cannot be listened on.
    """

    def listening(resource: str) -> None:
        gateway = resource.removeprefix("TCPIP").removesuffix("SOCKET") + "INTFC"
        ready(f"GPIB0::{address}::INSTR via PRLGX-TCPIP0{gateway}")
        if isinstance(device, TwoLines):
            ready(f"GPIB0::{address + 1}::INSTR via PRLGX-TCPIP0{gateway}")

    await tcp.serve(Gateway(device, address), host=host, port=port, speed=speed, ready=listening)
