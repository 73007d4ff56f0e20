"""campaign-chat: two people draft letters and cards in conversations that are never cut short.

Planted: every turn sends all turns before it. The system prompt never changes, so caching works.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from _story.chat import REASONS, Chat, Message, say
from _story.people import users
from _story.texts import products, prose, sections
from _story.weeks import DESK, days, later, moment

TURNS = (4, 12, 3, 24, 7, 5, 16, 9)
CONVERSATIONS = 40
IN_HOUSE = "orchid-7b-instruct"
"""A model of the company's own, which no price list knows."""
IN_HOUSE_DAYS = (1, 2, 3)


def campaign_chat() -> Iterator[Chat]:
    """Two weeks of drafting, 40 conversations each, and a few tries of the model in the cellar."""
    for week in (0, 1):
        rng = Random(f"campaign/week {week}")
        for i, day in enumerate(days(CONVERSATIONS, DESK)):
            model = REASONS if i % 4 == 2 else "gpt-4.1"
            turns = TURNS[(i + i // len(TURNS)) % len(TURNS)]
            yield from _conversation(week, i + 1, day, turns, model, rng)
        for i, day in enumerate(IN_HOUSE_DAYS):
            yield from _conversation(week, CONVERSATIONS + i + 1, day, 1, IN_HOUSE, rng)


def _conversation(
    week: int, number: int, day: int, turns: int, model: str, rng: Random
) -> Iterator[Chat]:
    at, thinks = moment(rng, week, day), model == REASONS
    messages: list[Message] = [say("system", prose("campaign"))]
    for turn in range(turns):
        messages.append(say("user", _wish("first" if turn == 0 else "next", rng)))
        call = Chat(
            at=at,
            model=model,
            messages=tuple(messages),
            reply=_draft(rng),
            labels={
                "feature": "campaign-chat", "team": "growth",
                "user_id": users("growth")[number % 2],
                "session_id": f"campaign-w{week + 1}-{number:02d}",
                "template": "campaign", "template_version": "v1",
            },
            temperature=None if thinks else 0.7,
            reasoning=64 * rng.randrange(1, 6) if thinks else 0,
            settings={"reasoning_effort": "low"} if thinks else {"max_tokens": 800},
        )  # fmt: skip
        yield call
        messages.append(say("assistant", call.reply))
        at = later(at, call.latency + rng.randrange(35_000, 240_000))


def _wish(kind: str, rng: Random) -> str:
    return rng.choice(sections("campaign_turns")[kind]).format(**_slots(rng))


def _draft(rng: Random) -> str:
    lines = rng.sample(sections("campaign_turns")["lines"], rng.randrange(4, 8))
    text = " ".join(line.format(**_slots(rng)) for line in lines)
    if rng.random() < 0.15:
        text += "\n\n" + rng.choice(sections("campaign_turns")["notes"])
    return text


def _slots(rng: Random) -> dict[str, str]:
    return {
        "name": rng.choice(products())["name"],
        "theme": rng.choice(sections("campaign_turns")["themes"]),
        "day": str(rng.choice((14, 21, 28))),
        "n": str(rng.randrange(20, 90)),
        "m": str(rng.randrange(6, 24)),
    }
