"""``labctl rules``: would this rule have stopped it, when, and why."""

import typer

app = typer.Typer(help="Stop rules.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Stop rules."""
