"""Drafted maps work at once on logs of very different shapes, and say what they rest on."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.errors import InputError
from costscope.model import Call, Ignored, Skipped, Usage
from costscope.readers._draft import draft
from costscope.readers._house import parsed
from costscope.readers._mapped import Mapped
from costscope.sources import Record
from tests.readers.reading import spoken, told


def nested(n: int) -> dict[str, Any]:
    """camelCase, deep, cached inside the input, milliseconds in the name."""
    hit = 400 * (n % 2)
    return {
        "requestMeta": {"requestId": f"q-{n}", "startedAtMs": 1_763_100_000_000 + 1000 * n, "env": "prod",
                        "caller": {"teamName": "search", "userId": n % 3}},
        "llmCall": {
            "requestedModel": "auto", "servedModel": "gpt-4o-mini",
            "tokenStats": {"promptTokens": 500 + n, "completionTokens": 20 + n, "cachedPromptTokens": hit,
                           "totalTokens": 520 + 2 * n},
            "timing": {"latencyMs": 800 + n, "timeToFirstTokenMs": 90}, "costMicroUsd": 75 + n,
        },
        "conversation": [{"speaker": "human", "text": f"Where is order {n}?"}],
        "modelReply": "It is on its way.",
    }  # fmt: skip


def flat(n: int) -> dict[str, Any]:
    """A wide table: dotted names, numbers as text, times as people write them."""
    return {
        "usage.in": str(100 + n), "usage.out": 7 + n, "model_id": "mistral-large-2411", "ts": f"21/11/2026 13:0{n}:00",
        "elapsed_s": 1.5, "feature name": "summaries", "price_cents": 0.25, "input_text": f"Sum up page {n}, please.",
        "http_status": 200, "kb": "k\x07\u202eb",
    }  # fmt: skip


def envelope(n: int) -> dict[str, Any]:
    """Batches of events of which some are calls; cached beside the input."""
    call = {"kind": "llm_call", "engine": "claude-sonnet-4-5", "at": f"2026-11-0{n + 1}T10:00:00Z", "session": f"s{n}",
            "tokens": {"in": 50 + n, "cache_hit": 9000, "out": 12}}  # fmt: skip
    tool = {"kind": "tool_call", "at": f"2026-11-0{n + 1}T10:00:01Z", "name": "search"}
    whole = {
        "batchId": f"b{n}",
        "tenant": "acme",
        "end_time": "2026-12-01T00:00:00Z",
        "total_cost": 5,
    }
    other = {**call, "tokens": {**call["tokens"], "out": 30 + n}}  # type: ignore[dict-item]
    return {**whole, "events": [call, tool, other]}


def read(text: str, records: list[dict[str, Any]]) -> list[Call | Skipped | Ignored]:
    raws = [Record(json.dumps(r).encode(), n, n + 1) for n, r in enumerate(records)]
    return list(Mapped(parsed(text)).read(raws, "log"))


def calls(text: str, records: list[dict[str, Any]]) -> list[Call]:
    found = read(text, records)
    assert not [i for i in found if isinstance(i, Skipped)]
    return [i for i in found if isinstance(i, Call)]


def test_a_nested_format() -> None:
    records = [nested(n) for n in range(6)]
    text = draft(records, "log.jsonl", "gate")
    found = calls(text, records)
    assert len(found) == 6
    assert told(found[1]) == {
        "call_id": "q-1", "sent_at": 1_763_100_001_000_000, "latency_us": 801_000, "model": "gpt-4o-mini",
        "provider": "openai", "team": "search", "user_id": "1", "reported_pd": 76_000_000,
        "usage": {"fresh": 101, "cache_read": 400, "output": 21},
    }  # fmt: skip
    assert spoken(found[2]) == [
        ("user", "text", "Where is order 2?"), ("assistant", "text", "It is on its way."),
    ]  # fmt: skip
    assert "input_includes_cached = true  # the total is input and output without them" in text
    assert "Of its first 6 records it makes 6 calls; 0 ignored, 0 skipped." in text
    assert '# "env" = "requestMeta.env"  # 1 value in 6 records, such as prod' in text


def test_a_flat_table() -> None:
    records = [flat(n) for n in range(5)]
    text = draft(records, "log.parquet")
    found = calls(text, records)
    assert told(found[3]) == {
        "sent_at": 1_795_266_180_000_000, "latency_us": 1_500_000, "model": "mistral-large-2411",
        "provider": "mistral", "feature": "summaries", "reported_pd": 2_500_000_000,
        "usage": {"fresh": 103, "output": 10},
    }  # fmt: skip
    assert spoken(found[0]) == [("user", "text", "Sum up page 0, please.")]
    assert "\x07" not in text
    assert "\u202e" not in text


def test_an_envelope_of_events() -> None:
    records = [envelope(n) for n in range(4)]
    text = draft(records, "log.json")
    found = calls(text, records)
    assert len(found) == 8
    assert 'records = "events[*]"' in text
    assert '# "batchId" = "$.batchId"  # 4 values in 4 records, such as b0' in text
    assert '"kind" = ["llm_call"]  # those without counts: tool_call' in text
    assert "input_includes_cached = false  # some calls have more cached tokens than input" in text
    assert (found[3].latency_us, found[3].reported_pd) == (None, None)
    assert (found[3].tenant, found[3].session, found[3].model) == (
        "acme",
        "s1",
        "claude-sonnet-4-5",
    )
    assert found[3].usage == Usage(fresh=51, cache_read=9000, output=31)


def test_the_model_may_stand_around_the_calls() -> None:
    records = [
        {"engine": "gpt-4o", "usage": [{"tokens_in": 5}, {"tokens_in": n}]} for n in range(3)
    ]
    assert {c.model for c in calls(draft(records, "log"), records)} == {"gpt-4o"}


def test_numbers_that_add_up_are_counts_whatever_they_are_called() -> None:
    records = [
        {"m": "llama-3.1-70b", "a": 100 + n, "b": 5 + 2 * n, "c": 105 + 3 * n, "d": 7}
        for n in range(5)
    ]
    text = draft(records, "log")
    assert [c.usage for c in calls(text, records)][2] == Usage(fresh=102, output=9)
    assert "two numbers add up to the third" in text


def test_what_the_log_does_not_tell_is_left_to_people() -> None:
    records = [{"tokens_in": 100, "tokens_out": 5, "tokens_cached": 50 + n} for n in range(3)]
    text = draft(records, "log")
    assert 'model = { value = "unknown" }' in text
    assert "# input_includes_cached = true  # the log does not tell" in text
    assert all(c.ambiguous for c in calls(text, records))


def test_an_anthropic_conversation_keeps_its_parts() -> None:
    said = [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "42"}]}
    ]
    records = [{"llm": "claude-opus-4-1", "history": said, "n_tokens_in": 9, "n_tokens_out": 1}]
    text = draft(records, "log")
    assert 'dialect = "anthropic"' in text
    assert spoken(calls(text, records)[0]) == [("tool", "tool_result", "42")]


def test_what_a_tool_was_given_says_nothing_of_the_call() -> None:
    given = {"user": "ann", "cost": 3, "prompt_tokens": 9}
    use = [{"call_id": "x1", "name": "sql", "arguments": given}]
    records = [{"llm": "gpt-4o", "toolCalls": use, "n_tokens_in": 9, "n_tokens_out": 1}]
    (found,) = calls(draft(records, "log"), records)
    assert told(found) == {
        "model": "gpt-4o", "provider": "openai", "usage": {"fresh": 9, "output": 1},
    }  # fmt: skip


@pytest.mark.parametrize("record", [{}, {"a": 1}, {"question": 3, "score": 0.5}])
def test_what_looks_like_no_log_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"x\.json: nothing in its records"):
        draft([record], "x.json")


@pytest.mark.parametrize(
    "record",
    [
        {'a"b\\c': {"tokens.in": 5, "tokens]out": 6}, "model": "gpt-4o\n#x"},
        {"tokens_in\n[call]": 5, "tokens_out": 6, "\x7f\x00": "\x1b[31m", "model": "gpt-\ud800"},
        {"tokens_in": 5, "": {"": "x"}, "tokens_out": 10**30, "$.x": 1, "deep": [[[{"a": [{}]}]]]},
    ],
)
def test_hostile_names_and_values_still_give_a_map(record: dict[str, Any]) -> None:
    text = draft([record] * 2, "lo\ng\x1b.jsonl")
    parsed(text)
    assert all(c.isprintable() or c == "\n" for c in text)


def test_the_invented_formats_are_of_no_reader(tmp_path: Path) -> None:
    from costscope.ingest.find import find_reader
    from costscope.sources import identify

    for make in (nested, envelope):
        path = tmp_path / "log.jsonl"
        path.write_text("".join(json.dumps(make(n)) + "\n" for n in range(4)))
        with pytest.raises(InputError, match="no known log format"):
            find_reader(identify(str(path)), "")


NAMES = st.sampled_from(
    ["tokens_in", "usage", "model", "messages", "ts", "cost", "", "a.b", 'q"', "latency", "$.x"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["gpt-4o", "2026-11-01T00:00:00Z", '{"usage": {"in": 1}}', "[[]]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=5), min_size=1, max_size=4))
def test_whatever_records_hold_a_draft_is_a_map_that_reads_them(
    records: list[dict[str, Any]],
) -> None:
    try:
        text = draft(records, "log")
    except InputError:
        return
    read(text, records)
