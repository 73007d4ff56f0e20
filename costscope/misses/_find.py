"""The causes one after another: each is taken out of the log, and what that saves is its price."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from costscope import plugins
from costscope.misses._state import SPANS, Book, State, billed, billed_as, state_of
from costscope.misses._told import reasons
from costscope.misses.interface import About, Cause, Repair
from costscope.model import Workload
from costscope.reports.misses import Finding, Misses, Unexplained

MATERIAL = 0.001
"""Below this share of what the prompts of a group cost, a cause is not worth a line."""
EVIDENCE = 5
MOST = 4_000_000
"""Of a log with more parts than this only the latest calls are looked at: every cause is a simulation,
about ten microseconds a part for all of them."""
STEP = 128
"""OpenAI's granularity: what is short by no more is rounding."""


def find(workload: Workload, book: Book, spans: pl.DataFrame | None = None) -> Misses:
    """Why prompts of a log were not read from the cache, the dearest cause first.

    A finding is of one cause in one feature and template. `spans`: the texts of system prompts told
    apart (see SPANS), without which only whole blocks are compared. No dollar is in two findings:
    each cause is looked for in the log that is left once those before it are taken out. Calls
    without a time, a price, billed usage or a known caching rule tell nothing.
    """
    spans = pl.DataFrame(schema=SPANS) if spans is None else spans
    state = state_of(workload, book, spans, MOST)
    first, found = state, list[Finding]()
    if state.calls.height and state.blocks.height:
        for cause in causes():
            state, more = _taken_out(cause, state)
            found += more
    found.sort(key=lambda f: (-f.cost, -f.recoverable, f.cause, f.feature or "", f.where))
    return Misses(found, _unexplained(first), first.calls.height, workload.calls.height)


def _unexplained(state: State) -> Unexplained:
    """What the simulator, with every cause in place, finds in the cache and the bill does not, and the
    provider gives no reason for."""
    ideal = billed(state.with_calls(lost=pl.lit(0), most=pl.lit(0))).select("call_no", "read")
    unsaid = state.calls.join(reasons(state.calls), on="call_no", how="anti")
    calls = unsaid.filter("in_force").join(ideal, on="call_no")
    short = calls.with_columns(tokens=pl.col("read") - pl.col("billed")).filter(
        pl.col("tokens") > STEP
    )
    rate = (pl.col("fresh_pd") - pl.col("cache_read_pd")).cast(pl.Int128)
    cost = short.select((pl.col("tokens").cast(pl.Int128) * rate).sum()).item()
    return Unexplained(short.height, int(short["tokens"].sum()), int(cost or 0))


def causes() -> list[Cause]:
    """Every cause there is, in the order in which they are taken out."""
    classes = plugins.all_of("misses").values()
    return [cls() for cls in sorted(classes, key=lambda cls: (cls.order, cls.name))]


def _taken_out(cause: Cause, state: State) -> tuple[State, list[Finding]]:
    """The log without a cause, where that is worth it, and what is to be said of it."""
    repair = cause.repaired(state)
    if repair is None:
        return state, []
    before = repair.before or state
    was = billed(before) if repair.was is None else billed_as(before, repair.was)
    now = was.join(_shown(state), on="call_no", maintain_order="left")
    free = _freed(repair)
    kept = _worth(now, _gains(now, free, free))
    if not kept:
        return state, []
    if repair.reads is None:
        free = billed(before.mixed(repair.free, kept))
    real = free if repair.real is None else billed(before.mixed(repair.real, kept))
    gains = _gains(now, free, real).filter(pl.col("group").is_in(kept))
    found = list(_findings(cause, state, gains, repair))
    stay = [f.group for f in found]
    same = not stay or repair.reads is not None
    return state if same else state.mixed(repair.free, stay), found


def _freed(repair: Repair) -> pl.DataFrame:
    if repair.reads is None:
        return billed(repair.free)
    return billed_as(repair.free, repair.reads)


def _shown(state: State) -> pl.DataFrame:
    """The tokens that each call was billed for as read, where its bill shows such tokens at all."""
    return state.calls.select("call_no", shown=pl.when("in_force").then("billed").otherwise(0))


def _worth(now: pl.DataFrame, gains: pl.DataFrame) -> list[int]:
    """The groups in which taking a cause out saves something that matters."""
    both = gains.join(now.select("call_no", "pd"), on="call_no")
    sums = both.group_by("group").agg(pl.col("pd").sum(), pl.col("cost").sum())
    matters = (pl.col("cost") > 0) & (pl.col("cost") >= MATERIAL * pl.col("pd"))
    return sums.filter(matters)["group"].sort().to_list()


def _gains(now: pl.DataFrame, free: pl.DataFrame, real: pl.DataFrame) -> pl.DataFrame:
    """call_no, group, `tokens` read more, `cost` of the misses and what is `saved`, by call.

    What the bill shows as read was no miss, whatever the simulator says; calls without a price are
    left out.
    """
    both = now.join(free.select("call_no", more="read", free="pd"), on="call_no")
    both = both.join(real.select("call_no", real="pd"), on="call_no")
    more = pl.col("more") - pl.col("read")
    missed = (pl.col("more") - pl.max_horizontal("read", "shown")).clip(0)
    rows = both.with_columns(
        tokens=pl.when(more > 0).then(missed).otherwise(0),
        top=pl.when(more > 0).then(missed).otherwise(1).cast(pl.Int128),
        whole=pl.when(more > 0).then(more).otherwise(1).cast(pl.Int128),
        cost=pl.col("pd") - pl.col("free"),
        saved=pl.col("pd") - pl.col("real"),
    )
    known = pl.col("cost").is_not_null() & pl.col("saved").is_not_null()
    return rows.filter(known).select(
        "call_no", "group", "tokens",
        *(pl.col(name) * pl.col("top") // pl.col("whole") for name in ("cost", "saved")),
    )  # fmt: skip


def _findings(cause: Cause, state: State, gains: pl.DataFrame, repair: Repair) -> Iterator[Finding]:
    ids = state.calls.select("call_no", "call_id", "feature", "template")
    rows = gains.join(ids, on="call_no", maintain_order="left")
    for (group,), part in rows.group_by(["group"], maintain_order=True):
        missed = part.filter((pl.col("tokens") > 0) | (pl.col("cost") != 0))
        cost, saved = int(part["cost"].sum()), max(0, int(part["saved"].sum()))
        if cost <= 0 or (cause.only_if_it_pays and not saved):
            continue
        about = repair.about.get(int(str(group)), About())
        dearest = missed.sort("cost", "call_id", descending=[True, False])["call_id"]
        yield Finding(
            cause=cause.name,
            title=cause.title,
            feature=part["feature"][0],
            template=part["template"][0],
            where=about.where,
            calls=missed.filter(pl.col("tokens") > 0).height or missed.height,
            tokens=int(part["tokens"].sum()),
            cost=cost,
            recoverable=saved,
            fix=cause.fix if saved else cause.in_vain or cause.fix,
            evidence=dearest.unique(maintain_order=True).head(EVIDENCE).to_list(),
            gaps=about.gaps,
            group=int(str(group)),
            pair=about.pair,
        )
