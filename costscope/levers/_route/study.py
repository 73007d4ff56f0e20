"""From a log to a learned router for each pair of models in it, or to why there is none. Not a lever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.levers._own.moving import HARD, without_traits
from costscope.levers._route.evidence import Evidence, based, evidence, queries
from costscope.levers._route.learn import Router, Split, score, trained
from costscope.levers._route.model import BITS, Examples, Floats, fold_of, grams
from costscope.levers._route.moves import SIZES
from costscope.levers._rows import matches, sizes
from costscope.model import Texts, Workload
from costscope.once import once
from costscope.prices.names import base
from costscope.tokens import family_ratio

MOST = 4_000
"""Judged calls of one model that are learned from; of more, every so-manieth in order of time."""

FEATURES = 16
"""Features that are told apart, the busiest; the others are one."""

BATCH = 1_000

_KNOWN = [
    "call_no", "call_id", "session", "trace", "sent_at", "model", "feature", "traits", "added",
]  # fmt: skip


class Wish(NamedTuple):
    """What a study is asked for; equal wishes on one log are answered from memory."""

    cheap: tuple[tuple[str, str], ...]
    score_tag: str
    good_from: float | None
    least: int
    least_minority: int
    max_loss: float


@dataclass(frozen=True)
class Study:
    """What the log shows about one pair of models."""

    strong: str
    """Its name without date; `cheap` likewise."""
    cheap: str
    judged: tuple[int, int]
    """Judged calls of the cheap and of the strong model in the features that both answer."""
    why_not: str
    """Why nothing can be learned; "" where a router was."""
    router: Router | None = None
    apgr: float | None = None
    interval: tuple[float, float] | None = None
    split: Split | None = None
    """The cut that is used, chosen on all folds."""
    held: Split | None = None
    """What such cuts do on folds that they were not chosen on."""
    scores: pl.DataFrame | None = None
    """call_no, score of the strong model's calls in the shared features."""
    textless: int = 0
    """Of those, calls whose query could not be read again."""

    @property
    def useful(self) -> bool:
        """Whether the router is better than chance, or is not needed: nothing is lost by the cheap
        model."""
        if self.router is None or self.split is None:
            return False
        needless = self.router.judged.curve() is None
        return needless or (self.interval is not None and self.interval[0] > 0.5)


@once
def studies(log: Workload, wish: Wish) -> tuple[Evidence, tuple[Study, ...]]:
    """What the log says of its answers, and a study for each model in it that has a cheaper one."""
    found = evidence(log, wish.score_tag, wish.good_from)
    return found, tuple(_study(log, wish, found, *pair) for pair in pairs(log, dict(wish.cheap)))


def pairs(log: Workload, cheap: Mapping[str, str]) -> list[tuple[str, str]]:
    """(strong, cheap) names without date of the models of the log that have a cheaper one, sorted."""
    models = log.calls.filter(~pl.col("added"))["model"].unique().drop_nulls()
    known = {
        (base(model), base(cheap[found]))
        for model in models
        if (found := matches(base(model), tuple(cheap))) is not None
    }
    return sorted((strong, weak) for strong, weak in known if strong != weak)


def _study(log: Workload, wish: Wish, found: Evidence, strong: str, cheap: str) -> Study:
    nothing = dict.fromkeys((cheap, strong), found.calls)
    if found.calls.is_empty() and (why := _too_little(wish, nothing)):
        return Study(strong, cheap, (0, 0), why)
    rows = _based(log.calls).filter(pl.col("base").is_in([strong, cheap]))
    judged = rows.join(found.calls, on="call_no")
    judged, shared = alike(judged)
    sides = {name: judged.filter(pl.col("base") == name) for name in (cheap, strong)}
    sizes = (sides[cheap].height, sides[strong].height)
    if why := _too_little(wish, sides):
        return Study(strong, cheap, sizes, why)
    going = rows.filter(pl.col("base") == strong)
    going = going.join(shared, on="feature", how="semi", nulls_equal=True)
    return _learned(log, wish, Study(strong, cheap, sizes, ""), sides, going)


@once
def _based(calls: pl.DataFrame) -> pl.DataFrame:
    return based(calls[_KNOWN].filter(~pl.col("added")))


