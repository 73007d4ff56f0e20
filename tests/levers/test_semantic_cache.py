"""The cache of like questions: who is served, at which threshold, and what it costs."""

from dataclasses import replace
from random import Random

import polars as pl
import pytest

from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers.semantic_cache import SemanticCache
from costscope.model import Trait
from costscope.plugins import load
from costscope.prices import PriceBook
from tests.levers.asking import Words, asked, log
from tests.workloads import history, part, same, shuffled, system, workload

FIRST = "How do I reset the password of my account?"
LIKE = "Please, how do I reset my account password?"
OTHER = "Which forms are due at the end of a quarter?"


def lever(**settings):
    """With a threshold at which FIRST and LIKE are alike, by letters, so that no extra is needed."""
    given = {"threshold": 0.6, "local": "letters", "embedding_model": ""} | settings
    return load("levers", "semantic_cache")(**given)


def made(work, **settings):
    """The ids of the log's calls that still have to be made."""
    return lever(**settings).apply(work).calls.filter(~pl.col("added"))["call_id"].to_list()


def test_a_question_in_other_words_is_served_and_another_one_is_not():
    work = log(asked("a", 0, FIRST), asked("b", 60, LIKE), asked("c", 90, OTHER))
    assert made(work) == ["a", "c"]
    assert lever().apply(work).parts["call_no"].unique().to_list() == [1, 3]
    assert made(work, threshold=0.99) == ["a", "b", "c"]


def test_the_same_words_are_served_at_any_threshold():
    work = log(asked("a", 0, FIRST), asked("b", 60, FIRST))
    assert made(work, threshold=1.0) == ["a"]


def test_an_answer_is_there_from_its_arrival_until_its_time_is_up():
    calls = [asked("a", 0, FIRST, latency=10), asked("b", 10, LIKE)]
    assert made(log(*calls)) == ["a", "b"]
    calls = [asked("a", 0, FIRST, latency=10), asked("b", 11, LIKE)]
    assert made(log(*calls)) == ["a"]
    for at, left in ((110, ["a"]), (111, ["a", "b"])):
        calls = [asked("a", 0, FIRST, latency=10), asked("b", at, LIKE)]
        assert made(log(*calls), ttl_s=100) == left


def test_a_hit_neither_prolongs_nor_stores():
    calls = [
        asked("a", 0, FIRST),
        asked("b", 90, LIKE),
        asked("c", 150, LIKE),
        asked("d", 160, LIKE),
    ]
    assert made(log(*calls), ttl_s=100) == ["a", "c"]


@pytest.mark.parametrize(
    "odd",
    [
        {"status": "error"}, {"traits": Trait.TOOL_CALLED}, {"temperature": 0.7}, {"sent_at": None},
        {"request_hash": 0},
    ],
)  # fmt: skip
def test_who_may_not_be_stored_is_no_source_and_no_hit(odd):
    one, other = asked("a", 0, FIRST), asked("b", 60, LIKE)
    for calls in (((one[0] | odd, one[1]), other), (one, (other[0] | odd, other[1]))):
        assert made(log(*calls)) == ["a", "b"]


def test_temperatures_are_as_with_the_exact_cache():
    calls = [asked(name, at, text, temperature=None) for name, at, text in
             (("a", 0, FIRST), ("b", 60, LIKE))]  # fmt: skip
    assert made(log(*calls)) == ["a"]
    assert made(log(*calls), unknown_temperature=False) == ["a", "b"]
    warm = [asked("a", 0, FIRST, temperature=0.7), asked("b", 60, LIKE, temperature=0.7)]
    assert made(log(*warm), any_temperature=True) == ["a"]


@pytest.mark.parametrize(
    "odd",
    [
        {"feature": "billing"}, {"model": "gpt-4"}, {"provider": "azure"}, {"temperature": None},
        {"traits": Trait.JSON_REPLY}, {"prompt": system(100, "You joke.")},
        {"prompt": history(100, 1, "Hello.")}, {"prompt": part("context", 100, "Page 1.")},
    ],
)  # fmt: skip
def test_all_but_the_query_must_be_the_same(odd):
    assert made(log(asked("a", 0, FIRST), asked("b", 60, LIKE, **odd))) == ["a", "b"]


