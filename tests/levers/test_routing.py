"""Routing: which calls go, what they cost elsewhere, and what is paid twice."""

from datetime import UTC, datetime
from fractions import Fraction
from math import floor

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers._retokenise import rescaled
from costscope.levers._route.even import break_even
from costscope.levers._route.moves import CHEAP
from costscope.levers.routing import Routing
from costscope.model import Trait
from costscope.tokens import family_ratio
from tests.workloads import call, output, part, query, same, shuffled, system, tokens, workload

PLAIN = {"retry_share": 0.0}


def easy(call_id, **columns):
    blocks = (system(columns.pop("prompt", 500)), query(columns.pop("asked", 20), call_id))
    return call(call_id, *blocks, output(columns.pop("reply", 50)), **columns)


def models(work):
    """call id → model, without calls that were added."""
    rows = work.calls.filter(~pl.col("added")).sort("call_id")
    return dict(rows.select("call_id", "model").iter_rows())


def extra(work):
    """(call_id, model, tokens by class) of the calls that were added."""
    rows = work.calls.filter("added").join(work.parts, on="call_no", maintain_order="left")
    kind = pl.col("billing_class").cast(pl.String)
    return list(rows.select("call_id", "model", kind, "tokens").iter_rows())


def test_easy_calls_go_to_the_cheaper_model_of_their_provider():
    calls = [
        easy("a"), easy("b", model="claude-opus-4-5-20251101", provider="anthropic"),
        easy("c", model="gpt-4o-2024-08-06"), easy("d", model="gpt-4o-mini"),
    ]  # fmt: skip
    assert models(Routing(**PLAIN).apply(workload(*calls))) == {
        "a": "gpt-4o-mini", "b": "claude-haiku-4-5", "c": "gpt-4o-mini", "d": "gpt-4o-mini",
    }  # fmt: skip


@pytest.mark.parametrize(
    "hard",
    [
        {"asked": 101}, {"prompt": 2_000}, {"reply": 201}, {"traits": Trait.CODE},
        {"traits": Trait.REASONING}, {"traits": Trait.TOOLS_OFFERED}, {"traits": Trait.IMAGE},
    ],
)  # fmt: skip
def test_hard_calls_stay(hard):
    work = workload(easy("a", **hard))
    assert same(Routing().apply(work), work)


def test_what_counts_as_hard_is_a_setting():
    work = workload(easy("a", traits=Trait.CODE), easy("b", traits=Trait.JSON_REPLY))
    assert models(Routing(keep=("json",), **PLAIN).apply(work)) == {
        "a": "gpt-4o-mini", "b": "gpt-4o",
    }  # fmt: skip


def test_a_call_whose_query_is_not_logged_is_not_judged():
    work = workload(call("a", part("unattributed", 100, ""), output(5)))
    assert same(Routing().apply(work), work)


def test_a_conversation_goes_as_a_whole_or_not_at_all():
    calls = [easy("a", session="s"), easy("b", session="s", asked=900), easy("c", session="t")]
    assert models(Routing(**PLAIN).apply(workload(*calls))) == {
        "a": "gpt-4o", "b": "gpt-4o", "c": "gpt-4o-mini",
    }  # fmt: skip
    assert models(Routing(sticky=False, **PLAIN).apply(workload(*calls)))["a"] == "gpt-4o-mini"


def test_another_feature_or_model_of_a_conversation_does_not_hold_it_back():
    calls = [
        easy("a", session="s", feature="title"), easy("b", session="s", feature="chat", asked=900),
        easy("c", session="s", feature="chat", model="gpt-4.1"),
    ]  # fmt: skip
    assert models(Routing(**PLAIN).apply(workload(*calls))) == {
        "a": "gpt-4o-mini", "b": "gpt-4o", "c": "gpt-4.1-mini",
    }  # fmt: skip


def test_the_map_sends_a_feature_whatever_it_asks():
    lever = Routing(map={"chat*": "gpt-4.1-nano"}, cheap={}, **PLAIN)
    calls = [easy("a", feature="chat-eu", asked=900, traits=Trait.CODE), easy("b", feature="rag")]
    assert models(lever.apply(workload(*calls))) == {"a": "gpt-4.1-nano", "b": "gpt-4o"}


