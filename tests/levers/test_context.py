"""Less retrieved context: what is sent twice, what lies beyond a limit, what is off the question."""

import numpy as np
import polars as pl
import pytest

from costscope import plugins
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers._cut import alike
from costscope.levers._cut.alike import SKETCH, Alike, resemblance
from costscope.levers._cut.chunks import LEAD, MARKED, PARAGRAPH, WHOLE, chunked, split
from costscope.prices import PriceBook
from costscope.tokens import count
from tests.levers.said import reading, words
from tests.workloads import (
    call,
    history,
    output,
    part,
    query,
    shuffled,
    system,
    tokens,
    workload,
)  # fmt: skip

Context = plugins.load("levers", "context")


def context(size, text=None, **more):
    return part("context", size, text, **more)


def rag(call_id, *blocks, **columns):
    return call(call_id, system(50, role="system"), *blocks, query(20), output(5), **columns)


def prompt(work, lever, call_id="a"):
    return tokens(lever.apply(work), call_id)["fresh"] - 70


def kinds(text):
    return [(chunk.kind, text[chunk.start : chunk.stop]) for chunk in split(text)]


def test_texts_are_split_at_tags_numbers_fences_and_else_at_paragraphs():
    assert kinds("one alone") == [(WHOLE, "one alone")]
    assert kinds("Found:\n<doc id='1'>a</doc>\n<doc id='2'>b</doc>\n") == [
        (LEAD, "Found:\n"), (MARKED, "<doc id='1'>a</doc>\n"), (MARKED, "<doc id='2'>b</doc>\n"),
    ]  # fmt: skip
    assert [kind for kind, _ in kinds("[1] a text\n[2] another\n[3] a third")] == [MARKED] * 3
    assert [kind for kind, _ in kinds("one\n---\ntwo\n---\nthree")] == [MARKED] * 3
    assert kinds("one\n\ntwo lines\nof it\n \nthree") == [
        (PARAGRAPH, "one\n\n"), (PARAGRAPH, "two lines\nof it\n \n"), (PARAGRAPH, "three"),
    ]  # fmt: skip


def test_what_sets_nothing_off_twice_leaves_a_text_whole():
    for text in (
        "[1] the only one\nand more",
        "one\n---\ntwo",
        "```\n[1] a\n[2] b\n```\n",
        "a <b> c",
    ):
        assert kinds(text) == [(WHOLE, text)]


@pytest.mark.parametrize(("one", "other", "both"), [(40, 30, 20), (128, 128, 100), (128, 60, 60)])
def test_resemblance_is_the_share_of_the_smallest_hashes_that_both_have(one, other, both):
    hashes = np.random.default_rng(one).permutation(np.arange(1, 1000, dtype=np.uint64))
    first, second = hashes[:one], hashes[one - both : one - both + other]
    smallest = sorted({*first.tolist(), *second.tolist()})[:SKETCH]
    shared = [h for h in smallest if h in first and h in second]
    assert resemblance(np.sort(first), np.sort(second)) == len(shared) / len(smallest)


def test_chunks_cover_their_text_once():
    text = "Found:\n[1] " + words(0, 20) + "\n[2] " + words(30, 20) + "\n\n"
    assert "".join(piece for _, piece in kinds(text)) == text


@pytest.mark.parametrize(
    ("other", "similarity", "same"),
    [
        (words(0, 60), 1.0, True),
        # 60 words are 56 runs of five; another last word changes one: 55 of 57 are shared, 0.965.
        (words(0, 59) + " else", 0.96, True),
        (words(0, 59) + " else", 0.97, False),
        (words(0, 59) + " else", 1.0, False),
        ("[2] " + words(0, 60).upper(), 1.0, True),
        (words(100, 60), 0.1, False),
    ],
)
def test_chunks_that_are_nearly_the_same(other, similarity, same):
    table = chunked([(1, words(0, 60)), (2, other)], (similarity,))
    assert (table[str(similarity)].n_unique() == 1) is same


def test_a_few_words_are_never_called_a_repetition():
    assert Alike([0.9, 1.0]).known(["too", "short", "to", "tell", "anything"]) == (0, 0)


