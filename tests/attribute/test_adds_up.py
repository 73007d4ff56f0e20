"""Whatever a call holds, its parts add up to its bill, class by class."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.model import CLASSES, INPUT_CLASSES, Call, Usage
from tests.attribute.calls import (
    Row,
    anthropic,
    asks,
    assistant,
    attributed,
    openai,
    parts,
    result,
    system,
    tool,
    use,
    user,
)

TEXTS = st.one_of(
    st.just(""),
    st.text(max_size=40),
    st.sampled_from([
        "word " * 300, "Context:\n" + "a fact. " * 20 + "\nQuestion: which?",
        "<documents>\n" + "some text " * 20 + "</documents>\nWell?", "déjà vu 日本語 \U0001f600",
    ]),
)  # fmt: skip
COUNTS = st.one_of(st.just(0), st.integers(1, 60), st.integers(1000, 200_000))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    counts = {name: draw(COUNTS) for name in (*INPUT_CLASSES, "output")}
    share = draw(st.sampled_from([0, 1, 2]))
    return Usage(**counts, reasoning=counts["output"] * share // 2)


OPENAI_MESSAGES = st.one_of(
    TEXTS.map(system),
    TEXTS.map(user),
    TEXTS.map(
        lambda t: user([{"type": "text", "text": t}, {"type": "image_url", "image_url": {}}])
    ),
    TEXTS.map(assistant),
    st.just(assistant(None)),
    TEXTS.map(lambda t: assistant(t, tool_calls=[asks("look"), asks("find", 2)])),
    TEXTS.map(tool),
    st.sampled_from(
        [{"role": "user"}, {"role": "narrator", "content": 5}, ["no message"], 7, None]
    ),
)
ANTHROPIC_BLOCKS = st.one_of(
    TEXTS.map(lambda t: {"type": "text", "text": t}),
    TEXTS.map(lambda t: {"type": "text", "text": t, "cache_control": {"type": "ephemeral"}}),
    TEXTS.map(result),
    st.just(use("look")),
    TEXTS.map(lambda t: {"type": "thinking", "thinking": t}),
    TEXTS.map(lambda t: {"type": "document", "source": {"type": "text", "data": t}}),
    st.just({"type": "image", "source": {"type": "base64", "data": "AAAA"}}),
)
ANTHROPIC_MESSAGES = st.one_of(
    st.lists(ANTHROPIC_BLOCKS, max_size=4).map(user),
    st.lists(ANTHROPIC_BLOCKS, max_size=3).map(assistant),
    TEXTS.map(user),
    st.sampled_from([None, 3, {"content": {}}]),
)
TOOLS = st.sampled_from([None, [{"name": "look", "description": "looks"}], {"odd": 1}])


@st.composite
def openai_calls(draw: st.DrawFn) -> Call:
    reply: Any = draw(
        st.sampled_from([None, assistant("Yes."), assistant(None, tool_calls=[asks("a")])])
    )
    return openai(
        *draw(st.lists(OPENAI_MESSAGES, max_size=8)),
        reply=draw(st.one_of(st.just(reply), TEXTS.map(assistant))),
        usage=draw(st.one_of(st.none(), usages())),
        tools=draw(TOOLS),
    )


@st.composite
def anthropic_calls(draw: st.DrawFn) -> Call:
    return anthropic(
        *draw(st.lists(ANTHROPIC_MESSAGES, max_size=8)),
        system=draw(st.one_of(st.none(), TEXTS)),
        reply=draw(st.one_of(st.none(), st.lists(ANTHROPIC_BLOCKS, max_size=3))),
        usage=draw(st.one_of(st.none(), usages())),
        tools=draw(TOOLS),
    )


USAGE_ONLY = usages().map(lambda u: Call(provider="openai", model="gpt-4o", usage=u))
CALLS = st.one_of(openai_calls(), anthropic_calls(), USAGE_ONLY)


def by_class(rows: list[Row]) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row["billing_class"]] += row["tokens"]
    return found


@given(st.lists(CALLS, max_size=6))
@settings(deadline=None, max_examples=60)
def test_parts_are_the_bill(calls: list[Call]) -> None:
    bills = [call.usage for call in calls]
    tables = attributed(calls)
    rows: list[list[Row]] = [[] for _ in calls]
    for row in tables.parts.to_pylist():
        rows[row["call"]].append(row)
    for found, bill, usage in zip(rows, bills, tables.usage.tolist(), strict=True):
        expected = bill or Usage(*usage)
        assert [by_class(found)[c] for c in CLASSES] == [getattr(expected, c) for c in CLASSES]
        assert list(usage) == [getattr(expected, f) for f in Usage.__struct_fields__]
        assert all(row["tokens"] >= 0 for row in found)


@given(st.lists(CALLS, max_size=5))
@settings(deadline=None, max_examples=60)
def test_classes_lie_along_the_prompt_and_replies_come_last(calls: list[Call]) -> None:
    for rows in parts(calls):
        order = [(row["seq"], CLASSES.index(row["billing_class"])) for row in rows]
        assert order == sorted(order)
        billed = [CLASSES.index(row["billing_class"]) for row in rows if row["tokens"]]
        assert billed == sorted(billed)
        said = [row["segment"] in ("output", "reasoning") for row in rows]
        assert said == sorted(said)
        assert said == [row["billing_class"] == "output" for row in rows]


@given(st.lists(CALLS, min_size=2, max_size=6), st.randoms())
@settings(deadline=None, max_examples=60)
def test_a_calls_parts_depend_on_nothing_but_the_call(calls: list[Call], random: Any) -> None:
    alone = [parts([call])[0] for call in calls]
    assert parts(calls) == alone
    order = list(range(len(calls)))
    random.shuffle(order)
    assert parts([calls[i] for i in order]) == [alone[i] for i in order]


@given(st.lists(CALLS, max_size=4))
@settings(deadline=None, max_examples=40)
def test_no_text_means_usage_decided_and_nothing_is_hashed(calls: list[Call]) -> None:
    for rows in parts(calls):
        for row in rows:
            if row["rule"] == "usage":
                assert row["content"] == 0
                assert row["segment"] in ("unattributed", "reasoning", "output")


def test_a_bill_without_text_is_unattributed() -> None:
    usage = Usage(fresh=70, cache_read=30, cache_write_1h=5, output=9, reasoning=4)
    (rows,) = parts([Call(provider="openai", model="gpt-4o", usage=usage)])
    assert [(r["segment"], r["billing_class"], r["tokens"]) for r in rows] == [
        ("unattributed", "cache_read", 30), ("unattributed", "cache_write_1h", 5),
        ("unattributed", "fresh", 70), ("reasoning", "output", 4), ("output", "output", 5),
    ]  # fmt: skip


def test_what_text_does_not_explain_stands_first() -> None:
    (rows,) = parts([openai(user("one two three"), usage=Usage(fresh=1000, output=3))])
    assert (rows[0]["segment"], rows[0]["rule"]) == ("unattributed", "usage")
    assert rows[1]["segment"] == "query"
    assert rows[0]["tokens"] + rows[1]["tokens"] == 1000


def test_text_that_is_longer_than_its_bill_is_scaled_down() -> None:
    call = openai(system("word " * 300), user("word " * 100), usage=Usage(fresh=40, output=0))
    (rows,) = parts([call])
    assert [r["segment"] for r in rows] == ["system", "query"]
    # 301 and 101 tokens and 3 for each message's frame.
    assert [r["tokens"] for r in rows] == [304 * 40 // 408, 40 - 304 * 40 // 408]


def test_a_reply_is_scaled_to_what_was_billed_for_it() -> None:
    usage = Usage(fresh=10, output=500, reasoning=400)
    (rows,) = parts([openai(user("why?"), reply=assistant("because"), usage=usage)])
    said = {r["segment"]: r["tokens"] for r in rows if r["billing_class"] == "output"}
    assert said == {"reasoning": 400, "output": 100}


def test_thoughts_that_are_shown_are_not_counted_beside_reasoning() -> None:
    reply = [{"type": "thinking", "thinking": "hm " * 50}, {"type": "text", "text": "Yes."}]
    billed = Usage(fresh=10, output=90, reasoning=60)
    (rows,) = parts([anthropic(user("so?"), reply=reply, usage=billed)])
    found = [(r["segment"], r["tokens"]) for r in rows if r["billing_class"] == "output"]
    assert sorted(found) == [("output", 30), ("reasoning", 0), ("reasoning", 60)]
    (rows,) = parts([anthropic(user("so?"), reply=reply, usage=Usage(fresh=10, output=90))])
    shown = {r["segment"]: r["tokens"] for r in rows if r["billing_class"] == "output"}
    assert shown["reasoning"] > shown["output"] > 0


def test_more_reasoning_than_output_is_not_believed() -> None:
    (rows,) = parts([openai(user("a"), usage=Usage(fresh=5, output=7, reasoning=50))])
    assert by_class(rows)["output"] == 7


def test_without_usage_everything_is_an_estimate_at_the_full_rate() -> None:
    tables = attributed([openai(user("one two three"), reply=assistant("four five"))])
    usage = dict(zip(Usage.__struct_fields__, tables.usage[0].tolist(), strict=True))
    assert usage == {**dict.fromkeys(usage, 0), "fresh": 6, "output": 2}


@pytest.mark.parametrize("call", [Call(model="x"), openai(usage=Usage()), openai()])
def test_a_call_that_costs_nothing_has_no_parts(call: Call) -> None:
    assert parts([call]) == [[]]


def test_an_empty_batch_is_an_empty_table() -> None:
    tables = attributed([])
    assert tables.parts.num_rows == len(tables.traits) == len(tables.usage) == 0
