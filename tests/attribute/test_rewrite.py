"""Parts made again: whatever a conversation holds and whatever was fitted, they are the bill."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.attribute import Batch, measure, rewrite
from costscope.attribute.fit import GROUPS, Coefficients
from costscope.attribute.interner import Interner
from costscope.attribute.threads import threads
from costscope.model import CLASSES, INPUT_CLASSES, KINDS, ROLES, RULES, SEGMENTS, Call, Usage
from tests.attribute.calls import SECRET, Row, openai
from tests.attribute.test_adds_up import CALLS, OPENAI_MESSAGES, usages

NAMES = {"segment": SEGMENTS, "role": ROLES, "kind": KINDS, "billing_class": CLASSES,
         "rule": RULES, "breakpoint": rewrite.MARKS}  # fmt: skip
WORDS = [{"role": "user", "content": "hello there"}, {"role": "assistant", "content": "and you?"}]


def columns(calls: list[Call], cut: bool = False) -> dict[str, np.ndarray]:
    """Parts as the store gives them to be refined; with `cut`, larger blocks are told apart in two."""
    interner = Interner(SECRET)
    batch = Batch(interner)
    for call in calls:
        batch.add(call)
    made = batch.finish().parts
    rows = made.to_pylist()
    counted = {t["content"]: t["counted"] for t in interner.news().texts.to_pylist()}
    rows = [part for row in rows for part in _told_apart(row, cut)]
    rows.sort(key=lambda r: (r["call"], r["seq"], r["nth"], CLASSES.index(r["billing_class"])))
    found: dict[str, Any] = {
        name: [row[name] for row in rows] for name in (*made.column_names, "nth")
    }
    found["counted"] = [counted.get(row["content"], 0) for row in rows]
    codes = {n: [NAMES[n].index(v) for v in found[n]] for n in NAMES}
    unsigned = {n: np.array(found[n], np.uint64) for n in ("content", "prefix")}
    return {n: np.array(v, np.int64) for n, v in (found | codes | unsigned).items()} | unsigned


def _told_apart(row: Row, cut: bool) -> list[Row]:
    if not cut or row["tokens"] < 9 or row["billing_class"] == "output":
        return [row | {"nth": 0}]
    return [row | {"nth": 0, "tokens": 5}, row | {"nth": 1, "tokens": row["tokens"] - 5}]


def again(
    calls: list[Call], used: Coefficients, *, carried: bool = False, cut: bool = False
) -> tuple[pa.Table, measure.Measured, np.ndarray]:
    """The parts of calls made again, and what each call is billed by class."""
    bills = [call.usage or Usage() for call in calls]
    stored = rewrite.taken_apart(columns(calls, cut))
    classes = np.array([[getattr(b, n) for n in INPUT_CLASSES] for b in bills], np.int64)
    group = np.zeros(len(calls), np.int64)
    reasoning = np.array([b.reasoning for b in bills], np.int64)
    bill = measure.Billed(classes.sum(axis=1), reasoning, stored.said(len(calls)), group)
    found = threads(stored.prompts, group, len(calls))
    estimate = measure.estimates(stored.prompts, group, [used])
    held = measure.carried(found, bill, measure.costs(found, estimate)) * carried
    measured = measure.measure(
        stored.prompts, found, estimate, bill, held, measure.Likely.of([False])
    )  # fmt: skip
    keep = np.ones(len(calls), bool)
    parts = pa.concat_tables(rewrite.rewritten(stored, measured, classes, keep))
    return parts, measured, classes


@st.composite
def conversations(draw: st.DrawFn) -> list[Call]:
    """Calls of which each goes on from the one before, and some that do not."""
    said = draw(st.lists(OPENAI_MESSAGES, min_size=1, max_size=8))
    ends = sorted(draw(st.sets(st.integers(0, len(said)), min_size=1, max_size=5)))
    calls = [openai(*said[:n], reply=WORDS[1], usage=draw(usages())) for n in ends]
    others = draw(st.lists(CALLS.filter(lambda c: c.usage is not None), max_size=2))
    return draw(st.permutations([*calls, *others]))


COEFFICIENTS = st.builds(
    Coefficients,
    ratio=st.lists(st.floats(0.5, 3), min_size=len(GROUPS), max_size=len(GROUPS)).map(tuple),
    framing=st.lists(st.floats(0, 60), min_size=len(GROUPS), max_size=len(GROUPS)).map(tuple),
)


@given(conversations(), COEFFICIENTS, st.booleans(), st.booleans())
@settings(deadline=None, max_examples=50)
def test_parts_are_the_bill(
    calls: list[Call], used: Coefficients, carried: bool, cut: bool
) -> None:
    bills = [call.usage for call in calls]
    parts, _, classes = again(calls, used, carried=carried, cut=cut)
    sums = np.zeros((len(calls), len(CLASSES)), np.int64)
    rows = parts.to_pylist()
    for row in rows:
        assert row["tokens"] >= 0
        sums[row["call"], CLASSES.index(row["billing_class"])] += row["tokens"]
    present = sorted({row["call"] for row in rows})
    assert sums[present, :-1].tolist() == classes[present].tolist()
    billed = [b.output if b else 0 for b in bills]
    assert sums[present, -1].tolist() == [billed[call] for call in present]


@given(conversations(), COEFFICIENTS)
@settings(deadline=None, max_examples=60)
def test_what_a_part_is_stays(calls: list[Call], used: Coefficients) -> None:
    before = {
        (int(c), int(p), int(x))
        for c, p, x, r in _rows(columns(calls), "call", "prefix", "content", "rule")
        if RULES[r] != "usage"
    }
    parts, _, _ = again(calls, used)
    after = {
        (r["call"], r["prefix"], r["content"]) for r in parts.to_pylist() if r["rule"] != "usage"
    }
    assert after == before


def _rows(found: dict[str, np.ndarray], *names: str) -> Any:
    return zip(*(found[name].tolist() for name in names), strict=True)


@given(conversations(), COEFFICIENTS)
@settings(deadline=None, max_examples=60)
def test_classes_lie_along_the_prompt(calls: list[Call], used: Coefficients) -> None:
    parts, _, _ = again(calls, used, carried=True)
    rows = parts.to_pylist()
    order = [(r["call"], r["seq"], r["nth"], CLASSES.index(r["billing_class"])) for r in rows]
    assert order == sorted(order)
    billed = [(r["call"], CLASSES.index(r["billing_class"])) for r in rows if r["tokens"]]
    assert billed == sorted(billed)


def test_stretches_of_a_block_keep_their_share() -> None:
    text = "word " * 300
    call = openai(
        {"role": "user", "content": text}, reply=WORDS[1], usage=Usage(fresh=310, output=4)
    )
    used = Coefficients((1.0,) * len(GROUPS), (0.0,) * len(GROUPS))
    parts, _, _ = again([call], used, cut=True)
    found = [(r["nth"], r["tokens"]) for r in parts.to_pylist() if r["segment"] == "query"]
    assert [nth for nth, _ in found] == [0, 1]
    assert found[0][1] in (4, 5, 6)


def test_hidden_reasoning_stands_in_front_of_the_first_reply() -> None:
    said = [WORDS[0], WORDS[1], {"role": "tool", "tool_call_id": "c", "content": "a result"}]
    calls = [openai(*said[:1], reply=WORDS[1], usage=Usage(fresh=102, output=700, reasoning=640)),
             openai(*said, reply=WORDS[1], usage=Usage(fresh=102 + 640 + 5, output=5))]  # fmt: skip
    used = Coefficients((1.0,) * len(GROUPS), (0.0,) * len(GROUPS))
    parts, measured, _ = again(calls, used, carried=True)
    assert measured.carried.tolist() == [0, 640]
    assert measured.hidden.tolist() == [100, 100]
    second = [(r["segment"], r["kind"]) for r in parts.to_pylist() if r["call"] == 1]
    assert second[:4] == [("unattributed", "hidden"), ("query", "text"), ("history", "thinking"),
                          ("history", "text")]  # fmt: skip


@given(conversations(), COEFFICIENTS, st.integers(1, 12))
@settings(deadline=None, max_examples=30)
def test_how_many_calls_are_made_at_a_time_changes_nothing(
    calls: list[Call], used: Coefficients, rows: int
) -> None:
    whole, _, _ = again(calls, used, carried=True, cut=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rewrite, "ROWS", rows)
        assert again(calls, used, carried=True, cut=True)[0].to_pylist() == whole.to_pylist()
