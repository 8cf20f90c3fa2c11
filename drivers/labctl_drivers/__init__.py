"""Drivers: what labctl says to real instruments, one module a family."""
