"""Shares of counts and how sure they are, for levers that check themselves on a log. Not a lever."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959963984540054
"""The normal distribution's quantile at 97.5 %."""


def wilson(hits: int, of: int) -> tuple[float, float] | None:
    """The 95 % interval of a share, by Wilson's score (JASA 22, 1927); None of nothing.

    It stays within 0 and 1 and is honest where the share is near either or the counts are small.
    """
    if of == 0:
        return None
    share, z2 = hits / of, Z_95 * Z_95
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    reach = Z_95 * sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    low = 0.0 if hits == 0 else max(0.0, middle - reach)
    high = 1.0 if hits == of else min(1.0, middle + reach)
    return round(low, 6), round(high, 6)