def test_the_map_may_name_another_provider():
    lever = Routing(map={"*": "google/gemini-2.5-flash"}, **PLAIN)
    work = workload(easy("a", tier="priority", region="eu", channel="azure"))
    row = lever.apply(work).calls.row(0, named=True)
    found = [row[k] for k in ("provider", "channel", "model", "tier", "region")]
    assert found == ["google", "direct", "gemini-2.5-flash", "standard", None]


def test_what_was_cached_on_the_strong_model_is_fresh_on_the_other():
    work = workload(call("a", system(1000, read=900, write=100), query(9), output(5)))
    assert tokens(Routing(**PLAIN).apply(work), "a") == {"fresh": 1009, "output": 5}


def test_tokens_are_converted_between_tokenizer_families():
    lever = Routing(map={"*": "anthropic/claude-haiku-4-5"}, **PLAIN)
    after = lever.apply(workload(call("a", system(1000), query(100), output(50))))
    (top, bottom), other = family_ratio("claude-haiku-4-5"), family_ratio("gpt-4o")
    assert top * other[1] > bottom * other[0]
    exact = Fraction(top * other[1], bottom * other[0])
    prompt, reply = (floor(n * exact + Fraction(1, 2)) for n in (1100, 50))
    assert tokens(after, "a") == {"fresh": prompt, "output": reply}


def test_the_reply_has_an_assumed_length():
    low, high = Routing(output_ratio=1.0).scenarios()
    assert tokens(low.apply(workload(easy("a", reply=10))), "a")["output"] == 13 + 3
    assert tokens(high.apply(workload(easy("a", reply=10))), "a")["output"] == 8


def test_scenarios_are_cases_of_the_same_settings():
    low, high = Routing(output_ratio=0.5, retry_share=0.4).scenarios()
    assert tokens(low.apply(workload(easy("a", reply=100))), "a")["output"] == 65 + 40
    assert tokens(high.apply(workload(easy("a", reply=100))), "a")["output"] == 40
    assert (low.retry_share, high.output_ratio) == (0.4, 0.5)


def test_a_share_of_the_calls_is_paid_on_both_models():
    after = Routing(retry_share=0.1).apply(workload(easy("a", prompt=980, asked=20, reply=45)))
    assert extra(after) == [("a", "gpt-4o", "fresh", 100), ("a", "gpt-4o", "output", 5)]
    assert after.calls["lever"].to_list() == ["", "routing"]


def test_a_classifier_is_paid_once_for_each_conversation_it_judges():
    lever = Routing(classifier_model="gpt-4.1-nano", classifier_tokens=7, **PLAIN)
    calls = [
        easy("b", session="s", at=5), easy("a", session="s"), easy("c", session="t", asked=900),
        easy("d", model="gpt-4o-mini"),
    ]  # fmt: skip
    assert extra(lever.apply(workload(*calls))) == [
        (i, "gpt-4.1-nano", kind, n) for i in "ac" for kind, n in (("fresh", 7), ("output", 10))
    ]


def test_calls_that_a_lever_added_are_left_alone():
    work = workload(easy("a", added=True, lever="x"))
    assert same(Routing().apply(work), work)


def test_its_words():
    lever = Routing(map={"*": "anthropic/claude-haiku-4-5"})
    work = workload(easy("a"), easy("b"))
    after = lever.apply(work)
    assert lever.action(work, after) == (
        "Send 2 calls in whole conversations to a cheaper model: 2 from gpt-4o to claude-haiku-4-5. "
        "It is a blanket downgrade: nearly every call of their features goes."
    )
    notes = lever.notes(work, after)
    assert notes[0] == (
        "2 of the 2 calls for which there is a cheaper model (100%) are taken to be easy, "
        "in effect a blanket downgrade."
    )
    assert notes[1].startswith(
        "100% of the routed tokens are of features of which 95% of the calls or"
    )
    assert notes[2].startswith("5% of the routed calls are taken to be asked again")
    assert notes[3].startswith("The cheaper model is taken to reply at 1 times the length; the log")
    assert notes[4].startswith("claude-haiku-4-5 is taken to make 1.")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keep": ("colour",)}, "keep has 'colour'; it can have: code, reasoning"),
        ({"retry_share": 1.5}, "retry_share is 1.5"),
        ({"output_ratio": 0.0}, "output_ratio is 0.0"),
        ({"case": "worst"}, "case is 'worst'; it can be: low, base, high"),
    ],
)
def test_impossible_settings_are_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        Routing(**wrong)


