"""The fixed basket: mix does not move it, and with the mix effect it adds up to the plain change."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.gate.basket import average, basket, mix
from costscope.gate.statistics import pooled
from costscope.gate.sums import measure
from tests.gate.frames import RATES, call, frame, traffic


def log(cheap, dear, price=1):
    """So many calls of a cheap and a dear feature, each a conversation."""
    rows = [call(f"a{i}", price, feature="cheap", fresh=100) for i in range(cheap)]
    rows += [call(f"b{i}", price, feature="dear", fresh=1000) for i in range(dear)]
    return measure(frame(rows))


def test_a_shift_of_traffic_is_mix_and_nothing_else():
    before, after = log(90, 10), log(50, 50)
    held = basket(before, after, "cost", "calls")
    assert held.before.value == held.after.value
    assert held.weights == {"cheap": Fraction(140, 200), "dear": Fraction(60, 200)}
    pulls = mix(before, after, held, "calls")
    assert sum(pulls.values()) == average(after, "calls") - average(before, "calls")


def test_with_equal_sides_the_mix_effect_is_kitagawas():
    before, after = log(90, 10), log(50, 50, price=2)
    pulls = mix(before, after, basket(before, after, "cost", "calls"), "calls")
    whole = average(before, "calls") + average(after, "calls")
    rate = RATES["fresh"]
    assert pulls["dear"] == Fraction(4, 10) * (3000 * rate - whole) / 2


def test_a_feature_on_one_side_is_all_mix():
    before, after = log(10, 0), log(10, 10)
    held = basket(before, after, "cost", "calls")
    assert held.weights == {"cheap": 1}
    assert sum(mix(before, after, held, "calls").values()) == average(after, "calls") - average(
        before, "calls"
    )


def test_nothing_in_common():
    assert basket(log(5, 0), log(0, 5), "cost", "calls") is None


calls = st.builds(
    call,
    st.sampled_from(["a", "b", "c", "d"]),
    feature=st.sampled_from(["x", "y", "z"]),
    fresh=st.integers(0, 5000),
    output=st.integers(0, 900),
)
logs = st.lists(calls, min_size=1, max_size=15).map(lambda rows: measure(frame(rows)))


@settings(max_examples=60, deadline=None)
@given(logs, logs, st.sampled_from(["calls", "clusters"]))
def test_basket_and_mix_add_up_to_the_plain_change(before, after, bottom):
    held = basket(before, after, "cost", bottom)
    within = held.after.value - held.before.value if held else 0
    change = average(after, bottom) - average(before, bottom)
    assert within + sum(mix(before, after, held, bottom).values()) == change


def test_the_variance_is_the_weighted_sum_where_no_conversation_is_shared():
    before, after = measure(traffic(1, 80)), measure(traffic(2, 80))
    held = basket(before, after, "cost", "calls")
    expected = sum(
        float(w) ** 2 * before.features[f].ratio("cost", "calls").variance
        for f, w in held.weights.items()
    )
    assert held.before.variance == pytest.approx(expected)


def test_shared_conversations_that_move_together_add_variance():
    rows = []
    for i in range(40):
        for feature in ("x", "y"):
            rows.append(call(f"s{i}", feature=feature, fresh=100 + 10 * i))  # noqa: PERF401
    together = measure(frame(rows))
    held = basket(together, together, "cost", "calls")
    alone = together.features["x"].ratio("cost", "calls").variance
    assert held.before.variance == pytest.approx(alone)


def test_tiny_features_are_pooled_for_the_variance():
    rows = [call(f"m{i}", feature="main", fresh=1000) for i in range(50)]
    rows += [call(f"t{i}", feature=f"tiny-{i}", fresh=10 ** (i % 4)) for i in range(12)]
    sums = measure(frame(rows))
    held = basket(sums, sums, "cost", "calls")
    tiny = pooled([m for f, m in sums.features.items() if f != "main"]).ratio("cost", "calls")
    assert held.before.variance == pytest.approx(float(Fraction(12, 62)) ** 2 * tiny.variance)


def test_one_conversation_in_all_has_no_variance():
    sums = measure(frame([call("a", fresh=10)]))
    assert basket(sums, sums, "cost", "calls").before.variance is None
