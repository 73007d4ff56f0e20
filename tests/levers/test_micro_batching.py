"""Micro-batching: which small calls go together, and what the packed call is billed for."""

import polars as pl
import pytest

from costscope import plugins
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers.batching import Batching
from costscope.levers.micro_batching import MicroBatching
from costscope.model import Trait
from costscope.prices import PriceBook
from tests.workloads import (
    call,
    history,
    output,
    part,
    query,
    same,
    shuffled,
    system,
    tokens,
    workload,
)

BARE = {"pack_tokens": 0, "item_tokens": 0, "item_output_tokens": 0, "redo_share": 0.0}
"""No wrapping: what is left is the sharing alone."""


def label(n, at=0.0, shared=500, **columns):
    """A question of 20 tokens under a prompt of 500, answered in 3."""
    return call(
        f"c{n:03}", system(shared), query(20, f"q{n}"), output(3, f"a{n}"),
        at=at, **({"feature": "labels"} | columns),
    )  # fmt: skip


def labels(count, step=1.0, **columns):
    return [label(n, n * step, **columns) for n in range(count)]


def packs(lever, *calls):
    """For each call that is left the tokens of its prompt and of its reply."""
    after = lever.apply(workload(*calls))
    rows = after.parts.join(after.calls.filter(~pl.col("added")), on="call_no")
    reply = pl.col("segment") == "output"
    sums = rows.group_by("call_id").agg(
        pl.col("tokens").filter(~reply).sum().alias("in"),
        pl.col("tokens").filter(reply).sum().alias("out"),
    ).sort("call_id")  # fmt: skip
    return {name: (asked, said) for name, asked, said in sums.rows()}


def test_six_calls_become_one_with_the_prompt_once():
    # 500 + 6 * 20, and 6 * 3.
    assert packs(MicroBatching(**BARE), *labels(6)) == {"c000": (620, 18)}


def test_a_pack_holds_six_and_the_rest_makes_its_own():
    found = packs(MicroBatching(**BARE), *labels(9))
    assert found == {"c000": (620, 18), "c006": (560, 9)}
    # A seventh has no company, and stays as it was.
    assert packs(MicroBatching(**BARE), *labels(7))["c006"] == (520, 3)


def test_wrapping_is_charged():
    # 30 for the pack, 5 an item in the prompt and 5 in the reply.
    lever = MicroBatching(redo_share=0)
    assert packs(lever, *labels(6)) == {"c000": (620 + 30 + 30, 18 + 30)}
    work = workload(*labels(6))
    assert tokens(lever.apply(work), "c000") == {"fresh": 680, "output": 48}


def test_a_share_is_asked_again():
    # A tenth of six calls of 520 and 3 tokens: 312, and 1.8, which is 2.
    after = MicroBatching(**(BARE | {"redo_share": 0.1})).apply(workload(*labels(6)))
    again = after.calls.filter("added")
    assert again.select("call_id", "lever").rows() == [("c000", "micro_batching")]
    rows = after.parts.filter(pl.col("call_no") == again["call_no"].item())
    assert rows["tokens"].to_list() == [312, 2]


def test_only_calls_within_the_window_go_together():
    # START is a full minute: 0, 40 | 80, 120 | 160 s.
    assert list(packs(MicroBatching(**BARE), *labels(5, step=40))) == ["c000", "c002", "c003"]
    wide = MicroBatching(**BARE, window_s=300)
    assert list(packs(wide, *labels(5, step=40))) == ["c000"]


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "gpt-4o-mini"}, {"feature": "other"}, {"tenant": "t"}, {"temperature": 0.5},
        {"tier": "batch"}, {"team": "x"}, {"user_id": "u"}, {"status": "error"}, {"added": True},
        {"sent_at": None}, {"traits": Trait.TOOL_CALLED}, {"traits": Trait.IMAGE},
        {"units": '{"web_search": 1}'}, {"shared": 501}, {"session": "s"},
    ],
)  # fmt: skip
def test_a_call_of_another_kind_stays_outside(changed):
    more = [label(3, 3, session="s")] if "session" in changed else []
    calls = [*labels(2), label(2, 2, **changed), *more]
    found = packs(MicroBatching(**BARE, never=("x",)), *calls)
    assert found["c000"] == (540, 6)
    assert changed == {"added": True} or "c002" in found


