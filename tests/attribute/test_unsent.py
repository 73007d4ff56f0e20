"""System messages that were not sent, on prompts made of numbers."""

from collections import Counter

import numpy as np

from costscope.attribute import unsent
from costscope.attribute.prefix import chain
from costscope.attribute.segments import KIND, ROLE
from costscope.attribute.threads import Prompts

TWO = [("system", 500), ("system", 40), ("user", 100)]
ONE = [("system", 500), ("user", 100)]


def prompts(*calls: list[tuple[str, int]]) -> Prompts:
    call = np.repeat(np.arange(len(calls)), [len(c) for c in calls])
    flat = [block for blocks in calls for block in blocks]
    role = np.array([ROLE[r] for r, _ in flat], np.uint8)
    content = np.array([hash((r, n)) % 2**61 * 2 + 1 for r, n in flat], np.uint64)
    first = np.diff(call, prepend=-1) != 0
    kind = np.full(len(flat), KIND["text"], np.uint8)
    counted = np.array([n for _, n in flat], np.int64)
    return Prompts(call, role, kind, content, chain(content, first), counted)


def told(calls: list[list[tuple[str, int]]], over: list[int]) -> unsent.Votes:
    made = prompts(*calls)
    several = unsent.leads(made, len(calls))
    every = np.arange(len(calls))
    return unsent.votes(made, several, every, made.counted, np.array(over), np.zeros_like(every))


def test_a_lead_is_several_system_messages() -> None:
    late = [("user", 100), ("system", 500), ("system", 40)]
    found = unsent.leads(prompts(TWO, ONE, [*TWO, ("assistant", 7)], late), 4)
    assert found.lead[0] == found.lead[2] != 0
    assert found.lead[1] == found.lead[3] == 0
    assert found.place[:3].tolist() == [0, 1, -1]


def test_no_system_message_is_missing_where_all_fit() -> None:
    (vote,) = told([TWO], [-300]).items()
    assert (vote[0][2], vote[1]) == (0, 1)


def test_text_may_be_a_fifth_cheaper_than_thought() -> None:
    assert [m for _, _, m in told([TWO], [540 // 5])] == [0]
    assert [m for _, _, m in told([TWO], [540 // 5 + 1])] == [1]


def test_the_first_messages_were_not_sent_and_the_last_was() -> None:
    three = [("system", 300), ("system", 200), ("system", 40), ("user", 100)]
    assert [m for _, _, m in told([three], [350])] == [2]
    assert [m for _, _, m in told([three], [250])] == [1]
    # Not even the last has room: the log and the bill differ in another way.
    assert [m for _, _, m in told([three], [600])] == [0]


def test_one_system_message_is_no_lead() -> None:
    assert told([ONE, ONE], [400, 400]) == Counter()


def test_most_conversations_decide_and_a_tie_says_more() -> None:
    votes = Counter(
        {
            (0, 7, 1): 3,
            (0, 7, 0): 2,
            (0, 6, 0): 3,
            (0, 6, 1): 2,
            (0, 8, 1): 2,
            (0, 8, 0): 2,
            (1, 9, 1): 5,
        }
    )
    assert unsent.decided(votes, 0) == {7: 1, 8: 1}
    assert unsent.decided(votes, 1) == {9: 1}


def test_what_was_not_sent_costs_nothing_where_the_prompt_begins_so() -> None:
    made = prompts(TWO, ONE, TWO)
    several = unsent.leads(made, 3)
    gone = [{1: 2, int(several.lead[0]): 1, 2**64 - 1: 2}, {}]
    found = unsent.without(made.counted, made, several, np.array([0, 0, 1]), gone)
    assert found.tolist() == [0, 40, 100, 500, 100, 500, 40, 100]
