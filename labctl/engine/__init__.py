"""The engine: executes one plan on one channel, and opens the circuit when anything is in doubt."""
