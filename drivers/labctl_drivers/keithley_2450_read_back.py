"""What decides on the safety of a SourceMeter that nobody uses: asked with queries alone, which change nothing.

Sources: 2450 Reference Manual 2450-901-01 Rev. B p. 2-82 (output-off states); 2461 Reference Manual p. 6-154
(``:SYST:POS``: the settings taken at power-on, ``RST`` or a stored setup ``SAV0`` to ``SAV4``).
"""

from labctl.errors import WrongInstrument
from labctl.instrument.channel import ReadBack
from labctl.link import Deadline, Link
from labctl_drivers.keithley_2450_codec import parse_identity

_ANSWER = Deadline("the answer to a question")

_OFF_STATES = {
    "NORM": "a source of 0 V",
    "ZERO": "a source of 0 V",
    "GUAR": "a source of 0 A",
    "HIMP": "open relay",
}


async def read_back(link: Link) -> tuple[ReadBack, ...]:
    """Ask a SourceMeter over a link that is open.

    Raises:
        WrongInstrument: something else answers; nothing more was asked.
        LinkError: nothing sensible answers.
    """
    reply = await _ask(link, b"*IDN?")
    identity = parse_identity(reply)
    if identity is None:
        raise WrongInstrument("no SourceMeter answers", link.name, "*IDN?", reply)
    language = await _ask(link, b"*LANG?")
    in_scpi = language == "SCPI"
    choose = "" if in_scpi else "choose SCPI in its settings menu and restart it"
    told = [ReadBack("identity", str(identity)), ReadBack("command set", language, choose)]
    if in_scpi:
        told += [await _output(link), await _off_state(link, b"CURR"), await _off_state(link, b"VOLT")]
        told.append(await _power_on(link))
    return tuple(told)


async def _output(link: Link) -> ReadBack:
    if await _ask(link, b":OUTP?") == "0":
        return ReadBack("output", "off")
    return ReadBack("output", "ON", "find out who switched it on, and look at the cell", harmful=True)


async def _off_state(link: Link, function: bytes) -> ReadBack:
    state = await _ask(link, b":OUTP:%s:SMOD?" % function)
    what = f"output-off state, {'current' if function == b'CURR' else 'voltage'} source"
    words = f"{state}, {_OFF_STATES.get(state, 'unknown')}"
    if state == "HIMP":
        return ReadBack(what, words)
    return ReadBack(what, words, "a cell left connected is drained; a run sets HIMP before it switches on")


async def _power_on(link: Link) -> ReadBack:
    setup = await _ask(link, b":SYST:POS?")
    if setup == "RST":
        return ReadBack("at power-on", "the default settings, output off")
    return ReadBack("at power-on", f"the stored setup {setup}", "choose Reset as its power-up setting")


async def _ask(link: Link, query: bytes) -> str:
    return (await link.ask(query, _ANSWER)).decode("ascii", "replace").strip()
