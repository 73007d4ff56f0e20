"""Which of unknown fields is likely to be which of ours, by its name and by what it holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple

from costscope.readers import _columns, _names
from costscope.readers._columns import canonical
from costscope.readers._draft_leaves import Leaf, is_messages, time_format

_MODEL = re.compile(
    r"gpt-|chatgpt|claude|gemini|gemma|llama|mi[sx]tral|codestral|qwen|deepseek|grok|command-|nova-"
    r"|\bo[1-9](-|$)|embedding|sonnet|haiku|opus|kimi|glm-|phi-",
    re.IGNORECASE,
)
_TOKENS = frozenset(("token", "tokens", "tok", "toks", "usage", "consumption"))
_NO_COUNT = frozenset((
    "per", "limit", "max", "min", "price", "cost", "rate", "ms", "seconds", "time", "sec", "latency",
    "remaining", "budget", "usd", "cents", "ratio", "percent", "chars", "bytes",
))  # fmt: skip
_IN = frozenset(("input", "in", "prompt", "request", "sent", "context"))
_OUT = frozenset(("output", "out", "completion", "response", "generated", "reply", "generation"))
_LATENCY = frozenset(("latency", "duration", "elapsed", "took", "runtime"))
_NO_LATENCY = frozenset(("first", "ttft", "queue", "queued", "per"))
_COST = frozenset(("cost", "price", "charge", "charged", "spend", "spent", "usd", "dollars"))
_NO_COST = frozenset(("per", "rate", "center", "unit", "currency"))
_LATENCY_UNITS = {"ms": "ms", "millis": "ms", "milliseconds": "ms", "msec": "ms", "s": "s",
                  "sec": "s", "secs": "s", "seconds": "s", "us": "us", "micros": "us",
                  "microseconds": "us"}  # fmt: skip
_COST_UNITS = {"cents": "cents", "cent": "cents", "micro": "microdollars", "micros": "microdollars",
               "microdollars": "microdollars", "microusd": "microdollars", "milli": "millidollars",
               "millidollars": "millidollars", "nano": "nanodollars", "nanos": "nanodollars"}  # fmt: skip
_PLAIN = {
    "call_id": (*_names.IDS, "uuid", "event_id"), "request_id": ("request_id", "req_id"),
    "status": ("status", "state", "outcome", "result"), "error": ("error", "exception", "error_message"),
    "code": _names.CODE, "finish_reason": ("finish_reason", "stop_reason", "finish"),
    "tier": ("service_tier", "tier"), "temperature": ("temperature",), "tags": ("tags", "labels"),
    "retry_of": ("retry_of", "retried_from", "original_request_id"),
    **{{"user_id": "user"}.get(n, n): names for n, names in _names.DIMENSIONS.items()},
}  # fmt: skip
"""Our field → the names it goes by, the surest first."""
_OF_TOOLS = frozenset(("tool", "tools", "arguments", "function", "functions"))
_REPLY = frozenset(("reply", "response", "completion", "answer", "output", "generated", "choices"))
_PROMPT = frozenset(("prompt", "question", "query", "instruction", "input"))


class Guess(NamedTuple):
    """A field for one of ours, why, and the unit, format or pair of names that goes with it."""

    leaf: Leaf
    why: str
    more: str = ""


class Guesses:
    """What each of our fields is likely to be; a field of theirs is used once."""

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        self.leaves = leaves
        self.call: dict[str, Guess] = {}
        self.usage: dict[str, Guess] = {}
        self.text: dict[str, Guess] = {}
        self._taken: set[int] = set()
        self._counts()
        self._times()
        self._amounts()
        self._model()
        self._plain()
        self._texts()

    @property
    def free(self) -> list[Leaf]:
        """The fields that stand for nothing of ours."""
        return [leaf for leaf in self.leaves if id(leaf) not in self._taken]

    @property
    def _own(self) -> list[Leaf]:
        """Those of them that can say something of the call, and not of a tool that it calls."""
        return [leaf for leaf in self.free if not leaf.all_words & _OF_TOOLS]

    def _take(self, kind: dict[str, Guess], name: str, guess: Guess | None) -> None:
        if guess is not None and name not in kind:
            kind[name] = guess
            self._taken.add(id(guess.leaf))

    def _counts(self) -> None:
        for leaf in self._own:
            if leaf.counts and (name := count_name(leaf)):
                self._take(self.usage, name, Guess(leaf, "by its name"))
        if "input" not in self.usage and "fresh" not in self.usage:
            self._by_sum()

    def _by_sum(self) -> None:
        """Two numbers that always add up to a third: what went in, what came out and the total."""
        numbers = [leaf for leaf in self._own if len(leaf.counts) >= 3][:16]
        for total in numbers:
            for pair in combinations([n for n in numbers if n is not total], 2):
                if _adds_up(pair, total):
                    big, small = sorted(pair, key=lambda x: -sum(x.counts.values()))
                    for name, leaf in (("input", big), ("output", small), ("total", total)):
                        self._take(self.usage, name, Guess(leaf, "two numbers add up to the third"))
                    return

    def _times(self) -> None:
        timed = [(leaf, form) for leaf in self._own if (form := time_format(leaf)) is not None]
        for name, rank in (("ended_at", _end_rank), ("sent_at", _start_rank)):
            ranked = [(r, i) for i, (leaf, _) in enumerate(timed) if (r := rank(leaf)) is not None]
            if ranked:
                leaf, form = timed.pop(min(ranked)[1])
                self._take(self.call, name, Guess(leaf, "by its name and its values", form))

    def _amounts(self) -> None:
        for leaf in self._own:
            own = frozenset(leaf.names[0] if leaf.names else ())
            if not leaf.numbers or min(leaf.numbers.values()) < 0:
                continue
            if own & _LATENCY and not leaf.all_words & _NO_LATENCY:
                self._take(self.call, "latency", _latency(leaf))
            elif leaf.all_words & _COST and not own & (_NO_COST | _TOKENS):
                unit = next((_COST_UNITS[w] for w in leaf.names[0] if w in _COST_UNITS), "usd")
                self._take(self.call, "cost", Guess(leaf, "by its name", unit))

    def _model(self) -> None:
        named = [leaf for leaf in self._own if leaf.texts and _is_model(leaf)]
        if named:
            best = max(named, key=_model_rank)
            self._take(self.call, "model", Guess(best, "its values are names of models"))
            return
        known = {canonical(n) for n in _names.MODEL}
        texts = (leaf for leaf in self._own if leaf.texts and _called(leaf, known))
        self._take(self.call, "model", next((Guess(leaf, "by its name") for leaf in texts), None))

    def _plain(self) -> None:
        for name, names in _PLAIN.items():
            for known in names:
                found = (f for f in self._own if _called(f, {canonical(known)}) and _fits(name, f))
                self._take(self.call, name, next((Guess(f, "by its name") for f in found), None))
        if "call_id" not in self.call and "request_id" in self.call:
            self.call["call_id"] = self.call.pop("request_id")

    def _texts(self) -> None:
        for leaf in self._own:
            if all(is_messages(v) for v in leaf.values.values()):
                name = "reply" if _says(leaf, _REPLY) and not _says(leaf, _PROMPT) else "messages"
                self._take(self.text, name, Guess(leaf, "lists of a speaker and what was said"))
        for leaf in [leaf for leaf in self._own if _is_prose(leaf)]:
            kind = _prose(leaf)
            if kind and not (kind == "prompt" and "messages" in self.text):
                self._take(self.text, kind, Guess(leaf, "text, by its name"))


def count_name(leaf: Leaf) -> str | None:
    """Which count a field of whole numbers is, by the words on the way to it."""
    name = str(leaf.steps[-1])
    for column, known in _KNOWN.items():
        if canonical(name) in known:
            return column
    own = frozenset(leaf.names[0]) if leaf.names else frozenset()
    if not leaf.all_words & _TOKENS or own & _NO_COUNT:
        return None
    return next((n for words in leaf.names if (n := _direction(frozenset(words)))), None)


def _direction(words: frozenset[str]) -> str | None:
    if words & {"uncached", "miss", "fresh"}:
        return "fresh"
    if words & {"cached", "cache", "hit"}:
        if not words & {"write", "creation", "created", "written", "writes"}:
            return "cache_read"
        life = next((w for w in ("5m", "30m", "1h", "12h") if w in words), "")
        return f"cache_write_{life}" if life else "cache_write"
    if words & {"reasoning", "thinking", "thoughts"}:
        return "reasoning"
    if words & {"total", "all", "sum"}:
        return "total"
    return "input" if words & _IN else "output" if words & _OUT else None


_KNOWN = {
    column: {canonical(n) for n in names}
    for column, names in (
        ("input", _columns.INPUT), ("fresh", _columns.FRESH), ("cache_read", _columns.READ),
        ("cache_write", _columns.WRITE), ("output", _columns.OUTPUT),
        ("reasoning", _columns.REASONING), ("total", _columns.TOTAL), *_columns.LIVES.items(),
    )
}  # fmt: skip


def _adds_up(pair: Iterable[Leaf], total: Leaf) -> bool:
    first, second = (leaf.counts for leaf in pair)
    both = first.keys() & second.keys() & total.counts.keys()
    varied = len({total.counts[n] for n in both}) >= 3
    return varied and all(first[n] + second[n] == total.counts[n] and first[n] for n in both)


def _start_rank(leaf: Leaf) -> int | None:
    known = [canonical(n) for n in _names.START]
    own = canonical(str(leaf.steps[-1]))
    if own in known:
        return known.index(own)
    words = leaf.names[0] if leaf.names else []
    return (
        50
        if {"time", "timestamp", "at", "date", "ts", "when", "start", "started"} & {*words}
        else 90
    )


def _end_rank(leaf: Leaf) -> int | None:
    own, words = canonical(str(leaf.steps[-1])), set(leaf.names[0] if leaf.names else ())
    ends = words & {"end", "ended", "finish", "finished", "completed", "done", "responded"}
    return 0 if own in {canonical(n) for n in _names.END} else 1 if ends else None


def _latency(leaf: Leaf) -> Guess:
    """With its unit: from the name, else from the size of its values."""
    own = leaf.names[0]
    for word in own:
        if word in _LATENCY_UNITS:
            return Guess(leaf, "by its name", _LATENCY_UNITS[word])
    large = median(leaf.numbers.values()) > 60
    return Guess(leaf, "by its name; the unit is guessed by size", "ms" if large else "s")


def _is_model(leaf: Leaf) -> bool:
    """Whether half of a field's values are names of models, and short ones."""
    fitting = sum(len(t) <= 120 and "\n" not in t and bool(_MODEL.search(t)) for t in leaf.texts)
    short = all(len(t) <= 200 for t in leaf.texts)
    return short and 2 * fitting >= len(leaf.texts) > 0


