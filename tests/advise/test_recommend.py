"""Recommendations: tuned on the first part of the log, pruned, filtered and ranked."""

from dataclasses import replace

import polars as pl
import pytest

from costscope.advise import Limits, recommend
from costscope.advise.tuning import shown as shown_setting
from costscope.errors import SettingsError
from costscope.reports.simulation import HeldOut
from tests.advise.pulling import PriceList, drop, made, move, shrink, warm
from tests.workloads import call, part, workload


def plain(call_id, tokens=10, **columns):
    return call(call_id, part("query", tokens, call_id), **columns)


WORK = workload(*(plain(i, 10, at=n * 100) for n, i in enumerate("abcdefghij")))


def run(*levers, work=WORK, **options):
    return recommend(work, levers, PriceList(), Limits(**options), in_force=warm)


def names(found):
    return [lever.name for lever in found.levers]


def test_the_best_comes_first_and_what_saves_nothing_is_dropped():
    found = run(
        made("small", drop("a")), made("large", drop("b", "c")), made("idle", lambda w: w),
        made("worse", shrink(1)), made("loss", move("model", "gpt-4o", "zz")),
    )  # fmt: skip
    assert names(found) == ["large", "small"]
    assert found.saved == 3_000


def test_what_only_repeats_another_is_kept_with_its_share_of_it():
    found = run(made("x", drop("a")), made("y", drop("a")))
    assert [(x.name, x.saved_share) for x in found.levers] == [("x", 500), ("y", 500)]


def test_the_best_few():
    levers = [made(n, drop(*n)) for n in ("a", "bc", "def")]
    found = run(*levers, top=2)
    assert (names(found), found.saved) == (["def", "bc"], 5_000)
    assert names(run(*levers, min_saved=2_000)) == ["def", "bc"]
    assert names(run(*levers, min_saved=9_000)) == []


def test_effort_and_risk_are_limits():
    levers = [
        made("easy", drop("a")), made("hard", drop("b"), effort="high"),
        made("risky", drop("c"), risk="medium"),
    ]  # fmt: skip
    assert names(run(*levers, effort="medium")) == ["easy", "risky"]
    assert names(run(*levers, risk="low")) == ["easy", "hard"]
    with pytest.raises(SettingsError, match="'none' is no level; it can be: low, medium, high"):
        run(*levers, risk="none")


def test_answers_may_be_late_only_as_far_as_wanted():
    levers = [made("slow", drop("a"), delay_s=lambda self: 3_600), made("fast", drop("b"))]
    assert names(run(*levers)) == ["fast", "slow"]
    assert names(run(*levers, delay_s=3_600)) == ["fast", "slow"]
    assert names(run(*levers, delay_s=3_599)) == ["fast"]


def test_of_a_family_the_best_is_kept():
    levers = [
        made("good", drop("a", "b"), family="windows"), made("other", drop("a")),
        made("better", drop("a", "b", "c"), family="windows"),
    ]  # fmt: skip
    assert names(run(*levers)) == ["better", "other"]
    hoped = made("hoped", drop("a", "b", "c", "d"), family="windows", low=drop("a"))
    assert names(run(*levers, hoped)) == ["better", "other"]


def test_what_gives_way_to_an_alternative_or_to_six_better_ones_is_named():
    alike = [made(n, drop(*n), family="windows") for n in ("a", "ab")]
    assert (
        "a: left out, as an alternative to ab, which saves more where assumptions turn out badly."
    ) in run(*alike).assumptions
    many = run(*(made(f"l{n}", drop(*"abcdefgh"[: n + 1])) for n in range(8)))
    left = [text for text in many.assumptions if "left out, since by itself" in text]
    assert [text.partition(":")[0] for text in left] == ["l1", "l0"]
    assert "the 6 changes that are looked at together; `costscope simulate --made`" in left[0]


def test_what_saves_less_than_a_ten_thousandth_is_left_out_and_named():
    work = workload(plain("a", 1), plain("b", 9_999), plain("c", 10_001))
    found = run(made("tiny", drop("a")), made("good", drop("b")), work=work)
    assert (names(found), found.saved) == (["good"], 999_900)
    assert "tiny: left out, since it saves less than 0.01 % of the bill." in found.assumptions
    double = workload(plain("a", 2), plain("b", 9_999), plain("c", 9_999))
    assert names(run(made("tiny", drop("a")), made("good", drop("b")), work=double))[-1] == "tiny"


def test_what_rests_on_an_assumption_alone_is_left_out_and_named():
    found = run(made("x", drop("a")), made("y", drop("b"), grounded=lambda self, work: False))
    assert names(found) == ["x"]
    assert any(
        text.startswith("y: left out, since this log says too little") for text in found.assumptions
    )


