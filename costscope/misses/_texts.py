"""The texts of findings, as far as somebody can still read them from the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from costscope.misses._kinds import variants
from costscope.model import Texts
from costscope.reports.misses import Finding, Misses

TOP = 3
"""Of so many findings the texts are looked up."""

NAMES = ("text", "counter", "id")
"""What may be a user's name, where each user has another."""


def told(misses: Misses, texts: Texts) -> Misses:
    """The findings, the dearest of those with two variants with what varies and both side by side."""
    dearest = [finding for finding in misses.found if len(finding.pair) == 2][:TOP]
    known = dict(texts.read({content for f in dearest for _, content in f.pair}))
    shown = {id(finding): _shown(finding, known) for finding in dearest}
    return replace(misses, found=[shown.get(id(finding), finding) for finding in misses.found])


def _shown(finding: Finding, known: Mapping[int, str]) -> Finding:
    one, other = (known.get(content) for _, content in finding.pair)
    if one is None or other is None:
        return finding
    kind, shown = variants(one, other)
    if finding.cause == "per_user" and kind in NAMES:
        kind = "user name"
    return replace(finding, kind=kind, variants=shown)
