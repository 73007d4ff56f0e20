"""Text measured by the bill, on prompts made of numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from costscope.attribute import measure
from costscope.attribute.fit import GROUPS, Coefficients
from costscope.attribute.prefix import chain
from costscope.attribute.segments import KIND, ROLE
from costscope.attribute.threads import Prompts, Threads, threads

PLAIN = Coefficients((1.0,) * len(GROUPS), (0.0,) * len(GROUPS))
Said = list[tuple[str, int]]


def prompts(*calls: Said, salt: int = 0) -> Prompts:
    """Prompts of (role, tokens): what has the same place, role and tokens is the same text. Another `salt`
    is another secret of the hashes."""
    call = np.repeat(np.arange(len(calls)), [len(c) for c in calls])
    flat = [block for blocks in calls for block in blocks]
    role = np.array([ROLE[r] for r, _ in flat], np.uint8)
    content = np.array([hash((r, n, salt)) % 2**61 * 2 + 1 for r, n in flat], np.uint64)
    first = np.diff(call, prepend=-1) != 0
    kinds = {"tool": "tool_result"}
    kind = np.array([KIND[kinds.get(r, "text")] for r, _ in flat], np.uint8)
    counted = np.array([n for _, n in flat], np.int64)
    return Prompts(call, role, kind, content, chain(content, first), counted)


def measured(
    calls: list[Said], billed: list[int], reasoning: list[int] | None = None, coarse: int = 0,
    said: list[int] | None = None, share: float = 0.5, salt: int = 0,
) -> tuple[measure.Measured, Threads, Prompts]:  # fmt: skip
    made, group = prompts(*calls, salt=salt), np.zeros(len(calls), np.int64)
    said = np.array(said or [0] * len(calls))
    bill = measure.Billed(np.array(billed), np.array(reasoning or [0] * len(calls)), said, group)
    found = threads(made, group, len(calls))
    estimate = measure.estimates(made, group, [PLAIN])
    held = measure.carried(found, bill, measure.costs(found, estimate), np.array([coarse]))
    likely = measure.Likely.of([share < 0.5], [share])
    return measure.measure(made, found, estimate, bill, held, likely), found, made


FIRST: Said = [("system", 500), ("user", 100)]
SECOND: Said = [*FIRST, ("assistant", 50), ("tool", 300)]
THIRD: Said = [*SECOND, ("assistant", 20), ("tool", 70)]


def test_what_a_call_is_billed_more_is_its_new_text() -> None:
    found, _, made = measured([FIRST, SECOND, THIRD], [900, 900 + 420, 900 + 420 + 95])
    assert found.hidden.tolist() == [300, 300, 300]
    assert found.blocks[made.call == 1].tolist() == [500, 100, 60, 360]
    assert found.blocks[made.call == 2].tolist() == [500, 100, 60, 360, 21, 74]


def test_a_difference_that_no_text_explains_is_hidden() -> None:
    found, _, made = measured([FIRST, SECOND], [900, 5000])
    assert found.hidden.tolist() == [300, 5000 - 950]
    assert found.blocks[made.call == 1].tolist() == [500, 100, 50, 300]


def test_text_that_was_not_sent_is_charged_to_nothing_else() -> None:
    # Of the tool's 300 tokens none was sent: 50 were billed more, and the next call goes on from there.
    found, _, made = measured([FIRST, SECOND, THIRD], [900, 950, 1040], share=0.15)
    assert found.hidden.tolist() == [300, 300, 300]
    assert found.blocks[made.call == 2].sum() == 740
    assert found.blocks[made.call == 2].tolist()[4:] == [20, 70]


def test_the_last_call_may_have_sent_less_or_no_tools() -> None:
    found, _, made = measured([FIRST, SECOND], [1500, 1560], share=0.15)
    assert found.hidden.tolist() == [900, 900]
    assert found.blocks[made.call == 1].sum() == 660
    found, _, made = measured([FIRST, SECOND], [900, 950], share=0.15)
    assert found.hidden.tolist() == [300, 0]
    assert found.blocks[made.call == 1].tolist() == [500, 100, 50, 300]


def test_a_last_call_without_tools_is_known_though_the_prompt_is_a_little_dearer() -> None:
    # 600 of 20,000 tokens are not in the estimate; 3,000 of tools are gone when 3,500 of text are new.
    first: Said = [("system", 20_000), ("user", 100)]
    second: Said = [*first, ("assistant", 50), ("tool", 450)]
    last: Said = [*second, ("assistant", 50), ("tool", 3450)]
    found, _, made = measured([first, second, last], [23_700, 24_200, 24_700], share=0.15)
    assert found.hidden.tolist() == [3600, 3600, 600]
    assert found.blocks[made.call == 2].tolist()[-2:] == [50, 3450]


def test_a_difference_that_the_next_bill_takes_back_is_no_text() -> None:
    # The second bill is half of its prompt; the third goes on from the first.
    found, _, made = measured([FIRST, SECOND, THIRD], [900, 625, 1350], share=0.15)
    assert found.hidden.tolist() == [300, 300, 300]
    assert found.blocks[made.call == 1].sum() == 325
    assert found.blocks[made.call == 2].sum() == 1050


def test_a_first_bill_of_a_third_of_the_prompt_says_nothing_of_the_rest() -> None:
    found, _, made = measured([FIRST, SECOND, THIRD], [300, 1250, 1340], share=0.15)
    assert found.hidden.tolist() == [300, 300, 300]
    assert found.blocks[made.call == 0].tolist() == [0, 0]
    assert found.blocks[made.call == 2].tolist() == [500, 100, 50, 300, 20, 70]


def test_what_is_measured_past_such_a_bill_is_divided_between_the_texts() -> None:
    found, _, made = measured([FIRST, SECOND, THIRD], [900, 400, 1290], share=0.15)
    assert found.hidden.tolist() == [300, 300, 300]
    own = found.blocks[made.call == 2].tolist()[2:]
    assert (sum(own[:2]), sum(own[2:])) == (310, 80)  # of 390; by the fit 350 and 90


def test_two_branches_past_such_a_bill_are_the_same_with_any_secret() -> None:
    other: Said = [*SECOND, ("assistant", 30), ("tool", 100)]
    calls, bills = [FIRST, SECOND, THIRD, other], [900, 400, 1290, 1400]
    found = [measured(calls, bills, share=0.15, salt=salt)[0] for salt in range(8)]
    assert {tuple(f.blocks.tolist()) for f in found} == {tuple(found[0].blocks.tolist())}
    assert found[0].hidden.tolist() == [300, 300, 300, 300]


def test_a_prompt_that_was_sent_without_tools_has_all_of_its_text() -> None:
    found, _, made = measured([FIRST, SECOND, THIRD], [900, 950, 1340], share=0.15)
    assert found.hidden.tolist() == [300, 0, 300]
    assert found.blocks[made.call == 1].tolist() == [500, 100, 50, 300]


def test_a_reply_costs_what_it_was_billed_when_it_was_written() -> None:
    # 800 for 350 tokens of text is too much for another vocabulary, unless the reply is known to cost 400.
    found, _, _ = measured([FIRST, SECOND], [900, 1450])
    assert found.hidden.tolist() == [300, 500]
    dear: Said = [*FIRST, ("assistant", 200), ("tool", 300)]
    bills = [900, 900 + 770]
    assert measured([FIRST, dear], bills)[0].hidden.tolist() == [300, 1670 - 1100]
    assert measured([FIRST, dear], bills, said=[330, 0])[0].hidden.tolist() == [300, 300]


def test_a_conversation_that_is_billed_less_than_its_text_begins_smaller() -> None:
    found, _, made = measured([FIRST, SECOND, THIRD], [400, 750, 840])
    assert found.hidden.tolist() == [0, 0, 0]
    assert found.blocks[made.call == 0].sum() == 400
    assert found.blocks[made.call == 2].tolist()[2:] == [50, 300, 20, 70]


def test_a_log_of_what_a_window_no_longer_holds_begins_with_all_of_its_text() -> None:
    # All is logged, and the client sends the first 600 tokens and as much of the newest as makes 1,000.
    calls = [FIRST]
    for n in range(7):
        calls.append([*calls[-1], ("assistant", 20 + n), ("user", 180)])
    bills = [600, 800, 1000, 1000, 1000, 1000, 1000, 1000]
    found, _, made = measured(calls, bills, share=0.15)
    assert found.hidden.tolist() == [0] * 8
    assert found.blocks[made.call == 0].tolist() == [500, 100]
    assert found.blocks[made.call == 1].tolist() == [500, 100, 20, 180]


def test_calls_of_other_conversations_are_not_gone_on_from() -> None:
    made = prompts(FIRST, SECOND)
    apart = threads(made, np.array([1, 2]), 2)
    assert apart.parent.tolist() == [-1, -1]
    together = threads(made, np.array([1, 1]), 2)
    assert sorted(together.parent[together.first].tolist()) in ([-1, 0], [-1, 1])


def test_the_nearest_call_is_gone_on_from_and_roots_are_known() -> None:
    found = threads(prompts(FIRST, SECOND, THIRD), np.zeros(3, np.int64), 3)
    by_call = {int(c): i for i, c in enumerate(found.first)}
    assert found.parent[by_call[2]] == by_call[1]
    assert found.parent[by_call[1]] == by_call[0]
    assert found.depth[[by_call[0], by_call[1], by_call[2]]].tolist() == [0, 1, 2]
    assert set(found.root.tolist()) == {by_call[0]}


def test_reasoning_in_round_figures_is_what_the_next_bill_says() -> None:
    found, _, _ = measured([FIRST, SECOND], [600, 600 + 350 + 128 + 40], [128, 0], coarse=64)
    assert found.carried.tolist() == [0, 168]
    assert found.hidden.tolist() == [0, 0]


def test_reasoning_is_dropped_where_the_bill_says_so() -> None:
    asked: Said = [*SECOND, ("assistant", 20), ("user", 70)]
    dropped, _, _ = measured([FIRST, SECOND, asked], [600, 1590, 1040], [640, 320, 0])
    assert dropped.carried.tolist() == [0, 640, 0]
    kept, _, _ = measured([FIRST, SECOND, asked], [600, 1590, 2000], [640, 320, 0])
    assert kept.carried.tolist() == [0, 640, 960]


def test_pairs_are_what_later_calls_have_more() -> None:
    made, group = prompts(FIRST, SECOND), np.zeros(2, np.int64)
    bill = measure.Billed(np.array([900, 1300]), np.zeros(2, np.int64), group, group)
    found = threads(made, group, 2)
    pairs = measure.pairs(made, found, bill, np.zeros(len(found.anchor), np.int64))
    assert pairs.billed.tolist() == [400]
    assert pairs.tokens.tolist() == [[0, 0, 300, 0, 0, 50]]
    assert pairs.blocks.tolist() == [[0, 0, 1, 0, 0, 1]]


def test_calls_without_conversation_are_paired_dear_with_cheap() -> None:
    calls: list[Said] = [[("user", n)] for n in (10, 20, 30, 40)]
    made, group = prompts(*calls), np.zeros(4, np.int64)
    bill = measure.Billed(np.array([15, 25, 35, 45]), group, group, group)
    pairs = measure.levels(made, threads(made, group, 4), bill)
    assert pairs.billed.tolist() == [20, 20]
    assert pairs.tokens[:, 0].tolist() == [20, 20]


def test_errors_are_those_beside_the_constant_of_a_conversation() -> None:
    calls, group = [FIRST, SECOND, [("user", 7)]], np.zeros(3, np.int64)
    made = prompts(*calls)
    bill = measure.Billed(np.array([1000, 1350, 50]), group, group, group)
    found = threads(made, group, 3)
    off = measure.off(found, np.array([600, 950, 7]), bill, np.zeros(len(found.first), np.int64))
    assert off[:2].tolist() == [0, 0]
    assert np.isnan(off[2])  # nothing to compare it with


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**9)), min_size=1, max_size=30),
       st.lists(st.integers(0, 10**6), min_size=4, max_size=4))  # fmt: skip
def test_spread_adds_up(parts: list[tuple[int, int]], targets: list[int]) -> None:
    parts.sort()
    group, values = (np.array(column, np.int64) for column in zip(*parts, strict=True))
    total = np.bincount(group, values, 4).astype(np.int64)
    found = measure.spread(values, group, np.array(targets), total)
    assert (found >= 0).all()
    sums = np.bincount(group, found, 4).astype(np.int64)
    assert sums.tolist() == [t if whole else 0 for t, whole in zip(targets, total, strict=True)]


def test_medians_are_values() -> None:
    values, group = np.array([5, 1, 9, 4, 7]), np.array([0, 0, 0, 2, 2])
    assert measure.medians(values, group, 3).tolist() == [5, 0, 4]
