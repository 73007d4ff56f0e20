"""Rollouts of our own: counters that grow, repeat, fall back, and are copied into forks."""

from typing import Any

import pytest

from costscope.model import Call, Ignored, Skipped, Usage
from tests.readers.reading import every, reader, spoken

Item = Call | Skipped | Ignored


def line(second: int, kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-11-02T06:00:{second:02d}Z", "type": kind, "payload": payload}


def meta(name: str = "t1", **more: Any) -> dict[str, Any]:
    return line(0, "session_meta", id=name, cwd="/home/ann/shop", model_provider="openai", **more)


def turn(model: str = "gpt-5-codex") -> dict[str, Any]:
    return line(0, "turn_context", model=model, effort="high")


def asked(second: int, text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return line(second, "response_item", type="message", role="user", content=content)


def answered(second: int, text: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text}]
    return line(second, "response_item", type="message", role="assistant", content=content, **more)


def ran(second: int, name: str) -> dict[str, Any]:
    call = {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": name}
    return line(second, "response_item", **call)


def result(second: int, name: str, output: str) -> dict[str, Any]:
    found = {"type": "function_call_output", "call_id": name, "output": output}
    return line(second, "response_item", **found)


def counts(given: int, cached: int, output: int, reasoning: int = 0) -> dict[str, int]:
    return {
        "input_tokens": given, "cached_input_tokens": cached, "output_tokens": output,
        "reasoning_output_tokens": reasoning, "total_tokens": given + output,
    }  # fmt: skip


def counted(second: int, total: Any, last: Any = None) -> dict[str, Any]:
    info = {"total_token_usage": total, "last_token_usage": last}
    return line(second, "event_msg", type="token_count", info=info)


def calls(lines: list[dict[str, Any]]) -> list[Call]:
    return [i for i in every("codex", lines) if isinstance(i, Call)]


def usages(lines: list[dict[str, Any]]) -> list[Usage | None]:
    return [call.usage for call in calls(lines)]


FIRST, SECOND = counts(1000, 200, 50, 30), counts(2500, 1200, 70, 30)


def test_cumulative_counters_become_differences() -> None:
    log = [meta(), turn(), asked(1, "a"), answered(2, "b"), counted(3, FIRST, FIRST), asked(4, "c"),
           answered(5, "d"), counted(6, SECOND, counts(1500, 1000, 20))]  # fmt: skip
    assert usages(log) == [
        Usage(fresh=800, cache_read=200, output=50, reasoning=30),
        Usage(fresh=500, cache_read=1000, output=20),
    ]


def test_a_repeated_snapshot_is_no_call() -> None:
    log = [meta(), turn(), answered(2, "b"), *[counted(s, FIRST, FIRST) for s in (3, 4, 5)]]
    found = every("codex", log)
    assert [type(i) for i in found] == [Call, Ignored]
    assert found[1] == Ignored(len(log) - 1)


def test_counters_that_fall_back_begin_anew() -> None:
    fallen = counts(400, 100, 9)
    before, anew = counted(1, SECOND, SECOND), counted(2, fallen, fallen)
    log = [meta(), turn(), before, anew, counted(3, counts(900, 500, 19), None)]
    assert [u and (u.fresh, u.cache_read, u.output) for u in usages(log)] == [
        (1300, 1200, 70), (300, 100, 9), (100, 400, 10),
    ]  # fmt: skip


def test_the_first_snapshot_of_a_file_may_hold_what_went_before_it() -> None:
    assert usages([meta(), turn(), counted(1, SECOND, counts(1500, 1000, 20))]) == [
        Usage(fresh=500, cache_read=1000, output=20)
    ]


def test_a_full_context_window_is_no_call() -> None:
    full = {**counts(0, 0, 0), "total_tokens": 272_000}
    log = [meta(), turn(), counted(1, FIRST, FIRST), counted(2, full, {**full, "total_tokens": 9})]
    assert len(usages(log)) == 1


def test_a_lost_snapshot_is_in_the_next_difference() -> None:
    later = counted(5, counts(9000, 4200, 250, 30), counts(10, 0, 1))
    log = [meta(), turn(), counted(1, FIRST, FIRST), later]
    assert usages(log)[1] == Usage(fresh=4000, cache_read=4000, output=200)


def test_cache_writes_are_a_part_of_the_input() -> None:
    written = {**counts(1000, 200, 5), "cache_write_input_tokens": 300}
    assert usages([meta(), turn(), counted(1, written, written)]) == [
        Usage(fresh=500, cache_read=200, cache_write_30m=300, output=5)
    ]


@pytest.mark.parametrize("late", [False, True])
def test_a_reply_may_stand_before_or_behind_its_counters(late: bool) -> None:
    reply, count = [ran(2, "c1")], [counted(3, FIRST, FIRST)]
    begun = [meta(), turn(), asked(1, "go"), *(count + reply if late else reply + count)]
    rest = [result(4, "c1", "done"), answered(5, "fine"), counted(6, SECOND, None)]
    first, second = calls(begun + rest)
    assert spoken(first)[-1] == ("assistant", "tool_call", "shell\n{}")
    said = [text for _, _, text in spoken(second)]
    assert said == ["go", "shell\n{}", "done", "fine"]


def test_a_rollout_without_counters_is_estimated_by_reply() -> None:
    log = [
        meta(),
        turn(),
        asked(1, "go"),
        ran(2, "c1"),
        result(3, "c1", "done"),
        answered(4, "fine"),
    ]
    found = calls(log)
    assert [c.usage for c in found] == [None, None]
    assert [c.model for c in found] == ["gpt-5-codex"] * 2


def test_equal_answers_without_counters_are_calls_of_their_own() -> None:
    said = [asked(1, "a"), answered(2, "ok"), asked(3, "b"), answered(4, "ok")]
    assert len({c.call_id for c in calls([meta(), turn(), *said])}) == 2
    assert len({c.call_id for c in calls([meta(), turn(), *said, counted(5, FIRST, FIRST)])}) == 2


def test_a_fork_repeats_its_parent_and_is_counted_once() -> None:
    told = [turn(), asked(1, "a"), answered(2, "same words"), counted(3, FIRST, FIRST)]
    more = [asked(4, "b"), answered(5, "own words"), counted(6, SECOND, None)]
    parent = calls([meta("p"), *told])
    child = calls([meta("c", forked_from_id="p"), meta("p"), *told, *more])
    above = [meta("g", forked_from_id="c"), meta("c", forked_from_id="p"), meta("p")]
    grandchild = calls([*above, *told, *more])
    assert [c.call_id for c in parent] == [c.call_id for c in child[:1]]
    assert [c.call_id for c in child] == [c.call_id for c in grandchild]
    assert all(c.revision == 1 for c in [*parent, *child])
    assert [c.session for c in child] == ["c", "c"]


def test_equal_answers_of_two_conversations_are_two_calls() -> None:
    told = [turn(), asked(1, "say ok"), answered(2, "ok"), counted(3, FIRST, FIRST)]
    (one,), (other,) = calls([meta("x"), *told]), calls([meta("y"), *told])
    assert one.call_id != other.call_id


def test_a_copy_with_the_providers_ids_is_known_without_its_parents_name() -> None:
    told = [turn(), asked(1, "a"), ran(2, "call_unique"), counted(3, FIRST, FIRST)]
    (one,), (copy,) = calls([meta("p"), *told]), calls([meta("c"), *told])
    assert one.call_id == copy.call_id


def test_a_failed_request_is_a_call_that_the_next_repeats() -> None:
    failed = line(2, "event_msg", type="stream_error", message="retrying 1/5")
    one, two = calls([meta(), turn(), asked(1, "a"), failed, answered(4, "b"), counted(5, FIRST, FIRST)])  # fmt: skip
    assert (one.status, one.usage, two.status, two.retry_of) == (
        "error",
        Usage(),
        "ok",
        one.call_id,
    )


def test_a_compaction_replaces_what_was_said() -> None:
    kept = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "sum"}]}]
    compacted = line(4, "compacted", message="", replacement_history=kept)
    begun = [meta(), turn(), asked(1, "a"), answered(2, "b"), counted(3, FIRST, FIRST)]
    log = [*begun, compacted, answered(5, "c"), counted(6, SECOND, None)]
    assert [text for _, _, text in spoken(calls(log)[1])] == ["sum", "c"]


