"""The station: which instruments a computer has, and runs on them."""
