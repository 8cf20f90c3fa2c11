"""Commands that came over a broker: each is carried out once, and each is on record."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of remote commands."""
    op.create_table(
        "remote_command",
        sa.Column("remote_command_id", sa.Integer, nullable=False),
        sa.Column("command_id", sa.Text),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("received_unix_time_second", sa.Double, nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("times", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("remote_command_id", name="pk_remote_command"),
        sa.UniqueConstraint("command_id", name="uq_remote_command_command_id"),
        sqlite_autoincrement=True,
    )