@pytest.mark.parametrize("broken", [{"input_tokens": -1}, {"input_tokens": "many"}])
def test_a_broken_count_is_skipped_and_the_rest_is_read(broken: dict[str, Any]) -> None:
    found = every("codex", [meta(), turn(), counted(1, broken, None), counted(2, FIRST, FIRST)])
    assert [type(i) for i in found] == [Skipped, Call, Ignored]


def test_more_cached_than_there_was_input_is_skipped() -> None:
    found = every("codex", [meta(), counted(1, counts(10, 20, 1), None)])
    assert isinstance(found[0], Skipped)
    assert "cached tokens 20 exceed the input of 10" in found[0].reason


def test_what_exec_prints_is_counted_by_turn() -> None:
    def done(given: int, cached: int, output: int) -> dict[str, Any]:
        usage = {"input_tokens": given, "cached_input_tokens": cached, "output_tokens": output}
        return {"type": "turn.completed", "usage": usage}

    log = [{"type": "thread.started", "thread_id": "th"}, done(100, 0, 5), done(300, 100, 9)]
    assert usages(log) == [Usage(fresh=100, output=5), Usage(fresh=100, cache_read=100, output=4)]
    assert reader("codex").score(log[1]) == 0.9


def test_lines_of_other_logs_are_not_claimed() -> None:
    found = reader("codex")
    assert found.score({"type": "event_msg", "payload": {"x": 1}}) == 0.0
    assert found.score({"type": "message", "role": "user", "content": "hi"}) == 0.0
