"""Invented traffic with one cause of cache misses planted in it, and the same traffic with it repaired.

Clean: conversations with one tool list, one system prompt, marks at its end and at the last message,
a minute between turns. `billed` bills a log as the provider would have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import polars as pl

from costscope.levers._cache.calls import ruled
from costscope.levers._cache.rows import LOGGED
from costscope.levers._cache.sim import cuts, simulate
from costscope.levers._prefix import blocks, reclassify
from costscope.model import Workload
from costscope.prices import PriceBook
from tests.workloads import Part, call, output, part, query, system, workload

CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
OTHER = {"provider": "anthropic", "model": "claude-sonnet-4-6"}
GPT41 = {"provider": "openai", "model": "gpt-4.1"}
GPT56 = {"provider": "openai", "model": "gpt-5.6-sol"}
GEMINI = {"provider": "google", "model": "gemini-2.5-pro"}
TALKS, TURNS = 12, 4

Calls = list[Any]


@cache
def book() -> PriceBook:
    return PriceBook.load(None)


def billed(*calls: Any, retention: str = "") -> Workload:
    """The log of these calls, billed by each provider's rules for the marks that they carry."""
    work = workload(*calls)
    known = ruled(work.calls, "", retention).with_columns(
        policy=pl.lit(LOGGED), ttl=pl.col("longest")
    )
    found = simulate(blocks(work.parts), known)
    return work.with_(parts=reclassify(work.parts, cuts(found, pl.col("ideal"))))


def served_by(calls: Calls, model: dict[str, str]) -> Calls:
    """The same calls to another model."""
    return [(row | model, parts) for row, parts in calls]


def cost(work: Workload) -> int:
    return int(book().cost(work)["pd"].sum())


def marked(block: Part, life: str = "5m") -> Part:
    return replace(block, more=block.more | {"breakpoint": life})


def tools(*sizes: int) -> list[Part]:
    return [part("tools", n, f"tool {n}", kind="tool_schema", role="system") for n in sizes]


def told(tokens: int, text: str = "You are …", **more: Any) -> Part:
    return system(tokens, text, role="system", **more)


def asked(name: str, tokens: int = 60) -> Part:
    return query(tokens, f"question {name}")


def answer(name: str, tokens: int = 150) -> Part:
    """A reply as the next prompt sends it back."""
    return part("history", tokens, f"reply {name}", role="assistant")


def reply(name: str, tokens: int = 150) -> Part:
    return output(tokens, f"reply {name}", role="assistant")


HEAD = (*tools(300, 400, 200), marked(told(2_000)))
Head = Callable[[int, int], Sequence[Part]]
"""What a call begins with, by conversation and turn."""


def same_head(talk: int, turn: int) -> Sequence[Part]:
    return HEAD


def talks(
    head: Head = same_head, tail: Head = lambda talk, turn: (), *, gap: float = 60, life: str = "5m",
    model: Callable[[int, int], dict[str, str]] = lambda talk, turn: CLAUDE, feature: str = "desk",
    window: int = TURNS * 10, turns: int = TURNS, size: int = 60,
) -> Calls:  # fmt: skip
    """Conversations one after another, `window` exchanges of each in the prompt."""
    found = []
    for talk in range(TALKS):
        for turn in range(turns):
            said = []
            for past in range(max(0, turn - window), turn):
                said += [asked(f"{talk}.{past}", size), answer(f"{talk}.{past}", size)]
            last = marked(asked(f"{talk}.{turn}", size), life)
            parts = (*head(talk, turn), *said, last, *tail(talk, turn))
            found.append(call(
                f"c{talk}.{turn}", *parts, reply(f"{talk}.{turn}", size), at=talk * 97 + turn * gap,
                session=f"s{talk}", user_id=f"u{talk % 4}", feature=feature, latency=1.0,
                **model(talk, turn),
            ))  # fmt: skip
    return found


def clock(talk: int, turn: int) -> Part:
    return told(20, f"The time is 09:{talk}:{turn}")


def volatile() -> tuple[Calls, Calls]:
    after = talks(tail=lambda c, t: [replace(clock(c, t), more={"role": "user"})])
    return talks(lambda c, t: [*HEAD[:3], clock(c, t), HEAD[3]]), after