def _model_rank(leaf: Leaf) -> tuple[bool, bool, int]:
    """The model that answered before the one that was asked for, and what is there more often."""
    words = leaf.all_words
    named = bool(words & {"model", "engine", "deployment", "llm"})
    answered = bool(words & {"response", "served", "actual", "used", "resolved", "answered"})
    return named, answered, len(leaf.values)


def _called(leaf: Leaf, known: set[str]) -> bool:
    """Whether a field goes by a name, alone or with the object that it is in (`user.id`)."""
    names = [step for step in leaf.steps if isinstance(step, str)]
    return bool({canonical("".join(names[-k:])) for k in (1, 2)} & known)


def _fits(name: str, leaf: Leaf) -> bool:
    """Whether a field's values can be what its name says."""
    if name in ("error", "tags"):
        return True
    if name in ("temperature", "code"):
        return bool(leaf.numbers)
    scalar = all(isinstance(v, (str, int, float)) for v in leaf.values.values())
    short = all(len(str(v)) <= 200 for v in leaf.values.values())
    if name == "call_id":
        return scalar and short and len({*map(str, leaf.values.values())}) == len(leaf.values)
    return scalar and short and not any(isinstance(v, float) for v in leaf.values.values())


def _is_prose(leaf: Leaf) -> bool:
    """Whether a field holds text that somebody wrote."""
    return bool(leaf.texts) and (sum(" " in t for t in leaf.texts) * 2 >= len(leaf.texts))


_PROSE: Sequence[tuple[str, Callable[[Leaf], bool]]] = (
    ("system", lambda leaf: _says(leaf, frozenset(("system", "instructions")))),
    ("reply", lambda leaf: _says(leaf, _REPLY)),
    ("prompt", lambda leaf: _says(leaf, _PROMPT)),
)


def _prose(leaf: Leaf) -> str | None:
    return next((name for name, fits in _PROSE if fits(leaf)), None)


def _says(leaf: Leaf, words: frozenset[str]) -> bool:
    """Whether the nearest names on the way have one of these words."""
    return any(words & {*name} for name in leaf.names[:3])