def test_the_same_rest_billed_in_other_classes_is_the_same_rest():
    one = asked("a", 0, FIRST, prompt=system(100, "You help.", write=60))
    other = asked("b", 60, LIKE, prompt=system(100, "You help.", read=60))
    assert made(log(one, other)) == ["a"]


def test_scope_keeps_users_apart_and_never_keeps_features_out():
    calls = [
        asked("a", 0, FIRST, user_id="u"), asked("b", 60, LIKE, user_id="v"),
        asked("c", 90, LIKE, user_id="u"), asked("d", 99, LIKE),
    ]  # fmt: skip
    assert made(log(*calls)) == ["a"]
    assert made(log(*calls), scope="user") == ["a", "b", "d"]
    assert made(log(*calls), never=("he*",)) == ["a", "b", "c", "d"]


def test_what_the_guards_tell_apart_is_not_served():
    work = log(
        asked("a", 0, "What does plan 3 cost a month?"),
        asked("b", 60, "What does plan 4 cost a month?"),
    )
    assert made(work, threshold=0.1) == ["a", "b"]


def test_two_stored_questions_that_are_about_as_near_serve_nobody():
    calls = [
        asked("a", 0, "How can I reset the account password?"),
        asked("b", 0.5, "How would I reset the account password?"),
        asked("c", 60, "How should I reset the account password?"),
    ]
    assert made(log(*calls), lead=0.2) == ["a", "b", "c"]
    assert made(log(*calls), lead=0.0) == ["a", "b"]


def test_a_question_in_a_block_of_several_segments_is_cut_out_of_it():
    def mixed(name, at, question, around):
        text = f"{around}\n\n{question}"
        blocks = [part("context", 60, text), part("query", 20, text)]
        calls = asked(name, at, text, tokens=20)
        return calls[0], (blocks, text)

    long = "The manual says that accounts are kept for as long as they are paid for. " * 4
    rows = []
    for name, at, question, around in (
        ("a", 0, FIRST, long), ("b", 60, LIKE, long), ("c", 90, LIKE, long.replace("paid", "used")),
    ):  # fmt: skip
        row, (blocks, text) = mixed(name, at, question, around)
        rows.append((row, blocks, text))
    work = workload(*((row, blocks) for row, blocks, _ in rows))
    # One block: both stretches have the same place in the prompt.
    one = pl.lit(0, pl.Int32).alias("seq")
    work = replace(work, parts=work.parts.with_columns(one), texts=Words(*(t for *_, t in rows)))
    assert made(work) == ["a", "c"]


def test_texts_that_are_gone_are_left_alone_and_told():
    calls = [asked("a", 0, FIRST), asked("b", 60, LIKE), asked("c", 70, FIRST)]
    work = log(*calls, texts=[FIRST])
    assert made(work) == ["a", "b"]
    assert "1 call could not be compared" in " ".join(lever().notes(work, lever().apply(work)))


def test_quick_exits_return_the_very_same_workload():
    blind = workload(asked("a", 0, FIRST), asked("b", 60, LIKE))
    for work in (
        blind,
        log(),
        log(asked("a", 0, FIRST)),
        log(asked("a", 0, FIRST), asked("b", 1, OTHER)),
    ):
        assert lever().apply(work) is work
        assert lever(threshold=None).apply(work) is work
    assert "cannot be read" in lever().action(blind, blind)
    assert lever().action(work, work).endswith("none was found.")


def test_nothing_is_read_where_no_rest_of_a_prompt_recurs():
    texts = [asked(f"c{i}", i, f"{FIRST} {i}", prompt=system(9, f"Prompt {i}.")) for i in range(5)]
    work = log(*texts)
    lever().apply(work)
    assert work.texts.reads <= 1
    assert list(work.texts.read([])) == []


