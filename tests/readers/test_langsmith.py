from typing import Any

import pytest

from costscope.model import Call, Ignored, Skipped, Usage
from tests.readers.reading import every, reader, spoken

USAGE = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120,
         "input_token_details": {"cache_read": 64, "audio": 0},
         "output_token_details": {"reasoning": 5}}  # fmt: skip


def constructor(name: str, **kwargs: Any) -> dict[str, Any]:
    return {"lc": 1, "type": "constructor", "id": ["langchain", "messages", name], "kwargs": kwargs}


AI = constructor("AIMessage", content="Ho", usage_metadata=USAGE,
                 response_metadata={"model_name": "gpt-4o-2024-08-06", "finish_reason": "stop"})  # fmt: skip
RUN: dict[str, Any] = {
    "id": "r1", "name": "ChatOpenAI", "run_type": "llm", "start_time": "2026-11-01T10:00:00",
    "end_time": "2026-11-01T10:00:02", "status": "success", "error": None, "trace_id": "t1",
    "inputs": {"messages": [[constructor("HumanMessage", content="Hi")]]},
    "outputs": {"generations": [[{"text": "Ho", "type": "ChatGeneration", "message": AI}]],
                "llm_output": {"token_usage": {"prompt_tokens": 1, "completion_tokens": 1}}},
    "extra": {"metadata": {"ls_provider": "openai", "ls_model_name": "gpt-4o", "ls_temperature": 0.5,
                           "thread_id": "th", "feature": "chat", "plan": "pro"},
              "invocation_params": {"model": "gpt-4o", "max_tokens": 9, "tools": [{"name": "f"}]}},
    "dotted_order": "20261101T100000Zt1.20261101T100000Zr1", "parent_run_id": "t1", "session_id": "project",
    "tags": ["a:b"], "total_cost": "0.00045", "prompt_tokens": 7, "completion_tokens": 7, "total_tokens": 14,
}  # fmt: skip


def made(**more: Any) -> dict[str, Any]:
    return {**RUN, **more}


def only(*rows: Any) -> Call:
    found = [item for item in every("langsmith", rows) if not isinstance(item, Ignored)]
    assert len(found) == 1
    assert isinstance(found[0], Call), found[0]
    return found[0]


def test_a_run_is_a_call_with_its_facts() -> None:
    found = only(RUN)
    assert (found.call_id, found.trace, found.session, found.feature) == ("r1", "t1", "th", "chat")
    assert (found.provider, found.model) == ("openai", "gpt-4o-2024-08-06")
    assert (found.sent_at, found.latency_us) == (1793527200000000, 2000000)
    assert found.usage == Usage(fresh=36, cache_read=64, output=20, reasoning=5)
    assert (found.reported_pd, found.temperature, found.params) == (
        450_000_000,
        0.5,
        "max_tokens=9",
    )
    assert (found.finish_reason, found.status) == ("stop", "ok")
    assert found.tags == {"a": "b", "plan": "pro", "run": "ChatOpenAI"}
    assert [kind for _, kind, _ in spoken(found)] == ["tool_schema", "text", "text"]
    assert spoken(found)[1:] == [("user", "text", "Hi"), ("assistant", "text", "Ho")]
    assert reader("langsmith").score(RUN) == 1.0


def test_tables_hold_objects_as_text() -> None:
    import json

    texts = {name: json.dumps(RUN[name]) for name in ("inputs", "outputs", "extra", "tags")}
    found, same = only(made(**texts)), only(RUN)
    assert (found.usage, found.model, found.tags) == (same.usage, same.model, same.tags)
    assert spoken(found) == spoken(same)
    assert reader("langsmith").score(made(**texts)) == 1.0


def test_a_project_is_no_session() -> None:
    assert only(made(extra={"metadata": {}})).session is None


def test_other_runs_are_no_calls() -> None:
    kinds = ["chain", "tool", "retriever", "prompt", "parser"]
    assert every("langsmith", [made(run_type=kind) for kind in kinds]) == [Ignored()] * len(kinds)


def test_a_run_within_a_run_of_the_same_usage_counts_once() -> None:
    inner = made(id="r2", dotted_order=f"{RUN['dotted_order']}.20261101T100001Zc.20261101T100001Zr2",
                 parent_run_id="c")  # fmt: skip
    assert [type(i) for i in every("langsmith", [RUN, inner])] == [Call, Ignored]
    assert [type(i) for i in every("langsmith", [inner, RUN])] == [Call, Ignored]


def test_a_wrapper_that_says_nothing_of_its_usage_is_no_second_call() -> None:
    outer = made(id="r0", outputs={"output": "Ho"}, extra={}, dotted_order="1Zt1.2Zr0", prompt_tokens=0,
                 completion_tokens=0, total_tokens=0)  # fmt: skip
    inner = made(dotted_order="1Zt1.2Zr0.3Zr1", parent_run_id="r0")
    items = every("langsmith", [outer, inner])
    assert [i.call_id for i in items if isinstance(i, Call)] == ["r1"]
    assert only(outer).usage is None


