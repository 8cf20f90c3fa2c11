"""``labctl analyse``: figures and fits of what has been measured."""

from labctl.cli import options


def analyse(run: options.RunReference, db: options.Database = "", json: options.Json = False) -> None:
    """Analyse one run: validity and resistances of every spectrum, figures of the cycles."""
    from labctl.analysis.run_figures import run_figures
    from labctl.cli.output import print_json
    from labctl.report.analysis_text import analysis_document, analysis_lines
    from labctl.store.reader import Reader

    reader = Reader(options.database_url(db))
    found = reader.run(run)
    figures = run_figures(reader, found)
    if json:
        print_json(analysis_document(found, figures))
    else:
        print("\n".join(analysis_lines(found, figures)))
