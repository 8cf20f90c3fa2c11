"""Makes samples durable and reads them back: tables, one writer thread, read-only readers, migrations."""