def test_long_queries_are_left_alone():
    work = log(asked("a", 0, FIRST, tokens=501), asked("b", 60, LIKE))
    assert made(work) == ["a", "b"]
    assert "too long, or has pictures in it: 1 call." in " ".join(lever().notes(work, work))


def test_only_the_latest_questions_are_compared():
    work = log(asked("a", 0, FIRST), asked("b", 60, LIKE), asked("c", 90, OTHER))
    assert made(work, max_questions=2) == ["a", "b", "c"]
    assert "compared: 1 earlier call;" in " ".join(lever(max_questions=2).notes(work, work))


def test_every_lookup_is_an_embedding_on_the_account_of_its_call():
    work = log(
        asked("a", 0, FIRST, tokens=25), asked("b", 60, LIKE), asked("c", 90, OTHER, model="gpt-4")
    )
    after = lever(embedding_model="openai/text-embedding-3-small").apply(work)
    new = after.calls.filter("added").sort("call_id")
    assert new["call_id"].to_list() == ["a", "b", "c"]
    assert new["model"].unique().to_list() == ["text-embedding-3-small"]
    tokens = after.parts.filter(pl.col("call_no").is_in(new["call_no"].implode()))
    assert sorted(tokens["tokens"].to_list()) == [20, 20, 25]
    assert tokens["billing_class"].unique().to_list() == ["fresh"]


def test_an_embedding_of_a_claude_query_is_bought_and_counted_where_it_is_made():
    claude = {
        "units": '{"web_search": 3}',
        "model": "claude-sonnet-4-5",
        "provider": "anthropic",
        "tier": "batch",
        "region": "us",
    }
    work = log(
        asked("a", 0, FIRST, tokens=121, **claude), asked("b", 60, LIKE, tokens=121, **claude)
    )
    after = lever(embedding_model="openai/text-embedding-3-small").apply(work)
    new = after.calls.filter("added")
    about = new.select("provider", "tier", "region", "units").unique()
    assert about.rows() == [("openai", "standard", None, None)]
    # Claude 4.5 makes 121 tokens of what is 100 in OpenAI's vocabularies.
    tokens = after.parts.filter(pl.col("call_no").is_in(new["call_no"].implode()))["tokens"]
    assert tokens.to_list() == [100, 100]


def test_order_of_rows_does_not_matter_and_nothing_is_changed_in_place():
    calls = [asked(f"c{i}", 10 * i, (FIRST, LIKE, OTHER)[i % 3]) for i in range(12)]
    work = log(*calls)
    before = replace(work)
    left = made(work)
    assert same(work, before)
    assert left == ["c0", "c2"]
    assert sorted(made(replace(shuffled(work, 3), origin=None))) == left


def topics(count):
    """Questions that have no word of sense in common, each with the same one in another order."""
    rng = Random(1)
    for i in range(count):
        one, two, three = (
            "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=12)) for _ in range(3)
        )
        yield (
            i,
            f"How can {one} {two} be set to {three}?",
            f"Set to {three}: how can {one} {two} be?",
        )


def planted(count, wrong=0):
    """`count` questions that are asked twice; `wrong` of them are answered otherwise the second time."""
    calls = []
    for i, one, other in topics(count):
        again = "No." if i < wrong else "Yes."
        calls += [asked(f"a{i}", 100 * i, one, "Yes."), asked(f"b{i}", 100 * i + 50, other, again)]
    return log(*calls)


def test_planted_paraphrases_are_found_to_the_picodollar():
    work = planted(200)
    used = lever(threshold=None, embedding_model="openai/text-embedding-3-small")
    found = simulate(work, [used], PriceBook()).saved
    # gpt-4o: $2.50 and $10 for a million tokens, so 2.5 and 10 million picodollars a token.
    # text-embedding-3-small: $0.02, for each of 400 lookups of 20 tokens.
    served = 200 * (120 * 2_500_000 + 30 * 10_000_000)
    lookups = 400 * 20 * 20_000
    assert found == pytest.approx(served - lookups, rel=0.05)


