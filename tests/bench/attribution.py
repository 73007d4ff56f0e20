"""How well prompts are attributed: shapes of prompts with known borders are logged and ingested, and
every token's segment is held against the truth. A script; `make bench-attribution` runs it.

    python tests/bench/attribution.py [--only WORDS] [--wrong N] [--own]

Prints for each shape how many tokens of each true segment (row) were given to each segment (column).
`--wrong` shows that many wrongly cut prompts of each shape.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import tiktoken  # noqa: E402
from shapes import Message, Shape, filled, plain, shapes  # noqa: E402

from costscope import store, tokens  # noqa: E402
from costscope.attribute import markers, spans  # noqa: E402
from costscope.ingest import load  # noqa: E402

SEGMENTS = ("system", "context", "history", "query")
PARTS = (
    "select call_id, seq, role, segment, sum(tokens) as tokens from parts join calls using (call_no) "
    "where content <> 0 and segment not in ('output', 'reasoning') "
    "group by call_no, call_id, seq, nth, role, segment order by call_no, seq, nth"
)
Matrix = Counter[tuple[str, str]]
"""(true, given) → tokens."""
Calls = Mapping[str, Sequence[Message]]


class Part(NamedTuple):
    """A stored part of a prompt: one stretch, of one segment, of a piece of text."""

    seq: int
    role: str
    segment: str
    tokens: int


def row(call: str, feature: str, at: int, messages: Sequence[Message]) -> dict[str, Any]:
    """A Chat Completions log record; four tokens of framing a message, three for the reply's."""
    sent = [{"role": m.role, "content": m.text} for m in messages]
    asked = sum(tokens.count([m.text for m in messages])) + 4 * len(messages) + 3
    usage = {"prompt_tokens": asked, "completion_tokens": 2, "total_tokens": asked + 2}
    reply = {
        "index": 0,
        "message": {"role": "assistant", "content": "Yes."},
        "finish_reason": "stop",
    }
    return {
        "timestamp": f"2026-11-{1 + at // 1440 % 28:02}T{at // 60 % 24:02}:{at % 60:02}:00Z",
        "metadata": {"feature": feature},
        "request": {"model": "gpt-4o", "messages": sent},
        "response": {"id": call, "object": "chat.completion", "model": "gpt-4o", "choices": [reply],
                     "usage": usage},
    }  # fmt: skip


def ingested(features: Mapping[str, Calls]) -> dict[str, list[Part]]:
    """Call id → its parts, after a real ingest into a store that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="costscope-bench-") as folder:
        log, path = Path(folder, "log.jsonl"), Path(folder, ".costscope", "store.duckdb")
        rows = [
            row(call, feature, at, messages)
            for feature, calls in features.items()
            for at, (call, messages) in enumerate(calls.items())
        ]
        log.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
        with store.Store.open(path, create=True) as opened:
            load.ingest(opened, [str(log)], reader="openai_chat", processes=1)
        found = store.query(path, PARTS).to_pylist()
    return {
        call: [Part(r["seq"], r["role"], r["segment"], r["tokens"]) for r in group]
        for call, group in groupby(found, key=lambda r: r["call_id"])
    }


def given(messages: Sequence[Message], parts: Sequence[Part]) -> list[list[tuple[int, str]]]:
    """For each message the ends of its parts with their stored segments.

    Raises ValueError where the parts are not those of the messages.
    """
    left = iter([list(group) for _, group in groupby(parts, key=lambda p: p.seq)])
    found: list[list[tuple[int, str]]] = []
    for message in messages:
        found.append([])
        for start, stop in pieces(message):
            stretches = next(left, [])
            if not stretches or stretches[0].role != message.role:
                raise ValueError(f"parts do not fit the pieces of {message.text[:80]!r}")
            found[-1] += ends(message.text[start:stop], start, stretches)
    if next(left, None) is not None:
        raise ValueError("more parts than pieces")
    return found


def pieces(message: Message) -> list[tuple[int, int]]:
    """Where a message is cut by its marks, as it is on ingest."""
    if message.role in ("user", "system"):
        return [(c.start, c.stop) for c in markers.cut(message.text, message.role)]
    return [(0, len(message.text))]


def ends(text: str, start: int, stretches: Sequence[Part]) -> Iterator[tuple[int, str]]:
    """Where the stretches of a piece end, and their segments. The store knows them by their share of the
    piece's tokens, so each ends where the span does whose share is nearest."""
    stops = [span.stop for span in spans.spans(text)]
    counts = tokens.count([text[a:b].strip() for a, b in pairwise([0, *stops])])
    reached = list(accumulate(counts))
    billed = max(1, sum(part.tokens for part in stretches))
    for part, upto in zip(stretches, accumulate(p.tokens for p in stretches), strict=True):
        place = upto * reached[-1] / billed
        at = min(range(len(stops)), key=lambda i: abs(reached[i] - place))
        yield start + (len(text) if part is stretches[-1] else stops[at]), part.segment


