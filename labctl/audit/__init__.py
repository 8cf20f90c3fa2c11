"""The audit: finds whatever was changed in a database after it was written. See docs/audit.md."""
