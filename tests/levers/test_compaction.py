"""Prompts that say the same in fewer tokens: counted before and after, never more than before."""

import json

import polars as pl
import pytest

from costscope import plugins, tokens
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers._compact.measure import savings
from costscope.levers._compact.rows import POINTER
from costscope.levers.compaction import Compaction
from costscope.prices.book import PriceBook
from tests.levers.said import Said, reading, words
from tests.levers.wasted import INPUT
from tests.workloads import call, history, output, part, query, same, shuffled, system, workload
from tests.workloads import tokens as spent

LEVER = Compaction()


def record(number):
    """A JSON text of some 100 tokens, indented."""
    return json.dumps(
        {"id": number, "items": [{"name": f"n{k}", "ok": True} for k in range(9)]}, indent=4
    )


def counted(text):
    return tokens.count([text])[0]


PRETTY = record(1)
LEAN = json.dumps(json.loads(PRETTY), separators=(",", ":"))


def result(size, text, **more):
    return part("context", size, text, kind="tool_result", role="tool", **more)


def test_billed_tokens_shrink_as_counted_ones_do():
    # Billed twice what is counted: 2 n tokens become 2 n * (lean / pretty), rounded down.
    before, after = counted(PRETTY), counted(LEAN)
    work = reading(workload(call("a", result(2 * before, PRETTY), query(9), output(5))), PRETTY)
    expected = 2 * before * after // before
    assert after < before
    assert spent(LEVER.apply(work), "a") == {"fresh": expected + 9, "output": 5}


def test_a_block_in_two_classes_shrinks_in_both():
    before, after = counted(PRETTY), counted(LEAN)
    block = result(before + 60, PRETTY, read=60)
    work = reading(workload(call("a", system(50, read=50), block, query(9), output(5))), PRETTY)
    made = LEVER.apply(work)
    # What was cached in front of it stays so; from the changed block on all is fresh.
    assert spent(made, "a") == {
        "cache_read": 50, "fresh": before * after // before + 60 * after // before + 9, "output": 5,
    }  # fmt: skip


def test_the_prefix_is_new_from_the_change_on_and_alike_in_every_call():
    blocks = system(50), result(200, PRETTY), query(9)
    work = reading(workload(call("a", *blocks, output(5)), call("b", *blocks, output(6))), PRETTY)
    had, has = (w.parts.filter(pl.col("segment") != "output") for w in (work, LEVER.apply(work)))
    assert (had["prefix"] == has["prefix"]).to_list() == [True, False, False] * 2
    assert has["prefix"][:3].to_list() == has["prefix"][3:].to_list()
    assert 0 not in has["content"]


@pytest.mark.parametrize(
    "block",
    [
        query(200, PRETTY), part("tools", 200, PRETTY, kind="tool_schema"), output(200, PRETTY),
        part("history", 200, PRETTY, kind="tool_call"), part("history", 9, PRETTY),
        part("history", 200, PRETTY, kind="thinking"), result(200, LEAN), result(0, PRETTY),
    ],
)  # fmt: skip
def test_what_stays_as_it_is(block):
    work = reading(workload(call("a", block, output(5))), PRETTY, LEAN)
    assert LEVER.apply(work) is work


def test_segments_are_a_setting():
    work = reading(workload(call("a", query(200, PRETTY), output(5))), PRETTY)
    assert spent(Compaction(segments=("query",)).apply(work), "a")["fresh"] < 200
    with pytest.raises(SettingsError, match="segments has 'output'"):
        Compaction(segments=("output",))


def test_a_long_block_that_comes_again_becomes_a_pointer():
    text = words(0, 300)
    read, again = (part("history", 500, text, turn=n, kind="tool_result") for n in (0, 1))
    work = workload(call("a", system(50), read, history(9, 0), again, query(9, turn=2), output(5)))
    made = LEVER.apply(work)
    assert spent(made, "a") == {"fresh": 50 + 500 + 9 + POINTER + 9, "output": 5}
    low, high = LEVER.scenarios()
    assert low.apply(work) is work
    assert same(high.apply(work), made)
    other = workload(call("a", read, query(9), output(5)), call("b", read, query(8), output(5)))
    assert LEVER.apply(other) is other


def test_a_pointer_in_two_classes_is_paid_for_once():
    text = words(0, 300)
    again = result(500, text, read=300)
    work = workload(call("a", result(500, text, read=500), again, query(9), output(5)))
    assert spent(LEVER.apply(work), "a") == {"cache_read": 500, "fresh": POINTER + 9, "output": 5}


def test_a_pointer_is_paid_for_whole_where_a_cached_stretch_ends_within_it():
    # Of the pointer's 12 tokens 5 are the first row's, and 7 the second's; both rows have its content.
    text = words(0, 300)
    again = result(500, text, read=5)
    work = workload(call("a", result(500, text, read=500), again, query(9), output(5)))
    made = LEVER.apply(work)
    assert spent(made, "a") == {"cache_read": 500, "fresh": POINTER + 9, "output": 5}
    assert made.parts.filter(pl.col("seq") == 1)["content"].n_unique() == 1


def test_a_pointer_stands_in_every_call_wherever_its_cached_stretch_ends():
    # Rows of 150 and 150 tokens are no shorter text than one of 300.
    text = words(0, 300)
    first, halves, whole = (result(300, text, **more) for more in ({}, {"read": 150}, {"read": 0}))
    work = workload(
        call("a", first, whole, query(9), output(5)),
        call("b", result(300, text, read=300), halves, query(9), output(5), at=5),
    )
    made = LEVER.apply(work)
    a, b = (made.parts.filter(pl.col("call_no") == n, pl.col("seq") == 1) for n in (1, 2))
    assert a["tokens"].sum() == b["tokens"].sum() == POINTER
    assert set(a["prefix"]) == set(b["prefix"])


