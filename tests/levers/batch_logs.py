"""Logs by hand with jobs that can wait in them, and people beside them."""

import polars as pl

from costscope.levers.batching import Batching
from tests.workloads import call, output, query, system, workload

DAY = 86_400


def job(count, start=DAY / 2, step=5.0, feature="nightly", **columns):
    """Calls of one feature, one after the other."""
    return [
        call(
            f"{feature}{n:03}", system(1000), query(9, f"{feature} {n}"), output(5),
            at=start + n * step, feature=feature, **columns,
        )
        for n in range(count)
    ]  # fmt: skip


def chat(count=20):
    """People's calls all day long, which make the log's window a day."""
    return [
        call(f"chat{n:03}", query(9, f"c{n}"), output(5), at=n * DAY / count, feature="chat",
             session=f"s{n // 2}")
        for n in range(count + 1)
    ]  # fmt: skip


def batched(lever, *calls):
    """The features of the calls that were moved, with how many."""
    moved = lever.apply(workload(*calls)).calls.filter(pl.col("tier") == "batch")
    return dict(moved.group_by("feature").len().iter_rows())


HOUR = 3_600


NIGHT = "the same hours of the day, when people are quiet"


def every(seconds, count, feature="cron", start=0.0, jitter=1, **columns):
    """A call every so often, up to `jitter` seconds late."""
    return [
        call(f"{feature}{n:03}", system(100), query(9, f"{feature} {n}"), output(5),
             at=start + n * seconds + n * 37 % jitter, feature=feature, **columns)
        for n in range(count)
    ]  # fmt: skip


def why(*calls, **settings):
    """What can wait, and why: the rows of the table."""
    lever, work = Batching(**settings), workload(*calls)
    tables = lever.details(work, lever.apply(work))
    return tables[0].rows if tables else []


def nights(count, hours=(2.0, 5.5), feature="digest"):
    """From two to half past five in the morning, a call every seven minutes (START is 9:00)."""
    first, last = hours
    return [
        call(f"{feature}{n}-{m:02}", query(9, f"{n} {m}"), output(5), feature=feature,
             at=(first - 9 + 24 * (n + 1)) * HOUR + m * 420)
        for n in range(count) for m in range(int((last - first) * HOUR / 420))
    ]  # fmt: skip


def people(days, start=0.0, **columns):
    """Two calls of a session every hour for eight hours of each day."""
    return [
        call(f"p{d}-{h}-{n}", query(5, f"{d}{h}{n}"), output(5), feature="chat",
             session=f"s{d}-{h}", at=start + d * DAY + h * HOUR + n * 60, **columns)
        for d in range(days) for h in range(8) for n in range(2)
    ]  # fmt: skip
