"""Recorded HTTP exchanges of about twenty dialects: the buckets of every one that has a usage equal those of
the table in the billing notes, worked out here from the raw bodies and by no reader's code."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from costscope.ingest.find import find_reader
from costscope.model import Call, Ignored, Skipped, Usage
from costscope.sources import identify, records

FOLDER = Path(__file__).parent.parent.parent.parent / "shared" / "data" / "http_cassettes"
FILES = ("langsmith_sdk", "openinference", "openllmetry", "otel_python_contrib")
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the recorded exchanges (../shared) are not on this machine"
)
BUCKETS = ("fresh", "cache_read", "cache_write_5m", "cache_write_30m", "cache_write_1h",
           "cache_write_12h", "output", "reasoning")  # fmt: skip
_GUARDRAIL = "a guardrail: it counts units of policies, and no model is called"
_NO_PROMPT = "the recorded usage does not say how many tokens went in, so none are claimed"
EXCEPTIONS = {
    "openinference:83": _GUARDRAIL,
    "openinference:84": _GUARDRAIL,
    "openinference:85": _GUARDRAIL,
    "openinference:183": _NO_PROMPT,
    "openinference:184": _NO_PROMPT,
    "openllmetry:1355": "a vector database, which counts reads and no tokens",
}
"""File and line → why no buckets are to be had. There is no other."""

Counts = dict[str, int]


def events(text: str) -> list[Any]:
    """The JSON of each `data:` line of a stream."""
    lines = (line[5:].strip() for line in text.splitlines() if line.startswith("data:"))
    return [json.loads(line) for line in lines if line.startswith("{")]


def number(found: dict[str, Any], *path: str) -> int:
    value: Any = found
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return int(value or 0)


def chat(u: dict[str, Any]) -> Counts:
    """prompt − cached − written; xAI's reasoning is beside, where the total says so."""
    detail = "prompt_tokens_details" if u.get("prompt_tokens_details") else "prompt_token_details"
    read = number(u, detail, "cached_tokens") or number(u, "prompt_cache_hit_tokens")
    read = read or number(u, "cached_tokens")
    written = number(u, detail, "cache_write_tokens")
    given, output = number(u, "prompt_tokens"), number(u, "completion_tokens")
    reasoning = number(u, "completion_tokens_details", "reasoning_tokens")
    if reasoning and u.get("total_tokens") == given + output + reasoning:
        output += reasoning
    if given == 0 and "prompt_tokens" not in u:
        given = number(u, "total_tokens") - output
    return {"fresh": given - read - written, "cache_read": read, "cache_write_30m": written,
            "output": output, "reasoning": reasoning}  # fmt: skip


def responses(u: dict[str, Any]) -> Counts:
    read = number(u, "input_tokens_details", "cached_tokens")
    return {"fresh": number(u, "input_tokens") - read, "cache_read": read,
            "output": number(u, "output_tokens"),
            "reasoning": number(u, "output_tokens_details", "reasoning_tokens")}  # fmt: skip


def messages(u: dict[str, Any]) -> Counts:
    """input_tokens is without what was cached; writes that name no lifetime live for 5 minutes."""
    split = u.get("cache_creation") or {}
    short = number(split, "ephemeral_5m_input_tokens")
    long = number(split, "ephemeral_1h_input_tokens")
    if not split:
        short = number(u, "cache_creation_input_tokens")
    return {"fresh": number(u, "input_tokens"), "cache_read": number(u, "cache_read_input_tokens"),
            "cache_write_5m": short, "cache_write_1h": long, "output": number(u, "output_tokens"),
            "reasoning": number(u, "output_tokens_details", "thinking_tokens")}  # fmt: skip


def gemini(u: dict[str, Any]) -> Counts:
    """Thoughts are beside the candidates, unless these three fill the total already."""
    given, read = number(u, "promptTokenCount"), number(u, "cachedContentTokenCount")
    made, thought = number(u, "candidatesTokenCount"), number(u, "thoughtsTokenCount")
    tools = number(u, "toolUsePromptTokenCount")
    inside = thought and u.get("totalTokenCount") == given + made + tools
    return {"fresh": given - read + tools, "cache_read": read,
            "output": made if inside else made + thought, "reasoning": thought}  # fmt: skip


def interactions(u: dict[str, Any]) -> Counts:
    read, thought = number(u, "total_cached_tokens"), number(u, "total_thought_tokens")
    return {"fresh": number(u, "total_input_tokens") - read + number(u, "total_tool_use_tokens"),
            "cache_read": read, "output": number(u, "total_output_tokens") + thought,
            "reasoning": thought}  # fmt: skip


def converse(u: dict[str, Any]) -> Counts:
    return {"fresh": number(u, "inputTokens"), "cache_read": number(u, "cacheReadInputTokens"),
            "cache_write_5m": number(u, "cacheWriteInputTokens"),
            "output": number(u, "outputTokens")}  # fmt: skip


def cohere(u: dict[str, Any]) -> Counts:
    """The table has no row for Cohere; its own word for what it bills is billed_units, of which the
    cached tokens (more than are billed at all) can be no part."""
    return {"fresh": number(u, "billed_units", "input_tokens"),
            "output": number(u, "billed_units", "output_tokens")}  # fmt: skip


def titan(u: dict[str, Any], body: Any) -> Counts:
    """Titan counts its output in the results."""
    made = sum(number(result, "tokenCount") for result in body.get("results", []))
    return {"fresh": int(u["inputTextTokenCount"]), "output": made}


