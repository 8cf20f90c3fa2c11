"""Attachments: how a simulated device is reached from outside (TCP socket, pseudo-terminal)."""
