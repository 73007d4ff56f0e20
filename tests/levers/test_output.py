"""Shorter replies: caps by percentile, replies that speak for the user, structure; only replies change."""

import polars as pl
import pytest

from costscope import plugins
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers._cut.replies import cap_of, goes_on
from costscope.model import Trait
from costscope.prices import PriceBook
from costscope.tokens import count
from tests.levers.said import reading
from tests.workloads import call, history, output, part, query, same, shuffled, tokens, workload

Output = plugins.load("levers", "output")


def reply(call_id, size, *more, feature="chat", **columns):
    return call(call_id, query(10), *more, output(size), feature=feature, **columns)


def log(sizes, **columns):
    return workload(*(reply(f"c{n}", size, **columns) for n, size in enumerate(sizes)))


def written(work):
    """The output tokens of each call, in order."""
    sums = work.parts.filter(pl.col("billing_class") == "output").group_by("call_no")
    return [n for _, n in sums.agg(pl.col("tokens").sum()).sort("call_no").iter_rows()]


@pytest.mark.parametrize(
    ("percentile", "cap"), [(0.99, 99), (0.95, 95), (0.5, 50), (0.001, 1), (0.0, 1), (0.07, 7)]
)
def test_the_cap_is_the_nearest_rank(percentile, cap):
    rows = pl.DataFrame({"job": ["chat"] * 100, "left": list(range(100, 0, -1))})
    assert cap_of(rows, "left", percentile)["cap"].to_list() == [cap]


def test_replies_beyond_the_percentile_are_cut_and_no_others():
    after = Output(percentile=0.9).apply(log(range(1, 101)))
    assert written(after) == [min(n, 90) for n in range(1, 101)]


def test_each_feature_has_its_own_cap_and_one_with_few_replies_none():
    long = [reply(f"l{n}", 1_000 + n, feature="essay") for n in range(10)]
    few = [reply(f"f{n}", 5_000 + n, feature="rare") for n in range(9)]
    work = workload(*(reply(f"c{n}", n + 1) for n in range(10)), *long, *few)
    lever = Output(percentile=0.9, least_calls=10)
    after = lever.apply(work)
    assert written(after) == [*range(1, 10), 9, *range(1_000, 1_009), 1_008, *range(5_000, 5_009)]
    assert lever.action(work, after) == (
        "Cap replies (chat at 9, essay at 1,008 tokens): 2 answers would be cut."
    )
    assert lever.notes(work, after) == [
        "2 answers of 29 (6.9%) would end in the middle. The history of later calls still holds "
        "whole replies.",
        "1 feature with fewer than 10 replies in prose: too little data for a percentile.",
    ]


def test_replies_of_no_name_at_all_have_a_cap_too():
    work = log(range(1, 101), feature="", model="")
    lever = Output(percentile=0.9, least_calls=100)
    assert written(lever.apply(work)) == [*range(1, 91), *(90 for _ in range(10))]
    assert "calls of no feature or model at 90 tokens" in lever.action(work, lever.apply(work))
    assert lever.details(work, work)[0].rows[2][:2] == (0.9, 10)


def test_features_whose_replies_are_never_prose_are_no_gap():
    work = log(range(1, 4), traits=Trait.TOOL_CALLED)
    lever = Output()
    assert len(lever.notes(work, lever.apply(work))) == 1


def test_replies_without_a_feature_are_those_of_their_model():
    work = log(range(1, 101), feature="")
    lever = Output(percentile=0.9)
    assert lever.action(work, lever.apply(work)).startswith("Cap replies (gpt-4o at 90 tokens):")


def test_what_came_last_goes_first_and_reasoning_counts():
    thought = part("reasoning", 60)
    work = workload(*(reply(f"c{n}", 10) for n in range(9)), reply("long", 40, thought))
    after = Output(percentile=0.9, least_calls=10).apply(work)
    assert written(after) == [10] * 10
    last = after.parts.filter(pl.col("call_no") == 10)
    assert last["segment"].cast(pl.String).to_list() == ["query", "reasoning"]


@pytest.mark.parametrize("trait", [Trait.TOOL_CALLED, Trait.JSON_REPLY])
def test_calls_of_tools_and_json_are_left_alone(trait):
    work = workload(*(reply(f"c{n}", n + 1, traits=trait) for n in range(100)))
    assert Output(percentile=0.5).apply(work) is work


def test_prompts_and_their_caches_stay_as_they_are():
    calls = [call(f"c{n}", history(50, 0, read=40), query(10, turn=1), output(n + 1))
             for n in range(100)]  # fmt: skip
    work = workload(*calls)
    after = Output().apply(work)
    prompts = [w.parts.filter(pl.col("billing_class") != "output") for w in (work, after)]
    assert prompts[0].equals(prompts[1])
    assert not Output.rewrites_prompts


