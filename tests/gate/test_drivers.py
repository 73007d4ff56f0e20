"""Drivers add up to the change, land where the change was planted, and say it in words."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.gate.drivers import FINE, MAX_DRIVERS, feature_effects, ranked
from costscope.gate.sums import measure
from tests.gate.frames import RATES, call, frame


def effects(before, after, bottom="calls"):
    """Effects of the feature chat, zero ones left out."""
    found = feature_effects(measure(frame(before)), measure(frame(after)), "chat", bottom)
    return {key: value for key, value in found.items() if value}


def only(before, after, bottom="calls"):
    """The one effect that there is: its kind, its name, its picodollars."""
    [((kind, name), amount)] = effects(before, after, bottom).items()
    return kind, name, Fraction(amount, FINE)


def test_more_context_names_template_versions_and_tokens():
    found = only(
        [call(fresh=812, seg_context=812)],
        [call(fresh=1630, seg_context=1630, template_version="v4")],
    )
    assert found == (
        "tokens per call",
        "chat: template answer v3 → v4, context tokens per call 812 → 1,630",
        818 * RATES["fresh"],
    )


def test_segments_that_grow_and_shrink_are_told_apart():
    found = effects(
        [call(fresh=1000, seg_context=600, seg_history=400)],
        [call(fresh=1100, seg_context=900, seg_history=200)],
    )
    amounts = {name.split(", ")[1]: Fraction(a, FINE) for (_, name), a in found.items()}
    assert amounts == {
        "context tokens per call 600 → 900": 300 * RATES["fresh"],
        "history tokens per call 400 → 200": -200 * RATES["fresh"],
    }


def test_reasoning_is_told_apart_from_the_answer():
    kind, name, amount = only([call(output=100)], [call(output=400, reasoning=300)])
    assert (kind, amount) == ("output tokens per call", 300 * RATES["output"])
    assert "reasoning tokens per call 0 → 300" in name


def test_a_broken_cache_is_the_cache_and_not_more_tokens():
    kind, name, amount = only([call(fresh=200, cache_read=800)], [call(fresh=700, cache_read=300)])
    assert (kind, name) == (
        "cache hit rate",
        "chat: template answer, cache reads 80 % → 30 % of input",
    )
    assert amount == 500 * (RATES["fresh"] - RATES["cache_read"])


def test_cache_writes_are_named_where_there_are_any():
    _, name, _ = only([call(fresh=1000)], [call(fresh=500, cache_write=500)])
    assert name.endswith("cache reads 0 % → 0 %, writes 0 % → 50 % of input")


def test_another_model_is_mix_even_if_it_is_new():
    before = [call("a", fresh=100), call("b", fresh=100)]
    after = [call("a", fresh=100), call("b", 10, fresh=100, model="huge", tier="priority")]
    kind, name, amount = only(before, after)
    assert (kind, amount) == ("model mix", 450 * RATES["fresh"])
    assert name.endswith("models huge priority 0 % → 50 %, large 100 % → 50 %")


def test_dearer_tokens_are_the_price():
    kind, name, amount = only([call(output=100)], [call(factor=1.5, output=100)])
    assert (kind, name) == ("price", "chat: output price of large")
    assert amount == 50 * RATES["output"]


def test_templates_that_come_and_stay_are_a_mix():
    before = [call("a", fresh=100), call("b", fresh=100)]
    after = [*before, call("c", fresh=400, template="plan"), call("d", fresh=400, template="plan")]
    kind, name, amount = only(before, after)
    assert (kind, name) == ("template mix", "chat: templates answer 100 % → 50 %, plan 0 % → 50 %")
    assert amount == 150 * RATES["fresh"]


def test_one_template_gone_and_one_come_is_a_changed_template():
    kind, name, _ = only([call(fresh=100, template="h1")], [call(fresh=300, template="h2")])
    assert kind == "tokens per call"
    assert name.startswith("chat: template h1 → h2, unattributed tokens per call 100 → 300")


def test_no_template_is_not_mentioned():
    quiet = {"template": None, "template_version": None}
    _, name, _ = only([call(fresh=100, **quiet)], [call(fresh=300, **quiet)])
    assert name == "chat: unattributed tokens per call 100 → 300"


def test_numbered_versions_read_as_versions():
    _, name, _ = only([call(fresh=1, template_version="3")], [call(fresh=2, template_version="4")])
    assert "template answer v3 → v4, " in name


def test_more_calls_per_conversation():
    kind, name, amount = only(
        [call("a", fresh=100)], [call("a", fresh=100), call("a", fresh=100)], "clusters"
    )
    assert (kind, name) == ("calls per conversation", "chat: calls per conversation 1.00 → 2.00")
    assert amount == 100 * RATES["fresh"]


def test_charges_that_are_not_for_tokens():
    kind, name, amount = only([call(pd=100)], [call(pd=5100)])
    assert (kind, name) == ("other charges", "chat: charges of large not for tokens")
    assert amount == 5000


def test_the_long_tail_is_added_up():
    many = {("tokens per call", f"n{i}"): (i + 1) * FINE for i in range(20)}
    found = ranked(many, sum(range(1, 21)))
    assert len(found) == MAX_DRIVERS + 1
    assert (found[0].amount, found[-1].name) == (20, "8 smaller effects")
    assert sum(driver.amount for driver in found) == 210


counts = st.integers(0, 4000)
calls = st.builds(
    call,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from([1, 1.37]),
    model=st.sampled_from(["large", "small"]),
    template=st.sampled_from(["answer", "plan", None]),
    template_version=st.sampled_from(["v3", "v4"]),
    fresh=counts, cache_read=counts, cache_write=counts, output=counts,
    tier=st.sampled_from(["standard", "batch"]),
)  # fmt: skip
logs = st.lists(calls, min_size=1, max_size=10)


@pytest.mark.parametrize("bottom", ["calls", "clusters"])
@settings(max_examples=60, deadline=None)
@given(before=logs, after=logs, charge=st.integers(0, 10**9))
def test_effects_add_up_to_the_change_of_cost_per_unit(bottom, before, after, charge):
    after = [{**row, "pd": row["pd"] + charge} for row in after]
    sides = [measure(frame(rows)) for rows in (before, after)]
    found = feature_effects(*sides, "chat", bottom)
    values = [side.features["chat"].ratio("cost", bottom).value for side in sides]
    # Each effect of each cell is rounded to a billionth of a picodollar.
    assert abs(Fraction(sum(found.values()), FINE) - (values[1] - values[0])) < Fraction(1, 10**6)
    change = round(values[1]) - round(values[0])
    assert sum(driver.amount for driver in ranked(found, change)) == (change if found else 0)
