"""What the prompt-cache lever says of a log, in sentences with its numbers. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from costscope.levers._cache.calls import ruled
from costscope.levers._cache.search import places
from costscope.levers._rows import IS_CACHED
from costscope.levers._words import count, listing, percent
from costscope.model import Workload

SHOWN = 5
SELF_HOSTED = "self-hosted"
ELSEWHERE = "where the provider sets the marks"
IMPLICIT = pl.col("mode") == "implicit"


def action(before: Workload, after: Workload, ttl: str) -> str:
    """What to switch on, and what share of which prompts would be read from a cache."""
    now, then = by_model(before), by_model(after)
    rows = then.join(now, on=["model", "own"], suffix="_now", maintain_order="left")
    rows = rows.filter(pl.col("read") > pl.col("read_now")).sort(-pl.col("read"), "model")
    hosted, own = rows.filter(~pl.col("own")), rows.filter("own")
    said = [asked(before, hosted, ttl)] if hosted.height else []
    if own.height:
        share, read = gained(own)
        said.append(
            f"Keep the prefix cache of self-hosted engines on: {share} of their prompts ({read:,} "
            "tokens) would be read from it."
        )
    return " ".join(said) or f"Nothing to switch on: {_as_it_is(now)}."


def _as_it_is(now: pl.DataFrame) -> str:
    read = int(now["read"].sum())
    if not read:
        return "no prompt of this log would be read from a cache"
    share = percent(read, int(now["prompt"].sum()))
    return f"{share} of the tokens of prompts ({read:,}) are read from a cache already, and no more would be"


def gained(rows: pl.DataFrame) -> tuple[str, int]:
    """What share of prompts would be read that is not read now, and how many tokens."""
    read = int(rows["read"].sum()) - int(rows["read_now"].sum())
    return percent(read, int(rows["prompt"].sum())), read


def asked(before: Workload, rows: pl.DataFrame, ttl: str) -> str:
    """What to ask of the providers of some models: marks, where the application sets them, else to find
    the same machine again."""
    ttl = "5m or 1h, whichever pays for the feature" if ttl == "auto" else ttl
    share, read = gained(rows)
    models = ruled(before.calls).filter(
        pl.col("model").cast(pl.String).is_in(rows["model"].implode())
    )
    modes = models.select((pl.col("mode") == "explicit").unique()).to_series()
    marks = (
        "mark the ends of the tool definitions, of the system prompt and, where conversations go on, of "
        f"the last message (ttl {ttl})"
    )
    key = "send a stable prompt_cache_key"
    how = marks if modes.all() else key if not modes.any() else f"{marks}, or {key} {ELSEWHERE}"
    return (
        f"Switch prompt caching on for {listing(rows['model'].to_list())}: {how}; {share} of their "
        f"prompts ({read:,} tokens) would be read from the cache."
    )


def by_model(workload: Workload) -> pl.DataFrame:
    """Per model, and whether it is self-hosted (`own`): tokens of its prompts, and of them those read
    from a cache."""
    kind = pl.col("billing_class")
    parts = workload.parts.filter(kind != "output").group_by("call_no").agg(
        prompt=pl.col("tokens").sum(), read=pl.col("tokens").filter(kind == "cache_read").sum()
    )  # fmt: skip
    own = pl.col("channel").cast(pl.String) == SELF_HOSTED
    models = workload.calls.select("call_no", pl.col("model").cast(pl.String), own=own)
    return parts.join(models, on="call_no").group_by("model", "own").agg(
        pl.col("prompt", "read").sum()
    ).sort("model", "own")  # fmt: skip


def notes(before: Workload, candidates: pl.DataFrame, miss_rate: float) -> Sequence[str]:
    """What was left out or assumed, a sentence each; nothing is said of what did not occur."""
    return (*left_out(before), *assumed(candidates, miss_rate))


def lengthened(grown: int) -> Iterator[str]:
    """What padding adds."""
    if grown > 0:
        yield (
            f"Lengthened to the provider's minimum where that pays: {count(grown, 'token')} of padding, "
            "paid for at the rates of reading and writing."
        )


def marked(spots: pl.DataFrame) -> Iterator[str]:
    """Where marks were searched for, and what was found: of a few features."""
    rows = spots.sort("feature", "model", "spots", nulls_last=True)
    for feature, model, bits in rows.select("feature", "model", "spots").head(SHOWN).iter_rows():
        yield f"Marks found for {feature or '(no feature)'} on {model}: {places(bits)}."


def left_out(before: Workload) -> Iterator[str]:
    """Calls that stay as they were billed, and why."""
    prompt = pl.col("billing_class") != "output"
    told = before.parts.filter(prompt & (pl.col("content") != 0)).select("call_no").unique()
    numbers = {
        "without a time": before.calls["sent_at"].null_count(),
        "without text to compare": before.calls.join(told, on="call_no", how="anti").height,
        "billed as cached already": before.parts.filter(IS_CACHED & (pl.col("tokens") > 0))[
            "call_no"
        ].n_unique(),
    }
    for why, number in numbers.items():
        if number:
            yield f"Left as billed: {count(number, 'call')} {why}."


def assumed(candidates: pl.DataFrame, miss_rate: float) -> Iterator[str]:
    """How misses and the start of the log were treated."""
    by_itself = candidates.filter(IMPLICIT).height
    if by_itself:
        yield (
            f"Counted: {count(by_itself, 'call')} to models that their provider caches by itself, "
            "none of it billed as read. Either prefixes did not reach one machine, or the log does "
            "not carry the figure, and then there is nothing to save."
        )
    fitted = candidates.filter(pl.col("lost") > 0).select("provider", "model", "lost").unique()
    for provider, model, lost in fitted.sort("provider", "model").iter_rows():
        yield f"Taken off as {provider} {model} is billed: {count(lost, 'token')} a call, at most."
    guessed = candidates.filter(pl.col("lost").is_null() & (pl.col("most") > 0)).height
    if guessed:
        yield (
            f"Taken off for misses, where no bill shows them: {100 * miss_rate:g}% of the ideal "
            f"({count(guessed, 'call')})."
        )
    first = pl.col("sent") - pl.col("sent").min().over("scope")
    cold = candidates.filter(first <= pl.col("ttl")).height
    if cold:
        yield (
            f"Taken to be cold: what was cached before the log begins ({count(cold, 'call')} within "
            "one cache lifetime of it)."
        )


def held(calls: int, capacity: str) -> Iterator[str]:
    """What was assumed of self-hosted engines."""
    if calls:
        yield (
            f"Simulated as an engine's own cache, {capacity}, the least recently used blocks out first: "
            f"{count(calls, 'call')}. Its tokens have no price; what is saved is computing."
        )
