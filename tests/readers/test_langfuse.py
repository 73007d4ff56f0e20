from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from costscope.ingest.find import find_reader
from costscope.model import Call, Ignored, Skipped, Usage
from costscope.sources import identify, records
from tests.readers.reading import every, reader, spoken

ROW: dict[str, Any] = {
    "id": "ob-1", "trace_id": "tr-1", "type": "GENERATION", "parent_observation_id": "sp-1",
    "start_time": "2026-11-01 10:00:00.000000", "end_time": "2026-11-01 10:00:02.500000", "name": "answer",
    "metadata": {"feature": "chat"}, "level": "DEFAULT", "input": '[{"role": "user", "content": "Hi"}]',
    "output": '{"role": "assistant", "content": "Ho"}', "provided_model_name": "gpt-4o",
    "model_parameters": '{"temperature": 0.5, "max_tokens": 9}', "prompt_name": "p", "prompt_version": 2,
    "usage_details": {"input": 100, "output": 20, "total": 120}, "cost_details": {"total": 0.00045},
    "total_cost": 0.00045, "user_id": "u", "session_id": "s", "trace_name": "support", "tags": ["a:b"],
    "environment": "prod", "release": "", "model_id": "m1",
}  # fmt: skip


def made(**more: Any) -> dict[str, Any]:
    return {**ROW, **more}


