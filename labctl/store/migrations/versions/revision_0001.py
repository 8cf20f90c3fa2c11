"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of labctl 0.1."""
    op.create_table(
        "cell",
        sa.Column("cell_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("area_square_centimetre", sa.Double),
        sa.Column("active_mass_gram", sa.Double),
        sa.Column("nominal_capacity_coulomb", sa.Double),
        sa.Column("electrolyte", sa.Text, nullable=False),
        sa.Column("equilibrium_voltage_volt", sa.Double),
        sa.Column("simulate_as", sa.Text),
        sa.PrimaryKeyConstraint("cell_id", name="pk_cell"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("cell_id", sa.Integer, nullable=False),
        sa.Column("protocol", sa.Text, nullable=False),
        sa.Column("protocol_text", sa.Text, nullable=False),
        sa.Column("protocol_sha256", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("driver", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("instrument_manufacturer", sa.Text, nullable=False),
        sa.Column("instrument_model", sa.Text, nullable=False),
        sa.Column("instrument_serial", sa.Text, nullable=False),
        sa.Column("instrument_firmware", sa.Text, nullable=False),
        sa.Column("software_version", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger),
        sa.Column("speed", sa.Double),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("end_reason", sa.Text),
        sa.Column("started_unix_time_second", sa.Double, nullable=False),
        sa.Column("ended_unix_time_second", sa.Double),
        sa.Column("last_written_unix_time_second", sa.Double, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("boot_id", sa.Text, nullable=False),
        sa.Column("process_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_run"),
        sa.ForeignKeyConstraint(["cell_id"], ["cell.cell_id"], name="fk_run_cell"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "step",
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("step_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("cycle", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("start_time_second", sa.Double, nullable=False),
        sa.Column("end_time_second", sa.Double),
        sa.Column("end_reason", sa.Text),
        sa.Column("charge_coulomb", sa.Double),
        sa.Column("energy_joule", sa.Double),
        sa.PrimaryKeyConstraint("run_id", "step_id", name="pk_step"),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name="fk_step_run"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sample",
        sa.Column("run_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("test_time_second", sa.Double, nullable=False),
        sa.Column("unix_time_second", sa.Double, nullable=False),
        sa.Column("step_id", sa.Integer, nullable=False),
        sa.Column("voltage_volt", sa.Double, nullable=False),
        sa.Column("current_ampere", sa.Double, nullable=False),
        sa.Column("temperature_kelvin", sa.Double),
        sa.Column("status", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "seq", name="pk_sample"),
        sa.ForeignKeyConstraint(
            ["run_id", "step_id"], ["step.run_id", "step.step_id"], name="fk_sample_step"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "half_cycle",
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("half_cycle_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("cycle", sa.Integer, nullable=False),
        sa.Column("sign", sa.Integer, nullable=False),
        sa.Column("start_time_second", sa.Double, nullable=False),
        sa.Column("end_time_second", sa.Double, nullable=False),
        sa.Column("charge_coulomb", sa.Double, nullable=False),
        sa.Column("energy_joule", sa.Double, nullable=False),
        sa.Column("mean_voltage_volt", sa.Double, nullable=False),
        sa.Column("overpotential_median_volt", sa.Double),
        sa.Column("overpotential_end_volt", sa.Double),
        sa.Column("overpotential_maximum_volt", sa.Double),
        sa.Column("end_reason", sa.Text, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "half_cycle_id", name="pk_half_cycle"),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name="fk_half_cycle_run"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spectrum",
        sa.Column("run_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("spectrum_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("step_id", sa.Integer, nullable=False),
        sa.Column("cycle", sa.Integer, nullable=False),
        sa.Column("start_time_second", sa.Double, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("amplitude_volt", sa.Double),
        sa.Column("amplitude_ampere", sa.Double),
        sa.Column("bias_volt", sa.Double),
        sa.Column("bias_ampere", sa.Double),
        sa.Column("high_frequency_hertz", sa.Double, nullable=False),
        sa.Column("low_frequency_hertz", sa.Double, nullable=False),
        sa.Column("points_per_decade", sa.Integer, nullable=False),
        sa.Column("safety_minimum_volt", sa.Double, nullable=False),
        sa.Column("safety_maximum_volt", sa.Double, nullable=False),
        sa.Column("safety_maximum_ampere", sa.Double, nullable=False),
        sa.Column("quality", sa.Text),
        sa.PrimaryKeyConstraint("run_id", "spectrum_id", name="pk_spectrum"),
        sa.ForeignKeyConstraint(
            ["run_id", "step_id"], ["step.run_id", "step.step_id"], name="fk_spectrum_step"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "impedance_point",
        sa.Column("run_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("spectrum_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("point", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("test_time_second", sa.Double, nullable=False),
        sa.Column("frequency_hertz", sa.Double, nullable=False),
        sa.Column("real_impedance_ohm", sa.Double, nullable=False),
        sa.Column("imaginary_impedance_ohm", sa.Double, nullable=False),
        sa.Column("status", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "spectrum_id", "point", name="pk_impedance_point"),
        sa.ForeignKeyConstraint(
            ["run_id", "spectrum_id"],
            ["spectrum.run_id", "spectrum.spectrum_id"],
            name="fk_impedance_point_spectrum",
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
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
        sa.PrimaryKeyConstraint("run_id", "event_id", name="pk_event"),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name="fk_event_run"),
        sqlite_with_rowid=False,
    )
