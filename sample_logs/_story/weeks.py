"""The two weeks of the story: which days, how busy they are, and when in a day people work."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

WEEKS = (datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC))
"""Both Mondays. Week two is the one with the regression."""
OFFICE = (23, 21, 22, 20, 18, 5, 3)
"""How busy Monday to Sunday are where growers write in."""
DESK = (24, 24, 22, 24, 18, 0, 0)
"""The same for people with an office."""
HOURS = (0, 0, 0, 0, 0, 1, 4, 9, 11, 11, 9, 7, 6, 8, 10, 10, 7, 4, 2, 1, 0, 0, 0, 0)
"""How busy each hour of a day is, UTC."""


def split(total: int, shares: Sequence[int]) -> list[int]:
    """`total` things over the shares in whole numbers, the largest remainders first."""
    whole = sum(shares)
    counts = [total * share // whole for share in shares]
    rest = sorted(range(len(shares)), key=lambda i: (-(total * shares[i] % whole), i))
    for i in rest[: total - sum(counts)]:
        counts[i] += 1
    return counts


def days(total: int, shares: Sequence[int]) -> list[int]:
    """For each of `total` things its day of the week, 0 to 6, in order."""
    return [day for day, count in enumerate(split(total, shares)) for _ in range(count)]


def moment(rng: Random, week: int, day: int) -> datetime:
    """A random time of a working day, to the millisecond."""
    hour = rng.choices(range(24), HOURS)[0]
    return WEEKS[week] + timedelta(days=day, hours=hour, milliseconds=rng.randrange(3_600_000))


def later(at: datetime, milliseconds: int) -> datetime:
    """`milliseconds` after a time."""
    return at + timedelta(milliseconds=milliseconds)


def stamp(at: datetime) -> str:
    """ISO 8601 with milliseconds and a Z."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
