"""The manuals that the support assistant retrieves from, the questions, and the answers."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import NamedTuple

from _story.texts import products, sections


class Topic(NamedTuple):
    """What a passage is about: a device by its place in the list, and a section of its manual."""

    device: int
    section: str


@cache
def topics() -> list[Topic]:
    """All there is to ask about: six devices with eight sections each."""
    return [Topic(i, section) for i in range(len(products())) for section in sections("manual")]


@cache
def sentences(topic: Topic) -> list[str]:
    """The sentences of a passage, its title left out. Each device leaves out one of the twelve."""
    facts, (_, *lines) = products()[topic.device], sections("manual")[topic.section]
    kept = (line for i, line in enumerate(lines) if (i + 2 * topic.device) % 12)
    return [line.format(**facts) for line in kept]


@cache
def passage(topic: Topic) -> str:
    """A passage with its title, as it stands in the index."""
    title = sections("manual")[topic.section][0].format(**products()[topic.device])
    return f"{title}\n" + " ".join(sentences(topic)) + "\n\n"


def retrieve(topic: Topic, k: int, rng: Random) -> list[Topic]:
    """The passage of the topic first, then neighbours: the same device or the same section."""
    near = [
        t for t in topics()
        if t != topic and (t.device == topic.device or t.section == topic.section)
    ]  # fmt: skip
    return [topic, *rng.sample(near, k - 1)]


def question(topic: Topic, place: str, variant: int) -> str:
    """One of the five ways in which people ask about a topic."""
    return sections("questions")[topic.section][variant].format(
        place=place, **products()[topic.device]
    )


def follow_up(topic: Topic, place: str, rng: Random) -> str:
    """What people say next."""
    line = rng.choice(sections("questions")["follow"])
    return line.format(place=place, **products()[topic.device])


def answer(topic: Topic, count: int, rng: Random) -> str:
    """An answer of `count` sentences from the passage, in its order, with an opener."""
    lines = sentences(topic)
    chosen = sorted(rng.sample(range(len(lines)), count))
    return " ".join([rng.choice(sections("words")["openers"]), *(lines[i] for i in chosen)])


def place(rng: Random) -> str:
    """Somewhere on a grower's site."""
    return rng.choice(sections("words")["places"])
