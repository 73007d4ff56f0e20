"""The chained prefix hash against a loop, and what it promises to those who compare prefixes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.attribute.prefix import MULTIPLIER, chain

CONTENT = st.one_of(st.just(0), st.integers(1, 2**64 - 1))
CALLS = st.lists(st.lists(CONTENT, min_size=1, max_size=8), min_size=1, max_size=5)


def looped(calls):
    """The definition, in Python's own integers."""
    found = []
    for contents in calls:
        total, nth = 0, 0
        for content in contents:
            nth += content != 0
            total = (total + content * pow(int(MULTIPLIER), nth, 2**64)) % 2**64
            found.append(total)
    return found


def chained(calls, again=None):
    content = np.array([c for contents in calls for c in contents], dtype=np.uint64)
    first = np.array([i == 0 for contents in calls for i in range(len(contents))], dtype=bool)
    return chain(content, first, again).tolist()


@given(CALLS)
@settings(deadline=None)
def test_it_is_what_its_definition_says(calls):
    assert chained(calls) == looped(calls)


@given(CALLS)
def test_calls_do_not_see_each_other(calls):
    assert chained(calls) == [p for contents in calls for p in chained([contents])]


@given(st.lists(st.integers(1, 2**64 - 1), min_size=1, max_size=8), st.integers(0, 8))
def test_blocks_without_text_change_nothing(contents, place):
    place = min(place, len(contents))
    hidden = [*contents[:place], 0, *contents[place:]]
    before, after = chained([contents]), chained([hidden])
    assert after[place] == (before[place - 1] if place else 0)
    assert after[:place] + after[place + 1 :] == before


def test_a_block_billed_in_two_classes_counts_once():
    again = np.array([False, False, True, False])
    assert chained([[5, 6, 6, 7]], again) == [*looped([[5, 6]]), *looped([[5, 6, 7]])[1:]]


def test_without_the_mark_equal_neighbours_are_two_blocks():
    assert len(set(chained([[5, 6, 6, 7]]))) == 4


def test_a_reply_continues_into_the_next_prompt():
    asked, answered, more = 11, 22, 33
    first, second = chained([[0, asked, answered, 0]]), chained([[0, asked, answered, more]])
    assert first[2] == second[2]
    assert first[3] != second[3]


def test_order_matters():
    assert chained([[1, 2]])[-1] != chained([[2, 1]])[-1]


def test_nothing_in_nothing_out():
    assert chained([]) == []
