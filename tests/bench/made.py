"""Made-up traffic for the benches of levers: a workload without texts, deterministic, of any size."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.columns import NAME
from costscope.levers._prefix import rehash
from costscope.model import Trait, Workload
from tests.bench.caching import PROGRAMS, SECOND, SOME, TURNS, prompts
from tests.workloads import CALLS, DEFAULTS, FEES, PARTS, START

Ints = NDArray[np.int64]
SHARES = {"chat": 70, "rag": 12, "job": 10, "embedding": 5, "retry": 3}
"""Percent of the calls."""
CHUNKS = 16
"""Parts of context in a call with retrieval; a system prompt, a question and a reply are beside them."""
MODELS = ("gpt-4o", "claude-sonnet-4-5")
LIFE = (3_600, 300)
"""Seconds that each provider keeps a prompt."""
DAYS = 30


def traffic(calls: int) -> Workload:
    """About so many calls of some twenty parts."""
    sizes = {name: calls * share // 100 for name, share in SHARES.items()}
    chats = chat_calls(sizes["chat"])
    made = [(chats, chat_parts(chats))]
    made += [single(name, sizes[name]) for name in ("rag", "job", "embedding")]
    tables, parts, first = [], [], 0
    for about, rows in made:
        tables.append(about.with_columns(pl.col("call_no") + first))
        parts.append(rows.with_columns(pl.col("call_no") + first))
        first += about.height
    again = retried(tables[0], parts[0], sizes["retry"], first)
    return Workload(
        calls=pl.concat([finished(t) for t in (*tables, again[0])], rechunk=True),
        parts=rehash(pl.concat([*parts, again[1]], rechunk=True)),
        fees=pl.DataFrame(schema=FEES),
    )


def finished(calls: pl.DataFrame) -> pl.DataFrame:
    """Calls with all columns of a workload."""
    ids = pl.format("c{}", "call_no")
    missing = {name: value for name, value in DEFAULTS.items() if name not in calls.columns}
    calls = calls.with_columns(
        pl.coalesce("session", ids).alias("cluster"), call_id=ids,
        **{name: pl.lit(value) for name, value in missing.items()},
    )  # fmt: skip
    blank = [pl.lit(None).alias(name) for name in CALLS if name not in calls.columns]
    return calls.with_columns(blank).select(*CALLS).cast(CALLS)


def chat_calls(count: int) -> pl.DataFrame:
    """Conversations of TURNS calls; every twentieth beginning is a request sent before."""
    rng = np.random.default_rng(2)
    number = np.arange(count)
    conversation, turn = np.divmod(number, TURNS)
    program = conversation % PROGRAMS
    start = rng.integers(0, DAYS * 86_400, conversation.max(initial=0) + 1)
    gaps = np.where(turn == 0, 0, rng.integers(5, 400, count))
    passed = np.cumsum(gaps)
    sent = start[conversation] + passed - passed[number - turn]
    same = (turn == 0) & (conversation % 20 == 0)
    request = np.where(same, program + 1, number + 10**6)
    cut, gone = rng.random(count) < 0.02, rng.random(count) < 0.01
    return pl.DataFrame({"call_no": number, "program": program, "turn": turn, "gap": gaps}).with_columns(
        at(sent), session=pl.format("s{}", pl.Series(conversation)),
        feature=pl.format("chat {}", "program"), request_hash=pl.Series(request),
        model=pl.Series(MODELS).gather(program % 2), provider=pl.Series(["openai", "anthropic"]).gather(program % 2),
        finish_reason=pl.when(pl.Series(cut)).then(pl.lit("length")).otherwise(pl.lit("stop")),
        status=pl.when(pl.Series(gone)).then(pl.lit("incomplete")).otherwise(pl.lit("ok")),
        traits=pl.when(pl.col("program") % 10 == 9).then(Trait.TOOLS_OFFERED).otherwise(0),
        latency_us=pl.lit(2 * SECOND), cached=pl.col("program") % 4 < 2,
    )  # fmt: skip


def at(seconds: Ints) -> pl.Expr:
    """The column of times, from seconds since START."""
    moved = pl.lit(pl.Series(seconds * SECOND)).cast(pl.Duration("us"))
    return (pl.lit(START).dt.cast_time_unit("us") + moved).alias("sent_at")


def chat_parts(calls: pl.DataFrame) -> pl.DataFrame:
    """Prompts that repeat all that was said, with what the turn before left in the cache, and replies."""
    number = calls["call_no"].to_numpy()
    pieces = np.array_split(number, len(number) // SOME + 1)
    return pl.concat(spoken(calls, prompts(some)) for some in pieces if len(some))


def spoken(calls: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Blocks of `caching.prompts` as parts, and a reply for each call, which the next prompt repeats."""
    about = calls.select("call_no", "turn", "gap", "cached", "program")
    rows = rows.select("call_no", "content", "tokens").with_columns(
        seq=pl.int_range(pl.len()).over("call_no")
    )
    rows = rows.join(about, on="call_no", maintain_order="left")
    seq, last = pl.col("seq"), 2 * pl.col("turn") + 1
    life = pl.when(pl.col("program") % 2 == 1).then(LIFE[1]).otherwise(LIFE[0])
    kept = (seq < last) & (pl.col("turn") > 0) & (pl.col("gap") <= life)
    written = (
        pl.when(pl.col("program") % 2 == 1)
        .then(pl.lit("cache_write_5m"))
        .otherwise(pl.lit("fresh"))
    )
    tools, odd = pl.col("program") % 10 == 9, seq % 2 == 1
    segment = (
        pl.when((seq == 0) & tools).then(pl.lit("tools")).when(seq == 0).then(pl.lit("system"))
        .when(seq == last).then(pl.lit("query"))
        .otherwise(pl.lit("history"))
    )  # fmt: skip
    said = pl.when(odd).then(pl.lit("user")).otherwise(pl.lit("assistant"))
    called = pl.when(odd).then(pl.lit("tool_result")).otherwise(pl.lit("tool_call"))
    role = (
        pl.when(seq == 0).then(pl.lit("system")).when(tools & odd & (seq > 1)).then(pl.lit("tool"))
        .otherwise(said)
    )  # fmt: skip
    kind = (
        pl.when(tools & (seq == 0)).then(pl.lit("tool_schema")).when(tools & (seq > 1)).then(called)
        .otherwise(pl.lit("text"))
    )  # fmt: skip
    marked = (pl.col("program") % 4 == 1) & ((seq == 0) | (seq == last))
    billed = pl.when(kept).then(pl.lit("cache_read")).otherwise(written)
    prompt = rows.select(
        "call_no", seq.alias("seq"), "content", "tokens", turn=(seq + 1) // 2, segment=segment,
        role=role, kind=kind,
        billing_class=pl.when("cached").then(billed).otherwise(pl.lit("fresh")),
        breakpoint=pl.when(marked).then(pl.lit("5m")).otherwise(pl.lit("")),
    )  # fmt: skip
    return pl.concat([typed(prompt), replies(calls, prompt["call_no"].unique())]).sort(
        "call_no", "seq"
    )


