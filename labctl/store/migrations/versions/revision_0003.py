"""A place in the chain of events for each event, and the head of that chain."""

import sqlalchemy as sa
from alembic import op

from labctl.store.chain import START, follow

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OF_BEFORE = (
    "run_id",
    "event_id",
    "kind",
    "test_time_second",
    "unix_time_second",
    "author",
    "message",
    "data",
    "published",
)


def upgrade() -> None:
    """Chain the events of before in the order of their runs, as they are found."""
    names = ", ".join(_OF_BEFORE)
    connection = op.get_bind()
    found = (
        connection.execute(sa.text(f"SELECT {names} FROM event ORDER BY run_id, event_id")).mappings().all()
    )
    op.drop_table("event")
    event = op.create_table(
        "event",
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("event_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("test_time_second", sa.Double, nullable=False),
        sa.Column("unix_time_second", sa.Double, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("data", sa.Text),
        sa.Column("published", sa.Boolean, nullable=False),
        sa.Column("chain_number", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "event_id", name="pk_event"),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name="fk_event_run"),
        sa.UniqueConstraint("chain_number", name="uq_event_chain_number"),
        sqlite_with_rowid=False,
    )
    chain_head = op.create_table(
        "chain_head",
        sa.Column("chain_number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("chain_number", name="pk_chain_head"),
        sqlite_with_rowid=False,
    )
    head = START
    for row in found:
        head = follow(head, dict(row))
        chained = {
            **row,
            "published": bool(row["published"]),
            "chain_number": head.number,
            "sha256": head.sha256,
        }
        connection.execute(event.insert().values(chained))
    connection.execute(chain_head.insert().values(chain_number=head.number, sha256=head.sha256))
