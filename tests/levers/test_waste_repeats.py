"""Identical calls seconds apart: all but the first of one caller go."""

import pytest

from costscope.errors import SettingsError
from costscope.levers.waste_repeats import WasteRepeats
from costscope.model import Trait
from tests.levers.wasted import INPUT, OUTPUT, asked, clean, dropped, saved, unchanged
from tests.workloads import shuffled, workload

LEVER = WasteRepeats()


def test_all_but_the_first_go_and_the_time_runs_from_it():
    # 0 is kept; 4 and 10 are within 10 s of it; 11 starts anew; 20 is within 10 s of 11.
    work = workload(*(asked(f"{at:02}", at=at) for at in (0, 4, 10, 11, 20)))
    assert dropped(LEVER, work) == ["04", "10", "20"]


@pytest.mark.parametrize(
    "second",
    [
        {"session": "t"}, {"request": "x"}, {"status": "error"}, {"temperature": 0.7},
        {"traits": Trait.TOOL_CALLED}, {"at": 11}, {"sent_at": None}, {"at": 0},
    ],
)  # fmt: skip
def test_what_is_no_repeat(second):
    assert unchanged(LEVER, asked("a"), asked("b", **{"at": 2} | second))


def test_a_caller_that_nobody_knows_stays():
    calls = [asked(name, at=at, session=None) for name, at in (("a", 0), ("b", 2))]
    work = workload(*calls)
    assert LEVER.apply(work) is work
    assert LEVER.notes(work, work)[0].endswith("same caller: 2 calls with a request that recurs.")
    user = [asked(name, at=at, session=None, user_id="u") for name, at in (("a", 0), ("b", 2))]
    assert dropped(LEVER, workload(*user)) == ["b"]


def test_one_call_logged_twice_is_told():
    work = workload(asked("a"), asked("b"))
    assert LEVER.notes(work, LEVER.apply(work))[0].endswith(
        "1 call of the same microsecond as an identical one."
    )


def test_temperatures_and_the_low_end():
    unknown = workload(asked("a"), asked("b", at=2))
    cold = workload(asked("a", temperature=0), asked("b", at=2, temperature=0))
    warm = workload(asked("a", temperature=1), asked("b", at=2, temperature=1))
    low, high = LEVER.scenarios()
    assert [dropped(low, w) for w in (unknown, cold, warm)] == [[], ["b"], []]
    assert [dropped(high, w) for w in (unknown, cold, warm)] == [["b"], ["b"], []]
    assert dropped(WasteRepeats(any_temperature=True), warm) == ["b"]


def test_settings():
    with pytest.raises(SettingsError, match="within_s is -1"):
        WasteRepeats(within_s=-1)


@pytest.mark.parametrize("seed", range(2))
def test_order_of_rows_does_not_matter(seed):
    work = workload(asked("a"), asked("b", at=3), asked("c", at=6), *clean(9))
    assert dropped(LEVER, shuffled(work, seed)) == ["b", "c"]


def test_its_words():
    work = workload(asked("a", feature="chat"), asked("b", at=2, feature="chat"))
    after = LEVER.apply(work)
    assert "1 repeated call (50% of all calls)" in LEVER.action(work, after)
    assert LEVER.details(work, after)[0].rows == [("seconds apart", 1, 1000, 50, "chat")]


def test_planted():
    # 30 double clicks of 1,000 + 50 tokens among 260 calls.
    clicks = [
        asked(f"{n} {again}", at=100 * n + again, request=f"click {n}", session=f"p {n}")
        for n in range(30)
        for again in (0, 1)
    ]
    truth = 30 * (1_000 * INPUT + 50 * OUTPUT)
    assert saved("waste_repeats", *clicks, *clean(200)) == truth
    assert saved("waste_repeats", *clean()) == 0