def library(model):
    """Rates of the default table's providers, straight from the price library: (input, output)."""
    from genai_prices import Usage, calc_price

    makers = {"claude": "anthropic", "gemini": "google", "grok": "x-ai", "mistral": "mistral"}
    maker = next((p for start, p in makers.items() if model.startswith(start)), None)
    maker = maker or ("deepseek" if model.startswith("deepseek") else "openai")
    found = calc_price(
        Usage(input_tokens=1000, output_tokens=1000), model, provider_id=maker,
        genai_request_timestamp=datetime(2026, 11, 20, tzinfo=UTC),
    )  # fmt: skip
    return found.input_price, found.output_price


@pytest.mark.parametrize("strong", sorted(CHEAP))
def test_every_default_route_is_priced_and_cheaper(strong):
    example = strong.replace("[1-3]", "1").replace("[45]", "5").replace("[12].5", "2.5")
    example = {
        "claude-opus-*": "claude-opus-4-5", "claude-sonnet-*": "claude-sonnet-4-5",
        "claude-fable-*": "claude-fable-5", "claude-mythos-*": "claude-mythos-5-2",
        "mistral-medium*": "mistral-medium-3-5", "grok-4": "grok-4-0709",
        "chatgpt-4o": "chatgpt-4o-latest", "gemini-3-pro": "gemini-3-pro-preview",
        "gemini-3.1-pro": "gemini-3.1-pro-preview",
    }.get(example, example)  # fmt: skip
    dear, cheap = library(example), library(CHEAP[strong])
    assert cheap[0] < dear[0]
    assert cheap[1] < dear[1]


ratio = st.tuples(st.integers(1, 300), st.integers(1, 300))


@settings(deadline=None)
@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=9), ratio, ratio)
def test_scaled_tokens_are_whole_and_their_sum_is_nearest(sizes, prompt, reply):
    work = workload(call("a", *(part("context", n, str(n)) for n in sizes), output(10)))
    row = (1, *prompt, *reply)
    names = ["call_no", "in_top", "in_bottom", "out_top", "out_bottom"]
    after = rescaled(work.parts, pl.DataFrame([row], schema=names, orient="row"))
    fresh = after.filter(pl.col("billing_class") == "fresh")["tokens"].to_list()
    exact = sum(sizes) * prompt[0] / prompt[1]
    lifted = sum(n == 1 for n in fresh)
    assert exact - 0.5 <= sum(fresh) <= exact + 0.5 + lifted
    assert [n > 0 for n in fresh] == [n > 0 for n in sizes]
    assert after.drop("tokens").equals(work.parts.drop("tokens"))


def test_an_empty_workload_stays_itself():
    assert same(Routing().apply(workload()), workload())


def test_a_workload_with_nothing_to_route_is_the_same_object():
    work = workload(easy("a", asked=900), easy("b", model="gpt-4o-mini"))
    assert Routing().apply(work) is work


def test_the_order_of_rows_does_not_matter():
    calls = [easy(f"{i}", session=f"s{i % 7}", asked=20 + 3 * i, at=i) for i in range(40)]
    one, other = (Routing().apply(w) for w in (workload(*calls), shuffled(workload(*calls), 3)))
    assert models(one) == models(other)
    assert sorted(extra(one)) == sorted(extra(other))


def test_the_forfeited_cache_is_said_in_tokens():
    work = workload(call("a", system(1000, read=900, write=100), query(9), output(5)))
    lever = Routing()
    said = " ".join(lever.notes(work, lever.apply(work)))
    assert "read 900 tokens from the cache of the model before them" in said


def test_a_call_that_another_lever_routed_is_left_alone():
    work = workload(easy("a", model="gpt-6-astra"))
    once = Routing(**PLAIN).apply(work)
    assert models(once) == {"a": "gpt-6-sol"}
    assert Routing(**PLAIN).apply(once) is once


def test_what_to_do_says_where_it_is_a_blanket_downgrade():
    whole = workload(*(easy(f"c{i}", feature="faq") for i in range(20)))
    halves = workload(*(easy(f"m{i}", asked=60 if i % 2 else 500) for i in range(10)))
    said = [Routing().action(work, Routing().apply(work)) for work in (whole, halves)]
    assert [text.partition(" in ")[0] for text in said] == ["Send 20 calls", "Send 5 easy calls"]
    assert ["a blanket downgrade" in text for text in said] == [True, False]


