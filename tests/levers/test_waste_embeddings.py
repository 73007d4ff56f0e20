"""Texts that were embedded before by the same model."""

import pytest

from costscope.levers.waste_embeddings import WasteEmbeddings
from tests.levers.wasted import clean, dropped, saved, unchanged
from tests.workloads import call, output, part, query, shuffled, tokens, workload

LEVER = WasteEmbeddings()
SMALL = 20_000
"""Picodollars for a token of text-embedding-3-small: $0.02 for a million."""


def embed(call_id, *texts, size=100, model="text-embedding-3-small", **columns):
    columns = {"request": " ".join(texts)} | columns
    return call(call_id, *(query(size, text) for text in texts), model=model, **columns)


def test_a_call_that_embeds_nothing_new_goes():
    work = workload(embed("a", "x"), embed("b", "x", at=9), embed("c", "y", at=10))
    assert dropped(LEVER, work) == ["b"]


def test_a_reranker_is_no_embedding_model():
    model = "BAAI/bge-reranker-v2-m3"
    assert unchanged(
        LEVER, embed("a", "q", "x", model=model), embed("b", "r", "x", model=model, at=9)
    )


def test_of_several_texts_the_known_ones_go():
    work = workload(embed("a", "x", "y"), embed("b", "y", "z", "z", at=9))
    after = LEVER.apply(work)
    assert tokens(after, "a") == {"fresh": 200}
    assert tokens(after, "b") == {"fresh": 100}
    assert LEVER.action(work, after) == (
        "Keep the vectors of texts by their hash and embed only what is new: 200 tokens (40% of all that "
        "were embedded) were embedded before, among them 0 whole calls."
    )


@pytest.mark.parametrize(
    "second",
    [
        embed("b", "x", at=9, model="text-embedding-3-large"), embed("b", "X", at=9),
        embed("b", "x", at=9, model="gpt-4o"), embed("b", "x", at=9, status="error"),
    ],
)  # fmt: skip
def test_what_is_new(second):
    assert unchanged(LEVER, embed("a", "x"), second)


def test_a_failed_call_gave_no_vector():
    assert unchanged(LEVER, embed("a", "x", status="error"), embed("b", "x", at=9))


def test_what_writes_is_no_embedding():
    talk = [call(n, query(9, "x"), output(5), model="chat-with-embedded-tools") for n in "ab"]
    assert unchanged(LEVER, *talk)


@pytest.mark.parametrize("model", ["voyage-3", "BAAI/bge-m3", "amazon.titan-embed-text-v2:0"])
def test_names_of_models(model):
    assert dropped(LEVER, workload(*(embed(n, "x", model=model, at=ord(n)) for n in "ab"))) == ["b"]


def test_tokens_that_no_text_explains_stay_billed_unless_the_request_is_the_same():
    more = part("unattributed", 30, "", kind="hidden", role="none")

    def pair(request):
        rows = [
            (query(9, "x"), more, {"request": r, "at": n}) for n, r in enumerate(("q", request))
        ]
        return [call(str(n), *b, model="embed", **c) for n, (*b, c) in enumerate(rows)]

    other = workload(*pair("r"))
    after = LEVER.apply(other)
    assert (tokens(after, "0"), tokens(after, "1")) == ({"fresh": 39}, {"fresh": 30})
    assert dropped(LEVER, workload(*pair("q"))) == ["1"]


def test_the_low_end_compares_whole_requests():
    work = workload(embed("a", "x"), embed("b", "x", at=9, request="x at 256 dimensions"))
    low, high = LEVER.scenarios()
    assert [dropped(lever, work) for lever in (low, high)] == [[], ["b"]]
    assert dropped(low, workload(embed("a", "x"), embed("b", "x", at=9))) == ["b"]


@pytest.mark.parametrize("seed", range(2))
def test_order_of_rows_and_unknown_times_do_not_matter(seed):
    work = workload(embed("a", "x", at=1), embed("b", "x", at=2), embed("c", "x", sent_at=None))
    assert dropped(LEVER, shuffled(work, seed)) == ["b", "c"]


def test_planted():
    # 40 documents of 100 tokens, embedded on each of 5 nights: 160 calls in vain.
    nights = [
        embed(f"{night} {n}", f"document {n}", at=86_400 * night + n, request=f"{n}")
        for night in range(5)
        for n in range(40)
    ]
    assert saved("waste_embeddings", *nights, *clean(50)) == 160 * 100 * SMALL
    assert saved("waste_embeddings", *nights[:40], *clean(50)) == 0
