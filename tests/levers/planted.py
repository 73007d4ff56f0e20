"""A log with a known amount of each kind of waste, and what it costs by the public price lists.

Each section is a feature of its own, so made that only its lever finds anything in it. What a lever
should save is worked out from the section's own sizes and from dollars for a million tokens that are
written here, never from the price book or the lever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from costscope.model import PICO, Trait, Workload
from tests.workloads import Part, call, history, output, query, system, workload

RATES = {
    "gpt-4.1-nano": ("0.10", "0.40"), "gpt-4.1-mini": ("0.40", "1.60"), "gpt-4.1": ("2", "8"),
    "gpt-4o": ("2.50", "10"), "gpt-4o-mini": ("0.15", "0.60"), "claude-haiku-4-5": ("1", "5"),
    "ft:gpt-4.1-mini-2025-04-14": ("0.80", "3.20"),
}  # fmt: skip
"""Dollars for a million tokens in and out, as OpenAI and Anthropic list them. Anthropic reads cached
tokens at a tenth and writes them at 1.25 times the input rate; OpenAI's batches cost half."""

DAY = 86_400
SPAN_DAYS = 3
TUNED = "ft:gpt-4.1-mini-2025-04-14"


def usd(model: str, tokens_in: float | Decimal, tokens_out: float | Decimal = 0) -> Decimal:
    """What so many fresh tokens in and tokens out cost, in dollars."""
    rate_in, rate_out = (Decimal(rate) for rate in RATES[model])
    return (Decimal(tokens_in) * rate_in + Decimal(tokens_out) * rate_out) / 1_000_000


@dataclass
class Section:
    """The calls that one lever should find, and what it should save on them."""

    calls: Iterator[Any]
    saved_usd: Decimal
    settings: dict[str, Any] = field(default_factory=dict)
    """How the lever is set, where its defaults would look at other sections or assume losses that
    were not planted."""


def rules(tokens: int, text: str) -> Part:
    """A system prompt, where a cache mark can be set."""
    return system(tokens, text, role="system")


def ask(section: str, number: int, *blocks: Any, text: str = "", **columns: Any) -> Any:
    """A call of a section: by a user of its own, with a query that no other call has."""
    asked = {"feature": section, "user_id": f"{section}-{number}", "model": "gpt-4.1-nano"}
    columns = asked | {"request": text or f"{section} {number}"} | columns
    return call(f"{section}-{number:04}", *blocks, **columns)


def repeated() -> Section:
    """40 questions asked three times within an hour: two of three answers need not be computed."""
    calls = (
        ask(
            "repeated", 3 * n + again, rules(300, "help desk"), query(150, f"question {n}"),
            output(80, f"answer {n}"), at=n * 4_000 + again * 900, latency=2, text=f"question {n}",
        )
        for n in range(40) for again in range(3)
    )  # fmt: skip
    return Section(calls, 80 * usd("gpt-4.1-nano", 450, 80))


def threads() -> Section:
    """6 conversations of 12 turns; with a window of 6, the last calls send up to 5 turns too many."""

    def one(chat: int, turn: int) -> Any:
        old = [
            history(30, t, f"{who} {chat} {t}") for t in range(turn) for who in ("asked", "said")
        ]
        blocks = (rules(100, "chat"), *old, query(120, turn=turn, text=f"now {chat} {turn}"))
        return ask(
            "threads", 12 * chat + turn, *blocks, output(30, f"said {chat} {turn}", turn=turn),
            session=f"thread {chat}", at=chat * 30_000 + turn * 60,
        )  # fmt: skip

    calls = (one(chat, turn) for chat in range(6) for turn in range(12))
    dropped = 6 * sum(60 * (turn - 6) for turn in range(7, 12))
    return Section(calls, usd("gpt-4.1-nano", dropped))


def easy() -> Section:
    """120 short questions to a large model; one in twenty is asked again of it."""
    calls = (
        ask(
            "easy", n, rules(200, "assistant"), query(20, f"short {n}"), output(40, f"short {n}"),
            model="gpt-4o", at=n * 2_000,
        )
        for n in range(120)
    )  # fmt: skip
    saved = usd("gpt-4o", 220, 40) * Decimal("0.95") - usd("gpt-4o-mini", 220, 40)
    return Section(calls, 120 * saved)


