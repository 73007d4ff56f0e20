"""The regression gate: a log's costs against a committed baseline, as a verdict that is a value.

It reads and writes no file but the baseline, and it neither prints nor exits.
"""

from costscope.gate.baseline import Baseline, read, write
from costscope.gate.judge import check
from costscope.gate.rules import DEFAULT_RULES, METRICS, Rule, Settings, from_flags

__all__ = [
    "DEFAULT_RULES", "METRICS", "Baseline", "Rule", "Settings", "check", "from_flags", "read",
    "write",
]  # fmt: skip
