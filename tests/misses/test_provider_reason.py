"""Misses that no prompt explains, but the provider: found by its own word, priced by the bill."""

from dataclasses import replace

import polars as pl
import pytest

from costscope.misses import find
from tests.misses.traffic import CLAUDE, GPT56, billed, book, served_by, talks

TALKS = 12


def log(reason, model=CLAUDE):
    """Clean conversations, of which the last turn was billed as if nothing of it had been cached."""
    calls = served_by(talks(), model)
    work = billed(*(
        (row | {"tags": f'{{"cache_miss_reason":"{reason}"}}'}, parts) if missed(row) else (row, parts)
        for row, parts in calls
    ))  # fmt: skip
    numbers = work.calls.filter(pl.col("call_id").str.ends_with(".3"))["call_no"].implode()
    here = pl.col("call_no").is_in(numbers) & (pl.col("billing_class") != "output")
    kind = work.parts.schema["billing_class"]
    fresh = pl.when(here).then(pl.lit("fresh", kind)).otherwise("billing_class")
    bill = work.with_(parts=work.parts.with_columns(billing_class=fresh))
    return replace(bill, origin=None), replace(work, origin=None)


def missed(row):
    return row["call_id"].endswith(".3")


@pytest.mark.parametrize(
    ("model", "reason"), [(CLAUDE, "tools_changed"), (GPT56, "reasoning_effort_changed")]
)
def test_what_the_provider_says_is_a_finding(model, reason):
    work, better = log(reason, model)
    misses = find(work, book())
    (found,) = misses.found
    assert (found.cause, found.feature) == ("provider_reason", "desk")
    assert found.where == f"{reason} ({TALKS})"
    assert found.calls == TALKS
    assert all(call.endswith(".3") for call in found.evidence)
    assert misses.left.calls == 0
    lost = work.parts.filter(pl.col("billing_class") == "cache_read")["tokens"].sum()
    would = better.parts.filter(pl.col("billing_class") == "cache_read")["tokens"].sum()
    assert found.tokens == would - lost


def test_without_a_word_of_the_provider_it_stays_unexplained():
    work, _ = log("unavailable")
    misses = find(work, book())
    assert misses.found == []
    assert misses.left.calls == TALKS


def test_a_reason_beside_a_hit_is_no_miss():
    _, better = log("messages_changed")
    assert find(better, book()).found == []


def test_its_cost_is_what_writing_it_again_costs_more_than_reading():
    work, _ = log("system_changed")
    (found,) = find(work, book()).found
    # 1.25 - 0.1 of the input rate of $3 per million: what is not found is written anew.
    assert found.cost == found.tokens * 3_450_000
