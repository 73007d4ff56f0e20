"""Runs that keep only what was new in each prompt: prompts put together again, counts as billed."""

import csv
from pathlib import Path

import pytest

from costscope.model import Call, Usage
from costscope.sources import identify, records
from tests.readers.reading import every, reader, spoken

RUNS = Path(__file__).parents[3] / "shared" / "data" / "iso_bench"
USAGE = {"input_tokens": 100, "output_tokens": 9, "cache_read_input_tokens": 60}


def step(text: str, model: str = "gpt-5", **response: object) -> dict[str, object]:
    told = {"content": f"re: {text}", "model": model, "usage": USAGE, **response}
    messages = [{"role": "user", "content": text}]
    return {"timestamp": "2026-03-02T09:00:00", "model": model, "input_messages": messages,
            "response": told}  # fmt: skip


def run(*steps: object, provider: str = "openai") -> dict[str, object]:
    return {"task": "t", "start_time": "2026-03-02T08:59:00", "provider": provider,
            "model": "m", "llm_interactions": list(steps)}  # fmt: skip


def test_a_prompt_is_all_that_was_said_before() -> None:
    first, second = every("trae_agent", [run(step("one"), step("two"))])
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert [text for _, _, text in spoken(first)] == ["one", "re: one"]
    assert [text for _, _, text in spoken(second)] == ["one", "re: one", "two", "re: two"]
    assert first.session == second.session
    assert first.call_id != second.call_id


@pytest.mark.parametrize(("model", "fresh"), [("gpt-5", 40), ("claude-sonnet-4-5", 100)])
def test_each_provider_counts_cached_tokens_its_own_way(model: str, fresh: int) -> None:
    (call,) = every("trae_agent", [run(step("one", model))])
    assert isinstance(call, Call)
    assert call.usage == Usage(fresh=fresh, cache_read=60, output=9)


def test_an_answer_without_usage_is_estimated_and_a_broken_step_is_passed_over() -> None:
    found = every("trae_agent", [run(step("one", usage=None), 7, None)])
    assert [isinstance(item, Call) and item.usage for item in found] == [None]


@pytest.mark.skipif(not RUNS.is_dir(), reason="the real logs (../shared) are not on this machine")
def test_real_runs_equal_their_index() -> None:
    with (RUNS / "INDEX.csv").open() as file:
        index = {row["file"]: row for row in csv.DictReader(file)}
    for path in sorted((RUNS / "trajectories").iterdir())[:40]:
        source = identify(str(path))
        calls = list(reader("trae_agent").read(records(source), path.name))  # type: ignore[arg-type]
        usages = [call.usage or Usage() for call in calls if isinstance(call, Call)]
        row = index[path.name]
        assert len(calls) == len(usages) == int(row["calls"])
        inside = row["provider"] == "openai"
        assert sum(u.fresh + u.cache_read * inside for u in usages) == int(row["input_tokens"])
        assert sum(u.cache_read for u in usages) == int(row["cache_read"])
        assert sum(u.output for u in usages) == int(row["output_tokens"])
