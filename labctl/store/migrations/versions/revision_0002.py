"""What it takes to go on with an interrupted run: its plan as bound, and how far it has come."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the plan to each run, and the table of progress. Runs of before have neither, and are not taken up."""
    op.add_column("run", sa.Column("plan", sa.Text))
    op.create_table(
        "progress",
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("boot_id", sa.Text, nullable=False),
        sa.Column("boot_time_second", sa.Double, nullable=False),
        sa.Column("written_unix_time_second", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_progress"),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name="fk_progress_run"),
        sqlite_with_rowid=False,
    )
