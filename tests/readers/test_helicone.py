from typing import Any

import pytest

from costscope.model import Usage
from tests.readers.reading import call, reader, reason, spoken

NO_UUID = "00000000-0000-0000-0000-000000000000"
SENT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5}
GOT: dict[str, Any] = {
    "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Ho"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
              "prompt_tokens_details": {"cached_tokens": 64}},
}  # fmt: skip
FULL: dict[str, Any] = {
    "response_id": "rs", "response_created_at": "2026-11-01T10:00:01.500Z", "response_body": GOT,
    "response_status": 200, "request_id": "rq", "request_created_at": "2026-11-01T10:00:00Z",
    "request_body": SENT, "request_path": "/v1/chat/completions", "request_user_id": "u",
    "request_properties": {"Feature": "chat", "team": "t", "Helicone-Session-Id": "s", "Plan": "pro"},
    "request_model": "gpt-4o", "provider": "OPENAI", "delay_ms": 1400, "prompt_id": "p", "prompt_version": "3",
    "prompt_tokens": 36, "prompt_cache_read_tokens": 64, "prompt_cache_write_tokens": 0,
    "completion_tokens": 20, "total_tokens": 56, "cache_reference_id": NO_UUID, "cache_enabled": False,
    "cost": 0.00037, "country_code": "DE", "model": "gpt-4o",
}  # fmt: skip


def made(**more: Any) -> dict[str, Any]:
    return {**FULL, **more}


def bare(**more: Any) -> dict[str, Any]:
    """A row of an export without bodies."""
    told = {"helicone_message": "fetching body from signed_url... contact somebody"}
    return made(request_body=told, response_body=told, **more)


def test_a_request_is_a_call_with_its_facts() -> None:
    found = call("helicone", FULL)
    assert (found.call_id, found.session, found.user_id) == ("rq", "s", "u")
    assert (found.feature, found.team, found.template, found.template_version) == (
        "chat",
        "t",
        "p",
        "3",
    )
    assert (found.provider, found.model) == ("openai", "gpt-4o-2024-08-06")
    assert (found.sent_at, found.latency_us) == (1793527200000000, 1400000)
    assert found.tags == {"Plan": "pro", "country": "DE"}
    assert found.usage == Usage(fresh=36, cache_read=64, output=20)
    assert (found.reported_pd, found.temperature) == (370_000_000, 0.5)
    assert spoken(found) == [("user", "text", "Hi"), ("assistant", "text", "Ho")]


