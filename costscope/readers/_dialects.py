"""All formats of request and response pairs together, for records that may speak any of them."""

from __future__ import annotations

from functools import cache

from costscope import plugins
from costscope.readers._envelope import MIN_RATE, PairReader
from costscope.readers._wire import Envelope


@cache
def _all(names: tuple[str, ...]) -> tuple[PairReader, ...]:
    found = (plugins.load("readers", name)() for name in names)
    return tuple(r for r in found if isinstance(r, PairReader))


def best(envelope: Envelope) -> PairReader | None:
    """The format that a record speaks most surely; None where it speaks none."""
    rate, reader = rates(envelope)[0]
    return reader if rate >= MIN_RATE else None


def rates(envelope: Envelope) -> list[tuple[float, PairReader]]:
    """How surely a record speaks each format, the surest first, equals by name."""
    rated = [(r.rate(envelope), r) for r in _all(plugins.names("readers"))]
    return sorted(rated, key=lambda found: -found[0])