def replies(calls: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """The reply of each of these calls: what the next prompt has behind this one."""
    about = calls.filter(pl.col("call_no").is_in(numbers.implode()))
    call, turn = (about[name].to_numpy() for name in ("call_no", "turn"))
    seq = 2 * turn + 2
    content = (call // TURNS * 64 + seq + 10**6).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return answered(call, seq, content, 40 + (content >> np.uint64(55)).astype(np.int64))


def answered(call: Ints, seq: Ints, content: NDArray[np.uint64], tokens: Ints) -> pl.DataFrame:
    """Rows of replies."""
    return typed(pl.DataFrame({
        "call_no": call, "seq": seq, "content": content, "tokens": tokens, "turn": seq // 2,
    }).with_columns(
        segment=pl.lit("output"), role=pl.lit("assistant"), kind=pl.lit("text"),
        billing_class=pl.lit("output"), breakpoint=pl.lit(""),
    ))  # fmt: skip


def typed(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of parts with all columns, as a store gives them."""
    rows = rows.with_columns(rule=pl.lit("structure"), prefix=pl.lit(0, pl.UInt64))
    named = {n: NAME if isinstance(t, pl.Enum) else t for n, t in PARTS.items()}
    return rows.select(*PARTS).cast(named)


def single(kind: str, count: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls without a conversation: retrieval, nightly jobs of the same shape, embeddings."""
    rng = np.random.default_rng(len(kind))
    number = np.arange(count)
    asked = np.where(
        rng.random(count) < 0.2, rng.integers(0, count // 20 + 1, count), number + count
    )
    day, night = rng.integers(0, DAYS, count), rng.integers(7_200, 7_500, count)
    sent = day * 86_400 + night if kind == "job" else rng.integers(0, DAYS * 86_400, count)
    model = {"rag": MODELS[0], "job": MODELS[0], "embedding": "text-embedding-3-small"}[kind]
    calls = pl.DataFrame({"call_no": number}).with_columns(
        at(sent), session=pl.lit(None, pl.String), feature=pl.format(f"{kind} {{}}", pl.Series(number % 5)),
        request_hash=pl.lit(pl.Series(asked + len(kind) * 10**12)), model=pl.lit(model),
        latency_us=pl.lit(SECOND), finish_reason=pl.lit("stop"), temperature=pl.lit(0.0),
    )  # fmt: skip
    return calls, single_parts(kind, number, asked)


def single_parts(kind: str, number: Ints, asked: Ints) -> pl.DataFrame:
    """A system prompt, chunks and a question; of an embedding its text alone. The same request, the same."""
    chunks = {"rag": CHUNKS, "job": CHUNKS, "embedding": -1}[kind]
    size = chunks + 2
    call, seq = np.repeat(number, size), np.tile(np.arange(size), len(number))
    salt = np.uint64(len(kind) * 10**13)
    own = np.repeat(asked, size) * 64 + seq
    chunk = (np.repeat(asked, size) * 7 + seq * seq) % (len(number) // 10 + 100)
    content = np.where(
        seq == size - 1, own + 10**9, np.where(seq == 0, call % 5 + 1, chunk + 10**3)
    )
    content = (content.astype(np.uint64) + salt) * np.uint64(0x9E3779B97F4A7C15)
    tokens = np.where(seq == 0, 700, 30 + (content >> np.uint64(58)).astype(np.int64))
    first, last = pl.col("seq") == 0, pl.col("seq") == size - 1
    rows = pl.DataFrame({"call_no": call, "seq": seq, "content": content, "tokens": tokens})
    prompt = typed(rows.with_columns(
        turn=pl.lit(0),
        segment=pl.when(last).then(pl.lit("query")).when(first).then(pl.lit("system")).otherwise(pl.lit("context")),
        role=pl.when(first).then(pl.lit("system")).otherwise(pl.lit("user")),
        kind=pl.when(last | first).then(pl.lit("text")).otherwise(pl.lit("document")),
        billing_class=pl.lit("fresh"), breakpoint=pl.lit(""),
    ))  # fmt: skip
    if kind == "embedding":
        return prompt
    reply = (asked + 10**10).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + salt
    told = answered(
        number, np.full(len(number), size), reply, 30 + (reply >> np.uint64(58)).astype(np.int64)
    )
    return pl.concat([prompt, told]).sort("call_no", "seq")


def retried(
    calls: pl.DataFrame, parts: pl.DataFrame, count: int, first: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls sent again two seconds later, because the log says that they repeat another."""
    some = calls.gather_every(max(calls.height // max(count, 1), 1)).head(count)
    some = some.with_columns(
        old="call_no", call_no=pl.int_range(first, first + pl.len(), dtype=pl.Int64)
    )
    again = some.with_columns(
        pl.col("sent_at") + pl.duration(seconds=4), retry_of=pl.format("c{}", "old")
    )
    rows = parts.join(
        some.select(new="call_no", call_no="old"), on="call_no", maintain_order="left"
    )
    rows = rows.with_columns(call_no="new").drop("new").sort("call_no", "seq")
    return again.drop("old"), rows
