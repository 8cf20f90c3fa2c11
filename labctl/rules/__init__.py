"""Stop rules: streaming detectors of the cell's health over samples, half-cycles and spectra."""
