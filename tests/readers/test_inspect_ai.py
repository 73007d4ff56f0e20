"""Evaluation logs of our own: both containers, both usage conventions, links, pools and caches."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from costscope.model import Call, Ignored, Usage
from costscope.sources import Record, identify, records
from tests.readers.reading import every, reader, spoken, told

HEADER = {"task": "quiz", "run_id": "r", "eval_id": "e", "model": "openai/gpt-5-mini"}
ASKED = {"role": "user", "content": "attachment://h1"}


def event(**more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "yes"}
    output = {
        "model": "gpt-5-mini-2025-08-07",
        "choices": [{"message": message, "stop_reason": "stop"}],
    }
    usage = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
    found = {
        "event": "model",
        "model": "openai/gpt-5-mini",
        "input": [ASKED],
        "timestamp": "2026-11-02T06:00:00.5+00:00",
        "uuid": "u1",
        "output": output | {"usage": usage},
    }
    return found | more  # fmt: skip


def sample(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = {
        "id": 1,
        "epoch": 2,
        "input": "q",
        "target": "yes",
        "messages": [],
        "events": [*events],
    }
    return found | {"attachments": {"h1": "Is it so?"}, "uuid": "s1"} | more


def log(*samples: dict[str, Any]) -> dict[str, Any]:
    return {"version": 2, "status": "success", "eval": HEADER, "plan": {}, "samples": list(samples)}


def calls(*found: dict[str, Any]) -> list[Call]:
    return [i for i in every("inspect_ai", list(found)) if isinstance(i, Call)]


def billed(**usage: Any) -> Usage | None:
    output = event()["output"] | {"usage": usage}
    (call,) = calls(log(sample(event(output=output))))
    return call.usage


def test_a_model_event_is_a_call_of_its_sample() -> None:
    (call,) = calls(log(sample({"event": "score"}, event())))
    assert (call.feature, call.session, call.trace, call.task) == ("quiz", "s1", "r", "1")
    assert (call.provider, call.model) == ("openai", "gpt-5-mini-2025-08-07")
    assert call.usage == Usage(fresh=100, output=10)
    assert spoken(call) == [("user", "text", "Is it so?"), ("assistant", "text", "yes")]


def test_the_total_tells_whether_the_input_holds_what_was_cached() -> None:
    counts = {"input_tokens": 100, "output_tokens": 10, "input_tokens_cache_read": 60}
    assert billed(**counts, total_tokens=110) == Usage(fresh=40, cache_read=60, output=10)
    assert billed(**counts, total_tokens=170) == Usage(fresh=100, cache_read=60, output=10)


def test_reasoning_is_added_where_the_total_shows_it_beside() -> None:
    counts = {"input_tokens": 100, "output_tokens": 10, "reasoning_tokens": 7}
    assert billed(**counts, total_tokens=117) == Usage(fresh=100, output=17, reasoning=7)
    assert billed(**counts, total_tokens=110) == Usage(fresh=100, output=10, reasoning=7)


def test_the_apis_own_usage_knows_how_long_a_write_lives() -> None:
    raw = {"input_tokens": 4, "output_tokens": 1, "cache_read_input_tokens": 0,
           "cache_creation_input_tokens": 50, "cache_creation": {"ephemeral_1h_input_tokens": 50}}  # fmt: skip
    made = event(
        model="anthropic/claude-sonnet-4-5", call={"response": {"id": "msg_1", "usage": raw}}
    )
    (call,) = calls(log(sample(made)))
    assert call.usage == Usage(fresh=4, cache_write_1h=50, output=1)
    assert (call.call_id, call.request_id) == ("msg_1", "u1")


def test_what_inspect_had_in_its_own_cache_was_not_sent() -> None:
    found = every("inspect_ai", [log(sample(event(cache="read")))])
    assert found == [Ignored(1)]


def test_a_failed_event_was_not_billed() -> None:
    (call,) = calls(log(sample(event(error="timeout", retries=3))))
    assert (call.status, call.usage, call.tags["retries"]) == ("error", Usage(), "3")


@pytest.mark.parametrize("refs", [[[0, 2]], [0, 1], [[0, 1], [1, 2]]])
def test_messages_of_a_pool_are_put_in(refs: list[Any]) -> None:
    pool = [{"role": "system", "content": "short"}, {"role": "user", "content": "why"}]
    for place in ({"message_pool": pool}, {"events_data": {"messages": pool}}):
        (call,) = calls(log(sample(event(input=[], input_refs=refs), **place)))
        assert [text for _, _, text in spoken(call)] == ["short", "why", "yes"]


def test_a_log_of_2024_has_its_events_and_texts_in_a_transcript() -> None:
    old = sample(uuid=None, attachments=None)
    del old["events"]
    asked = {"role": "user", "content": "tc://h1"}
    old["transcript"] = {"events": [event(input=[asked])], "content": {"h1": "Then?"}}
    (call,) = calls(log(old))
    assert (spoken(call)[0], call.session) == (("user", "text", "Then?"), "r/1/2")


def test_a_sample_without_events_is_estimated_by_reply() -> None:
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    bare = {"id": 1, "epoch": 1, "input": "a", "target": "", "messages": said}
    (call,) = calls(log(bare))
    assert (call.usage, call.provider, len(call.messages)) == (None, "openai", 1)


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("openai/azure/gpt-5", ("openai", "azure")),
        ("azureai/gpt-5", ("openai", "azure")),
        ("anthropic/bedrock/anthropic.claude-sonnet-4-5-v1:0", ("anthropic", "bedrock")),
        ("google/vertex/gemini-2.5-pro", ("google", "vertex")),
        ("together/meta-llama/Llama-3", ("together", "direct")),
        ("ollama/llama3.1", ("", "self-hosted")),
    ],
)
def test_a_models_name_tells_its_provider_and_channel(model: str, known: tuple[str, str]) -> None:
    output = event()["output"] | {"model": model.rpartition("/")[2]}
    (call,) = calls(log(sample(event(model=model, output=output))))
    assert (call.provider, call.channel) == known


def test_an_archive_tells_the_same_calls_as_the_document(tmp_path: Path) -> None:
    samples = [sample(event()), sample(event(uuid="u2"), id=2)]
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_journal/start.json", json.dumps({"eval": HEADER, "plan": {}}))
        for number, one in enumerate(samples):
            archive.writestr(f"samples/{number}.json", json.dumps(one))
        archive.writestr("summaries.json", json.dumps([{"id": 1, "epoch": 2}]))
        archive.writestr("header.json", json.dumps({"eval": HEADER, "plan": {}}))
    raws = [r for r in records(identify(str(path))) if isinstance(r, Record)]
    found = list(reader("inspect_ai").read(raws, "log"))
    assert found[-1] == Ignored(3)
    same = [told(call) for call in calls(log(*samples))]
    assert [told(i) for i in found if isinstance(i, Call)] == same
