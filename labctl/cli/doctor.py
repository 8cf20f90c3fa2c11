"""``labctl doctor``: what a person forgets before a run of weeks."""

import typer

from labctl.cli import options

SOMETHING_WRONG = 4


def doctor(station: options.Station = None, db: options.Database = "", json: options.Json = False) -> None:
    """Look at the computer, the database, the ports and the instruments. Changes nothing, switches nothing.

    Exit code 0 if all is well or worth a look, 4 if something is wrong.
    """
    import asyncio

    from labctl.cli.output import print_json
    from labctl.doctor.examine import examine
    from labctl.doctor.line import Verdict
    from labctl.station.file import load_station

    found = asyncio.run(examine(options.database_url(db), load_station(station) if station else None))
    if json:
        print_json(found)
    else:
        print("\n".join(map(str, found)))
    if any(line.verdict is Verdict.WRONG for line in found):
        raise typer.Exit(SOMETHING_WRONG)