def test_too_few_replies_failed_ones_or_no_cap_change_nothing():
    for work in (workload(), log([*range(1, 99)]), log(range(1, 200), status="error")):
        assert Output().apply(work) is work
    work = log(range(1, 200))
    assert Output(percentile=1.0).apply(work) is work


def test_answers_that_are_asked_again_are_paid_for():
    work = log(range(1, 101))
    low, high = Output(percentile=0.98).scenarios()
    assert (low.repeat_share, high.repeat_share) == (1.0, 0.0)
    after = low.apply(work)
    # The replies of 99 and 100 tokens are cut to 98, and asked again: 10 tokens in, the whole out.
    assert tokens(after, "c98") == {"fresh": 20, "output": 98 + 99}
    assert tokens(after, "c99") == {"fresh": 20, "output": 98 + 100}
    assert after.calls.filter("added").height == 2
    half = Output(percentile=0.98, repeat_share=0.5).apply(work)
    assert tokens(half, "c99") == {"fresh": 15, "output": 98 + 50}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("The answer is 4.\n\nUser: and 5?\nAssistant: 5.", [16]),
        ("Paris.\nQuestion: and of Spain?", [6]),
        ("Paris.\n### Human: and of Spain?", [6]),
        ("User: is how it begins", []),
        ("The user: asked twice.\nNote: this is a note.", []),
        ("Plain.\n\nIn short: four.", []),
    ],
)
def test_replies_that_go_on_as_the_user(text, at):
    assert goes_on(text) == at


def test_a_stop_sequence_ends_a_reply_after_its_answer():
    answer, more = "The capital of France is Paris.", "\nUser: and of Spain?\nAssistant: Madrid."
    whole, kept = count([answer + more, answer])
    work = workload(call("a", query(10), output(3 * whole, answer + more)),
                    call("b", query(10), output(50, answer)))  # fmt: skip
    known = reading(work, answer, answer + more)
    lever = Output(stop=True)
    assert tokens(lever.apply(known), "a")["output"] == 3 * kept
    assert tokens(lever.apply(known), "b")["output"] == 50
    assert "1 answer went on to speak for the user." in lever.notes(known, lever.apply(known))
    assert lever.apply(work) is work


def test_structure_is_a_ratio_and_off():
    assert written(Output(structured_ratio=0.6).apply(log([10, 11, 1]))) == [6, 6, 1]
    work = log([10])
    assert Output().apply(work) is work


def test_its_curve():
    (table,) = Output().details(log(range(1, 101)), log(range(1, 101)))
    # Beyond a cap of 90 lie 1 + 2 + … + 10 of 5,050 tokens, beyond 99 only one.
    assert table.rows[2] == (0.9, 10, 0.1, 55, 55 / 5_050)
    assert table.rows[4] == (0.99, 1, 0.01, 1, 1 / 5_050)
    assert Output().details(log([5]), log([5])) == ()


def test_caps_that_the_log_has_already_are_told():
    work = log(range(1, 101), finish_reason="length")
    lever = Output()
    assert "100 answers of the log ended at a cap already." in lever.notes(work, lever.apply(work))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"percentile": 1.5}, "percentile is 1.5; it must lie from 0 to 1"),
        ({"repeat_share": -0.1}, "repeat_share is -0.1; it must lie from 0 to 1"),
        ({"least_calls": 0}, "least_calls is 0; it must be 1 or more"),
        ({"structured_ratio": 0.0}, "structured_ratio is 0.0; it must lie above 0, up to 1"),
    ],
)
def test_settings(bad, said):
    with pytest.raises(SettingsError, match=said):
        Output(**bad)


def test_the_planted_runaways_are_found_to_the_picodollar():
    # 300 replies of 100 tokens, of which 3 run away to 4,000.
    work = log([4_000 if n % 100 == 0 else 100 for n in range(300)])
    (found,) = simulate(work, [Output()], PriceBook.load(None)).levers
    assert found.saved == 3 * 3_900 * 10_000_000  # $10 for a million
    assert (found.calls, found.interval.low < 0) == (3, True)


def test_a_log_of_even_replies_has_nothing_to_cut():
    (found,) = simulate(log([100] * 300), [Output()], PriceBook.load(None)).levers
    assert (found.saved, found.calls) == (0, 0)
    assert found.action == "Cap the longest replies; no feature has enough of them that are long."


def test_the_order_of_calls_does_not_matter():
    work = log([n * 7 % 101 + 1 for n in range(150)])
    other = shuffled(work, 5)
    lever = Output(percentile=0.9, repeat_share=0.5)
    after, again = lever.apply(work), lever.apply(other)
    assert all(tokens(after, f"c{n}") == tokens(again, f"c{n}") for n in range(150))
    assert same(lever.apply(work), after)
