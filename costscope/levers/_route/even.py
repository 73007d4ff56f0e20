"""From which share of second attempts on routing saves nothing any more. Not a lever."""

from __future__ import annotations

from fractions import Fraction


def break_even(none: int, every: int) -> Fraction | None:
    """The share of routed calls that can be asked again of the stronger model before the saving is gone.

    `none`, `every`: what is saved where no routed call and where every one is asked again, in
    picodollars. What is paid twice grows in proportion to the share, so the saving falls along a
    line. Above 1 it pays whatever happens; 0 where nothing is saved at all; None where asking again
    costs nothing.
    """
    if none <= 0:
        return Fraction(0)
    return Fraction(none, none - every) if every < none else None


def told(none: int, every: int) -> str:
    """The same in a sentence."""
    share = break_even(none, every)
    if share == 0:
        return "It saves nothing, even if no routed call is asked again of the stronger model."
    if share is None or share > 1:
        return "It saves something even if every routed call is asked again of the stronger model."
    return (
        f"Break-even: the saving is gone where {float(share):.1%} of the routed calls are asked again of "
        "the stronger model."
    )