def test_what_all_chunks_begin_with_does_not_compare_each_with_all(monkeypatch):
    compared = []

    def counted(one, other):
        compared.append(one)
        return resemblance(one, other)

    monkeypatch.setattr(alike, "resemblance", counted)
    known, head = Alike([0.8]), words(0, 20)
    chunks = [f"{head} {words(100 + 80 * n, 80)}".split() for n in range(300)]
    assert len({known.known(chunk) for chunk in chunks}) == 300
    # Of 44,850 pairs, of which most share one of their first hashes.
    assert len(compared) < 10 * 300
    assert known.known([*chunks[7][:-1], "other"]) == known.known(chunks[7])


def test_whole_blocks_sent_twice_need_no_text():
    # Two of three blocks are the same content; the second of them goes.
    work = workload(rag("a", context(40, "one"), context(30, "two"), context(40, "one")))
    assert prompt(work, Context()) == 70
    assert prompt(work, Context(duplicates=False)) == 110
    assert Context(duplicates=False).apply(work) is work


def test_a_chunk_within_a_block_goes_with_its_share_of_tokens():
    one, two = words(0, 30), words(50, 30)
    text = f"[1] {one}\n[2] {two}\n[3] {one}"
    pieces = ["[1] " + one + "\n", "[2] " + two + "\n", "[3] " + one]
    first, second, third = count(pieces)
    work = reading(workload(rag("a", context(1_000, text))), text)
    whole = first + second + third
    assert prompt(work, Context()) == 1_000 * (first + second) // whole
    assert work.texts.asked == 1


def test_a_near_duplicate_goes_unless_it_must_be_word_for_word():
    texts = [words(0, 60), words(0, 59) + " else"]
    work = reading(workload(rag("a", *(context(100, text) for text in texts))), *texts)
    assert prompt(work, Context()) == 100
    assert prompt(work, Context(similarity=1.0)) == 200
    assert work.texts.asked == 1
    low, high = Context().scenarios()
    assert (low.similarity, high.similarity) == (1.0, 0.8)


def test_a_chunk_of_an_earlier_turn_goes_only_if_asked_to():
    old = history(100, 0, "chunk")
    work = workload(rag("a", old, context(100, "chunk"), context(10, "new")))
    assert prompt(work, Context()) == 210
    assert prompt(work, Context(repeats=True)) == 110


def test_only_the_first_chunks_stay_and_duplicates_do_not_count():
    blocks = [context(10, "one"), context(10, "one"), context(10, "two"), context(10, "three")]
    work = workload(rag("a", *blocks))
    assert prompt(work, Context(top_k=2)) == 20
    assert prompt(work, Context(top_k=2, duplicates=False)) == 20
    assert prompt(work, Context(top_k=9)) == 30


def test_paragraphs_are_not_counted_as_chunks():
    text = "\n\n".join(words(20 * n, 20) for n in range(4))
    work = reading(workload(rag("a", context(100, text))), text)
    assert Context(top_k=1).apply(work) is work


def test_a_budget_keeps_whole_chunks_and_always_the_first():
    work = workload(rag("a", context(40, "one"), context(30, "two"), context(5, "three")))
    assert prompt(work, Context(max_tokens=70)) == 70
    assert prompt(work, Context(max_tokens=69)) == 40
    assert prompt(work, Context(max_tokens=1)) == 40


def test_chunks_off_the_question_go_and_the_best_one_stays():
    ask = "refund of the invoice"
    texts = ["refund policy: an invoice is paid back", "weather report for Oslo", "invoice numbers"]
    blocks = [context(10, text) for text in texts]
    work = workload(call("a", *blocks, query(20, ask), output(5)))
    known = reading(work, ask, *texts)
    # All words of the question weigh the same: it is the only question. Shares: 2/3, 0 and 1/3.
    for least, left in ((0.3, 20), (0.5, 10), (1.0, 10)):
        assert tokens(Context(min_overlap=least).apply(known), "a")["fresh"] == 20 + left
    assert Context(min_overlap=0.5).apply(work) is work


