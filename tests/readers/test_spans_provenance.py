"""Every span of the recorded OTLP files against the usage that its provider had answered with.

The expectation is worked out here from the provider's own usage object, by the table of conventions, and
not by the readers. What an instrumentation left out of its span cannot be put right: each such class of
spans is listed with its reason and its exact number.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from costscope.ingest.find import find_reader
from costscope.model import Call, Usage
from costscope.sources import identify, records

DATA = Path(__file__).parents[3] / "shared" / "data" / "otel_genai"
NEVER_SENT = "the client library refused its arguments, so the span is an error without counts"
NO_THOUGHTS = "the instrumentation does not write how much of the output was reasoning"
SPANS = {"openinference": 200, "openllmetry_new": 210, "openllmetry_old": 142, "otelv2": 105}
READERS = {"openinference": "openinference"}
"""The other files are of the reader otel_genai."""
EXCEPTIONS = {
    "openinference": {},
    "openllmetry_new": {NEVER_SENT: 10, NO_THOUGHTS: 11},
    "openllmetry_old": {NO_THOUGHTS: 17},
    "otelv2": {NO_THOUGHTS: 18},
}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded spans are not here")


def read(name: str) -> list[Call]:
    source = identify(str(DATA / f"{name}.otlp.jsonl"))
    reader = find_reader(source, "")
    assert reader.name == READERS.get(name, "otel_genai")
    items = list(reader.read(records(source), name))  # type: ignore[arg-type]
    assert all(isinstance(item, Call) for item in items)
    return [item for item in items if isinstance(item, Call)]


def recorded(name: str) -> list[dict[str, Any]]:
    lines = (DATA / f"{name}.provenance.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["usage_recorded"] for line in lines]


def number(found: dict[str, Any], *path: str) -> int:
    """A count in an object, 0 where it or what holds it is missing or null."""
    value: Any = found
    for step in path:
        value = (value or {}).get(step)
    return int(value or 0)


def expected(usage: dict[str, Any]) -> Usage:
    """Disjoint buckets of a provider's usage object: one row of the table a branch."""
    if "prompt_tokens" in usage:  # Chat Completions: inclusive
        cached = number(usage, "prompt_tokens_details", "cached_tokens")
        return Usage(
            fresh=usage["prompt_tokens"] - cached,
            cache_read=cached,
            output=usage["completion_tokens"],
            reasoning=number(usage, "completion_tokens_details", "reasoning_tokens"),
        )
    if "input_tokens_details" in usage:  # Responses: inclusive
        cached = number(usage, "input_tokens_details", "cached_tokens")
        return Usage(
            fresh=usage["input_tokens"] - cached,
            cache_read=cached,
            output=usage["output_tokens"],
            reasoning=number(usage, "output_tokens_details", "reasoning_tokens"),
        )
    hour = number(usage, "cache_creation", "ephemeral_1h_input_tokens")  # Messages: exclusive
    return Usage(
        fresh=usage["input_tokens"],
        cache_read=number(usage, "cache_read_input_tokens"),
        cache_write_5m=number(usage, "cache_creation_input_tokens") - hour,
        cache_write_1h=hour,
        output=usage["output_tokens"],
        reasoning=number(usage, "output_tokens_details", "thinking_tokens"),
    )


def without_thoughts(usage: Usage) -> Usage:
    fields = {name: getattr(usage, name) for name in Usage.__struct_fields__}
    return Usage(**{**fields, "reasoning": 0})


def verdict(call: Call, true: Usage) -> str:
    """ "" for an equal span, else the class of its exception, else how it differs."""
    if call.usage == true:
        return ""
    if call.usage == without_thoughts(true):
        return NO_THOUGHTS
    if call.status == "error" and call.usage == Usage():
        return NEVER_SENT
    return f"{call.line}: {call.usage} instead of {true}"


@pytest.mark.parametrize("name", SPANS)
def test_every_span_equals_what_was_recorded(name: str) -> None:
    calls, truth = read(name), [expected(usage) for usage in recorded(name)]
    assert len(calls) == len(truth) == SPANS[name]
    assert [call.line for call in calls] == list(range(1, len(calls) + 1))
    verdicts = Counter(verdict(c, t) for c, t in zip(calls, truth, strict=True))
    equal = verdicts.pop("", 0)
    assert dict(verdicts) == EXCEPTIONS[name]
    assert equal == SPANS[name] - sum(EXCEPTIONS[name].values())


def test_all_recorded_spans_are_looked_at() -> None:
    assert sum(SPANS.values()) == 657
    assert {p.name.partition(".")[0] for p in DATA.glob("*.otlp.jsonl")} == SPANS.keys()


@pytest.mark.parametrize("name", SPANS)
def test_no_convention_had_to_be_guessed(name: str) -> None:
    assert not any(call.ambiguous for call in read(name))


def test_server_tools_are_counted_where_the_span_keeps_the_response() -> None:
    calls, truth = read("openinference"), recorded("openinference")
    searched = {
        call.line: number(usage, "server_tool_use", "web_search_requests")
        for call, usage in zip(calls, truth, strict=True)
        if call.provider == "anthropic"
    }
    assert sum(searched.values()) > 0
    own = {c.line: c.units.get("web_search", 0) for c in calls if c.provider == "anthropic"}
    assert own == searched


@pytest.mark.parametrize("name", SPANS)
def test_thoughts_are_missing_only_where_no_attribute_counts_them(name: str) -> None:
    lines = (DATA / f"{name}.otlp.jsonl").read_text("utf-8").splitlines()
    for call, usage, line in zip(read(name), recorded(name), lines, strict=True):
        if verdict(call, expected(usage)) == NO_THOUGHTS:
            (span,) = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
            counted = [a["key"] for a in span["attributes"] if "intValue" in a["value"]]
            assert not [key for key in counted if "reasoning" in key or "thinking" in key]
