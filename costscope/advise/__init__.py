"""What-ifs priced: levers pulled alone, together and in every mix, and ranked by what they save.

Knows no lever by name and no output format; it works on instances and returns a Simulation.
"""

from costscope.advise.results import simulate
from costscope.advise.tuning import Limits, recommend

__all__ = ["Limits", "recommend", "simulate"]