def test_a_clean_log_has_nothing_to_find():
    calls = [asked(f"a{i}", 100 * i, one) for i, one, _ in topics(150)]
    work = log(*calls)
    assert lever(threshold=None).apply(work) is work
    assert len(made(work)) == 150


@pytest.mark.parametrize(
    ("count", "wrong", "said"),
    [
        (188, 0, "188 would-be hits could be compared, at least 189 are needed"),
        (200, 4, "no threshold holds false hits under 2.0%"),
    ],
)
def test_a_budget_that_is_not_shown_to_hold_serves_nobody(count, wrong, said):
    work, used = planted(count, wrong), lever(threshold=None)
    assert used.apply(work) is work
    assert said in used.action(work, work)
    assert used.backtest(work) is None


def test_an_explicit_threshold_wins_over_the_budget_and_is_said_to():
    work = planted(30, wrong=10)
    after = lever().apply(work)
    assert after.calls.height == 30
    assert "set by hand" in " ".join(lever().notes(work, after))
    found = lever().backtest(work)
    assert (found["hits"], found["compared"], found["same_answer"]) == (30, 30, 20)
    assert found["false_hits"] == pytest.approx(1 / 3)


def test_the_curve_shows_hits_false_hits_and_tokens():
    work = planted(30, wrong=10)
    (table,) = lever().details(work, lever().apply(work))
    rows = {row[0]: row[1:] for row in table.rows}
    # Wilson's interval of 10 in 30; a call is 120 tokens in and 30 out.
    *counts, share, low, high, tokens = rows[0.6]
    assert (*counts, tokens) == (30, 0, 30, 10, 30 * 150)
    assert (share, low, high) == pytest.approx((1 / 3, 0.1923, 0.5122), abs=1e-4)
    assert [row[0] for row in table.rows] == sorted((row[0] for row in table.rows), reverse=True)
    assert [row[1] for row in table.rows] == sorted(row[1] for row in table.rows)


def test_repeats_of_the_same_words_are_no_evidence():
    work = log(
        *(asked(f"c{i}", 10 * i, FIRST, f"Answer number {i} of many words.") for i in range(300))
    )
    used = lever(threshold=None)
    assert used.apply(work) is work
    assert "0 would-be hits could be compared" in used.action(work, work)
    assert "299 of 299 answers to the very same words differ" in " ".join(used.notes(work, work))


def test_labelled_pairs_are_evidence_too(tmp_path):
    work = planted(100)
    pairs = tmp_path / "pairs.json"
    rows = [f'{{"stored": "{one}", "asked": "{other}"}}' for _, one, other in topics(200)]
    pairs.write_text("\n".join(rows))
    assert made(work, threshold=None) == work.calls["call_id"].to_list()
    assert len(made(work, threshold=None, pairs=str(pairs))) == 100
    assert len(lever(pairs=str(pairs)).details(work, work)) == 2
    wrong = [row.replace("}", ', "same": false}') for row in rows]
    pairs.write_text(f"[{','.join(wrong)}]")
    assert len(made(work, threshold=None, pairs=str(pairs))) == 200


def test_the_low_end_is_stricter_and_variants_never_bolder():
    low, high = lever().scenarios()
    assert (low.margin, high) == (0.03, lever())
    assert made(log(asked("a", 0, FIRST), asked("b", 60, LIKE)), margin=0.35) == ["a", "b"]
    assert lever().variants() == (lever(),)
    budgets = [x.false_hits for x in lever(threshold=None).variants()]
    assert budgets == [0.005, 0.01, 0.02]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scope": "team"}, "scope is 'team'; it can be: all, user, tenant"),
        ({"ttl_s": 0}, "ttl_s is 0"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"false_hits": 0.0}, "false_hits is 0.0"),
        ({"local": "magic"}, "local is 'magic'"),
        ({"embedding_model": "small"}, "must be provider/model"),
        ({"max_questions": 0}, "max_questions is 0"),
    ],
)
def test_impossible_settings_are_refused(settings, said):
    with pytest.raises(SettingsError, match=said):
        SemanticCache(**settings)
