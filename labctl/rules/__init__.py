"""Stop rules: streaming detectors of the cell's health over samples, half-cycles and spectra."""

from labctl.rules.decision import Decision, HalfCycleStart, StopRule
from labctl.rules.rule_set import RuleSet, make

__all__ = ["Decision", "HalfCycleStart", "RuleSet", "StopRule", "make"]