def test_results_of_tools_are_left_alone():
    tool = {"role": "tool", "kind": "tool_result"}
    work = workload(rag("a", context(40, "same", **tool), context(40, "same", **tool)))
    lever = Context(top_k=1)
    assert lever.apply(work) is work
    assert lever.notes(work, work) == [
        "No retrieved context was found; the results of tools are left as they are."
    ]
    assert lever.details(work, work) == ()


def test_behind_the_first_chunk_that_goes_everything_is_fresh():
    blocks = [context(40, "one", read=40), context(40, "one", read=40), context(30, "two", read=30)]
    after = Context().apply(workload(rag("a", *blocks)))
    assert tokens(after, "a") == {"cache_read": 40, "fresh": 50 + 30 + 20, "output": 5}


def test_equal_prompts_stay_equal():
    text = f"[1] {words(0, 30)}\n[2] {words(0, 30)}"
    work = workload(rag("a", context(100, text)), rag("b", context(100, text, read=60)))
    after = Context().apply(reading(work, text)).parts
    ends = after.filter(pl.col("segment") == "query")["prefix"].to_list()
    assert ends[0] == ends[1]
    assert ends[0] != work.parts.filter(pl.col("segment") == "query")["prefix"][0]


def test_its_words():
    work = workload(rag("a", context(40, "one"), context(40, "one")), rag("b", context(9, "one")))
    lever = Context()
    after = lever.apply(work)
    assert lever.action(work, after) == (
        "Send less retrieved context in 1 call: 40 tokens (17% of all) need not be sent."
    )
    assert lever.notes(work, after) == [
        "Retrieved context: 3 blocks with 3 chunks.",
        "3 blocks of them cannot be read again; each counts as one chunk.",
    ]
    (table,) = lever.details(work, after)
    assert table.rows == [
        ("again in the same context", 1, 1, 40), ("again in a later turn", 1, 1, 40),
    ]  # fmt: skip
    assert lever.action(work, work) == (
        "Send each chunk of retrieved context once; none was found that could go."
    )


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"similarity": 0.0}, "similarity is 0.0; it must lie above 0, up to 1"),
        ({"min_overlap": 1.1}, "min_overlap is 1.1; it must lie from 0 to 1"),
        ({"top_k": -1}, "top_k is -1; it must be 0 or more"),
        ({"max_tokens": -1}, "max_tokens is -1; it must be 0 or more"),
    ],
)
def test_settings(bad, said):
    with pytest.raises(SettingsError, match=said):
        Context(**bad)


def test_no_context_no_calls_no_change():
    for work in (workload(), workload(call("a", query(5), output(1)))):
        assert Context(top_k=1, min_overlap=0.5).apply(work) is work


def planted(calls):
    """RAG calls of four numbered sources of 40 words, a quarter of 1,000 tokens each; in every third call
    the last is the first again."""
    texts = []
    for n in range(calls):
        sources = [words(1_000 * n + 50 * k, 40) for k in range(4)]
        if n % 3 == 0:
            sources[3] = sources[0]
        texts.append("\n".join(f"[{k + 1}] {source}" for k, source in enumerate(sources)))
    log = [rag(f"c{n}", context(1_000, text)) for n, text in enumerate(texts)]
    return reading(workload(*log), *texts)


def test_the_planted_waste_is_found():
    (found,) = simulate(planted(150), [Context()], PriceBook.load(None)).levers
    truth = 50 * 250 * 2_500_000  # a quarter of 1,000 tokens, at $2.50 for a million
    assert abs(found.saved - truth) < truth / 20
    assert found.calls == 50


def test_a_clean_log_has_nothing_to_drop():
    texts = [f"[1] {words(100 * n, 40)}\n[2] {words(100 * n + 50, 40)}" for n in range(100)]
    log = [rag(f"c{n}", context(500, text)) for n, text in enumerate(texts)]
    (found,) = simulate(reading(workload(*log), *texts), [Context()], PriceBook.load(None)).levers
    assert (found.saved, found.calls) == (0, 0)


def test_the_order_of_calls_does_not_matter():
    work = planted(9)
    other = shuffled(work, 1)
    lever = Context(top_k=3)
    after, again = lever.apply(work), lever.apply(other)
    assert all(tokens(after, f"c{n}") == tokens(again, f"c{n}") for n in range(9))
