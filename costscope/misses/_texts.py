"""The texts of findings, as far as somebody can still read them from the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from costscope.misses._kinds import variants
from costscope.reports.misses import Misses

TOP = 3
"""Of so many findings the texts are looked up."""

NAMES = ("text", "counter", "id")
"""What may be a user's name, where each user has another."""

Text = Callable[[int, int], str | None]
"""(number of a call, content hash of one of its blocks) → its text, None where it is not to be had."""


def told(misses: Misses, text: Text) -> Misses:
    """The findings, the dearest of those with two variants with what varies and both side by side."""
    left, rows = TOP, []
    for finding in misses.found:
        if left and len(finding.pair) == 2:
            left -= 1
            one, other = (text(*place) for place in finding.pair)
            if one is not None and other is not None:
                kind, shown = variants(one, other)
                if finding.cause == "per_user" and kind in NAMES:
                    kind = "user name"
                finding = replace(finding, kind=kind, variants=shown)
        rows.append(finding)
    return replace(misses, found=rows)
