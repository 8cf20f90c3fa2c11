"""What drivers fulfil (channel, step, sample, impedance) and the shared pacing of host-paced instruments."""