PLACES: dict[str, dict[str, Any]] = {
    "usage metadata of the output": {"outputs": {"usage_metadata": USAGE}},
    "of the run": {"outputs": {}, "extra": {"metadata": {"usage_metadata": USAGE}}},
    "an API's own usage": {"outputs": {"usage": {
        "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 64}, "completion_tokens_details": {"reasoning_tokens": 5}}}},
    "the sums of the run": {"outputs": {}, "extra": {}, "prompt_tokens": 100, "completion_tokens": 20,
                            "total_tokens": 120, "prompt_token_details": {"cache_read": 64},
                            "completion_token_details": {"reasoning": 5}},
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_where_usage_stands(place: str) -> None:
    found = only(made(**PLACES[place]))
    assert found.usage == Usage(fresh=36, cache_read=64, output=20, reasoning=5)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 3300, "output_tokens": 7, "total_tokens": 3307,
          "input_token_details": {"cache_read": 2000, "cache_creation": 1200}},
         Usage(fresh=100, cache_read=2000, cache_write_5m=1200, output=7)),
        ({"input_tokens": 3300, "output_tokens": 7, "total_tokens": 3307,
          "input_token_details": {"cache_read": 2000, "ephemeral_1h_input_tokens": 1200}},
         Usage(fresh=100, cache_read=2000, cache_write_1h=1200, output=7)),
        # The first wrapper of Anthropic's client left the cached tokens out of both sums.
        ({"input_tokens": 4, "output_tokens": 7, "total_tokens": 11,
          "input_token_details": {"cache_read": 2000}},
         Usage(fresh=4, cache_read=2000, output=7)),
    ],
)  # fmt: skip
def test_anthropic_through_langchain(usage: dict[str, Any], expected: Usage) -> None:
    metadata = {"ls_provider": "anthropic", "ls_model_name": "claude-sonnet-4-5"}
    found = only(made(outputs={"usage_metadata": usage}, extra={"metadata": metadata}))
    assert (found.usage, found.provider) == (expected, "anthropic")


def test_a_failed_run_cost_nothing() -> None:
    none = {"outputs": None, "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert only(made(error="RateLimitError()", **none)).usage == Usage()
    assert only(made(status="error", **none)).status == "error"


def test_a_run_of_a_wrapped_client() -> None:
    inputs = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], "top_p": 0.5}
    outputs = {"id": "chatcmpl-1", "model": "gpt-4o-mini-2024-07-18", "service_tier": "flex",
               "choices": [{"finish_reason": "length", "message": {"role": "assistant", "content": "Ho"}}],
               "usage_metadata": USAGE}  # fmt: skip
    found = only(
        made(inputs=inputs, outputs=outputs, extra={"metadata": {"ls_provider": "openai"}})
    )
    assert (found.model, found.tier, found.finish_reason) == (
        "gpt-4o-mini-2024-07-18",
        "flex",
        "length",
    )
    assert found.params == "top_p=0.5"
    assert spoken(found) == [("user", "text", "Hi"), ("assistant", "text", "Ho")]


def post(run: str, **more: Any) -> dict[str, Any]:
    return {"id": run, "run_type": "llm", "start_time": "2026-11-01T10:00:00Z", "trace_id": run,
            "dotted_order": f"1Z{run}", "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
            "outputs": {}, "extra": {"metadata": {"ls_model_name": "gpt-4o"}}, **more}  # fmt: skip


def patch(run: str, **more: Any) -> dict[str, Any]:
    return {"dotted_order": f"1Z{run}", "trace_id": run, "end_time": "2026-11-01T10:00:01Z",
            "outputs": {"choices": [{"message": {"content": "Ho"}}], "usage_metadata": USAGE}, **more}  # fmt: skip


@pytest.mark.parametrize(
    "log",
    [
        [{"post": [post("a")], "patch": [patch("a")]}],
        [{"post": [post("a")]}, {"patch": [patch("a", id="a")]}],
        [{"post": [], "patch": [patch("a")]}, {"post": [post("a", outputs=None)], "patch": []}],
    ],
)
def test_what_was_posted_and_patched_is_one_run(log: list[Any]) -> None:
    found = only(*log)
    assert (found.call_id, found.latency_us, found.model) == ("a", 1000000, "gpt-4o")
    assert found.usage == Usage(fresh=36, cache_read=64, output=20, reasoning=5)
    assert spoken(found) == [("user", "text", "Hi"), ("assistant", "text", "Ho")]


def test_each_record_is_accounted_for() -> None:
    log = [
        RUN,
        made(run_type="tool"),
        {"post": [post("a")]},
        {"patch": [patch("a")]},
        b"{",
        {"x": 1},
    ]
    items = every("langsmith", log)
    assert sum(i.count if isinstance(i, Ignored) else 1 for i in items) == len(log)
    assert [i.line for i in items if isinstance(i, Skipped)] == [5, 6]


def test_what_is_not_its_own() -> None:
    assert reader("langsmith").score({"run_type": "llm"}) == 0
    assert reader("langsmith").score({"post": [1], "patch": {}}) == 0
    assert reader("langsmith").score({"inputs": {}, "outputs": {}}) == 0