def shuffled() -> tuple[Calls, Calls]:
    random = Random(7)
    return talks(lambda c, t: [*random.sample(HEAD[:3], 3), HEAD[3]]), talks()


def per_user() -> tuple[Calls, Calls]:
    def user(talk: int) -> Part:
        return told(30, f"You help user {talk % 4}")

    before = talks(lambda c, t: [user(c), marked(told(2_000))])
    return before, talks(
        lambda c, t: [marked(told(2_000)), replace(user(c), more={"role": "user"})]
    )


def switched() -> tuple[Calls, Calls]:
    return talks(model=lambda c, t: (CLAUDE, OTHER)[t % 2], size=400), talks(size=400)


def other_settings(calls: Calls) -> Calls:
    """The same with every second turn under other settings."""
    return [
        (row | {"params_hash": int(row["call_id"].split(".")[1]) % 2 * 77}, parts)
        for row, parts in calls
    ]


def settings() -> tuple[Calls, Calls]:
    return other_settings(talks(size=400)), talks(size=400)


def short() -> tuple[Calls, Calls]:
    def head(size: int) -> Head:
        return lambda c, t: [*tools(300), marked(told(size))]

    return talks(head(600), turns=1), talks(head(724), turns=1)


def many_blocks() -> tuple[Calls, Calls]:
    """Turns of thirty blocks; repaired: with a mark in the middle of each turn."""

    def log(middle: str) -> Calls:
        found, steps = [], 30
        for talk in range(TALKS):
            for turn in range(3):
                said = [part("history", 50, f"step {talk}.{i}") for i in range((turn + 1) * steps)]
                said[-1] = marked(said[-1])
                if middle:
                    said[-steps // 2] = marked(said[-steps // 2])
                found.append(call(
                    f"c{talk}.{turn}", *HEAD, *said, reply(f"{talk}.{turn}"), at=talk * 97 + turn * 60,
                    session=f"s{talk}", feature="desk", latency=1.0, **CLAUDE,
                ))  # fmt: skip
        return found

    return log(""), log("5m")


def slow() -> tuple[Calls, Calls]:
    """Twenty minutes between turns; repaired: marks that live for an hour."""
    hour = (*HEAD[:3], marked(told(2_000), "1h"))
    return talks(gap=1_200, size=800), talks(lambda c, t: hour, gap=1_200, life="1h", size=800)


def side_by_side() -> tuple[Calls, Calls]:
    """Six calls on one document at once; repaired: five of them three seconds after the first."""

    def log(wait: float) -> Calls:
        return [
            call(
                f"c{doc}.{n}", *HEAD, marked(part("context", 4_000, f"document {doc}")),
                asked(f"{doc}.{n}"), reply(f"{doc}.{n}"), at=doc * 60 + wait * bool(n) + n / 100,
                feature="desk", trace=f"t{doc}", latency=1.5, **CLAUDE,
            )
            for doc in range(TALKS) for n in range(6)
        ]  # fmt: skip

    return log(0), log(3)


def on_the_tail() -> tuple[Calls, Calls]:
    """One mark, behind the question; repaired: behind the system prompt."""
    bare = (*HEAD[:3], told(2_000))

    def log(head: Sequence[Part], life: str, model: dict[str, str] = CLAUDE) -> Calls:
        return talks(lambda c, t: head, turns=1, life=life, size=500)

    return log(bare, "5m"), log(HEAD, "")


def sliding() -> tuple[Calls, Calls]:
    """Only the last three exchanges are sent; repaired: all of them."""
    return talks(window=3, turns=9, size=300), talks(turns=9, size=300)


PLANTED: dict[str, Callable[[], tuple[Calls, Calls]]] = {
    "volatile": volatile,
    "tool_list": shuffled,
    "per_user": per_user,
    "model_switch": switched,
    "settings_switch": settings,
    "below_minimum": short,
    "look_back": many_blocks,
    "ttl_gap": slow,
    "fan_out": side_by_side,
    "varying_mark": on_the_tail,
    "compaction": sliding,
}
"""By the name of the cause: the log with it, and the log repaired."""