def test_users_are_never_mixed_and_packed_only_where_named():
    calls = [label(n, n, user_id="uv"[n % 2]) for n in range(4)]
    assert len(packs(MicroBatching(**BARE), *calls)) == 4
    named = MicroBatching(**BARE, features=("lab*",))
    assert packs(named, *calls) == {"c000": (540, 6), "c001": (540, 6)}
    assert len(packs(MicroBatching(**BARE, never=("lab*",)), *labels(4))) == 4


def test_long_questions_and_replies_stay():
    assert len(packs(MicroBatching(**BARE, max_query_tokens=19), *labels(4))) == 4
    assert len(packs(MicroBatching(**BARE, max_output_tokens=2), *labels(4))) == 4


def test_a_prompt_that_nobody_can_compare_stays():
    calls = [call(f"c{n}", system(500, ""), query(20, f"q{n}"), output(3), at=n) for n in range(4)]
    assert len(packs(MicroBatching(**BARE), *calls)) == 4


def test_calls_with_earlier_turns_stay():
    calls = [
        call(f"c{n}", system(500), history(5, 1, "h"), query(20, f"q{n}"), output(3), at=n)
        for n in range(4)
    ]
    assert len(packs(MicroBatching(**BARE), *calls)) == 4


def test_a_pack_that_is_not_worth_its_wrapping_is_not_made():
    # Two calls spare one prompt; it has to be worth twice the wrapping, 2 * (30 + 2 * (5 + 5 * 5)).
    lever = MicroBatching(redo_share=0)
    assert len(packs(lever, *labels(2, shared=180))) == 2
    assert len(packs(lever, *labels(2, shared=181))) == 1


def test_cached_prompts_are_worth_a_tenth():
    def cached(count):
        return [
            call(f"c{n}", system(2000, read=1000), query(20, f"q{n}"), output(3), at=n)
            for n in range(count)
        ]  # fmt: skip

    lever = MicroBatching(redo_share=0, item_tokens=0, item_output_tokens=0, pack_tokens=549)
    assert len(packs(lever, *cached(2))) == 1
    lever = MicroBatching(redo_share=0, item_tokens=0, item_output_tokens=0, pack_tokens=550)
    assert len(packs(lever, *cached(2))) == 2


def test_what_stands_behind_the_query_stays_behind_the_items():
    def asked(n):
        return call(
            f"c{n}", system(500), query(20, f"q{n}", read=8), part("context", 50, "rules", read=50),
            part("unattributed", 7, ""), output(3, f"a{n}"), at=n,
        )  # fmt: skip

    work = workload(asked(0), asked(1))
    after = MicroBatching(**BARE).apply(work)
    rows = after.parts.select("seq", "segment", "billing_class", "tokens").rows()
    # The second query breaks the cache behind the first; what has no text is kept for both.
    assert rows == [
        (0, "system", "fresh", 500), (1, "query", "fresh", 8), (1, "query", "fresh", 12),
        (2, "query", "fresh", 8), (2, "query", "fresh", 12), (3, "context", "fresh", 50),
        (4, "unattributed", "fresh", 7), (5, "unattributed", "fresh", 7), (6, "output", "output", 3),
        (7, "output", "output", 3),
    ]  # fmt: skip


def test_the_packed_call_is_another_request():
    work = workload(*(label(n, n, request=f"{n}", latency=2, traits=n) for n in (1, 2)))
    row = MicroBatching(**BARE).apply(work).calls.row(0, named=True)
    assert (row["request_hash"], row["latency_us"], row["traits"]) == (0, None, 3)
    assert row["estimated"]


def test_nothing_to_do_is_the_same_workload():
    for work in (workload(), workload(*labels(1)), workload(*labels(4, step=100))):
        assert MicroBatching().apply(work) is work


def test_its_words():
    lever, work = MicroBatching(), workload(*labels(8), *labels(1, feature="x"))
    after = lever.apply(work)
    assert lever.action(work, after) == (
        "Pack 8 small calls into 2 calls of up to 6 items: those of labels."
    )
    assert lever.notes(work, after) == [
        "Small calls that share their prompt's text with others: 9; not packed, because too few of "
        "them come within 1 minute: 1.",
        "A pack is taken to add 30 tokens, and each item 5 to the prompt and 5 to the reply; 5% of "
        "the items are asked again by themselves.",
    ]
    assert "none was found" in lever.action(workload(), workload())
    assert lever.notes(workload(), workload()) == []
    blind = workload(*labels(3, sent_at=None))
    assert lever.notes(blind, blind) == [
        "Left as logged, because no time is known to judge them by: 3 calls."
    ]