def test_a_front_for_each_risk_and_effort_that_gives_more():
    found = run(
        made("safe", drop("a"), effort="medium"), made("bold", drop("b", "c"), risk="high"),
        made("both", drop("d"), risk="high", effort="high"),
    )  # fmt: skip
    assert [(x.risk, x.effort, sorted(x.levers), x.saved) for x in found.fronts] == [
        ("low", "medium", ["safe"], 1_000), ("high", "low", ["bold"], 2_000),
        ("high", "medium", ["bold", "safe"], 3_000),
        ("high", "high", ["bold", "both", "safe"], 4_000),
    ]  # fmt: skip


def test_what_the_best_save_with_those_above_them():
    found = run(made("x", drop("a", "b", "c")), made("y", drop("c", "d")))
    assert (names(found), found.cumulative) == (["x", "y"], [3_000, 4_000])


def test_only_the_best_six_of_many_are_played():
    levers = [made(f"l{n}", drop(*"abcdefgh"[: n + 1])) for n in range(8)]
    assert sorted(names(run(*levers))) == [f"l{n}" for n in range(2, 8)]


def test_a_lever_whose_saving_is_unknown_is_not_called_worthless():
    found = run(made("x", move("model", "new-model")), made("y", drop("a")))
    assert names(found) == ["y"]
    assert "x: what it saves is unknown, new-model has no price." in found.assumptions
    some, rest = move("model", "new-model", *"abcde"), move("model", "", *"fghij")
    two = made("x", lambda work: rest(some(work)))
    assert (
        "x: what it saves is unknown, (no model), new-model have no price." in run(two).assumptions
    )


def tunable(*sizes):
    """A lever that drops as many of the first calls as its size says."""

    def sized(self, size):
        return replace(self, size=size, change=drop(*"abcdefghij"[:size]))

    lever = made("x", drop(), variants=lambda self: [sized(self, size) for size in self.sizes])
    return replace(lever, sizes=sizes)


def test_the_most_careful_setting_that_saves_nearly_as_much_is_chosen():
    found = run(tunable(1, 4, 5))
    assert found.levers[0].settings["size"] == 5
    assert run(tunable(1, 9, 10)).levers[0].settings["size"] == 9
    (said,) = [text for text in found.assumptions if text.startswith("x: this was chosen from 3")]
    assert said.endswith("size 5. The figures are for all of it.")


def test_a_setting_is_told_in_words():
    shown = [shown_setting(value) for value in (True, False, "", None, (), "5m", 0)]
    none = ["as by default"] * 3
    assert shown == ["on", "off", *none, "5m", "0"]


def test_settings_are_chosen_on_the_first_two_thirds_only():
    """Calls i and j lie in the last third: whether they go too cannot matter to the choice."""
    assert run(tunable(7, 10)).levers[0].settings["size"] == 7
    found = run(tunable(7, 10))
    assert (found.saved, found.held_out) == (7_000, HeldOut(cost=3_000, saved=0))
    found = run(tunable(1, 9))
    assert (found.saved, found.held_out) == (9_000, HeldOut(cost=3_000, saved=2_000))
    assert run(made("x", drop("a"))).held_out is None


def test_a_log_without_times_keeps_the_settings():
    work = workload(*(plain(i, sent_at=None) for i in "abc"))
    lever = replace(tunable(1, 3), change=drop("a", "b"))
    assert run(lever, work=work).saved == 2_000


def test_nothing_to_recommend():
    found = run(made("idle", lambda w: w))
    assert (names(found), found.saved, found.cost) == ([], 0, 10_000)
    assert run(made("idle", drop("a")), work=workload()).levers == []


def test_it_repeats_itself_and_order_does_not_matter():
    levers = [made("x", drop("a")), made("y", shrink(2)), made("z", move("tier", "batch"))]
    assert run(*levers) == run(*reversed(levers))
    rows = WORK.calls.sample(fraction=1, shuffle=True, seed=3)
    parts = WORK.parts.sort(pl.col("call_no"))
    assert run(*levers, work=WORK.with_(calls=rows, parts=parts)) == run(*levers)


def test_without_a_rewriting_lever_left_the_bill_itself_is_the_base():
    work = workload(call("a", part("query", 10, "x", read=10)), plain("b"))
    idle = made("idle", lambda w: w, rewrites=True)
    found = run(idle, made("batch", move("tier", "batch"), "batching"), work=work)
    assert (names(found), found.world, found.saved) == (["batch"], "billed", 550)