def camel(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the API names its fields."""
    names = {"provided_model_name": "model"}
    words = {name: names.get(name, name).split("_") for name in row}
    return {w[0] + "".join(p.title() for p in w[1:]): row[name] for name, w in words.items()}


def only(*rows: Any) -> Call:
    found = [item for item in every("langfuse", rows) if not isinstance(item, Ignored)]
    assert len(found) == 1
    assert isinstance(found[0], Call), found[0]
    return found[0]


@pytest.mark.parametrize(
    "row", [ROW, camel(ROW), made(usage_details='{"input": 100, "output": 20}')]
)
def test_a_generation_is_a_call_with_its_facts(row: dict[str, Any]) -> None:
    found = only(row)
    assert (found.call_id, found.trace, found.session, found.user_id) == ("ob-1", "tr-1", "s", "u")
    assert (found.provider, found.model, found.feature) == ("openai", "gpt-4o", "chat")
    assert (found.template, found.template_version) == ("p", "2")
    assert (found.sent_at, found.latency_us) == (1793527200000000, 2500000)
    assert found.usage == Usage(fresh=100, output=20)
    assert (found.reported_pd, found.temperature, found.params) == (
        450_000_000,
        0.5,
        "max_tokens=9",
    )
    assert found.tags == {"a": "b", "environment": "prod", "observation": "answer"}
    assert spoken(found) == [("user", "text", "Hi"), ("assistant", "text", "Ho")]
    assert reader("langfuse").score(row) == 1.0


def test_a_trace_is_named_after_what_the_application_does() -> None:
    assert only(made(metadata={})).feature == "support"


def test_other_observations_are_no_calls() -> None:
    kinds = ["SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "GUARDRAIL"]
    assert every("langfuse", [made(type=kind) for kind in kinds]) == [Ignored()] * len(kinds)
    assert only(made(type="EMBEDDING", usage_details={"input": 4})).usage == Usage(fresh=4)


def test_traces_and_scores_of_an_export_are_its_own_but_no_calls() -> None:
    trace = {"id": "t", "timestamp": "x", "name": "n", "environment": "e", "project_id": "p", "user_id": None,
             "session_id": None, "release": None, "public": False, "bookmarked": False, "tags": []}  # fmt: skip
    score = {"id": "s", "project_id": "p", "environment": "e", "trace_id": "t", "observation_id": None,
             "data_type": "NUMERIC", "string_value": None, "source": "API", "value": 1}  # fmt: skip
    for row in (trace, score):
        assert reader("langfuse").score(row) == 1.0
        assert every("langfuse", [row]) == [Ignored()]


def test_a_generation_within_a_generation_of_the_same_usage_counts_once() -> None:
    inner = made(id="ob-2", parent_observation_id="ob-1")
    assert [type(i) for i in every("langfuse", [ROW, inner])] == [Call, Ignored]
    assert [type(i) for i in every("langfuse", [inner, ROW])] == [Call, Ignored]
    other = made(id="ob-3", parent_observation_id="ob-1", usage_details={"input": 1, "output": 1})
    assert [type(i) for i in every("langfuse", [ROW, other])] == [Call, Call]


def test_also_where_a_span_lies_between_them() -> None:
    span = made(id="sp-2", type="SPAN", parent_observation_id="ob-1")
    inner = made(id="ob-2", parent_observation_id="sp-2")
    assert [type(i) for i in every("langfuse", [ROW, span, inner])] == [Call, Ignored, Ignored]


def test_a_wrapper_without_usage_waits_for_what_lies_within_it() -> None:
    outer = made(id="out", usage_details={}, cost_details={}, total_cost=0)
    inner = made(id="in", parent_observation_id="out")
    items = every("langfuse", [outer, inner])
    assert [type(i) for i in items] == [Call, Ignored]
    assert isinstance(items[0], Call)
    assert items[0].call_id == "in"
    alone = only(outer)
    assert (alone.usage, alone.reported_pd) == (None, None)


def test_a_failed_generation_cost_nothing_unless_it_says_so() -> None:
    assert only(made(level="ERROR", usage_details={})).usage == Usage()
    found = only(made(level="ERROR"))
    assert (found.status, found.usage) == ("error", Usage(fresh=100, output=20))


def test_tools_come_from_where_they_stand() -> None:
    named = made(tool_definitions={"f": '{"name": "f"}'})
    as_message = made(input=[{"role": "user", "content": "Hi"}, {"role": "tool", "content": {
        "type": "function", "function": {"name": "f"}}}])  # fmt: skip
    asked = made(model_parameters={"tools": [{"name": "f"}]})
    for row in (named, as_message, asked):
        assert [kind for _, kind, _ in spoken(only(row))] == ["tool_schema", "text", "text"]


def event(kind: str, **body: Any) -> dict[str, Any]:
    return {"id": "e", "type": kind, "timestamp": "2026-11-01T10:00:00Z", "body": body}


TRACE = event("trace-create", id="tr-1", name="support", userId="u", sessionId="s", tags=["x"])
CREATE = event("generation-create", id="g", traceId="tr-1", startTime="2026-11-01T10:00:00Z", model="gpt-4o",
               input={"messages": [{"role": "user", "content": "Hi"}]})  # fmt: skip
UPDATE = event("generation-update", id="g", endTime="2026-11-01T10:00:01Z", output={"content": "Ho"},
               usage={"input": 10, "output": 2, "unit": "TOKENS", "totalCost": 0.001})  # fmt: skip


@pytest.mark.parametrize(
    "log",
    [
        [{"batch": [TRACE, CREATE, UPDATE]}],
        [{"batch": [TRACE, CREATE]}, {"batch": [UPDATE]}],
        [TRACE, CREATE, UPDATE],
        [CREATE, UPDATE, TRACE],
    ],
)
def test_events_of_one_observation_are_one_call(log: list[Any]) -> None:
    found = only(*log)
    assert (found.call_id, found.session, found.user_id, found.feature) == (
        "g",
        "s",
        "u",
        "support",
    )
    assert (found.latency_us, found.usage) == (1000000, Usage(fresh=10, output=2))
    assert found.reported_pd == 1_000_000_000
    assert spoken(found) == [("user", "text", "Hi"), ("assistant", "text", "Ho")]
    assert reader("langfuse").score(log[0]) == 1.0


def test_each_record_is_accounted_for() -> None:
    items = every("langfuse", [TRACE, CREATE, UPDATE, event("score-create", id="z"), ROW])
    assert sum(i.count if isinstance(i, Ignored) else 1 for i in items) == 5
    assert [i.line for i in items if isinstance(i, Call)] == [5, 2]


def test_other_units_are_no_tokens() -> None:
    usage = {"input": 900, "output": 2, "unit": "CHARACTERS"}
    assert only(made(usage_details={}, usage=usage, cost_details={}, total_cost=0)).usage is None


def test_what_litellms_cache_answered_was_not_billed() -> None:
    metadata = {"hidden_params": {}, "cache_hit": True, "litellm_response_cost": 0}
    found = only(made(metadata=metadata))
    assert (found.usage, found.tags["cache_hit"]) == (Usage(), "true")
    assert only(made(metadata={"cache_hit": True})).usage == Usage(fresh=100, output=20)


def test_a_trace_with_its_observations() -> None:
    trace = {"id": "tr-9", "name": "fit", "userId": "u9", "sessionId": "s9", "tags": ["t"], "timestamp": "x",
             "observations": [camel(made(user_id=None, session_id=None, trace_name=None, metadata={})),
                              camel(made(type="SPAN"))]}  # fmt: skip
    found = only(trace)
    assert (found.user_id, found.session, found.feature) == ("u9", "s9", "fit")
    shown = {"trace": {k: v for k, v in trace.items() if k != "observations"},
             "observations": trace["observations"]}  # fmt: skip
    assert only(shown).session == "s9"
    assert every("langfuse", [{**trace, "observations": []}]) == [Ignored()]


@pytest.mark.parametrize("cost", [{"input": 0.001, "output": 0.002}, {"total": 0.003}])
def test_what_it_cost_by_its_details(cost: dict[str, float]) -> None:
    assert only(made(cost_details=cost, total_cost=None)).reported_pd == 3_000_000_000


def test_one_broken_observation_costs_none_of_its_trace() -> None:
    rows = [camel(made(id="a", usage_details={"input": -1})), 7, camel(made(id="b"))]
    items = every("langfuse", [{"id": "tr", "observations": rows}, {"batch": [3, CREATE]}])
    assert [type(i) for i in items] == [Skipped, Skipped, Call, Call]


def test_of_an_observation_exported_twice_the_newest_counts() -> None:
    first, second = made(updated_at="2026-11-01 10:00:03"), made(updated_at="2026-11-01 10:00:09")
    assert only(first).revision < only(second).revision
    assert only(made(updated_at="soon")).revision == 0


def test_what_is_broken_is_skipped_with_a_reason() -> None:
    items = every("langfuse", [b"{", made(usage_details={"input": -1}), {"a": 1}, b"[1]"])
    assert all(isinstance(i, Skipped) for i in items)
    assert [i.line for i in items if isinstance(i, Skipped)] == [1, 2, 3, 4]


def test_rows_from_parquet_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "observations.parquet"
    rows = [made(usage_details=[("input", 100), ("output", 20)], metadata=[("feature", "chat")],
                 cost_details=[("total", 0.00045)])]  # fmt: skip
    counts, money, texts = (
        pa.map_(pa.string(), t) for t in (pa.uint64(), pa.float64(), pa.string())
    )
    table = pa.Table.from_pylist([{k: v for k, v in r.items() if not isinstance(v, list) or k == "tags"}
                                  for r in rows])  # fmt: skip
    for name, kind in (("usage_details", counts), ("cost_details", money), ("metadata", texts)):
        table = table.append_column(name, pa.array([rows[0][name]], kind))
    pq.write_table(table, path)
    source = identify(str(path))
    found = find_reader(source, "")
    assert found.name == "langfuse"
    (item,) = found.read(records(source), "x")  # type: ignore[arg-type]
    assert isinstance(item, Call)
    assert (item.usage, item.feature, item.reported_pd) == (
        Usage(fresh=100, output=20),
        "chat",
        450_000_000,
    )
