"""OpenInference spans: kinds, counts, the responses that they keep, texts, and retrieved documents."""

import json
from typing import Any

import pytest

from costscope.model import Call, Ignored, Usage
from costscope.readers import _span_documents
from costscope.sources import Head
from tests.readers.otlp import request, span
from tests.readers.reading import blocks, every, reader, spoken

T = "llm__token_count__"
PAGE = "The pier is closed for repairs until the end of March."
OTHER_PAGE = "Boats leave from the north quay while the pier is closed."


def calls(*found: Any) -> list[Call]:
    return [item for item in every("openinference", found) if isinstance(item, Call)]


def llm(number: int, parent: int = 0, **more: Any) -> dict[str, Any]:
    own = {"openinference__span__kind": "LLM", "llm__model_name": "gpt-4o",
           T + "prompt": 100, T + "completion": 10}  # fmt: skip
    return span(number, parent, **{**own, **more})


def one(**attributes: Any) -> Call:
    (found,) = calls(request(llm(1, **attributes)))
    return found


def said(text: str, number: int = 0) -> dict[str, Any]:
    start = f"llm__input_messages__{number}__message__"
    return {start + "role": "user", start + "content": text}


def answered(usage: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A response as the instrumentations of clients keep it."""
    return {"output__value": json.dumps({"id": "msg_01Abc", **more, "usage": usage})}


# --- kinds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["CHAIN", "TOOL", "RETRIEVER", "AGENT", "RERANKER", "GUARDRAIL"])
def test_other_kinds_are_no_calls_though_they_count(kind: str) -> None:
    more = {"openinference__span__kind": kind}
    items = every("openinference", [request(llm(1, **more)), request(llm(2, 1))])
    assert [i.sent_at for i in items if isinstance(i, Call)] == [1_781_000_002_000_000]
    assert [i.count for i in items if isinstance(i, Ignored)] == [1]


def test_an_embedding_is_a_call_of_its_input() -> None:
    found = one(openinference__span__kind="EMBEDDING", embedding__model_name="text-embedding-3-small",
                llm__model_name="", embedding__embeddings__0__embedding__text="piers")  # fmt: skip
    assert found.model == "text-embedding-3-small"
    assert spoken(found) == [("user", "text", "piers")]


def test_both_conventions_in_one_file_are_read_by_either() -> None:
    other = span(2, gen_ai__operation__name="chat", gen_ai__request__model="m",
                 gen_ai__usage__input_tokens=7, gen_ai__usage__output_tokens=1)  # fmt: skip
    log = [request(llm(1)), request(other)]
    for name in ("openinference", "otel_genai"):
        assert sum(isinstance(item, Call) for item in every(name, log)) == 2
    heads = [Head("log", [record]) for record in log]
    assert [reader("openinference").sniff(head) for head in heads] == [1.0, 0.0]
    assert [reader("otel_genai").sniff(head) for head in heads] == [0.3, 0.97]


# --- counts ----------------------------------------------------------------------------------------


def test_the_total_decides_whether_the_prompt_holds_the_cached_tokens() -> None:
    cached = {T + "prompt_details__cache_read": 60, T + "prompt_details__cache_write": 20}
    inside = one(**cached, **{T + "total": 110}, llm__model_name="claude-sonnet-4-5")
    beside = one(**cached, **{T + "total": 190}, llm__model_name="claude-sonnet-4-5")
    assert inside.usage == Usage(fresh=20, cache_read=60, cache_write_5m=20, output=10)
    assert beside.usage == Usage(fresh=100, cache_read=60, cache_write_5m=20, output=10)
    assert not inside.ambiguous
    assert not beside.ambiguous


def test_without_a_total_a_call_is_marked() -> None:
    found = one(**{T + "prompt_details__cache_input": 60})
    assert found.usage == Usage(fresh=40, cache_read=60, output=10)
    assert found.ambiguous


def test_a_response_that_agrees_tells_what_the_attributes_leave_out() -> None:
    usage = {
        "input_tokens": 20, "output_tokens": 10, "cache_read_input_tokens": 50,
        "cache_creation_input_tokens": 30, "service_tier": "priority", "inference_geo": "us",
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "output_tokens_details": {"thinking_tokens": 6}, "server_tool_use": {"web_search_requests": 2},
    }  # fmt: skip
    found = one(**answered(usage, stop_reason="end_turn"), llm__model_name="claude-sonnet-4-6")
    assert found.usage == Usage(
        fresh=20, cache_read=50, cache_write_5m=10, cache_write_1h=20, output=10, reasoning=6
    )
    assert (found.units, found.tier, found.region) == ({"web_search": 2}, "priority", "us")
    assert (found.call_id, found.finish_reason, found.ambiguous) == ("msg_01Abc", "end_turn", False)


def test_a_response_that_contradicts_the_attributes_is_not_believed() -> None:
    found = one(**answered({"input_tokens": 3, "output_tokens": 1}))
    assert found.usage == Usage(fresh=100, output=10)


def test_a_response_alone_is_enough() -> None:
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    own = {"openinference__span__kind": "LLM", "llm__model_name": "gpt-4o"}
    (found,) = calls(request(span(1, **own, **answered(usage))))
    assert found.usage == Usage(fresh=22, cache_read=8, output=4)


def test_thoughts_and_tool_results_that_only_googles_response_counts() -> None:
    usage = {"prompt_token_count": 100, "candidates_token_count": 10, "thoughts_token_count": 40,
             "tool_use_prompt_token_count": 5, "total_token_count": 155}  # fmt: skip
    held = {"output__value": json.dumps({"candidates": [], "usage_metadata": usage})}
    found = one(**held, llm__model_name="gemini-2.5-flash")
    assert found.usage == Usage(fresh=105, output=50, reasoning=40)


def test_searches_of_a_responses_output_are_counted() -> None:
    output = [{"type": "web_search_call", "status": "completed", "action": {"type": "search"}}]
    usage = {"input_tokens": 100, "output_tokens": 10, "input_tokens_details": {"cached_tokens": 0}}
    assert one(**answered(usage, output=output)).units == {"web_search": 1}


def test_a_cost_that_the_span_tells() -> None:
    assert one(llm__cost__total=0.002).reported_pd == 2_000_000_000


# --- who and what ----------------------------------------------------------------------------------


def test_session_user_metadata_tags_and_settings() -> None:
    found = one(
        session__id="s", user__id="u", metadata=json.dumps({"team": "t", "plan": "free"}),
        tag__tags=["a", "b:c"], llm__prompt_template__version="7",
        llm__invocation_parameters=json.dumps({"temperature": 0, "top_p": 0.5, "model": "x"}),
    )  # fmt: skip
    assert (found.session, found.user_id, found.team) == ("s", "u", "t")
    assert found.tags == {"a": "true", "b": "c", "plan": "free"}
    assert (found.template_version, found.temperature, found.params) == ("7", 0.0, "top_p=0.5")


# --- texts -----------------------------------------------------------------------------------------


def test_messages_with_parts_and_tool_calls() -> None:
    out = "llm__output_messages__0__message__"
    content = "llm__input_messages__0__message__contents__"
    found = one(**{
        content + "0__message_content__type": "text", content + "0__message_content__text": "Look:",
        content + "1__message_content__type": "image",
        content + "1__message_content__image__image__url": "data:image/png;base64,aGk=",
        out + "role": "assistant", out + "tool_calls__0__tool_call__function__name": "f",
        out + "tool_calls__0__tool_call__function__arguments": '{"a": 1}',
        "llm__tools__0__tool__json_schema": '{"name": "f"}',
    })  # fmt: skip
    shown = [(b.role, b.kind, b.text[:9]) for b in blocks(found)]
    assert shown == [("system", "tool_schema", '{"name":"'), ("user", "text", "Look:"),
                     ("user", "image", '{"image":'), ("assistant", "tool_call", 'f\n{"a":1}')]  # fmt: skip


def test_the_request_itself_has_the_system_prompt_and_the_cache_marks() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    body = {"model": "claude", "system": [{"type": "text", "text": "Be kind", **mark}],
            "messages": [{"role": "user", "content": "Hi"}]}  # fmt: skip
    found = one(input__value=json.dumps(body), **said("Hi"))
    shown = [(b.role, b.text, b.breakpoint) for b in blocks(found)]
    assert shown == [("system", "Be kind", "1h"), ("user", "Hi", "")]


@pytest.mark.parametrize("value", [
    '{"messages": [[{"lc": 1}]]}', '{"messages": ["user: Hi"], "model": "m"}', '{"messages": ', "Hi",
    '{"messages": [{"role": "user", "content": "no model, no request"}]}',
])  # fmt: skip
def test_an_input_that_is_no_request_is_left_alone(value: str) -> None:
    assert spoken(one(input__value=value, **said("Hi"))) == [("user", "text", "Hi")]


# --- documents -------------------------------------------------------------------------------------


def retriever(number: int, parent: int, *texts: str, trace: int = 1) -> dict[str, Any]:
    found = {f"retrieval.documents.{i}.document.content": text for i, text in enumerate(texts)}
    return span(number, parent, trace, openinference__span__kind="RETRIEVER", **found)


def segments(found: Call) -> list[tuple[str, str]]:
    return [(b.segment, b.text) for b in blocks(found)]


def test_retrieved_documents_are_context_with_exact_borders() -> None:
    prompt = f"Pages:\n{PAGE}\n{OTHER_PAGE}\nIs the pier open?"
    log = request(retriever(2, 1, OTHER_PAGE, PAGE), llm(3, 1, **said(prompt)))
    (found,) = calls(log)
    assert segments(found) == [
        ("", "Pages:\n"), ("context", PAGE), ("", "\n"), ("context", OTHER_PAGE),
        ("", "\nIs the pier open?"),
    ]  # fmt: skip
    assert "".join(text for _, text in segments(found)) == prompt


def test_a_message_that_is_a_document_is_context() -> None:
    log = request(retriever(2, 1, PAGE), llm(3, 1, **said(PAGE)))
    assert segments(calls(log)[0]) == [("context", PAGE)]


def test_documents_of_another_trace_are_no_context() -> None:
    log = request(retriever(2, 1, PAGE, trace=2), llm(3, 1, **said(PAGE)))
    assert segments(calls(log)[0]) == [("", PAGE)]


def test_a_short_document_may_stand_there_by_chance() -> None:
    short = "The pier"
    assert len(short) < _span_documents.MIN_CHARACTERS
    log = request(retriever(2, 1, short), llm(3, 1, **said(PAGE)))
    assert segments(calls(log)[0]) == [("", PAGE)]


def test_of_documents_inside_each_other_the_longest_was_put_in() -> None:
    log = request(retriever(2, 1, PAGE[:30], PAGE), llm(3, 1, **said(f"{PAGE} Open?")))
    assert segments(calls(log)[0]) == [("context", PAGE), ("", " Open?")]


def test_a_cache_mark_stays_at_the_end_of_its_part() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    content = [{"type": "text", "text": f"{PAGE} Open?", **mark}]
    body = {"model": "claude", "messages": [{"role": "user", "content": content}]}
    log = request(retriever(2, 1, PAGE), llm(3, 1, input__value=json.dumps(body)))
    shown = [(b.segment, b.text, b.breakpoint) for b in blocks(calls(log)[0])]
    assert shown == [("context", PAGE, ""), ("", " Open?", "5m")]