def test_bodies_of_any_api_are_read_by_who_speaks_it() -> None:
    sent = {
        "model": "claude-sonnet-4-5",
        "system": "S",
        "messages": SENT["messages"],
        "max_tokens": 9,
    }
    usage = {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 0,
             "cache_creation_input_tokens": 70,
             "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 70}}  # fmt: skip
    got = {"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
           "content": [{"type": "text", "text": "Ho"}], "stop_reason": "end_turn", "usage": usage}  # fmt: skip
    found = call("helicone", made(request_body=sent, response_body=got, provider="ANTHROPIC"))
    assert found.usage == Usage(fresh=5, cache_write_1h=70, output=2)
    assert (found.provider, found.finish_reason) == ("anthropic", "end_turn")
    assert spoken(found)[0] == ("system", "text", "S")


@pytest.mark.parametrize("body", [None, "", "{}"])
def test_columns_count_what_was_cached_beside_the_prompt(body: Any) -> None:
    for row in (bare(), made(request_body=body, response_body=body)):
        found = call("helicone", row)
        assert found.usage == Usage(fresh=36, cache_read=64, output=20)
        assert (found.model, found.dialect, found.ambiguous) == ("gpt-4o", None, False)


def test_columns_have_writes_audio_and_reasoning() -> None:
    found = call("helicone", bare(prompt_cache_write_tokens=7, provider="ANTHROPIC", model="claude-opus-4-1",
                                  request_model="claude-opus-4-1", prompt_audio_tokens=30,
                                  completion_audio_tokens=4, reasoning_tokens=9))  # fmt: skip
    assert found.usage == Usage(fresh=66, cache_read=64, cache_write_5m=7, output=24, reasoning=9)
    assert found.units == {"input_audio": 30, "output_audio": 4}


def test_a_body_without_usage_leaves_it_to_the_columns() -> None:
    found = call("helicone", made(response_body={**GOT, "usage": None}))
    assert found.usage == Usage(fresh=36, cache_read=64, output=20)
    assert spoken(found)[1] == ("assistant", "text", "Ho")


def test_counts_below_zero_are_none() -> None:
    assert call("helicone", bare(prompt_tokens=-1, completion_tokens=-1)).usage is None


def test_the_gateways_own_words_leave_out_what_was_written() -> None:
    usage = {"prompt_tokens": 520, "completion_tokens": 20, "total_tokens": 1840, "modality_tokens": {},
             "prompt_tokens_details": {"cached_tokens": 500, "cache_write_tokens": 800,
                                       "cache_write_details": {"write_5m_tokens": 600, "write_1h_tokens": 200}},
             "server_tool_use": {"web_search_requests": 2}}  # fmt: skip
    found = call(
        "helicone", made(response_body={**GOT, "model": "claude-haiku-4-5", "usage": usage})
    )
    assert found.usage == Usage(
        fresh=20, cache_read=500, cache_write_5m=600, cache_write_1h=200, output=20
    )
    assert found.units == {"web_search": 2}


def test_what_helicones_cache_answered_was_not_billed() -> None:
    found = call(
        "helicone", made(cache_reference_id="rq-0", prompt_tokens=0, completion_tokens=0, cost=0)
    )
    assert (found.usage, found.tags["cache_hit"], found.call_id) == (Usage(), "true", "rq")
    assert "cache_hit" not in call("helicone", made(cache_enabled=True)).tags


@pytest.mark.parametrize(
    ("code", "status", "usage"),
    [
        (429, "error", Usage()),
        (500, "error", Usage()),
        (-3, "cancelled", None),
        (-2, "timeout", None),
        (-100, "error", Usage()),
        (0, "pending", None),
    ],
)
def test_how_it_ended(code: int, status: str, usage: Usage | None) -> None:
    failed = {"error": {"message": "no"}} if code > 0 else {}
    none = {"prompt_tokens": None, "completion_tokens": None, "cost": None}
    found = call("helicone", made(response_status=code, response_body=failed, **none))
    assert (found.status, found.usage) == (status, usage)


def test_costs_of_the_table_are_billionths() -> None:
    row = {k: v for k, v in FULL.items() if k not in ("response_status", "delay_ms")}
    table = {**row, "status": 200, "latency": 1400, "cost": 370_000, "user_id": "u2"}
    found = call("helicone", table)
    assert (found.reported_pd, found.latency_us, found.status) == (370_000_000, 1400000, "ok")
    assert call("helicone", made(cost=None, costUSD=0.5)).reported_pd == 500_000_000_000


def test_bodies_may_be_text_and_broken() -> None:
    import json

    found = call("helicone", made(request_body=json.dumps(SENT), response_body=json.dumps(GOT)))
    assert spoken(found)[0] == ("user", "text", "Hi")
    stream = made(response_body=[{"object": "chat.completion.chunk", "choices": []}])
    assert call("helicone", stream).usage == Usage(fresh=36, cache_read=64, output=20)


@pytest.mark.parametrize("kind", ["tool", "vector_db", "data"])
def test_what_its_logger_records_beside_calls_is_skipped(kind: str) -> None:
    row = made(request_body={"_type": kind, "operation": "search"}, response_body={"_type": kind})
    assert reason("helicone", row) == f"a {kind} record is no call of a model"


def test_what_is_not_its_own() -> None:
    assert reader("helicone").score(FULL) == reader("helicone").score(bare()) == 1.0
    pair = {"request_body": SENT, "response_body": GOT, "request_id": "x"}
    assert reader("helicone").score(pair) == 0
    assert reason("helicone", pair) == "not a record of the helicone format"
    assert "is no token count" in reason("helicone", bare(completion_tokens=1.5))