def marked() -> Section:
    """60 calls a minute apart that begin with the same 6,000 tokens, none of them cached: the first
    would write them, the others read them."""
    calls = (
        ask(
            "marked", n, rules(6_000, "handbook"), query(200, f"look up {n}"), output(50, f"found {n}"),
            provider="anthropic", model="claude-haiku-4-5", at=n * 60,
        )
        for n in range(60)
    )  # fmt: skip
    saved = usd("claude-haiku-4-5", 59 * 6_000) * Decimal("0.9")
    saved -= usd("claude-haiku-4-5", 6_000) * Decimal("0.25")
    return Section(calls, saved, {"miss_rate": 0.0})


def nightly() -> Section:
    """3 nights with 80 calls of a job a second apart, which nobody waits for: half price in a batch."""
    calls = (
        call(
            f"nightly-{80 * night + n:04}", rules(300, "tag it"), query(200, f"page {night} {n}"),
            output(20, f"tags {night} {n}"), feature="nightly", model="gpt-4.1-mini",
            at=night * DAY + n, request=f"page {night} {n}",
        )
        for night in range(3) for n in range(80)
    )  # fmt: skip
    return Section(calls, 240 * usd("gpt-4.1-mini", 500, 20) / 2)


def hosted() -> Section:
    """200 calls that an own GPU answers, for which it is rented all of the three days."""
    calls = (
        ask(
            "hosted", n, rules(700, "support"), query(150, f"ticket {n}"), output(100, f"reply {n}"),
            model="gpt-4.1", at=n * 1_000,
        )
        for n in range(200)
    )  # fmt: skip
    fees = Decimal("0.002") * 24 * SPAN_DAYS
    settings = {"features": ("hosted",), "engine_gpus": 1, "gpu_hour_usd": 0.002, "people": 0.0}
    return Section(
        calls, 200 * usd("gpt-4.1", 850, 100) * Decimal("0.95") - fees, settings
    )  # fmt: skip


def tuned() -> Section:
    """80 calls with 1,500 tokens of template, of which a fifth is still sent to the tuned model. They
    lie so far apart that the template is not cached."""
    calls = (
        ask(
            "tuned", n, rules(1_500, "triage rules"), query(150, f"case {n}"),
            output(50, f"verdict {n}"), model="gpt-4.1", at=n * 3_000,
        )
        for n in range(80)
    )  # fmt: skip
    was, now = usd("gpt-4.1", 1_650, 50), usd(TUNED, 300 + 150, 50)
    training = Decimal(10 * 3 * (300 + 150 + 50) * 5) / 1_000_000
    settings = {"model": TUNED, "models": ("gpt-4.1",), "min_calls": 50, "examples": 10}
    return Section(calls, 80 * (was * Decimal("0.95") - now) - training, settings)


SECTIONS: dict[str, Callable[[], Section]] = {
    "response_cache": repeated, "history": threads, "routing": easy, "prompt_cache": marked,
    "batching": nightly, "self_hosting": hosted, "fine_tuning": tuned,
}  # fmt: skip
"""Lever → the section that is planted for it."""


def edges() -> Iterator[Any]:
    """Two calls that nobody can save on, at the beginning and the end of three days."""
    for number, at in enumerate((0, SPAN_DAYS * DAY)):
        yield ask("edges", number, query(300, f"edge {at}"), output(300, f"{at}"), at=at)


def planted() -> Workload:
    """All sections as one log."""
    calls = [one for make in SECTIONS.values() for one in make().calls]
    return workload(*calls, *edges())


def truth(lever: str) -> tuple[dict[str, Any], int]:
    """A lever's settings and what it should save on the planted log, in picodollars."""
    section = SECTIONS[lever]()
    return section.settings, int(section.saved_usd * PICO)


def clean() -> Workload:
    """A log without waste: unlike questions of several users about code, in their own time, on a
    small model, answered once and in full."""
    calls = (
        ask(
            "clean", n, rules(200, "write code"), query(150, f"function {n} of module {n * n}"),
            output(250, f"def function_{n}"), at=n * 1_700, traits=int(Trait.CODE),
            finish_reason="stop", temperature=0.7,
        )
        for n in range(160)
    )  # fmt: skip
    return workload(*calls)
