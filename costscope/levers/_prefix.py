"""What levers share about prompts: blocks, prefix hashes after a change, billing classes re-cut.

Works on the `parts` table of a workload alone; it knows no provider and no price.
"""

from __future__ import annotations

import polars as pl

from costscope.attribute.prefix import chain
from costscope.model import INPUT_CLASSES

ORDER = ("call_no", "seq")


def rehash(parts: pl.DataFrame) -> pl.DataFrame:
    """`parts` sorted by (call_no, seq), with `prefix` made anew from `content`.

    For a lever that dropped, cut or changed blocks. A changed block must have another `content`
    already: this only chains what is there.
    """
    parts = ordered(parts)
    rows = parts.select(
        content=pl.col("content").cast(pl.UInt64), first=starts("call_no"), again=~starts(*ORDER)
    )
    prefix = chain(*(rows[name].to_numpy() for name in rows.columns))
    return parts.with_columns(pl.Series("prefix", prefix))


def blocks(parts: pl.DataFrame) -> pl.DataFrame:
    """A row per (call, block), sorted, whatever it was billed as.

    All columns of `parts`, with `tokens` summed over the block's rows, and `end`: the tokens of
    the call up to and with this block, so that the last `end` of a prompt is its length.
    """
    return merged(parts, pl.lit(value=True))


def reclassify(parts: pl.DataFrame, cuts: pl.DataFrame) -> pl.DataFrame:
    """`parts` with the prompts of the calls in `cuts` billed in other classes.

    `cuts` has a row per call: `call_no` and tokens for any of the input classes but `fresh`. They
    are laid along the prompt in the order of INPUT_CLASSES, and what is left is fresh; a block on
    a border becomes two rows. Tokens per call and per block are conserved: what the prompt cannot
    hold is cut off at its end. Replies and calls that are not in `cuts` stay as they are.
    """
    names = [name for name in INPUT_CLASSES if name in cuts.columns]
    borders = cuts.select(
        "call_no", *(pl.sum_horizontal(names[: i + 1]).alias(f"to_{i}") for i in range(len(names)))
    )
    prompt = pl.col("billing_class").cast(pl.String) != "output"
    chosen = prompt & pl.col("call_no").is_in(cuts["call_no"].implode())
    rows = merged(parts.with_columns(chosen=chosen), pl.col("chosen"))
    rows = rows.join(borders, on="call_no", how="left", maintain_order="left")
    return laid(rows, names).select(parts.columns)


def merged(parts: pl.DataFrame, which: pl.Expr) -> pl.DataFrame:
    """The rows of each block where `which` holds made one; with `end`, tokens up to and with it."""
    rows = ordered(parts).with_columns(sofar=pl.col("tokens").cum_sum())
    rows = rows.filter(ends(*ORDER) | ~which)
    rows = rows.with_columns(tokens=pl.col("sofar") - pl.col("sofar").shift(1, fill_value=0))
    before = pl.when(starts("call_no")).then(pl.col("sofar") - pl.col("tokens")).forward_fill()
    return rows.with_columns(end=pl.col("sofar") - before).drop("sofar")


def laid(rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Chosen blocks cut at their call's borders `to_0`, `to_1`, …: below `to_i` it is `names[i]`."""
    borders = [pl.col(f"to_{i}") for i in range(len(names))]
    start = pl.col("end") - pl.col("tokens")
    rows = rows.with_columns(
        nth=pl.sum_horizontal(pl.lit(0), *(pl.col("chosen") & (to <= start) for to in borders)),
        last=pl.sum_horizontal(
            pl.lit(0), *(pl.col("chosen") & (to < pl.col("end")) for to in borders)
        ),
    )
    rows = split(rows)
    lower, upper = start, pl.col("end")
    for i, border in enumerate(borders):
        upper = pl.when(pl.col("nth") == i).then(pl.min_horizontal(border, "end")).otherwise(upper)
        lower = (
            pl.when(pl.col("nth") == i + 1).then(pl.max_horizontal(border, start)).otherwise(lower)
        )
    kinds = pl.Series([*names, "fresh"]).cast(rows.schema["billing_class"])
    here = pl.when("chosen").then(upper - lower).otherwise("tokens")
    kind = pl.when("chosen").then(kinds.gather(rows["nth"])).otherwise("billing_class")
    cut = rows.with_columns(here=here, billing_class=kind)
    return cut.filter((pl.col("here") > 0) | (pl.col("tokens") == 0)).with_columns(tokens="here")


def split(rows: pl.DataFrame) -> pl.DataFrame:
    """Each row once for every class from `nth` to `last`, `nth` counting up."""
    times = rows.select(pl.max_horizontal("last", "nth") - pl.col("nth") + 1).to_series()
    if times.max() == 1 or rows.is_empty():
        return rows
    index = pl.int_range(rows.height, eager=True).repeat_by(times).explode()
    return rows[index].with_columns(
        nth=pl.col("nth")
        + pl.int_range(pl.len())
        - pl.Series(times.cum_sum() - times).gather(index)
    )


def ordered(parts: pl.DataFrame) -> pl.DataFrame:
    """Sorted by (call_no, seq), the rows of one block in the order in which they came."""
    call, seq = (pl.col(name) for name in ORDER)
    later = (call > call.shift(1)) | ((call == call.shift(1)) & (seq >= seq.shift(1)))
    if parts.select(later.fill_null(value=True).all()).item():
        return parts
    return parts.sort(ORDER, maintain_order=True)


def starts(*columns: str) -> pl.Expr:
    """True on the first row of each run of equal values."""
    return differs(1, *columns)


def ends(*columns: str) -> pl.Expr:
    """True on the last row of each run of equal values."""
    return differs(-1, *columns)


def differs(by: int, *columns: str) -> pl.Expr:
    changes = [pl.col(name) != pl.col(name).shift(by) for name in columns]
    return pl.any_horizontal(changes).fill_null(value=True)