def test_a_blanket_downgrade_is_told_from_a_choice():
    calls = [easy(f"c{i}", feature="faq") for i in range(20)]
    calls += [easy(f"m{i}", feature="chat", asked=60 if i % 2 else 500) for i in range(10)]
    work = workload(*calls)
    blanket = Routing().blanket(work)
    assert blanket.to_list() == list(range(1, 21))
    loosened, features = Routing().details(work, work)
    assert [row[1] for row in loosened.rows] == [0, 20, 25, 25, 25]
    assert [row[:4] for row in features.rows] == [
        ("faq", "gpt-4o", 20, 20),
        ("chat", "gpt-4o", 10, 5),
    ]


class Prices:
    """gpt-4o costs 10 picodollars a token, gpt-4o-mini 4."""

    def paid(self, work):
        rows = work.parts.join(work.calls.select("call_no", "model"), on="call_no")
        rate = pl.when(pl.col("model") == "gpt-4o").then(10).otherwise(4)
        paid = rows.group_by("call_no").agg((pl.col("tokens") * rate).sum())
        found = work.calls.select("call_no").join(paid, on="call_no", how="left")
        whole = found["tokens"].fill_null(0).to_numpy()
        return whole, np.zeros(len(whole), np.int64)


def saved(lever, work):
    return simulate(work, [lever], Prices()).saved


def named(lever):
    """The lever with the name that the registry gives it."""
    type(lever).name = "routing"
    return lever


def test_the_planted_saving_is_found_and_gone_at_break_even():
    """200 easy calls of 1,000 tokens among 100 hard ones: 200 * 1,000 * (10 - 4), less 5 % of 10,000
    for each; nothing is left where 60 % are asked again."""
    calls = [easy(f"e{i}", prompt=900, asked=20, reply=80) for i in range(200)]
    calls += [easy(f"h{i}", asked=400) for i in range(100)]
    work = workload(*calls)
    lever = named(Routing())
    assert saved(lever, work) == 200 * (1_000 * 6 - 500)
    none, every = (saved(lever.with_retries(share), work) for share in (0.0, 1.0))
    assert break_even(none, every) == Fraction(3, 5)
    assert saved(lever.with_retries(0.6), work) == 0
    assert "60.0%" in lever.misroute_limit(none, every)


def test_a_log_without_easy_calls_saves_nothing():
    work = workload(*(easy(f"h{i}", asked=400) for i in range(100)))
    lever = named(Routing())
    assert saved(lever, work) == 0
    assert lever.action(work, lever.apply(work)).endswith("none was found.")


def scored(model, size, good, number):
    return easy(
        f"{model} {number}",
        model=model,
        asked=size,
        tags=f'{{"score": {good}}}',
        session=f"{number}",
    )


def test_the_rules_are_measured_on_the_scores_of_the_log():
    """The cheap model fails on long questions only, so the rules' order by length is perfect: all of
    the gap is in the longest half, and PGR rises along a line to 1 at one half: APGR 0.75."""
    calls = [scored("gpt-4o", 5 * (1 + i % 20), 1, i) for i in range(100)]
    calls += [
        scored("gpt-4o-mini", 5 * (1 + i % 20), int(i % 20 < 10), 100 + i) for i in range(100)
    ]
    work = workload(*calls)
    found = Routing().backtest(work)
    assert found["judged_calls"] == 200
    assert found["apgr"] == pytest.approx(0.75, abs=0.01)
    assert found["cpt_50"] == pytest.approx(0.25, abs=0.01)
    assert found["apgr_low"] > 0.5
    assert "the rules are better than chance: APGR 0.75" in " ".join(Routing().notes(work, work))


def test_rules_that_are_no_better_than_chance_are_said_to_be():
    """The cheap model fails on every other question, whatever its length."""
    calls = [scored("gpt-4o", 5 * (1 + i % 20), 1, i) for i in range(100)]
    calls += [scored("gpt-4o-mini", 5 * (1 + i % 20), i // 20 % 2, 100 + i) for i in range(100)]
    work = workload(*calls)
    assert "the rules are no better than chance" in " ".join(Routing().notes(work, work))
