"""What decides on the safety of a source-measure unit that nobody uses: asked with queries, which change nothing."""

from collections.abc import Callable

from labctl.errors import WrongInstrument
from labctl.instrument.channel import Identity, ReadBack
from labctl.link import Deadline, Link
from labctl_drivers.smu_setting import Readable

_ANSWER = Deadline("the answer to a question", takes_s=0.2)


async def output_and_off_state(
    link: Link, parse_identity: Callable[[str], Identity | None], output_on: Readable, open_when_off: Readable
) -> tuple[ReadBack, ...]:
    """Ask over a link that is open.

    Args:
        link: to the instrument.
        parse_identity: None for another maker's.
        output_on: reads so while the output is on.
        open_when_off: reads so if off means open.

    Raises:
        WrongInstrument: something else answers; nothing more was asked.
        LinkError: nothing sensible answers.
    """
    reply = await _ask(link, b"*IDN?")
    identity = parse_identity(reply)
    if identity is None:
        raise WrongInstrument("another instrument answers", link.name, "*IDN?", reply)
    output = ReadBack("output", "off")
    if output_on.matches(await _ask(link, output_on.ask())):
        output = ReadBack("output", "ON", "find out who switched it on, and look at the cell", harmful=True)
    state = await _ask(link, open_when_off.ask())
    off = ReadBack("output-off state", f"{state}, open")
    if not open_when_off.matches(state):
        remedy = (
            f"a cell left connected may be drained; a run sets {open_when_off.reads} before it switches on"
        )
        off = ReadBack("output-off state", state, remedy)
    return ReadBack("identity", str(identity)), output, off


async def _ask(link: Link, query: bytes) -> str:
    return (await link.ask(query, _ANSWER)).decode("ascii", "replace").strip()
