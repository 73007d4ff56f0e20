from costscope.model import Usage
from costscope.readers._nest import Nest

A, B = Usage(fresh=10, output=2), Usage(fresh=5, output=1)


def test_a_call_within_a_call_of_the_same_usage_counts_once_in_either_order() -> None:
    outer_first, inner_first = Nest(), Nest()
    assert not outer_first.is_twin("outer", [], A)
    assert outer_first.is_twin("inner", ["outer"], A)
    assert not inner_first.is_twin("inner", ["outer"], A)
    assert inner_first.is_twin("outer", [], A)


def test_one_of_another_usage_is_another_call() -> None:
    nest = Nest()
    assert not nest.is_twin("outer", [], A)
    assert not nest.is_twin("inner", ["outer"], B)


def test_a_wrapper_of_two_calls_has_their_sum() -> None:
    nest = Nest()
    assert not nest.is_twin("one", ["outer"], A)
    assert not nest.is_twin("two", ["outer"], B)
    assert nest.is_twin("outer", [], Usage(fresh=15, output=3))


def test_neighbours_of_the_same_usage_are_two_calls() -> None:
    nest = Nest()
    assert not nest.is_twin("one", ["chain"], A)
    assert not nest.is_twin("two", ["chain"], A)
    assert not nest.is_twin("", [], A)
    assert not nest.is_twin("", [], A)


def test_three_levels_of_one_call_count_once() -> None:
    nest = Nest()
    assert not nest.is_twin("c", ["b", "a"], A)
    assert nest.is_twin("b", ["a"], A)
    assert nest.is_twin("a", [], A)


def test_one_that_does_not_say_what_it_cost_is_the_double_of_one_that_does() -> None:
    nest = Nest()
    nest.is_twin("inner", ["outer"], A)
    assert nest.is_wrapper("outer", [])
    assert nest.is_wrapper("below", ["inner"])
    assert not nest.is_wrapper("elsewhere", ["chain"])


def test_of_two_that_do_not_say_it_the_inner_one_counts() -> None:
    nest = Nest()
    nest.wait([])
    nest.wait(["outer"])
    assert nest.is_wrapper("outer", [])
    assert not nest.is_wrapper("inner", ["outer"])


def test_spans_above_are_found_through_others_and_a_circle_ends() -> None:
    nest = Nest()
    nest.note("a", "b")
    nest.note("b", "c")
    assert nest.above("a") == ["b", "c"]
    nest.note("c", "a")
    assert nest.above("a") == ["b", "c", "a"]
