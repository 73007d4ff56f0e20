"""How fast counting and ingest are on this machine. Prints MB a second; writes only to a temporary folder."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from time import perf_counter

from costscope import config, pipeline, tokens

WORDS = ("the", "of", "and", "to", "a", "in", "is", "it", "that", "was", "for", "on", "with", "as")
CALLS = 4_000


def text(rng: random.Random, words: int) -> str:
    """Plain words with a number now and then."""
    picked = (rng.choice(WORDS) if rng.random() < 0.95 else str(rng.random()) for _ in range(words))
    return " ".join(picked)


def log(path: Path, rng: random.Random) -> None:
    """Conversations that repeat their whole history with each call, as a gateway logs them."""
    with path.open("w", encoding="utf-8") as file:
        for session in range(CALLS // 20):
            messages = [{"role": "system", "content": text(rng, 400)}]
            for turn in range(20):
                messages += [{"role": "user", "content": text(rng, 60)}]
                reply = {"role": "assistant", "content": text(rng, 120)}
                file.write(json.dumps(_record(session, turn, messages, reply)) + "\n")
                messages.append(reply)


def _record(session: int, turn: int, messages: list[dict[str, str]], reply: object) -> object:
    usage = {"prompt_tokens": 600 + 200 * turn, "completion_tokens": 130}
    return {
        "request": {"model": "gpt-4o", "messages": messages},
        "response": {
            "id": f"c{session}-{turn}", "model": "gpt-4o", "object": "chat.completion",
            "created": 1_790_000_000 + session * 60 + turn, "usage": usage,
            "choices": [{"message": reply, "finish_reason": "stop"}],
        },
        "session_id": f"s{session}",
    }  # fmt: skip


def count() -> None:
    """Both counters over 8 MB of distinct texts."""
    rng = random.Random(1)
    texts = [text(rng, 300) for _ in range(5_000)]
    size = sum(map(len, texts)) / 1e6
    counters = {"tiktoken": tokens._count_plain}
    if tokens.has_fast():
        counters["toktok"] = tokens._count_fast
    for name, counter in counters.items():
        counter(texts[:1], "o200k_base")
        began = perf_counter()
        counter(texts, "o200k_base")
        print(f"{name:10} {size / (perf_counter() - began):8.1f} MB/s")


def ingest() -> None:
    """One file of a few thousand calls into a fresh store."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.jsonl")
        log(path, random.Random(2))
        settings = config.load(Path(folder), {"COSTSCOPE_DB": str(Path(folder, "store.duckdb"))})
        began = perf_counter()
        pipeline.ingest([str(path)], settings)
        seconds = perf_counter() - began
        size = path.stat().st_size / 1e6
        print(f"{'ingest':10} {size / seconds:8.1f} MB/s, {CALLS / seconds:,.0f} calls/s")


if __name__ == "__main__":
    count()
    ingest()