def llama(u: dict[str, Any]) -> Counts:
    return {"fresh": number(u, "prompt_token_count"), "output": number(u, "generation_token_count")}


def ollama(u: dict[str, Any]) -> Counts:
    return {"fresh": number(u, "prompt_eval_count"), "output": number(u, "eval_count")}


WORDS: tuple[tuple[str, Callable[[dict[str, Any]], Counts]], ...] = (
    ("prompt_eval_count", ollama), ("promptTokenCount", gemini), ("candidatesTokenCount", gemini),
    ("total_input_tokens", interactions), ("inputTokens", converse), ("billed_units", cohere),
    ("generation_token_count", llama), ("prompt_tokens", chat), ("completion_tokens", chat),
    ("input_tokens_details", responses), ("input_tokens", messages),
)  # fmt: skip
"""A word that only one vocabulary has, the surest first → its row of the table."""


def expected(usage: dict[str, Any], body: Any) -> Counts | None:
    """Buckets of a usage object, known by its words; None where it counts no tokens."""
    if "inputTextTokenCount" in usage:
        return titan(usage, body)
    for word, row in WORDS:
        if word in usage:
            return row(usage)
    # Embeddings, and the creation of a cache at Google, have nothing but input.
    total = usage.get("total_tokens", usage.get("totalTokenCount"))
    return None if total is None else {"fresh": total}


def usage_of(exchange: dict[str, Any]) -> dict[str, Any] | None:
    """The final usage as the recorded response has it: of a stream, the last one, over what the first
    message of an Anthropic stream said."""
    body, found = exchange["response_body"], exchange["usage_found"]
    if not isinstance(body, str) or "anthropic" not in exchange["uri"]:
        return found if isinstance(found, dict) else None
    usage: dict[str, Any] = {}
    for event in events(body):
        usage |= (event.get("message") or {}).get("usage") or {}
        usage |= event.get("usage") or {}
    return usage


def read(name: str) -> Iterator[tuple[dict[str, Any], Call | Skipped | Ignored]]:
    path = FOLDER / f"{name}.jsonl"
    source = identify(str(path))
    reader = find_reader(source, "")
    assert reader.name == "http_exchange"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    items = list(reader.read(records(source), str(path)))  # type: ignore[arg-type]
    return zip(lines, items, strict=True)


def wrong(name: str, at: int, exchange: dict[str, Any], item: Any) -> str:
    """What is wrong with the call of an exchange; "" where nothing is."""
    usage = usage_of(exchange)
    if not usage or f"{name}:{at}" in EXCEPTIONS:
        return ""
    want = expected(usage, exchange["response_body"])
    got = item.usage if isinstance(item, Call) else None
    have = None if got is None else {b: getattr(got, b) for b in BUCKETS}
    if want is not None and have == {b: want.get(b, 0) for b in BUCKETS}:
        return ""
    return f"{name}:{at} {exchange['uri'][:100]} {usage}: {have}, not {want}"


@pytest.mark.parametrize(("name", "billed"), [
    ("langsmith_sdk", 261), ("openinference", 236), ("openllmetry", 826), ("otel_python_contrib", 121),
])  # fmt: skip
def test_the_buckets_of_each_exchange_are_those_of_the_table(name: str, billed: int) -> None:
    exchanges = list(read(name))
    found = [wrong(name, at, *pair) for at, pair in enumerate(exchanges, 1)]
    assert not list(filter(None, found)), "\n".join(filter(None, found))
    assert sum(1 for exchange, _ in exchanges if usage_of(exchange)) == billed


@pytest.mark.parametrize("key", EXCEPTIONS)
def test_an_exception_is_none_that_could_be_dropped(key: str) -> None:
    name, _, at = key.partition(":")
    exchange, item = list(read(name))[int(at) - 1]
    usage = usage_of(exchange)
    assert usage
    assert not isinstance(item, Call) or item.usage is None
    assert {"promptTokenCount", "prompt_tokens", "input_tokens", "inputTokens"}.isdisjoint(usage)


@pytest.mark.parametrize(("name", "calls", "ignored", "skipped"), [
    ("langsmith_sdk", 304, 0, 0), ("openinference", 280, 42, 0), ("openllmetry", 1121, 549, 22),
    ("otel_python_contrib", 175, 4, 0),
])  # fmt: skip
def test_every_exchange_is_accounted_for(name: str, calls: int, ignored: int, skipped: int) -> None:
    items = [item for _, item in read(name)]
    kinds = Counter(type(item) for item in items)
    assert kinds == Counter({Call: calls, Ignored: ignored, Skipped: skipped})
    reasons = {i.reason for i in items if isinstance(i, Skipped)}
    assert all("dialect that is not known here" in reason for reason in reasons)


@pytest.mark.parametrize("name", FILES)
def test_who_served_a_call_is_known_from_its_address(name: str) -> None:
    doors = {"openai.azure.com": "azure", "bedrock-runtime": "bedrock", "aiplatform": "vertex"}
    for exchange, item in read(name):
        if not isinstance(item, Call):
            continue
        for part, channel in doors.items():
            assert part not in exchange["uri"] or item.channel == channel
        if "//api.openai.com" in exchange["uri"]:
            assert (item.provider, item.channel) == ("openai", "direct")
        if exchange["status"] >= 400:
            assert (item.status, item.usage) == ("error", Usage())
