"""Logs made up for the contract of all levers: chats, agents, jobs and oddities, from a seed.

Every text is known, so that they can be given to levers with their texts or without.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from costscope.model import Trait, Workload
from tests.workloads import Part, call, hashed, part, workload

WORDS = [
    "order",
    "refund",
    "parcel",
    "invoice",
    "customer",
    "delivery",
    "address",
    "status",
    "late",
    "broken",
    "return",
    "please",
    "what",
    "when",
    "is",
    "the",
    "not",
    "our",
    "your",
    "payment",
    "account",
    "email",
    "phone",
    "reset",
    "open",
    "close",
    "12",
    "3.5",
    "2026-11-02",
]
MODELS = (
    ("openai", "gpt-4o"), ("openai", "gpt-4.1-mini"), ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-pro"), ("openai", "unheard-of-model"),
)  # fmt: skip


@dataclass
class Known:
    """The texts of one log, by hash; counts how often they are read."""

    said: dict[int, str] = field(default_factory=dict)
    reads: int = 0

    def read(self, wanted: Collection[int]) -> Iterator[tuple[int, str]]:
        self.reads += 1
        return ((content, text) for content, text in self.said.items() if content in set(wanted))


class Maker:
    """Makes blocks and calls, and remembers what they say."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.known = Known()
        self.calls: list[Any] = []

    def words(self, number: int) -> str:
        return " ".join(self.random.choice(WORDS) for _ in range(number))

    def block(self, segment: str, text: str, *, read: float = 0, **more: Any) -> Part:
        """A block of a token a word (or four letters), a share of which is cached."""
        self.known.said[hashed(text)] = text
        size = max(len(text.split()), len(text) // 4)
        kept = {"read": int(size * read)} if read else {}
        roles = {"system": "system", "output": "assistant", "tools": "none"}
        return part(segment, size, text, role=roles.get(segment, "user"), **kept, **more)

    def call(self, *blocks: Part, **columns: Any) -> None:
        provider, model = columns.pop("made_by", MODELS[0])
        self.calls.append(
            call(
                f"call-{len(self.calls):04}", *blocks, provider=provider, model=model,
                latency_us=self.random.randrange(200_000, 9_000_000), **columns,
            )
        )  # fmt: skip

    def workload(self, *, texts: bool = True) -> Workload:
        return replace(workload(*self.calls), texts=self.known if texts else None)


def chats(seed: int) -> Maker:
    """Conversations of one to ten turns whose history is sent along, half of them cached."""
    make = Maker(seed)
    rules = make.words(300) + "\nNever make up an order that you do not see.\nBe short.\n" * 3
    for chat in range(8):
        cached, made_by = chat % 2, MODELS[chat % len(MODELS)]
        turns: list[tuple[str, str]] = []
        for turn in range(make.random.randrange(1, 11)):
            old = [
                make.block("history", text, turn=n, read=0.9 * cached)
                for n, pair in enumerate(turns) for text in pair
            ]  # fmt: skip
            question, answer = make.words(12), make.words(30)
            make.call(
                make.block("system", rules, read=0.9 * cached), *old,
                make.block("query", question, turn=turn), make.block("output", answer, turn=turn),
                session=f"chat-{chat}", user_id=f"user-{chat % 3}", feature="chat",
                at=chat * 9_000 + turn * 40, made_by=made_by, temperature=make.random.choice([0.0, None, 0.7]),
                request=question, tenant=f"tenant-{chat % 2}",
            )  # fmt: skip
            turns.append((question, answer))
    return make


def questions(seed: int) -> Maker:
    """Retrieved context and questions that come again, word for word or nearly; over two days."""
    make = Maker(seed)
    rules, chunks = make.words(1_200), [make.words(60) for _ in range(8)]
    asked = [make.words(8) for _ in range(10)]
    for number in range(30):
        query = make.random.choice(asked) + make.random.choice(["", "", " ?", " now"])
        found = make.random.sample(chunks, 3)
        found.append(found[0])
        make.call(
            make.block("system", rules), *(make.block("context", text) for text in found),
            make.block("query", query), make.block("output", make.words(25)),
            feature="faq", at=number * 3_000, request=query, temperature=0.0,
            template="faq-template", traits=Trait.JSON_REPLY * (number % 2),
            finish_reason="stop" if number % 5 else "length",
        )  # fmt: skip
    return make


def agents(seed: int) -> Maker:
    """Tool loops with results as JSON, Markdown, HTML and base64; every other agent goes in circles."""
    make = Maker(seed)
    schema = json.dumps({"name": "look_up", "parameters": {"id": "string"}}, indent=4)
    table = "| id | name |\n|----|------|\n" + "".join(f"| {n} | item {n} |\n" for n in range(30))
    page = "<table><tr><td>a</td><td>  b  </td></tr></table>" * 10
    rows = json.dumps([{"id": n, "state": "open"} for n in range(40)], indent=2)
    blob = base64.b64encode(make.random.randbytes(900)).decode()
    results = [table, page, rows, blob, rows, make.words(40)]
    for agent in range(6):
        steps: list[Part] = []
        for step in range(7):
            circles = agent % 2
            asked = f"look_up {agent} {0 if circles else step}"
            make.call(
                make.block("tools", schema, kind="tool_schema", read=0.5),
                make.block("system", "You are an agent. " * 40, read=0.5),
                make.block("query", f"do task {agent}"), *steps[:-1],
                *(replace(newest, segment="context") for newest in steps[-1:]),
                make.block("output", asked, kind="tool_call"), finish_reason="tool_calls",
                trace=f"run-{agent}", feature="agent", at=agent * 5_000 + step * 15, made_by=MODELS[2],
                traits=Trait.TOOLS_OFFERED | Trait.TOOL_CALLED | Trait.CODE,
            )  # fmt: skip
            steps += [
                make.block("history", asked, kind="tool_call"),
                make.block("history", results[0 if circles else step % 6], kind="tool_result"),
            ]
    return make


def jobs(seed: int) -> Maker:
    """Bursts of small calls at night, embeddings of the same documents, errors and their retries."""
    make = Maker(seed)
    rules, documents = make.words(150), [make.words(50) for _ in range(5)]
    for night in range(3):
        for number in range(40):
            at = night * 86_400 + number * 2
            make.call(
                make.block("system", rules), make.block("query", make.words(20)),
                make.block("output", make.words(300 if number == 7 else 6)), feature="tagging", at=at,
                made_by=("openai", "gpt-5-mini"),
            )  # fmt: skip
        for number, text in enumerate(documents):
            make.call(
                make.block("query", text, kind="document"), feature="index", request=text,
                at=night * 86_400 + 500 + number, made_by=("openai", "text-embedding-3-small"),
            )  # fmt: skip
    for number in range(6):
        question = make.words(9)
        blocks = (make.block("system", rules), make.block("query", question))
        first, at = f"call-{len(make.calls):04}", 40_000 + number * 700
        make.call(
            *blocks, status="error", feature="shop", at=at, request=question, session=f"s{number}"
        )
        make.call(
            *blocks, make.block("output", make.words(9)), feature="shop", at=at + 3,
            request=question, session=f"s{number}", retry_of=first,
        )  # fmt: skip
    return make


def slips(seed: int) -> Maker:
    """Answers broken off, cut and asked again, sent twice, replaced; and caches that do not pay."""
    make = Maker(seed)
    rules, claude = make.words(60), MODELS[2]
    for number in range(5):
        question, at = make.words(9), number * 5_000
        blocks = (make.block("system", rules), make.block("query", question))
        mine = {"user_id": f"u{number}", "request": question, "feature": "slips"}
        long, short = make.words(80), make.words(20)
        make.call(
            *blocks, make.block("output", short), status="incomplete", at=at, session=f"a{number}"
        )
        make.call(*blocks, make.block("output", short), finish_reason="length", at=at + 900, **mine)
        make.call(*blocks, make.block("output", long), finish_reason="stop", at=at + 920, **mine)
        for again in range(2):
            make.call(*blocks, make.block("output", long), at=at + 2_000 + 3 * again, **mine)
        told = mine | {"session": f"b{number}"}
        make.call(*blocks, make.block("output", "no " + short), at=at + 3_000, **told)
        make.call(*blocks, make.block("output", "yes " + short), at=at + 3_030, **told)
        said = (
            make.block("history", question, turn=0),
            make.block("history", "yes " + short, turn=0),
        )
        now = (make.block("query", make.words(5), turn=1), make.block("output", "fine", turn=1))
        make.call(make.block("system", rules), *said, *now, at=at + 3_060, session=f"b{number}")
    lasting = part("system", 6_000, make.words(50), role="system", write=6_000, breakpoint="5m")
    for number in range(12):
        at, asked = 30_000 + number * 360, make.block("query", make.words(7))
        make.call(
            lasting,
            asked,
            make.block("output", "ok"),
            at=at,
            feature="slow",
            session="slow",
            made_by=claude,
        )
        own = part(
            "system", 6_000, f"all new {number}", role="system", write=6_000, breakpoint="5m"
        )
        make.call(own, asked, make.block("output", "ok"), at=at, feature="once", made_by=claude)
        stamp = part("system", 9, f"it is {number} o'clock", role="system")
        same = part("system", 3_000, "handbook " * 50, role="system")
        make.call(stamp, same, asked, make.block("output", "ok"), at=at, feature="stamped")
    return make


def oddities(seed: int) -> Maker:
    """Nulls, blocks without tokens or text, blocks in several classes, calls without blocks."""
    make = Maker(seed)
    silent = part("unattributed", 70, "", kind="hidden", role="none")
    split = part("system", 100, "split in three", read=30, write=50)
    make.known.said[hashed("split in three")] = "split in three " * 30
    for number in range(24):
        blocks = make.random.choice([
            [silent], [split, make.block("query", "what is it"), part("output", 3, "")],
            [part("query", 0, "nothing"), part("output", 0, "")],
            [split, part("history", 0, "empty", turn=0), make.block("query", "again", turn=2)],
            [part("context", 9, ""), make.block("query", "who"), make.block("output", "me")],
            [silent, part("output", 5, "x"), part("reasoning", 40, "")], [],
        ])  # fmt: skip
        columns = make.random.choice([
            {}, {"feature": "odd", "tags": '{"a": "b"}'}, {"status": "incomplete"},
            {"finish_reason": "length", "user_id": "u"}, {"tier": "batch"}, {"tier": "provisioned"},
            {"channel": "self-hosted", "estimated": True}, {"units": '{"web_search": 2}'},
            {"session": "one", "temperature": 1.0}, {"channel": "bedrock", "region": "eu-west-1"},
        ])  # fmt: skip
        timed = {"at": number * 11_000} if number % 3 else {"sent_at": None}
        make.call(*blocks, made_by=make.random.choice(MODELS), **timed, **columns)
    return make


def without_times(make: Maker) -> Maker:
    """The same calls, none of which has a time."""
    make.calls = [
        (row | {"sent_at": None, "latency_us": None}, blocks) for row, blocks in make.calls
    ]
    return make


def mixture(seed: int) -> Maker:
    """A bit of everything in one log."""
    whole = Maker(seed)
    for log in (chats, questions, agents, jobs, slips, oddities):
        make = log(seed)
        whole.known.said |= make.known.said
        whole.calls += make.calls
    for number, (row, _) in enumerate(whole.calls):
        row["call_id"] = f"call-{number:04}"
        row["retry_of"] = f"call-{number - 1:04}" if row.get("retry_of") else None
    return whole


LOGS = {
    "chats": lambda: chats(1).workload(),
    "slips": lambda: slips(9).workload(),
    "oddities": lambda: oddities(6).workload(),
    "a mixture": lambda: mixture(7).workload(),
    "a mixture without times and texts": lambda: without_times(mixture(8)).workload(texts=False),
}
"""Name → makes the log."""