@cache
def encoding() -> tiktoken.Encoding:
    """o200k, offline."""
    name = "o200k_base"
    return tiktoken.Encoding(
        name, pat_str=tokens.PATTERNS[name], mergeable_ranks=tokens.ranks(name), special_tokens={}
    )


def middles(text: str) -> Iterator[int]:
    """The middle character of each token."""
    encoded = encoding().encode_ordinary(text)
    _, starts = encoding().decode_with_offsets(encoded)
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=True):
        yield min((start + max(start, stop - 1)) // 2, len(text) - 1)


def scored(message: Message, cuts: Sequence[tuple[int, str]]) -> Matrix:
    """Tokens of a message by true and given segment."""
    ends = list(accumulate(len(text) for _, text in message.runs))
    stops = [stop for stop, _ in cuts]
    found: Matrix = Counter()
    for at in middles(message.text):
        true = message.runs[bisect_right(ends, at)][0]
        found[true, cuts[bisect_right(stops, at)][1]] += 1
    return found


def right(matrix: Matrix) -> float:
    """Share of the tokens whose segment is the true one."""
    return sum(n for (true, said), n in matrix.items() if true == said) / max(1, matrix.total())


def leaked(matrix: Matrix) -> float:
    """Share of the query's tokens that were called context."""
    asked = sum(n for (true, _), n in matrix.items() if true == "query")
    return matrix["query", "context"] / max(1, asked)


def lines(name: str, matrix: Matrix) -> Iterator[str]:
    """A shape's table."""
    yield f"{name:44}{right(matrix):8.2%} right, {leaked(matrix):7.2%} of query called context"
    columns = [s for s in (*SEGMENTS, "unattributed") if any(said == s for _, said in matrix)]
    yield " " * 12 + "".join(f"{c:>13}" for c in columns)
    for true in SEGMENTS:
        if any(t == true for t, _ in matrix):
            yield f"  {true:10}" + "".join(f"{matrix[true, c]:13}" for c in columns)


def wrong(messages: Sequence[Message], cuts: Sequence[Sequence[tuple[int, str]]]) -> Iterator[str]:
    """A prompt as it was cut."""
    for message, ends in zip(messages, cuts, strict=True):
        start = 0
        for stop, segment in ends:
            text = message.text[start:stop]
            shown = text if len(text) < 200 else f"{text[:90]} … {text[-90:]}"
            yield f"    {message.role:10}{segment:9}{shown!r}"
            start = stop


def told(features: Mapping[str, tuple[str, Calls]], show: int) -> Iterator[str]:
    """All tables, and the totals of each kind."""
    parts = ingested({name: calls for name, (_, calls) in features.items()})
    totals: dict[str, Matrix] = {}
    for name, (kind, calls) in features.items():
        matrix: Matrix = Counter()
        bad: list[str] = []
        for call, messages in calls.items():
            cuts = given(messages, parts[call])
            own = sum(map(scored, messages, cuts), Counter[tuple[str, str]]())
            bad += wrong(messages, cuts) if right(own) < 0.98 and len(bad) < show * 8 else ()
            matrix += own
        yield from lines(f"{kind}: {name}", matrix)
        yield from bad[: show * 8]
        totals.setdefault(kind, Counter()).update(matrix)
    for kind, matrix in totals.items():
        yield from lines(f"ALL {kind}", matrix)


def chosen(found: Iterable[Shape], words: str, *, own: bool) -> dict[str, tuple[str, Calls]]:
    """Shape's name → its kind and calls, and the messages of people as one more shape."""
    features = {shape.name: (shape.kind, filled(shape, own=own)) for shape in found}
    # A feature each, for people do not share a template.
    for i, message in enumerate(plain()):
        features[f"people {i + 1}"] = ("plain", [[message]])
    return {
        name: (kind, {f"chatcmpl-{name}-{i}": messages for i, messages in enumerate(calls)})
        for name, (kind, calls) in features.items()
        if words in f"{kind}: {name}"
    }


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    options.add_argument("--only", default="", help="shapes whose kind and name have these words")
    options.add_argument("--wrong", type=int, default=0, help="show so many wrongly cut prompts")
    options.add_argument("--own", action="store_true", help="fill in our own short texts only")
    asked = options.parse_args()
    for line in told(chosen(shapes(), asked.only, own=asked.own), asked.wrong):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
