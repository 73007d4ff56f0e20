"""What levers share that send calls to a model of the user's own: which calls can go, which of them
come back, and in what words. Not a lever."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from costscope.levers._own.fees import exact
from costscope.levers._rows import matches
from costscope.model import ANSWERED, Trait
from costscope.prices.names import SELF_HOSTED, base

PREPAID = ("scale", "provisioned")
"""Tiers that are paid for beforehand: a call less costs no less."""

TUNED = "ft:"
"""How OpenAI's names of fine-tuned models begin; such a model is somebody's own already."""

HARD = {
    "code": Trait.CODE,
    "reasoning": Trait.REASONING,
    "tools": Trait.TOOLS_OFFERED | Trait.TOOL_CALLED,
    "image": Trait.IMAGE,
    "json": Trait.JSON_REPLY,
}
"""Traits that can keep a call where it is."""


def movable(calls: pl.DataFrame) -> pl.DataFrame:
    """The answered calls of the log that are billed per token and go to nobody's own model yet."""
    own = (pl.col("channel") == SELF_HOSTED) | pl.col("model").str.starts_with(TUNED)
    able = ~pl.col("added") & pl.col("status").is_in(ANSWERED) & ~pl.col("tier").is_in(PREPAID)
    return calls.filter(able & ~own.fill_null(value=False))


def named(calls: pl.DataFrame, features: Sequence[str], models: Sequence[str]) -> pl.DataFrame:
    """The calls whose feature and whose model (without date, version and region) match one of the
    globs; a list without globs lets everything pass."""
    keys = calls.select("feature", "model").unique()
    kept = [
        (feature, model)
        for feature, model in keys.iter_rows()
        if (not features or matches(feature, features))
        and (not models or matches(base(model or ""), models))
    ]
    schema = {name: calls.schema[name] for name in keys.columns}
    wanted = pl.DataFrame(kept, schema=schema, orient="row")
    return calls.join(wanted, on=keys.columns, how="semi", nulls_equal=True)


def without_traits(keep: Sequence[str]) -> pl.Expr:
    """True for calls that have none of these traits (names of HARD)."""
    hard = 0
    for name in keep:
        hard |= HARD[name]
    return (pl.col("traits") & hard) == 0


def asked_again(calls: pl.DataFrame, share: float) -> pl.DataFrame:
    """The attempts that fail and are asked again of the model before, spread evenly: each call of
    `calls` (call_no, model, input_tokens, output_tokens) pays its share of one, rounded."""
    part = exact(share)
    top, bottom = 2 * part.numerator, 2 * part.denominator
    columns = ("input_tokens", "output_tokens")
    return calls.select(
        "call_no",
        "model",
        *((pl.col(c) * top + part.denominator) // bottom for c in columns),
    )
