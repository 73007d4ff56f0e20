"""What caching would have saved on a run that was never cached, worked out a second time: by walking
through the calls with a dictionary of entries, from the stored parts, without the simulator's code."""

import polars as pl
import pytest

from costscope.levers.prompt_cache import PromptCache
from costscope.prices.book import PriceBook

RUNS = ("sglang__trae__claude-sonnet-45__*_046_*", "vllm__trae__us-anthropic-*vllm_core-0003*")
FRESH, READ, WRITE, OUTPUT = 3_300_000, 330_000, 4_125_000, 16_500_000
"""Claude Sonnet 4.5 in a region of Bedrock, picodollars a token: $3 and $15 and 10 %; 0.1 and 1.25."""
LIFETIME, BEGINS, MINIMUM, LOOKBACK = 300_000_000, 2_000_000, 1_024, 20


def blocks_of(rows):
    """(key, tokens up to it, whether a system or tools end may be here, its place) of each block."""
    found, key, upto, place, before = [], (), 0, 0, ""
    for (_, role, kind, content), group in rows.group_by(
        "seq", "role", "kind", "content", maintain_order=True
    ):
        upto += group["tokens"].sum()
        key = hash((key, content)) if content else key
        place += not (kind == before and kind in ("tool_call", "tool_result"))
        before = kind
        if content:
            found.append((key, upto, {"system": 1}.get(role, 2 * (kind == "tool_schema")), place))
    return found, upto


def cost(calls, parts, *, whole):
    """Picodollars of a run with marks at the ends of tools and of system, and, if `whole`, of prompts."""
    entries, total = {}, 0
    for number, sent in calls.sort("sent_at").select("call_no", "sent_at").iter_rows():
        at, rows = sent.timestamp() * 1e6, parts.filter(pl.col("call_no") == number)
        replied = rows["billing_class"].cast(pl.String) == "output"
        blocks, prompt = blocks_of(rows.filter(~replied))
        marks = {what: i for i, (_, _, what, _) in enumerate(blocks) if what}.values()
        marks = {*marks, len(blocks) - 1} if whole else {*marks}
        read = upto = 0
        for i, (key, end, _, place) in enumerate(blocks):
            touched, ready, length = entries.get(key, (at - 2 * LIFETIME, 0, 0))
            live = at - touched <= LIFETIME
            near = any(m >= i and blocks[m][3] - place < LOOKBACK for m in marks)
            if near and live and end >= MINIMUM:
                read = min(length, prompt) if ready <= at else read
                entries[key] = (at, ready, length)
            if i in marks and end >= MINIMUM:
                entries[key] = (at, ready if live else at + BEGINS, end)
                upto = end
        written = max(upto - read, 0)
        total += READ * read + WRITE * written + FRESH * (prompt - read - written)
        total += OUTPUT * rows.filter(replied)["tokens"].sum()
    return total


def billed(work):
    return int(PriceBook().cost(work)["pd"].sum())


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("policy", ["conversation", "prefix"])
def test_a_second_script_saves_the_same_to_the_picodollar(ingested, run, policy):
    work = ingested("iso_bench/trajectories", run)
    kind = pl.col("billing_class").cast(pl.String)
    assert work.parts.filter(~kind.is_in(["fresh", "output"])).is_empty()
    after = PromptCache(breakpoints=policy, miss_rate=0.0).apply(work)
    assert billed(after) == cost(work.calls, work.parts, whole=policy == "conversation")
    assert billed(after) < billed(work)
