"""Spans of the gen_ai conventions: kinds, who and what, containers, and anything else."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.ingest.find import find_reader
from costscope.model import Call, Ignored, Skipped, Usage
from costscope.sources import Head, identify, records
from tests.readers.otlp import START, calls, chat, ignored, one, reasons, request, span
from tests.readers.reading import every, reader, spoken
from tests.readers.test_anything import JSON, paths, replaced

SAMPLES = Path(__file__).parent / "samples"


@pytest.mark.parametrize("operation", ["execute_tool", "invoke_agent", "create_agent", "chain"])
def test_other_operations_are_no_calls(operation: str) -> None:
    log = request(span(1, gen_ai__operation__name=operation, gen_ai__request__model="gpt-4o"))
    assert calls(log) == []
    assert ignored(log) == 1


@pytest.mark.parametrize("operation", ["chat", "text_completion", "generate_content", "embeddings"])
def test_operations_of_models_are_calls_with_or_without_a_count(operation: str) -> None:
    log = request(span(1, gen_ai__operation__name=operation, gen_ai__request__model="m"))
    (found,) = calls(log)
    assert (found.usage, found.model) == (None, "m")


def test_an_error_is_a_call_that_was_not_billed() -> None:
    (found,) = calls(request(chat(1, given=None, made=None, failed=True)))
    assert (found.status, found.usage) == ("error", Usage())


def test_a_failed_call_with_a_count_was_billed() -> None:
    (found,) = calls(request(chat(1, failed=True)))
    assert (found.status, found.usage) == ("error", Usage(fresh=100, output=10))


@pytest.mark.parametrize(
    ("system", "address", "model", "expected"),
    [
        ("aws.bedrock", "", "anthropic.claude-3-haiku", ("anthropic", "bedrock")),
        ("openai", "shop.openai.azure.com", "gpt-4o", ("openai", "azure")),
        ("openai", "https://api.groq.com/openai/v1", "llama-3.3-70b", ("groq", "direct")),
        ("openai", "https://openrouter.ai/api/v1", "claude-3-haiku", ("anthropic", "openrouter")),
        ("gcp.vertex_ai", "", "gemini-2.5-pro", ("google", "vertex")),
        ("openai.responses", "", "gpt-4o", ("openai", "direct")),
        ("Langchain", "", "some-model", ("", "direct")),
        ("mistral_ai", "", "my-tuned-model", ("mistral", "direct")),
        ("openai", "localhost", "qwen3-32b", ("", "self-hosted")),
        ("openai", "http://localhost:4000/v1", "gpt-4o", ("openai", "direct")),
    ],
)
def test_who_served_a_call(
    system: str, address: str, model: str, expected: tuple[str, str]
) -> None:
    found = one(model=model, gen_ai__system=system, server__address=address)
    assert (found.provider, found.channel) == expected


def test_the_region_of_a_server_is_the_calls() -> None:
    found = one(model="anthropic.claude-3-haiku",
                server__address="bedrock-runtime.eu-west-3.amazonaws.com")  # fmt: skip
    assert (found.channel, found.region) == ("bedrock", "eu-west-3")


def test_dimensions_and_settings() -> None:
    found = one(
        gen_ai__conversation__id="c-9", enduser__id="u-2", gen_ai__request__temperature=0.5,
        gen_ai__request__max_tokens=50, gen_ai__output__type="json", gen_ai__usage__cost=0.25,
        traceloop__association__properties__feature="faq", openai__response__service_tier="priority",
        gen_ai__response__finish_reasons=["length"], gen_ai__prompt__name="greeting",
    )  # fmt: skip
    assert (found.session, found.user_id, found.feature) == ("c-9", "u-2", "faq")
    assert (found.temperature, found.params, found.json_reply) == (0.5, "max_tokens=50", True)
    assert (found.reported_pd, found.tier) == (250_000_000_000, "priority")
    assert (found.finish_reason, found.template) == ("length", "greeting")
    assert (found.sent_at, found.latency_us) == (START // 1000 + 1_000_000, 250_000)


def test_a_span_without_a_response_id_is_known_by_its_trace_and_span() -> None:
    assert one().call_id == f"{1:032x}{1:016x}"


@pytest.mark.parametrize("name", ["not a log", "nothing"])
def test_a_wrong_time_loses_no_call(name: str) -> None:
    fields = chat(1)
    fields |= {"startTimeUnixNano": name, "endTimeUnixNano": None}
    (found,) = calls(request(fields))
    assert (found.sent_at, found.latency_us) == (None, None)


def test_claude_codes_spans_count_the_cached_tokens_beside() -> None:
    asked = span(1, name="claude_code.llm_request", span__type="llm_request", model="claude-opus-4-5",
                 input_tokens=4, output_tokens=9, cache_read_tokens=700, cache_creation_tokens=50,
                 request_id="req_1", session__id="s")  # fmt: skip
    (found,) = calls(request(asked))
    assert found.usage == Usage(fresh=4, cache_read=700, cache_write_5m=50, output=9)
    assert (found.provider, found.session, found.ambiguous) == ("anthropic", "s", False)


ROW = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o",
       "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10}  # fmt: skip
IDS = {"trace_id": "ab" * 16, "span_id": "cd" * 8}
CONTAINERS: dict[str, dict[str, Any]] = {
    "console": {"name": "chat", "context": {k: "0x" + v for k, v in IDS.items()}, "parent_id": None,
                "start_time": "2026-06-09T10:00:00Z", "end_time": "2026-06-09T10:00:01Z",
                "status": {"status_code": "UNSET"}, "attributes": ROW, "events": [{"name": "x"}]},
    "hrtime": {"name": "chat", "spanContext": {"traceId": "ab" * 16, "spanId": "cd" * 8},
               "startTime": [1_780_999_200, 0], "endTime": [1_780_999_201, 0], "attributes": ROW},
    "snake": {"resource_spans": [{"scope_spans": [{"spans": [
        {**IDS, "name": "chat", "start_time_unix_nano": 1_780_999_200 * 10**9,
         "end_time_unix_nano": 1_780_999_201 * 10**9,
         "attributes": [{"key": k, "value": {"string_value": str(v)}} for k, v in ROW.items()]}]}]}]},
    "datadog": {**IDS, "name": "chat", "resource": "chat", "service": "shop", "error": 0,
                "start": 1_780_999_200 * 10**9, "duration": 10**9,
                "meta": {k: v for k, v in ROW.items() if isinstance(v, str)},
                "metrics": {k: float(v) for k, v in ROW.items() if isinstance(v, int)}},
    "sentry": {"event_id": "1", "type": "transaction", "spans": [
        {**IDS, "op": "gen_ai.chat", "description": "chat gpt-4o", "data": ROW, "status": "ok",
         "start_timestamp": 1_780_999_200.0, "timestamp": 1_780_999_201.0}]},
    "columns": {"trace.trace_id": "ab" * 16, "trace.span_id": "cd" * 8, "name": "chat",
                "timestamp": "2026-06-09T10:00:00Z", "duration_ms": 1000, **ROW},
    "logfire": {**IDS, "span_name": "chat gpt-4o", "start_timestamp": "2026-06-09T10:00:00Z",
                "end_timestamp": "2026-06-09T10:00:01Z", "attributes": json.dumps(ROW)},
}  # fmt: skip


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_call_in_every_container(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    for text in (json.dumps(CONTAINERS[name]), json.dumps(CONTAINERS[name], indent=2)):
        path.write_text(text)
        source = identify(str(path))
        found = find_reader(source, "")
        assert found.name == "otel_genai"
        (call,) = found.read(records(source), "log")  # type: ignore[arg-type]
        assert isinstance(call, Call)
        assert call.usage == Usage(fresh=100, output=10)
        assert (call.trace, call.sent_at) == ("ab" * 16, 1_780_999_200 * 10**6)
        assert call.latency_us == 10**6


def test_a_large_line_is_found_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(request(*(chat(i, model="m" * 200) for i in range(1, 400)))))
    assert path.stat().st_size > 2 * 64 * 1024
    assert find_reader(identify(str(path)), "").name == "otel_genai"


def test_other_traces_are_a_weak_claim_and_other_records_none() -> None:
    found = reader("otel_genai")
    plain = request(span(1, name="GET /", http__method="GET"))
    assert found.sniff(Head("log", [plain])) == 0.3
    row = {"trace_id": "1", "span_id": "2", "message": "started", "tags": ["a"]}
    for record in ({"spans": []}, {"a": 1}, row, {"data": [{"id": 1}]}):
        assert found.sniff(Head("log", [record])) == 0


def test_records_of_other_kinds_are_told() -> None:
    told = reasons({"a": 1}, b"{", [1])
    assert told[0] == told[2] == "not a record of the otel_genai format"
    assert told[1].startswith("not valid JSON")
    assert ignored({"resourceMetrics": []}, {"resourceSpans": []}) == 2


TEXTS = [line for p in sorted(SAMPLES.glob("o*.jsonl")) if p.name.startswith(("otel", "openinf"))
         for line in p.read_text("utf-8").splitlines()]  # fmt: skip
ALTERED = st.sampled_from([(r, p) for t in TEXTS for r in [json.loads(t)] for p in paths(r)])


@given(place=ALTERED, new=JSON)
@settings(max_examples=80, deadline=None)
def test_any_value_anywhere_raises_nothing(place: Any, new: Any) -> None:
    record = replaced(*place, new)
    for item in every("otel_genai", [record]):
        assert isinstance(item, (Call, Skipped, Ignored))
        if isinstance(item, Call) and item.dialect is not None:
            spoken(item)
    if isinstance(record, dict):
        assert 0 <= reader("otel_genai").score(record) <= 1


FILES = [p.read_text("utf-8").splitlines() for p in sorted(SAMPLES.glob("ot*.jsonl"))]
LOGS = [[json.loads(line) for line in lines] for lines in FILES]
ONE_ALTERED = st.sampled_from(
    [(log, n, p) for log in LOGS for n, record in enumerate(log) for p in paths(record)]
)


@given(place=ONE_ALTERED, new=JSON)
@settings(max_examples=60, deadline=None)
def test_one_broken_record_leaves_the_others(place: Any, new: Any) -> None:
    log, number, path = place
    altered = [*log[:number], replaced(log[number], path, new), *log[number + 1 :]]
    items = every("otel_genai", altered)
    assert all(isinstance(item, (Call, Skipped, Ignored)) for item in items)
    untouched = {c.call_id for r in log[:number] + log[number + 1 :] for c in calls(r)}
    ids = {c.call_id for c in items if isinstance(c, Call)}
    assert len(untouched - ids) <= 2  # what the altered record holds may lie around these


def test_a_length_that_no_call_has_is_none() -> None:
    row = {**CONTAINERS["columns"], "duration_ms": 1e300}
    assert calls(row)[0].latency_us is None
