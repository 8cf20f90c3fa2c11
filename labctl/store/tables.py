"""The tables: one definition for SQLite and PostgreSQL.

Columns carry the Battery Data Format's machine names where it has one (``test_time_second``, ``voltage_volt``), and
otherwise a name and a unit in the same manner, SI throughout. Times named ``..._time_second`` count from the start of
the run (test time), those named ``..._unix_time_second`` from 1970. Positive current charges the cell.

What belongs to a run is numbered within the run, from 1, so that a row is named the same on every machine, and one
and the same virtual run gives the same rows.

Source: Battery Data Format, ontology 1.3.0, for the names.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

cell = Table(
    "cell",
    metadata,
    Column("cell_id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("area_square_centimetre", Double),
    Column("active_mass_gram", Double),
    Column("nominal_capacity_coulomb", Double),
    Column("electrolyte", Text, nullable=False),
    Column("equilibrium_voltage_volt", Double),
    Column("simulate_as", Text),
    sqlite_autoincrement=True,  # the number of a deleted cell or run is never given to another
)

run = Table(
    "run",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("cell_id", ForeignKey(cell.c.cell_id), nullable=False),
    Column("protocol", Text, nullable=False),
    Column("protocol_text", Text, nullable=False),
    Column("protocol_sha256", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("driver", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("instrument_manufacturer", Text, nullable=False),
    Column("instrument_model", Text, nullable=False),
    Column("instrument_serial", Text, nullable=False),
    Column("instrument_firmware", Text, nullable=False),
    Column("software_version", Text, nullable=False),
    Column("seed", BigInteger),
    Column("speed", Double),  # experiment seconds in a second on the wall; NULL: virtual time
    Column("state", Text, nullable=False),
    Column("end_reason", Text),
    Column("started_unix_time_second", Double, nullable=False),
    Column("ended_unix_time_second", Double),
    Column("last_written_unix_time_second", Double, nullable=False),  # by the clock on the wall
    Column("host", Text, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("process_id", Integer, nullable=False),
    Column("plan", Text),  # JSON, as bound to the cell; NULL: begun before schema 0002
    sqlite_autoincrement=True,
)

progress = Table(
    "progress",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("data", Text, nullable=False),  # JSON
    Column("sha256", Text, nullable=False),  # of the run's number and start, and of data
    Column("boot_id", Text, nullable=False),
    Column("boot_time_second", Double, nullable=False),  # since the computer was started, sleep included
    Column("written_unix_time_second", Double, nullable=False),  # by the clock on the wall
    sqlite_with_rowid=False,
)

step = Table(
    "step",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), primary_key=True),
    Column("step_id", Integer, primary_key=True, autoincrement=False),
    Column("cycle", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("start_time_second", Double, nullable=False),
    Column("end_time_second", Double),
    Column("end_reason", Text),
    Column("charge_coulomb", Double),
    Column("energy_joule", Double),
    sqlite_with_rowid=False,
)


def _of_step() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["run_id", "step_id"], [step.c.run_id, step.c.step_id])


sample = Table(
    "sample",
    metadata,
    Column("run_id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("test_time_second", Double, nullable=False),
    Column("unix_time_second", Double, nullable=False),
    Column("step_id", Integer, nullable=False),
    Column("voltage_volt", Double, nullable=False),
    Column("current_ampere", Double, nullable=False),
    Column("temperature_kelvin", Double),
    Column("status", BigInteger, nullable=False),
    _of_step(),
    sqlite_with_rowid=False,  # rows lie in the order they are read in, under one key
)

half_cycle = Table(
    "half_cycle",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), primary_key=True),
    Column("half_cycle_id", Integer, primary_key=True, autoincrement=False),
    Column("cycle", Integer, nullable=False),
    Column("sign", Integer, nullable=False),
    Column("start_time_second", Double, nullable=False),
    Column("end_time_second", Double, nullable=False),
    Column("charge_coulomb", Double, nullable=False),
    Column("energy_joule", Double, nullable=False),
    Column("mean_voltage_volt", Double, nullable=False),
    Column("overpotential_median_volt", Double),
    Column("overpotential_end_volt", Double),
    Column("overpotential_maximum_volt", Double),
    Column("end_reason", Text, nullable=False),
    Column("complete", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

spectrum = Table(
    "spectrum",
    metadata,
    Column("run_id", Integer, primary_key=True, autoincrement=False),
    Column("spectrum_id", Integer, primary_key=True, autoincrement=False),
    Column("step_id", Integer, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("start_time_second", Double, nullable=False),
    Column("mode", Text, nullable=False),
    Column("amplitude_volt", Double),  # zero-to-peak; volts of a potentiostatic sweep,
    Column("amplitude_ampere", Double),  # amperes of a galvanostatic one
    Column("bias_volt", Double),
    Column("bias_ampere", Double),
    Column("high_frequency_hertz", Double, nullable=False),
    Column("low_frequency_hertz", Double, nullable=False),
    Column("points_per_decade", Integer, nullable=False),
    Column("safety_minimum_volt", Double, nullable=False),
    Column("safety_maximum_volt", Double, nullable=False),
    Column("safety_maximum_ampere", Double, nullable=False),
    Column("quality", Text),  # JSON
    _of_step(),
    sqlite_with_rowid=False,
)

impedance_point = Table(
    "impedance_point",
    metadata,
    Column("run_id", Integer, primary_key=True, autoincrement=False),
    Column("spectrum_id", Integer, primary_key=True, autoincrement=False),
    Column("point", Integer, primary_key=True, autoincrement=False),
    Column("test_time_second", Double, nullable=False),
    Column("frequency_hertz", Double, nullable=False),
    Column("real_impedance_ohm", Double, nullable=False),
    Column("imaginary_impedance_ohm", Double, nullable=False),
    Column("status", BigInteger, nullable=False),
    ForeignKeyConstraint(["run_id", "spectrum_id"], [spectrum.c.run_id, spectrum.c.spectrum_id]),
    sqlite_with_rowid=False,
)

event = Table(
    "event",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), primary_key=True),
    Column("event_id", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("test_time_second", Double, nullable=False),
    Column("unix_time_second", Double, nullable=False),
    Column("author", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("data", Text),  # JSON
    Column("published", Boolean, nullable=False),  # telemetry has delivered it
    Column(
        "chain_number", BigInteger, nullable=False, unique=True
    ),  # its place among all events of the database
    Column("sha256", Text, nullable=False),  # over it and the hash of the event before
    sqlite_with_rowid=False,
)

chain_head = Table(  # one row
    "chain_head",
    metadata,
    Column("chain_number", BigInteger, primary_key=True, autoincrement=False),
    Column("sha256", Text, nullable=False),
    sqlite_with_rowid=False,
)

queue_entry = Table(
    "queue_entry",
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column(
        "command_id", Text, nullable=False, unique=True
    ),  # by which it was submitted, so that it is only once
    Column("station", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("plan", Text, nullable=False),  # JSON, as bound to the cell
    Column("unattended", Boolean, nullable=False),  # nobody will be there
    Column("state", Text, nullable=False),
    Column("reason", Text),  # why it is held or was removed
    Column("run_id", ForeignKey(run.c.run_id)),  # what it became
    Column("author", Text, nullable=False),
    Column("submitted_unix_time_second", Double, nullable=False),
    sqlite_autoincrement=True,
)

remote_command = Table(
    "remote_command",
    metadata,
    Column("remote_command_id", Integer, primary_key=True),
    Column("command_id", Text, unique=True),  # NULL: refused before anybody knew who had sent it
    Column("station", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("received_unix_time_second", Double, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("answer", Text),  # what was done, or why not; NULL: not known, the process was cut off meanwhile
    Column("times", Integer, nullable=False),  # how many alike this row stands for
    sqlite_autoincrement=True,
)
