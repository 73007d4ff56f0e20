"""What a cache of answers would have done to a log: hits over time, and the log's own answers to what
would have been served beside the ones that it would have been served with. Not a lever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from costscope.levers._answers.allowed import moments
from costscope.levers._runs import runs
from costscope.levers._shares import wilson
from costscope.levers._words import count
from costscope.model import Column, Table, Workload

MINUTE_US, HOUR_US, DAY_US = 60_000_000, 3_600_000_000, 86_400_000_000
AGES = (
    ("up to 1 minute", MINUTE_US), ("up to 5 minutes", 5 * MINUTE_US), ("up to 1 hour", HOUR_US),
    ("up to 6 hours", 6 * HOUR_US), ("up to 1 day", DAY_US), ("older", 2**62),
)  # fmt: skip
"""How old an answer is when it is served, from its arrival, by upper end."""

_STEPS = (("hour", "1h", 3 * DAY_US), ("day", "1d", 90 * DAY_US), ("month", "1mo", 2**62))
"""What a row of the hit rate is, and up to which length of the log."""
_FORMATS = {"hour": "%Y-%m-%d %H:%M", "day": "%Y-%m-%d", "month": "%Y-%m"}
MOST_FEATURES = 20


def compared(workload: Workload, hits: pl.DataFrame) -> pl.DataFrame:
    """The hits (call_no, source) for which the log has both answers in words.

    Adds `feature`, `age` (microseconds from the source's answer to the request, at least 0) and
    `same`: whether the two are the same, word for word.
    """
    answers = _answers(workload.parts, hits)
    both = hits.join(answers, on="call_no").join(
        answers, left_on="source", right_on="call_no", suffix="_cached"
    )
    calls = workload.calls.select("call_no", "feature", *moments())
    asked = both.join(calls.drop("answered"), on="call_no")
    found = asked.join(calls.select("call_no", "answered"), left_on="source", right_on="call_no")
    return found.select(
        "call_no", "source", "feature",
        age=pl.max_horizontal(pl.col("sent") - pl.col("answered"), 0),
        same=pl.col("answer") == pl.col("answer_cached"),
    )  # fmt: skip


def _answers(parts: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """call_no and `answer`, the hashes of the reply's texts, for calls of `hits` that have them."""
    wanted = pl.concat([hits["call_no"], hits["source"]]).unique()
    mine = parts[["call_no", "segment", "content"]][runs(parts).rows(wanted.to_numpy())]
    replies = mine.filter(pl.col("segment") == "output")
    answers = replies.group_by("call_no").agg(pl.col("content").alias("answer"))
    return answers.filter(pl.col("answer").list.min() > 0)


def differing(both: pl.DataFrame, most: float) -> list[str | None]:
    """Features whose answers surely differ more often than `most`: the lower end of the share's 95 %
    interval is above it."""
    counts = both.group_by("feature").agg(pl.len().alias("all"), pl.col("same").sum())
    found = []
    for feature, total, same in counts.iter_rows():
        ends = wilson(total - same, total)
        if ends is not None and ends[0] > most:
            found.append(feature)
    return sorted(found, key=lambda name: (name is None, name or ""))


def by_age(both: pl.DataFrame) -> Table:
    """How often the log's own answer was the cached one, by the age of the cached one."""
    ages, same = both["age"].to_numpy(), both["same"].to_numpy()
    place = np.searchsorted([until for _, until in AGES], ages)
    counts, alike = (np.bincount(x, minlength=len(AGES)).tolist() for x in (place, place[same]))
    rows = [
        [name, *_share(total, equal)]
        for (name, _), total, equal in zip(AGES, counts, alike, strict=True)
        if total
    ]
    return Table(
        "The same answer again? By the age of the cached one",
        [Column("age of the answer"), *_SHARED],
        rows,
        note="Word for word. A model that is sampled words the same answer otherwise, so what differs "
        "is not yet wrong; a share that falls with age is a sign of answers that go stale.",
    )


def by_feature(both: pl.DataFrame) -> Table:
    """The same by feature, those that are served most first."""
    counts = both.group_by("feature").agg(pl.len().alias("all"), pl.col("same").sum())
    counts = counts.sort(-pl.col("all").cast(pl.Int64), "feature", nulls_last=True)
    rows = [
        [feature or "(none)", *_share(total, same)]
        for feature, total, same in counts.head(MOST_FEATURES).iter_rows()
    ]
    return Table("The same answer again? By feature", [Column("feature"), *_SHARED], rows)


_SHARED = (
    Column("hits compared", "count"), Column("the same", "count"), Column("share", "share"),
    Column("at least", "share"), Column("at most", "share"),
)  # fmt: skip


def _share(total: int, same: int) -> list[Any]:
    ends = wilson(same, total) or (None, None)
    return [total, same, round(same / total, 6), *ends]


def over_time(asked: pl.DataFrame, hits: pl.DataFrame, stored: pl.DataFrame, most: int) -> Table:
    """Hits by hour, day or month (UTC).

    `asked`: call_no and sent_at of all calls; `hits`: call_no; `stored`: from and until when
    (microseconds) each answer was held; `most`: how many fit.
    """
    known = asked.filter(pl.col("sent_at").is_not_null())
    unit, step = _step(known)
    served = pl.col("call_no").is_in(hits["call_no"].implode())
    rows = known.group_by(pl.col("sent_at").dt.truncate(step).alias("begin")).agg(
        pl.len().cast(pl.Int64).alias("asked"), served.sum().cast(pl.Int64).alias("hits")
    ).sort("begin")  # fmt: skip
    ends = rows["begin"].dt.offset_by(step).dt.timestamp("us").to_list()
    held = _held(stored, ends, most)
    return Table(
        f"Hit rate by {unit} (UTC)",
        [Column(unit), Column("asked", "count"), Column("hits", "count"),
         Column("hit rate", "share"), Column("answers held at its end", "count")],
        [
            [begin.strftime(_FORMATS[unit]), calls, found,
             round(found / calls, 6), there]
            for (begin, calls, found), there in zip(rows.iter_rows(), held, strict=True)
        ],
    )  # fmt: skip


def _step(asked: pl.DataFrame) -> tuple[str, str]:
    sent = pl.col("sent_at").dt.timestamp("us")
    span = asked.select(sent.max() - sent.min()).item() or 0
    return next((unit, step) for unit, step, until in _STEPS if span <= until)


def _held(stored: pl.DataFrame, moments: Sequence[int], most: int) -> list[int]:
    """How many answers are held just before each moment."""
    starts, ends = (np.sort(stored[name].to_numpy()) for name in ("start", "until"))
    there = np.searchsorted(starts, moments) - np.searchsorted(ends, moments)
    return [min(count, most) for count in there.tolist()]


def untimed(before: Workload) -> Iterator[str]:
    """What cannot be told because the log has no times."""
    again = before.calls.filter(pl.col("request_hash") != 0, ~pl.col("added"))
    again = again.filter(pl.len().over("request_hash") > 1, pl.col("sent_at").is_null())
    if again.height:
        requests = count(again["request_hash"].n_unique(), "request")
        yield (
            f"No time is known of {count(again.height, 'call')} of {requests} made more than once, so "
            "which could have been served is not known; none is counted."
        )
