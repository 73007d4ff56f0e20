import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from costscope.ingest.find import find_reader
from costscope.model import Call, Usage
from costscope.sources import identify, records
from tests.readers.reading import call, reason, spoken

DETAILS = {"prompt_tokens_details": {"cached_tokens": 64}, "completion_tokens_details": None}
FULL: dict[str, Any] = {
    "request_id": "chatcmpl-1", "call_type": "acompletion", "api_key": "hash", "spend": 0.00045,
    "total_tokens": 120, "prompt_tokens": 100, "completion_tokens": 20, "startTime": "2026-11-01 10:00:00.5",
    "endTime": "2026-11-01 10:00:02.000", "model": "gpt-4o", "model_group": "gpt-4o",
    "custom_llm_provider": "openai", "user": "own", "team_id": "team", "end_user": "", "cache_hit": "False",
    "cache_key": "Cache OFF", "request_tags": '["a:b"]', "session_id": "s1", "organization_id": "org",
    "metadata": json.dumps({"additional_usage_values": DETAILS}), "messages": "{}", "response": "{}",
}  # fmt: skip


def made(**more: Any) -> dict[str, Any]:
    return {**FULL, **more}


def test_a_row_is_a_call_without_texts() -> None:
    found = call("litellm_spend", FULL)
    assert (found.call_id, found.session, found.model) == ("chatcmpl-1", "s1", "gpt-4o")
    assert (found.team, found.user_id, found.tenant) == ("team", "own", "org")
    assert (found.sent_at, found.latency_us) == (1793527200500000, 1500000)
    assert (found.reported_pd, found.tags) == (450_000_000, {"a": "b"})
    assert found.usage == Usage(fresh=36, cache_read=64, output=20)
    assert found.dialect is None


def test_the_usage_object_of_newer_versions_counts_first() -> None:
    usage = {"prompt_tokens": 90, "completion_tokens": 20, "total_tokens": 110,
             "cache_read_input_tokens": 30, "cache_creation_input_tokens": 10,
             "prompt_tokens_details": {"cached_tokens": 30}}  # fmt: skip
    found = call("litellm_spend", made(custom_llm_provider="anthropic", model="claude-haiku-4-5",
                                       metadata={"usage_object": usage}))  # fmt: skip
    assert found.usage == Usage(fresh=50, cache_read=30, cache_write_5m=10, output=20)


@pytest.mark.parametrize(
    ("hit", "billed"),
    [("True", False), ("true", False), ("None", True), ("False", True), ("", True), (None, True)],
)
def test_only_a_true_text_is_a_hit_of_the_proxys_cache(hit: Any, billed: bool) -> None:
    found = call("litellm_spend", made(cache_hit=hit))
    assert (found.usage != Usage()) is billed
    assert ("cache_hit" in found.tags) is not billed


@pytest.mark.parametrize(
    "place", [{"status": "failure", "metadata": "{}"}, {"metadata": '{"status": "failure"}'}]
)
def test_a_failure_cost_nothing(place: dict[str, Any]) -> None:
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "spend": 0.0}
    found = call("litellm_spend", made(**zero, **place))
    assert (found.status, found.usage) == ("error", Usage())


def test_texts_are_those_of_the_request_that_the_proxy_kept() -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Q"}], "temperature": 0}
    answer = {"choices": [{"message": {"content": "A"}, "finish_reason": "length"}]}
    found = call(
        "litellm_spend", made(proxy_server_request=json.dumps(body), response=json.dumps(answer))
    )
    assert spoken(found) == [("user", "text", "Q"), ("assistant", "text", "A")]
    assert (found.temperature, found.finish_reason) == (0.0, "length")
    assert spoken(call("litellm_spend", made(messages=body["messages"]))) == [("user", "text", "Q")]


def test_a_row_of_a_call_to_no_model_is_skipped_in_plain_words() -> None:
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "spend": 0.0}
    said = reason("litellm_spend", made(call_type="acreate_file", **zero))
    assert said == "acreate_file is no call of a model"


def test_rows_from_parquet_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "spend.parquet"
    pq.write_table(
        pa.Table.from_pylist([FULL, made(request_id="chatcmpl-2", cache_hit="True")]), path
    )
    source = identify(str(path))
    found = find_reader(source, "")
    assert found.name == "litellm_spend"
    items = list(found.read(records(source), "spend"))  # type: ignore[arg-type]
    assert [item.usage for item in items if isinstance(item, Call)] == [
        Usage(fresh=36, cache_read=64, output=20), Usage()]  # fmt: skip
