"""The dashboard: what telemetry says, and what the database holds, in a browser."""
