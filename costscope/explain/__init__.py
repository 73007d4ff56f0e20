"""Why a figure is what it is: one call part by part, one lever, and what the prompts of a log are made of."""

from costscope.explain.calls import Showing, waterfall
from costscope.explain.levers import described, lever_named
from costscope.explain.prompts import PERIODS, made_of
from costscope.explain.suggest import suggestions

__all__ = ["PERIODS", "Showing", "described", "lever_named", "made_of", "suggestions", "waterfall"]
