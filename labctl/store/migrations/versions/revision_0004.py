"""The queue of a station: runs that are to be, one after the other on each channel."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of queue entries."""
    op.create_table(
        "queue_entry",
        sa.Column("entry_id", sa.Integer, nullable=False),
        sa.Column("command_id", sa.Text, nullable=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("unattended", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("run_id", sa.Integer),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("submitted_unix_time_second", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="pk_queue_entry"),
        sa.UniqueConstraint("command_id", name="uq_queue_entry_command_id"),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name="fk_queue_entry_run"),
        sqlite_autoincrement=True,
    )