def test_what_a_user_typed_stays_as_typed_in_later_turns():
    # Otherwise the second prompt would differ from the first at the first question already.
    first = call("a", system(50), query(200, PRETTY), output(9, "said"))
    earlier = part("history", 200, PRETTY), part("history", 9, "said", turn=0)
    second = call("b", system(50), *earlier, query(9), output(5), at=9)
    work = reading(workload(first, second), PRETTY)
    assert LEVER.apply(work) is work
    both = Compaction(segments=("query", "history")).apply(work)
    typed = both.parts.filter(pl.col("seq") == 1)
    assert typed["tokens"].max() < 200
    assert typed["prefix"].n_unique() == 1


def test_texts_that_cannot_be_read_are_told():
    work = workload(call("a", result(200, PRETTY), result(100, "gone"), query(9), output(5)))
    assert LEVER.apply(work) is work
    told = "Left as logged, because the log no longer has their text: 2 texts of 2."
    assert LEVER.notes(work, work) == [told]
    known = reading(work, PRETTY)
    assert LEVER.notes(known, LEVER.apply(known))[0].endswith(": 1 text of 2.")


def test_texts_are_read_once_for_all_settings():
    said = Said(PRETTY)
    work = workload(call("a", result(200, PRETTY), query(9), output(5)))
    object.__setattr__(work, "texts", said)
    for lever in (LEVER, *LEVER.scenarios(), Compaction(json=False), Compaction(space=False)):
        lever.apply(work)
    assert said.asked == 1


def test_ways_can_be_left_out():
    work = reading(workload(call("a", result(200, PRETTY), query(9), output(5))), PRETTY)
    assert Compaction(json=False).apply(work) is work
    blob = "text " * 20 + "QUJD" * 200
    coded = reading(workload(call("a", result(900, blob), query(9), output(5))), blob)
    assert LEVER.apply(coded) is coded
    lossy = Compaction(encoded=True)
    assert spent(lossy.apply(coded), "a")["fresh"] < 300
    assert lossy.notes(coded, lossy.apply(coded)) == [
        "Base64 and hexadecimal are taken out, which is not lossless."
    ]


def test_other_vocabularies_are_told():
    block = result(200, PRETTY)
    work = reading(workload(call("a", block, output(5), model="claude-opus-4-5")), PRETTY)
    assert LEVER.notes(work, LEVER.apply(work))[0].endswith("not bundled: claude-opus-4-5.")


@pytest.mark.parametrize(
    "text", [PRETTY, "a \nb", "| a | b |\n|---|---|\n| c | d |\n", "x\n\n\n\ny"]
)
def test_never_more_tokens(text):
    found = savings(text, "o200k_base")
    assert found is None or (min(found[1:]) >= 0 and sum(found[1:]) < found[0])


def test_each_model_is_counted_with_its_own_vocabulary():
    text = words(0, 60) + " \n" + PRETTY
    calls = [
        call(model, result(1_000_000, text), query(9), output(5), model=model)
        for model in ("gpt-4o", "gpt-4")
    ]
    made = LEVER.apply(reading(workload(*calls), text))
    for model, encoding in (("gpt-4o", "o200k_base"), ("gpt-4", "cl100k_base")):
        counted, *saved = savings(text, encoding)
        left = 1_000_000 * (counted - sum(saved)) // counted
        assert spent(made, model) == {"fresh": left + 9, "output": 5}


def test_its_words():
    work = reading(workload(call("a", result(200, PRETTY), query(10), output(5))), PRETTY)
    after = LEVER.apply(work)
    gone = 200 - 200 * counted(LEAN) // counted(PRETTY)
    assert LEVER.action(work, after) == (
        f"Write prompts in fewer tokens (JSON without white space): {gone} tokens "
        f"({100 * gone / 210:.0f}% of all input) need not be sent."
    )
    ways, segments = LEVER.details(work, after)
    assert [row[:2] for row in ways.rows] == [("JSON without white space", 1)]
    assert segments.rows == [("context", 200, 200 - gone)]
    nothing = workload(call("a", query(5), output(1)))
    assert LEVER.action(nothing, nothing).endswith("nothing was found that could be shorter.")
    assert list(LEVER.details(nothing, nothing)) == []


@pytest.mark.parametrize("seed", range(2))
def test_order_of_rows_does_not_matter(seed):
    calls = [
        call(f"c{n}", system(50), result(200, PRETTY), query(n), output(5)) for n in range(1, 9)
    ]
    work = reading(workload(*calls), PRETTY)
    other = shuffled(work, seed)
    one, two = (LEVER.apply(w) for w in (work, other))
    assert all(spent(one, f"c{n}") == spent(two, f"c{n}") for n in range(1, 9))


def planted(*, indented):
    """150 calls with a JSON tool result of their own, billed as it is counted, and the truth: what the
    lean text of each would have saved."""
    lean = [json.dumps(json.loads(record(n)), separators=(",", ":")) for n in range(150)]
    texts = [record(n) for n in range(150)] if indented else lean
    calls = [
        call(f"c{n}", system(900), result(counted(x), x), query(99, f"q {n}"), output(50), at=n)
        for n, x in enumerate(texts)
    ]
    return reading(workload(*calls), *texts), sum(map(counted, texts)) - sum(map(counted, lean))


@pytest.mark.parametrize("indented", [True, False])
def test_planted(indented):
    work, truth = planted(indented=indented)
    saved = simulate(work, [plugins.load("levers", "compaction")()], PriceBook.load()).saved
    assert saved == truth * INPUT
    assert (truth > 0) is indented
