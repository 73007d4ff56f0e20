"""What gateways and platforms say that their calls cost, against our own prices on our own buckets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from costscope.ingest.find import find_reader
from costscope.model import INPUT_CLASSES, Call, Usage
from costscope.prices import PriceBook
from costscope.sources import expand, identify, records
from tests.prices.build import CALLS, parts

HERE = Path(__file__).parent
SHARED = HERE.parent.parent.parent / "shared" / "data"
BOOK = PriceBook.load()
SAMPLES = sorted(p.name for p in (HERE / "samples").iterdir()
                 if p.name.startswith(("litellm", "langfuse", "helicone", "langsmith")))  # fmt: skip
TOLERANCE = 1
"""Picodollars: the platforms add up floats."""

EXPLAINED = {
    # LiteLLM's price feed has the name gpt-3.5-turbo at $1.50 and $2.00 per million tokens, the price of
    # its snapshot 0613; in 2025 the name meant snapshot 0125 at $0.50 and $1.50, which the feed lists
    # under that snapshot's own name only. Ours is what OpenAI's price list says.
    "gpt-3.5-turbo": ((1_500_000, 2_000_000), (500_000, 1_500_000)),
}
"""Model → (their picodollars a token of input and of output, ours), with the reason of the residual."""


def calls(path: Path) -> list[Call]:
    found: list[Call] = []
    for name in expand([str(path)]):
        source = identify(name)
        items = find_reader(source, "").read(records(source), name)  # type: ignore[arg-type]
        found += [item for item in items if isinstance(item, Call)]
    return found


def computed(found: Sequence[Call]) -> list[int | None]:
    """What each call costs by our prices in picodollars; None where a part of it has no price."""
    rows: list[dict[str, Any]] = []
    tokens: list[tuple[int, str, int]] = []
    for number, call in enumerate(found):
        assert call.usage is not None
        given = {name: getattr(call.usage, name) for name in INPUT_CLASSES}
        sent = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=call.sent_at or 0)
        rows.append({
            "call_no": number, "provider": call.provider, "channel": call.channel,
            "region": call.region, "model": call.model, "tier": call.tier, "sent_at": sent,
            "input_tokens": sum(given.values()),
        })  # fmt: skip
        tokens += [(number, name, n) for name, n in given.items() if n]
        tokens += [(number, "output", call.usage.output)] if call.usage.output else []
    priced = BOOK.price(pl.DataFrame(rows, schema=CALLS, orient="row"), parts(*tokens))
    sums: list[int | None] = []
    for number in range(len(found)):
        costs = priced.filter(pl.col("call_no") == number)["pd"].to_list()
        sums.append(None if None in costs else sum(costs))
    return sums


def residuals(found: Sequence[Call]) -> dict[str, tuple[int | None, int]]:
    """call id → (ours, theirs) where the two are not the same."""
    known = [c for c in found if c.usage is not None and c.reported_pd is not None and not c.units]
    pairs = zip(known, computed(known), strict=True)
    return {
        call.call_id: (ours, call.reported_pd)
        for call, ours in pairs
        if call.reported_pd is not None
        and (ours is None or abs(ours - call.reported_pd) > TOLERANCE)
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_our_samples_cost_what_they_say(name: str) -> None:
    assert residuals(calls(HERE / "samples" / name)) == {}


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real logs (../shared) are not on this machine")
@pytest.mark.parametrize(
    ("place", "count"), [("gcs_pub_sub_body", 2), ("langfuse_expected_request_body", 15)]
)
def test_real_samples_cost_what_they_say(place: str, count: int) -> None:
    found = calls(SHARED / "litellm" / "tests" / "logging_callback_tests" / place)
    assert len(found) == count
    assert all(call.usage is not None and call.reported_pd for call in found)
    for call in found:
        assert call.usage is not None
        if pair := residuals(found).get(call.call_id):
            theirs, ours = EXPLAINED[call.model]
            assert pair == (_cost(call.usage, ours), _cost(call.usage, theirs))
        else:
            assert call.model not in EXPLAINED


def _cost(usage: Usage, rates: tuple[int, int]) -> int:
    return usage.fresh * rates[0] + usage.output * rates[1]
