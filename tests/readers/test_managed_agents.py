from pathlib import Path
from typing import Any

import pytest

from costscope.ingest.find import find_reader
from costscope.model import Call, Ignored, Skipped, Usage
from costscope.sources import identify, records
from tests.readers.reading import every, reader, spoken

SHARED = Path(__file__).parent.parent.parent.parent / "shared" / "data"
SESSION: dict[str, Any] = {
    "type": "session", "id": "sesn_1", "environment_id": "env_1",
    "agent": {"name": "planner", "system": "S", "model": {"id": "claude-sonnet-4-5", "speed": "fast"},
              "tools": [{"type": "agent_toolset"}, {"type": "custom", "name": "f", "input_schema": {}}]},
}  # fmt: skip


def event(number: int, kind: str, **more: Any) -> dict[str, Any]:
    at = f"2026-11-01T10:00:{number:02d}Z"
    return {"id": f"sevt_{number}", "processed_at": at, "type": kind, **more}


def text(said: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": said}]


def usage(**counts: int) -> dict[str, Any]:
    return {"is_error": False, "model_usage": counts}


LOG = [
    SESSION,
    {"type": "user.message", "content": text("Q")},
    event(1, "user.message", content=text("Q")),
    event(2, "span.model_request_start"),
    event(4, "agent.tool_use", name="find", input={"a": 1}),
    event(5, "span.model_request_end", **usage(input_tokens=2, output_tokens=9,
          cache_creation_input_tokens=70, cache_read_input_tokens=0)),
    event(6, "agent.tool_result", tool_use_id="sevt_4", content=text("R")),
    event(7, "span.model_request_start"),
    event(8, "agent.message", content=text("A")),
    event(9, "span.model_request_end", **usage(input_tokens=3, output_tokens=4, cache_read_input_tokens=70)),
]  # fmt: skip


def test_each_model_request_is_a_call() -> None:
    first, second = (i for i in every("managed_agents", LOG) if isinstance(i, Call))
    assert (first.call_id, first.session, first.feature) == ("sevt_5", "sesn_1", "planner")
    assert (first.provider, first.model, first.tier) == ("anthropic", "claude-sonnet-4-5", "fast")
    assert (first.sent_at, first.latency_us) == (1793527202000000, 3000000)
    assert first.usage == Usage(fresh=2, cache_write_5m=70, output=9)
    assert second.usage == Usage(fresh=3, cache_read=70, output=4)


def test_the_prompt_is_what_was_said_before_and_the_reply_what_came_within() -> None:
    first, second = (i for i in every("managed_agents", LOG) if isinstance(i, Call))
    tool_call = ("assistant", "tool_call", 'find\n{"a":1}')
    assert spoken(first)[1:] == [("system", "text", "S"), ("user", "text", "Q"), tool_call]
    assert spoken(second)[1:] == [
        ("system", "text", "S"), ("user", "text", "Q"), tool_call, ("tool", "tool_result", "R"),
        ("assistant", "text", "A"),
    ]  # fmt: skip
    assert [kind for _, kind, _ in spoken(first)].count("tool_schema") == 1


def test_every_record_is_accounted_for() -> None:
    items = every("managed_agents", [*LOG, b'"client.beta.sessions"', {"a": 1}, b"{"])
    kinds = [type(item) for item in items]
    assert (kinds.count(Call), kinds.count(Ignored), kinds.count(Skipped)) == (2, 9, 2)


def test_a_failed_request_cost_nothing_and_events_alone_are_enough() -> None:
    (found,) = every("managed_agents", [event(1, "span.model_request_end", is_error=True)])
    assert isinstance(found, Call)
    assert (found.status, found.usage, found.model, found.session) == ("error", Usage(), "", None)


def test_a_request_that_repeats_a_failed_one_says_so() -> None:
    failed = event(5, "span.model_request_end", is_error=True)
    again = [event(6, "session.error"), event(7, "span.model_request_start"),
             event(8, "span.model_request_end", **usage(input_tokens=1, output_tokens=1))]  # fmt: skip
    calls = [i for i in every("managed_agents", [*LOG[:4], failed, *again]) if isinstance(i, Call)]
    assert [c.retry_of for c in calls] == [None, "sevt_5"]
    more = [event(6, "user.message", content=text("Q2")), *again]
    calls = [i for i in every("managed_agents", [*LOG[:4], failed, *more]) if isinstance(i, Call)]
    assert [c.retry_of for c in calls] == [None, None]


def test_events_without_ids_of_its_own_are_not_its() -> None:
    score = reader("managed_agents").score
    assert [score(LOG[0]), score(LOG[2]), score(LOG[5])] == [1.0, 1.0, 1.0]
    assert score({"type": "agent.message", "content": "x"}) == 0
    assert score({"type": "session", "id": "x"}) == 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real logs (../shared) are not on this machine")
def test_real_recordings_hold_nine_requests() -> None:
    found: list[Usage] = []
    for path in sorted((SHARED / "langsmith").rglob("anthropic_managed_*.jsonl")):
        source = identify(str(path))
        chosen = find_reader(source, "")
        assert chosen.name == "managed_agents"
        items = list(chosen.read(records(source), path.name))  # type: ignore[arg-type]
        assert not [i for i in items if isinstance(i, Skipped)]
        calls = [i for i in items if isinstance(i, Call)]
        assert len(calls) == path.read_text(encoding="utf-8").count('"model_usage"')
        found += [c.usage for c in calls if c.usage is not None]
    assert len(found) == 9
    assert sum(u.cache_read for u in found) == 7126 + 7174 + 7201 + 7271 + 7780 + 7780 + 7950