def alike(judged: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of the judged calls of two models, those in features where both were judged, and the features."""
    features = judged.select("feature", "base").unique().group_by("feature").len()
    shared = features.filter(pl.col("len") == 2).select("feature")
    alike = judged.join(shared, on="feature", how="semi", nulls_equal=True)
    return alike.sort("sent_at", "call_id"), shared


def _too_little(wish: Wish, sides: Mapping[str, pl.DataFrame]) -> str:
    """What is missing for a router, in words; "" if nothing is."""
    for name, rows in sides.items():
        poor = int((rows["good"] == 0).sum())
        rarer = min(poor, rows.height - poor)
        if rows.height < wish.least:
            return (
                f"{rows.height:,} judged calls of {name} on features that both models answer; "
                f"{wish.least} are needed"
            )
        if rarer < wish.least_minority:
            return (
                f"{poor:,} of {rows.height:,} answers of {name} are poor; {wish.least_minority} "
                "poor and as many good ones are needed"
            )
    return ""


def _learned(
    log: Workload, wish: Wish, study: Study, sides: Mapping[str, pl.DataFrame], going: pl.DataFrame
) -> Study:
    some = [rows.gather_every(-(-rows.height // MOST)) for rows in sides.values()]
    busiest = _busiest(going)
    judged = _grouped(_described(log, pl.concat(some)))
    known = _counts(log.texts, judged["content"])
    examples = [
        Examples(
            _looked_up(known, frame["content"]),
            _numbers(frame, busiest),
            frame["good"].to_numpy().astype(np.float32),
            np.array([fold_of(group) for group in frame["group"]], np.int64),
        )
        for name in sides
        for frame in [judged.filter(pl.col("base") == name)]
    ]
    router = trained(*examples)
    scores, textless = _scored(
        log.texts if known else None, router, _described(log, going), busiest
    )
    shown = router.judged.curve()
    return Study(
        study.strong, study.cheap, study.judged, "", router,
        None if shown is None else shown.apgr,
        None if shown is None else router.judged.interval(),
        router.judged.split(wish.max_loss), router.judged.held_out(wish.max_loss),
        scores, textless,
    )  # fmt: skip


def _described(log: Workload, calls: pl.DataFrame) -> pl.DataFrame:
    """The calls in order of time with sizes, and `asked` and `content` of their query (null: none)."""
    calls = calls.join(sizes(log.parts), on="call_no", how="left")
    return calls.join(queries(log), on="call_no", how="left").sort("sent_at", "call_id")


def _grouped(calls: pl.DataFrame) -> pl.DataFrame:
    """The same with `group`, which folds must not tear apart: the conversations that begin with the same
    question, whichever model they were had with, by the name of the first of them. Hashes of texts
    are keyed, so that a group by hash would be another in every store."""
    calls = calls.with_columns(pl.coalesce("session", "trace", "call_id").alias("of"))
    calls = calls.with_columns(pl.col("asked").first().over("of").alias("first"))
    alike = pl.when(pl.col("first").is_not_null()).then(pl.col("of").min().over("first"))
    return calls.with_columns(pl.coalesce(alike, "of").alias("group"))


def _busiest(calls: pl.DataFrame) -> list[str]:
    counts = (
        calls["feature"]
        .drop_nulls()
        .value_counts()
        .sort("count", "feature", descending=[True, False])
    )
    return counts["feature"].head(FEATURES).to_list()


def in_one_vocabulary(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls (with `base` and sizes) with sizes as o200k would count them, whichever model's own
    tokens they are, so that both models' calls can be compared."""
    ratios = {name: float(Fraction(*family_ratio(name))) for name in calls["base"].unique()}
    per = pl.col("base").replace_strict(ratios, default=1.0, return_dtype=pl.Float64)
    return calls.with_columns(pl.col(name) / per for name in SIZES)


def _numbers(calls: pl.DataFrame, features: Sequence[str]) -> Floats:
    """What is known of a call before it is answered: logarithms of its sizes, traits, its feature."""
    calls = in_one_vocabulary(calls)
    fresh = pl.col("input_tokens") - pl.col("history_tokens")
    sizes = (pl.col("query_tokens"), fresh, pl.col("history_tokens"))
    named = {name: ~without_traits([name]) for name in HARD}
    table = calls.select(
        *((n.fill_null(0) + 1).log().alias(f"size {i}") for i, n in enumerate(sizes)),
        *(known.alias(f"trait {name}") for name, known in named.items()),
        *(
            (pl.col("feature") == name).fill_null(value=False).alias(f"feature {name}")
            for name in features
        ),
    )
    return table.cast(pl.Float32).to_numpy()


def _counts(texts: Texts | None, contents: pl.Series) -> dict[int, Floats]:
    """Content hash → its n-grams, for as many as can still be read."""
    return {
        content: row
        for some, rows in _read(texts, set(contents.drop_nulls().to_list()))
        for content, row in zip(some, rows, strict=True)
    }


def _read(texts: Texts | None, wanted: set[int]) -> Iterator[tuple[list[int], Floats]]:
    """Hashes and n-grams of the texts, some at a time."""
    if texts is None or not wanted:
        return
    left = texts.read(wanted)
    while some := list(islice(left, BATCH)):
        yield [content for content, _ in some], grams([text for _, text in some])


def _looked_up(known: Mapping[int, Floats], contents: pl.Series) -> Floats:
    if not known:
        return np.zeros((len(contents), 0), np.float32)
    nothing = np.zeros(2**BITS, np.float32)
    return np.stack([known.get(content, nothing) for content in contents])


def _scored(
    texts: Texts | None, router: Router, calls: pl.DataFrame, features: Sequence[str]
) -> tuple[pl.DataFrame, int]:
    """call_no and score of calls, and how many of them have no text."""
    schema = {"content": pl.UInt64, "cheap": pl.Float32, "strong": pl.Float32}
    models = (router.cheap, router.strong)
    pieces = [
        pl.DataFrame([some, *(model.of_texts(rows) for model in models)], schema=schema)
        for some, rows in _read(texts, set(calls["content"].drop_nulls().unique().to_list()))
    ]
    of_texts = pl.concat([pl.DataFrame(schema=schema), *pieces])
    both = calls.join(of_texts, on="content", how="left", maintain_order="left")
    numbers = _numbers(both, features)
    sides = (both["cheap"], both["strong"])
    chances = [
        model.chance(side.fill_null(0).to_numpy(), numbers)
        for model, side in zip(models, sides, strict=True)
    ]
    return (
        both.select("call_no", pl.Series("score", score(*chances), pl.Float32)),
        both["cheap"].null_count(),
    )
