"""Shapley shares in whole numbers: golden, exact, and fair."""

from itertools import combinations, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.advise.shares import by_orders, joining, shapley


def subsets(names):
    return [frozenset(c) for size in range(len(names) + 1) for c in combinations(names, size)]


def test_the_glove_game():
    """A has a left glove, B and C a right one each; a pair is worth 6. The textbook's answer."""
    values = {s: 6 * int("A" in s and len(s) > 1) for s in subsets("ABC")}
    assert shapley(values, "ABC") == {"A": 4, "B": 1, "C": 1}


def test_nothing_played():
    assert shapley({frozenset(): 0}, []) == {}


def test_what_is_left_over_goes_to_the_largest_remainder_then_by_name():
    values = {s: 5 * bool(s) for s in subsets("zab")}
    assert shapley(values, "zab") == {"a": 2, "b": 2, "z": 1}


def test_a_loss_is_divided_as_exactly():
    values = {s: -5 * bool(s) for s in subsets("ab")}
    assert shapley(values, "ab") == {"a": -2, "b": -3}


amounts = st.integers(-(10**30), 10**30)


@settings(deadline=None)
@given(st.integers(0, 4).flatmap(lambda n: st.lists(amounts, min_size=2**n, max_size=2**n)))
def test_shares_add_up_and_idle_players_get_nothing(amounts):
    names = "abcd"[: len(amounts).bit_length() - 1]
    values = dict(zip(subsets(names), [0, *amounts[1:]], strict=True))
    assert sum(shapley(values, names).values()) == values[frozenset(names)]
    with_idler = {
        s | extra: v for s, v in values.items() for extra in (frozenset(), frozenset("i"))
    }
    shares = shapley(with_idler, [*names, "i"])
    assert sum(shares.values()) == values[frozenset(names)]
    assert shares["i"] in (0, 1)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), amounts))
def test_what_simply_adds_is_each_ones_own(own):
    values = {s: sum(own[name] for name in s) for s in subsets(sorted(own))}
    assert shapley(values, own) == own


def test_in_the_orders_everybody_comes_early_as_often_as_late():
    orders = joining("abcdefg")
    assert len(orders) == 8
    assert all(sorted(order) == list("abcdefg") for order in orders)
    assert {sum(order.index(name) for order in orders) for name in "abcdefg"} == {4 * 6}
    assert orders[0] == list("abcdefg")
    assert joining("abcdefg", 1) == [list("abcdefg"), list("gfedcba")]


@settings(deadline=None, max_examples=30)
@given(st.lists(amounts, min_size=16, max_size=16))
def test_over_all_orders_the_mean_is_the_exact_share(amounts):
    values = dict(zip(subsets("abcd"), [0, *amounts[1:]], strict=True))
    assert by_orders(values, list(permutations("abcd"))) == shapley(values, "abcd")
    some = by_orders(values, joining("abcd"))
    assert sum(some.values()) == values[frozenset("abcd")]
