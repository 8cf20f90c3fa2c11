"""Protocols: YAML text becomes a Protocol, bound to one cell it becomes a Plan."""