def test_its_tables():
    # Packs of six and two: 6 * 500 prompts are not sent again, 2 * 30 + 8 * 10 are added.
    lever, work = MicroBatching(), workload(*labels(8, step=4))
    by, waits = lever.details(work, lever.apply(work))
    assert by.rows == [["labels", 8, 2, 4.0, 3000, 140]]
    # A minute: the first pack is full at 20 s, so its items wait 20, 16, … 0; the others, of 24 and
    # 28 s, wait until 60: 36 and 32. Sorted: 0 4 8 12 16 20 32 36.
    assert waits.rows[1] == [60, 8, 1.0, 2, 16.0, 32.0]
    # Ten seconds: (0, 4, 8), (12, 16), (20, 24, 28).
    assert waits.rows[0][:4] == [10, 8, 1.0, 3]
    assert lever.details(workload(), workload()) == ()


def test_scenarios():
    low, high = MicroBatching().scenarios()
    assert (low.pack_items, low.redo_share) == (3, 0.2)
    assert (high.pack_items, high.redo_share) == (6, 0.0)
    assert MicroBatching(pack_items=2).scenarios()[0].pack_items == 2


@pytest.mark.parametrize(
    "wrong", [{"pack_items": 1}, {"window_s": 0}, {"redo_share": 1.1}, {"item_tokens": -1}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match="must"):
        MicroBatching(**wrong)


@pytest.mark.parametrize("seed", range(3))
def test_order_of_rows_does_not_matter(seed):
    work = workload(*labels(20, step=3))
    one, other = (MicroBatching().apply(w) for w in (work, shuffled(work, seed)))
    for side in (one, other):
        assert side.parts.equals(side.parts.sort("call_no", "seq", maintain_order=True))
    found = [
        w.parts.join(w.calls, on="call_no").group_by("call_id", "added").agg(pl.col("tokens").sum())
        .sort("call_id", "added") for w in (one, other)
    ]  # fmt: skip
    assert found[0].equals(found[1])
    assert same(work, workload(*labels(20, step=3)))


def saved(*calls, **settings):
    lever = plugins.load("levers", "micro_batching")(**settings)
    return simulate(workload(*calls), [lever], PriceBook()).saved


def test_planted_prompts_save_what_is_not_sent_again():
    # 300 calls of gpt-4o a second apart: 50 packs of six, each of which spares five prompts of 500
    # tokens at $2.50 a million, and pays 60 more of them and 30 of $10.
    assert saved(*labels(300), redo_share=0) == 50 * ((2_500 - 60) * 2_500_000 - 30 * 10_000_000)
    # A twentieth of six single calls of 520 and 3 is 156 and 0.9, which is 1, on top.
    again = 50 * (156 * 2_500_000 + 10_000_000)
    assert saved(*labels(300), redo_share=0) - saved(*labels(300)) == again
    assert saved(*(label(n, n, shared=500 + n) for n in range(100))) == 0


def test_packs_of_a_job_can_still_wait():
    # A burst of 30 is five packs, too few for a burst of their own; the log still shows the job.
    work = workload(
        *labels(30), call("chat", query(9), output(5), at=86_400, session="s", feature="chat")
    )
    after = Batching().apply(MicroBatching(redo_share=0).apply(work)).calls
    assert after["tier"].value_counts().sort("tier").rows() == [("batch", 5), ("standard", 1)]


@pytest.mark.parametrize(("hidden", "left"), [(26, 1), (28, 4)])
def test_a_prompt_of_which_a_part_is_hidden_stays(hidden, left):
    # A twentieth of 500 + 20 + 26 is 27.
    calls = [
        call(f"c{n}", system(500), query(20, f"q{n}"), part("unattributed", hidden, ""),
             output(3), at=n)
        for n in range(4)
    ]  # fmt: skip
    assert len(packs(MicroBatching(**BARE), *calls)) == left


def test_no_cap_on_single_replies_cuts_a_pack():
    # 110 calls that nothing packs, and 6 that are packed: the pack's reply is the longest by far.
    alone = [label(n, 1_000 * n) for n in range(10, 120)]
    levers = {name: plugins.load("levers", name)() for name in ("micro_batching", "output")}
    work, book = workload(*labels(6), *alone), PriceBook.load()
    both = simulate(work, list(levers.values()), book).saved
    assert both == simulate(work, [levers["micro_batching"]], book).saved > 0
