"""The figures of runs: one module a kind of picture, one catalogue of their names, one style for all."""
