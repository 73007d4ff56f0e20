"""Routing: which calls go, what they cost elsewhere, and what is paid twice."""

from datetime import UTC, datetime
from fractions import Fraction
from math import floor

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.errors import SettingsError
from costscope.levers._retokenise import rescaled
from costscope.levers.routing import CHEAP, Routing
from costscope.model import Trait
from costscope.tokens import family_ratio
from tests.workloads import call, output, part, query, same, system, tokens, workload

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


def test_scenarios_keep_the_setting_in_the_middle():
    low, high = Routing(output_ratio=0.5, retry_share=0.4).scenarios()
    assert (low.output_ratio, low.retry_share) == (0.65, 0.4)
    assert (high.output_ratio, high.retry_share) == (0.4, 0.0)


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
        "Send 2 easy calls in whole conversations to a cheaper model: "
        "2 from gpt-4o to claude-haiku-4-5."
    )
    notes = lever.notes(work, after)
    assert notes[0] == (
        "2 of the 2 calls for which there is a cheaper model (100%) are taken to be easy: "
        "all but a blanket downgrade."
    )
    assert notes[1].startswith("The cheaper model is taken to reply at 1 times the length, and 5%")
    assert notes[2].startswith("claude-haiku-4-5 is taken to make 1.")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keep": ("colour",)}, "keep has 'colour'; it can have: code, reasoning"),
        ({"retry_share": 1.5}, "retry_share is 1.5"),
        ({"output_ratio": 0.0}, "output_ratio is 0.0"),
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
