"""The EX-1 for labctl: a driver and, apart from it, a simulated instrument."""
