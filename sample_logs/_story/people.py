"""Who works at Brindlewick Instruments, for whom, and how their calls are labelled."""

from random import Random

TEAMS = {"support": 11, "platform": 7, "data": 3, "growth": 5}
TENANTS = ("hollin-farms", "marrow-lane", "pellet-and-vine", "quillfield", "skerry-greens")


def users(team: str) -> list[str]:
    """The user names of a team. They are numbers, so that nobody takes them for people."""
    return [f"{team}-user-{i:02d}" for i in range(1, TEAMS[team] + 1)]


def everyone() -> list[tuple[str, str]]:
    """Every (team, user)."""
    return [(team, user) for team in TEAMS for user in users(team)]


def tenant(rng: Random) -> str:
    """One of the customers' organisations; the first in the alphabet write most."""
    return rng.choices(TENANTS, (30, 25, 20, 15, 10))[0]
