"""A call as a waterfall: rows add up to its cost, alike or apart, and nothing unknown looks known."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.model import CLASSES, SEGMENTS
from costscope.renderers.table import TableText
from costscope.reports.explain import Rate, Step, Unit, Waterfall, folded, report

FACTS: dict[str, Any] = {
    "call_id": "msg_1", "model": "m-1", "provider": "anthropic", "channel": "bedrock",
    "region": "eu-west-1", "tier": "batch", "status": "ok", "finish_reason": None, "session": "s",
    "trace": None, "task": None, "feature": "chat", "team": None, "user_id": "u", "tenant": None,
    "template": None, "template_version": None, "temperature": 0.5, "retry_of": None,
    "estimated": False, "ambiguous": False, "sent_at": datetime(2026, 11, 2, 8), "latency_us": 1_500_000,
    "path": "logs/a.jsonl", "line": 12, "reader": "rows", "reported_pd": None,
}  # fmt: skip


def step(segment: str, tokens: int, rate: int | None = 3_000_000, **more: Any) -> Step:
    billed = "output" if segment in ("output", "reasoning") else "fresh"
    said = {"seq": 0, "role": "user", "kind": "text", "rule": "turn", "billing_class": billed}
    return Step(segment=segment, tokens=tokens, rate=rate, **{**said, **more})


def fall(*steps: Step, **more: Any) -> Waterfall:
    rates = [Rate("fresh", Decimal(3), "a list", date(2026, 11, 1), None)]
    return Waterfall(
        facts=FACTS, steps=steps, units=more.pop("units", ()), rates=rates, book="a book", **more
    )


STEPS = st.lists(
    st.builds(
        Step, seq=st.integers(0, 9), segment=st.sampled_from(SEGMENTS),
        role=st.sampled_from(("user", "tool")), kind=st.sampled_from(("text", "tool_call")),
        rule=st.sampled_from(("turn", "usage")), billing_class=st.sampled_from(CLASSES),
        tokens=st.integers(0, 10**9), rate=st.none() | st.integers(0, 10**10),
    ),
    max_size=12,
)  # fmt: skip


@given(steps=STEPS, every=st.booleans())
def test_rows_add_up_to_the_cost_whatever_is_gathered(steps: list[Step], every: bool) -> None:
    found = fall(*steps, every=every)
    known = sum(s.tokens * s.rate for s in steps if s.rate is not None)
    assert found.cost in (known, None)
    data = report(found).data
    assert sum(Decimal(p["cost_usd"] or 0) for p in data["parts"]) == Decimal(known).scaleb(-12)
    assert not steps or Decimal(data["parts"][-1]["total_usd"]) == Decimal(known).scaleb(-12)
    assert data["tokens"]["input"] + data["tokens"]["output"] == sum(s.tokens for s in steps)


@given(steps=STEPS)
def test_what_is_gathered_keeps_tokens_parts_and_order_of_segments(steps: list[Step]) -> None:
    # A class of one call has one rate.
    paid = [replace(s, rate=CLASSES.index(s.billing_class)) for s in steps]
    rows = list(folded(paid))
    assert sum(r.tokens for r in rows) == sum(s.tokens for s in paid)
    assert sum(r.parts for r in rows) == len(paid)
    assert sum(r.cost or 0 for r in rows) == sum(s.cost or 0 for s in paid)
    runs = [(r.segment, r.billing_class) for r in rows]
    assert [r for i, r in enumerate(runs) if i == 0 or r != runs[i - 1]] == [
        (s.segment, s.billing_class)
        for i, s in enumerate(paid)
        if i == 0 or (s.segment, s.billing_class) != (paid[i - 1].segment, paid[i - 1].billing_class)
    ]  # fmt: skip


def test_an_agents_history_is_a_row_for_each_kind_and_all_shows_each_part() -> None:
    said = [step("history", n, kind=kind) for n in (1, 2) for kind in ("text", "tool_call")]
    gathered = report(fall(step("query", 5), *said)).tables[0]
    assert [(r[0], r[1], r[3], r[5]) for r in gathered.rows[:-1]] == [
        ("query", "user", 1, 5), ("history", "user", 2, 3), ("history", "tool call", 2, 3),
    ]  # fmt: skip
    assert "--all" in gathered.note
    every = report(fall(step("query", 5), *said, every=True)).tables[0]
    assert [r[5] for r in every.rows] == [5, 1, 1, 2, 2, 11]
    assert not every.note


def test_dollars_have_the_decimals_that_make_the_rows_add_up_to_the_eye() -> None:
    rows = report(fall(step("query", 5), step("output", 7, 15_000_000))).tables[0].rows
    assert [row[7] for row in rows] == ["$0.000015", "$0.000105", "$0.000120"]
    assert [row[8] for row in rows] == ["$0.000015", "$0.000120", ""]


def test_what_has_no_price_is_unpriced_and_never_free() -> None:
    found = fall(step("query", 5), step("output", 7, None))
    assert (found.cost, found.unpriced) == (15_000_000, 7)
    shown = TableText().render(report(found))
    assert "7 tokens have no price" in shown
    assert "unpriced" in shown
    nothing = report(fall(step("query", 5, None)))
    assert nothing.data["cost_usd"] is None
    assert nothing.data["parts"][0]["cost_usd"] is None
    assert "no price is known" in "".join(nothing.summary)


def test_units_are_rows_and_part_of_the_cost() -> None:
    units = [Unit("web_search", 2, 20 * 10**9, "a list"), Unit("web_fetch", 1, None, "nobody says")]
    found = report(fall(step("query", 1000), units=units))
    assert found.data["cost_usd"] == "0.023"
    assert [u["total_usd"] for u in found.data["units"]] == ["0.023", "0.023"]
    assert [row[0] + row[1] for row in found.tables[0].rows] == [
        "queryuser",
        "web search",
        "web fetch",
        "total",
    ]
    assert "web fetch: nobody says" in found.notes
    assert "web search (87 %)" in found.summary[-1]


def test_the_logs_own_cost_stands_beside_ours() -> None:
    facts = {**FACTS, "reported_pd": Decimal(10_000_000), "estimated": True, "retry_of": "msg_0"}
    found = report(replace(fall(step("query", 5)), facts=facts))
    assert "$0.000015 by the price book; the log reports $0.000010 (+50.00 %)" in found.summary[-2]
    assert found.data["reported_cost_usd"] == "0.00001"
    assert found.data["call"]["estimated"] is True
    assert any("msg_0" in note for note in found.notes)
    assert any("no usage" in note for note in found.notes)


def test_what_stands_above_names_the_call_its_place_and_its_reader() -> None:
    found = report(fall(step("query", 5)))
    assert found.title == "Call msg_1"
    assert found.summary[:4] == [
        "m-1 of anthropic through bedrock, eu-west-1, batch tier, ok",
        "2026-11-02 08:00:00 UTC, took 1.50 s",
        "feature chat, session s, user u",
        "logs/a.jsonl:12, read as rows",
    ]
    assert report(replace(fall(), facts={**FACTS, "call_id": ""})).title == "Call logs/a.jsonl:12"


def test_text_cannot_steer_a_terminal() -> None:
    evil = "\x1b[2Jgone \u202eabc\nnext"
    found = report(fall(step("query", 5, text=evil), told=True))
    shown = TableText().render(found)
    assert "\\x1b[2Jgone \\u202eabc\\nnext" in shown
    assert not {"\x1b", "\u202e"} & set(shown)
    assert found.data["parts"][0]["text"] == evil


@pytest.mark.parametrize("every", [True, False])
def test_texts_name_the_row_that_their_part_is_in(every: bool) -> None:
    steps = [step("query", 1, text="a"), step("history", 1, text="b"), step("history", 1, kind="tool_call", text="c"),
             step("history", 1, text=None), step("history", 1, text="d"), step("output", 1, text="e")]  # fmt: skip
    table = report(fall(*steps, every=every, told=True)).tables[1]
    rows = [(row[0], row[-1]) for row in table.rows]
    wanted = [1, 2, 3, 5, 6] if every else [1, 2, 3, 2, 4]
    assert rows == list(zip(wanted, "abcde", strict=True))
