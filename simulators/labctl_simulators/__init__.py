"""Simulated instruments: cells with physics, firmware exact at the wire, and attachments. Imports nothing of labctl."""
