"""support-chat and help-widget: questions of growers, answered from retrieved passages.

Planted: a clock at the start of the system prompt; twice the passages from week two on; the same
questions again and again at temperature 0; identical requests after an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random

from _story import manual
from _story.chat import REASONS, TIMEOUT, Chat, Message, say, with_retry
from _story.manual import Topic
from _story.people import everyone, tenant, users
from _story.texts import prose, sections
from _story.weeks import OFFICE, days, later, moment

VERSIONS = (("v3", 4), ("v4", 8))
"""Template version and passages a call, by week. This line is the regression."""
CONVERSATIONS = 140
TURNS = (1, 2, 2, 3, 2, 1, 3, 4, 2, 3)
RETRIED = {7: 429, 31: 429, 58: 429, 76: 500, 95: TIMEOUT, 118: TIMEOUT}
"""Which conversations of a week begin with a failure, and with which."""
WIDGET_CALLS = 180
WIDGET_REPEATED = 115
QUESTIONS = 42
"""How many questions of the help box are asked again and again."""


@dataclass(frozen=True)
class Visit:
    """What a conversation is before anybody has said anything; the same in both weeks."""

    number: int
    day: int
    turns: int
    model: str
    team: str
    user: str
    tenant: str


def _visits() -> list[Visit]:
    rng = Random("support/visits")
    growth = users("growth")
    found = []
    for i, day in enumerate(days(CONVERSATIONS, OFFICE)):
        team, names = ("growth", growth) if i % 8 == 3 else ("support", users("support"))
        model = REASONS if i % 5 == 2 else "gpt-4o"
        turns = TURNS[(i + i // len(TURNS)) % len(TURNS)]
        found.append(Visit(i, day, turns, model, team, rng.choice(names), tenant(rng)))
    return found


def support_chat() -> Iterator[Chat]:
    """Two weeks of conversations of one to four turns."""
    for week in (0, 1):
        rng = Random(f"support/week {week}")
        for visit in _visits():
            yield from _conversation(visit, week, rng)


def _conversation(visit: Visit, week: int, rng: Random) -> Iterator[Chat]:
    at, place = moment(rng, week, visit.day), manual.place(rng)
    topic = rng.choice(manual.topics())
    history: list[Message] = []
    for turn in range(visit.turns):
        topic, asked = _ask(topic, place, turn, rng)
        call = _turn(visit, week, at, topic, asked, history, rng)
        failed = RETRIED.get(visit.number) if turn == 0 else None
        attempts = with_retry(call, failed) if failed else [call]
        yield from attempts
        history += [say("user", asked), say("assistant", call.reply)]
        at = later(attempts[-1].at, call.latency + rng.randrange(25_000, 150_000))


def _ask(topic: Topic, place: str, turn: int, rng: Random) -> tuple[Topic, str]:
    if turn == 0:
        return topic, manual.question(topic, place, rng.randrange(5))
    if rng.random() < 0.6:
        return topic, manual.follow_up(topic, place, rng)
    other = Topic(topic.device, rng.choice(list(sections("manual"))))
    return other, manual.question(other, place, rng.randrange(5))


def _turn(
    visit: Visit, week: int, at: datetime, topic: Topic, asked: str, history: list[Message],
    rng: Random,
) -> Chat:  # fmt: skip
    version, k = VERSIONS[week]
    reply = manual.answer(topic, 3, rng)
    if rng.random() < 0.4:
        reply += " " + rng.choice(sections("words")["closers"])
    thinks = visit.model == REASONS
    return Chat(
        at=at,
        model=visit.model,
        messages=(_clock(at), *history, _with_context(topic, k, asked, rng)),
        reply=reply,
        labels=_labels(visit, week, version),
        temperature=None if thinks else 0.2,
        reasoning=64 * rng.randrange(1, 5) if thinks else 0,
        settings={"reasoning_effort": "low"} if thinks else {"max_tokens": 600},
    )


def _clock(at: datetime) -> Message:
    """The system prompt, which begins with the time to the second, so that no two are alike."""
    return say("system", f"Current time: {at:%Y-%m-%dT%H:%M:%SZ}\n\n", prose("answer"))


def _with_context(topic: Topic, k: int, asked: str, rng: Random) -> Message:
    found = [manual.passage(t) for t in manual.retrieve(topic, k, rng)]
    return say("user", "<context>\n", *found, "</context>\n\n", asked)


def _labels(visit: Visit, week: int, version: str) -> dict[str, str]:
    return {
        "feature": "support-chat", "team": visit.team, "user_id": visit.user,
        "tenant": visit.tenant, "session_id": f"support-w{week + 1}-{visit.number + 1:03d}",
        "template": "answer", "template_version": version,
    }  # fmt: skip


def help_widget() -> Iterator[Chat]:
    """Two weeks of single questions; two thirds are one of the same 42, word for word."""
    for week in (0, 1):
        rng = Random(f"widget/week {week}")
        people = Random("widget/people")
        weights = [1 / (rank + 4) for rank in range(QUESTIONS)]
        for i, day in enumerate(days(WIDGET_CALLS, OFFICE)):
            repeated = i * WIDGET_REPEATED // WIDGET_CALLS != (
                (i + 1) * WIDGET_REPEATED // WIDGET_CALLS
            )
            picked = rng.choices(range(QUESTIONS), weights)[0]
            message, reply = _known(picked) if repeated else _new(rng)
            team, user = people.choice(everyone())
            yield Chat(
                at=moment(rng, week, day),
                model="gpt-4.1-mini",
                messages=(say("system", prose("faq")), message),
                reply=reply,
                labels={
                    "feature": "help-widget", "team": team, "user_id": user,
                    "tenant": tenant(people), "session_id": f"widget-w{week + 1}-{i + 1:03d}",
                    "template": "faq", "template_version": "v2",
                },
                temperature=0,
                settings={"max_tokens": 300},
            )  # fmt: skip


def _known(number: int) -> tuple[Message, str]:
    """A question of the list with the passages and the answer that it always gets."""
    topic = manual.topics()[number]
    rng = Random(f"widget/question {number}")
    asked = manual.question(topic, "the house", number % 5)
    return _numbered(topic, asked, rng), manual.answer(topic, 2, rng)


def _new(rng: Random) -> tuple[Message, str]:
    topic = rng.choice(manual.topics())
    asked = manual.question(topic, manual.place(rng), rng.randrange(5))
    return _numbered(topic, asked, rng), manual.answer(topic, 2, rng)


def _numbered(topic: Topic, asked: str, rng: Random) -> Message:
    found = [manual.passage(t) for t in manual.retrieve(topic, 4, rng)]
    return say(
        "user", "Context:\n", *(f"[{i}] {text}" for i, text in enumerate(found, 1)),
        f"Question: {asked}",
    )  # fmt: skip
