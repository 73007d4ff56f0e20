"""Levers priced alone, in the stack and as shares; no dollar saved twice, no unknown as zero."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers._rows import added
from costscope.levers.history import History
from costscope.levers.routing import Routing
from tests.advise.pulling import PriceList, drop, made, move, shrink, warm
from tests.workloads import call, history, output, part, query, same, shuffled, system, workload

BOOK = PriceList()


def plain(call_id, tokens=10, **columns):
    """A call of one fresh part: 100 picodollars a token on the default model."""
    return call(call_id, part("query", tokens, call_id), **columns)


def run(work, *levers, in_force=warm):
    return simulate(work, levers, BOOK, in_force=in_force)


def figures(simulation):
    """name → (saved, alone, share)."""
    return {x.name: (x.saved, x.saved_alone, x.saved_share) for x in simulation.levers}


def test_two_levers_on_one_call_share_what_they_save():
    half = made("half", shrink(2), "truncation")
    cheap = made("cheap", move("model", "half"), "routing")
    found = run(workload(plain("a", 10), plain("b", 10)), cheap, half)
    assert (found.calls, found.cost, found.saved) == (2, 2_000, 1_500)
    assert figures(found) == {"half": (1_000, 1_000, 750), "cheap": (500, 1_000, 750)}


def test_levers_on_different_calls_simply_add():
    found = run(workload(plain("a"), plain("b", 5)), made("x", drop("a")), made("y", drop("b")))
    assert figures(found) == {"x": (1_000, 1_000, 1_000), "y": (500, 500, 500)}
    assert found.saved == found.cost == 1_500


def test_shares_that_do_not_divide_go_to_the_largest_remainder():
    levers = [made(name, drop("a")) for name in "xyz"]
    found = run(workload(call("a", part("query", 1, ""))), *levers)
    assert figures(found) == {"x": (100, 100, 34), "y": (0, 100, 33), "z": (0, 100, 33)}


def test_a_loss_is_a_loss():
    found = run(workload(plain("a", model="tenth")), made("worse", move("model", "gpt-4o")))
    assert found.saved == -900
    assert found.levers[0].saved_share == -900


def test_the_levers_stand_in_the_order_of_the_stack():
    stages = ("batching", "prompt_cache", "routing", "truncation", "response_cache")
    levers = [made(f"l{n}", drop("a"), stage) for n, stage in enumerate(stages)]
    found = run(workload(plain("a")), *levers, made("k", drop("a"), "routing"))
    assert [x.name for x in found.levers] == ["l4", "l3", "k", "l2", "l1", "l0"]


def test_what_a_lever_touches_and_its_dearest_calls():
    calls = [plain(name, size) for name, size in zip("abcdefg", (1, 2, 9, 4, 9, 6, 7), strict=True)]
    lever = run(workload(*calls, plain("z", 99)), made("x", drop(*"abcdefg"))).levers[0]
    assert (lever.calls, lever.cost) == (7, 3_800)
    assert lever.evidence == ("c", "e", "g", "f", "d")
    assert lever.action == "Do x."


def test_a_change_of_tier_class_or_tokens_is_a_touch_and_a_new_hash_is_none():
    work = workload(plain("a"), plain("b"), plain("c"))
    rehashed = made("x", lambda w: w.with_(parts=w.parts.with_columns(prefix=pl.col("content"))))
    assert run(work, rehashed).levers[0].calls == 0
    assert run(work, made("y", move("tier", "batch", "a"))).levers[0].evidence == ("a",)
    assert run(work, made("z", shrink(2, "c"))).levers[0].evidence == ("c",)


def adding(model, tokens):
    """A lever that adds a call for the call "a"."""

    def change(work):
        rows = work.calls.filter(pl.col("call_id") == "a").select(
            "call_no", model=pl.lit(model), input_tokens=pl.lit(tokens), output_tokens=pl.lit(0)
        )
        return added(work, rows, "x")

    return change


def test_what_a_lever_adds_is_paid_for():
    found = run(workload(plain("a"), plain("b")), made("x", adding("tenth", 7)))
    assert found.saved == -70
    assert (found.levers[0].calls, found.levers[0].evidence) == (1, ("a",))


def test_an_added_call_without_a_price_makes_its_own_call_unknown():
    found = run(workload(plain("a"), plain("b")), made("x", adding("unheard-of", 7)))
    assert (found.calls, found.cost, found.saved, found.left_out) == (1, 1_000, 0, 1)


def test_fees_are_paid_once_and_by_their_lever():
    def fee(work):
        return work.with_(fees=pl.DataFrame(
            [("x", 300, "rent", "none", False)], schema=work.fees.schema, orient="row"
        ))  # fmt: skip

    found = run(workload(plain("a")), made("x", fee), made("y", shrink(2)))
    assert figures(found) == {"x": (-300, -300, -300), "y": (500, 500, 500)}


def test_calls_sent_to_a_model_without_a_price_are_on_neither_side():
    work = workload(plain("a", 10), plain("b", 20), plain("c", 40, model="unheard-of"))
    found = run(work, made("x", move("model", "unknown-model", "a")), made("y", shrink(2)))
    assert (found.calls, found.cost, found.left_out, found.left_out_tokens) == (1, 2_000, 2, 50)
    assert figures(found)["y"] == (1_000, 1_000, 1_000)
    caveats = next(x for x in found.levers if x.name == "x").caveats
    assert "unknown-model has no price: what 1 of the calls would save is unknown." in caveats
    assert "2 calls without a known price are left out of both sides." in found.assumptions


CACHED = [
    call("a", system(1000), query(10, "a"), output(5), session="s"),
    call("b", system(1000, read=1000), query(10, "b"), output(5), session="s", at=60),
    call("c", system(1000, read=1000), query(10, "c"), output(5), session="s", at=120),
]


def test_without_a_rewriting_lever_the_bill_itself_is_the_base():
    found = run(workload(*CACHED), made("x", move("tier", "batch"), "batching"))
    assert found.world == "billed"
    assert found.saved * 2 == found.cost == 3 * 30 * 100 + 1000 * 100 + 2 * 1000 * 10


def test_sending_one_call_of_a_cached_conversation_elsewhere_can_cost_more():
    """b read 1,000 tokens at 10 pd; on the other model they are fresh at 50."""
    change = made("x", move("model", "half", "b"), "routing", rewrites=True)
    found = run(workload(*CACHED), change)
    assert found.world == "simulated"
    assert found.saved == 1000 * (10 - 50) + 30 * 50
    assert found.saved < 0


def test_the_whole_conversation_elsewhere_keeps_its_cache():
    found = run(workload(*CACHED), made("x", move("model", "half"), "routing", rewrites=True))
    assert found.saved * 2 == found.cost


def test_the_real_router_in_mid_conversation_costs_more_than_it_saves():
    hard = [replace_query(c, 900) if n != 1 else c for n, c in enumerate(CACHED)]
    chosen = {"cheap": {"gpt-4o": "half"}, "retry_share": 0.0}
    Routing.name = "routing"
    assert run(workload(*hard), Routing(**chosen)).saved == 0
    assert run(workload(*hard), Routing(sticky=False, **chosen)).saved < 0


def replace_query(made_call, tokens):
    row, blocks = made_call
    return row, [replace(b, tokens=tokens) if b.segment == "query" else b for b in blocks]


def test_a_window_over_cached_history_is_charged_with_the_cache_it_breaks():
    """Without the window each call reads all before it; with it only the system prompt."""
    calls = []
    for n in range(6):
        old = [history(300, t, f"turn {t}", read=300 if t < n - 1 else 0) for t in range(n)]
        first = system(100, read=100 if n else 0)
        calls.append(call(f"c{n}", first, *old, query(1, f"q{n}", turn=n), session="s", at=n))
    History.name = "history"
    found = run(workload(*calls), History(turns=2))
    dropped = sum(300 * max(0, n - 2) for n in range(6))
    assert found.world == "simulated"
    assert found.saved < 0 < dropped


def test_a_simulated_cost_is_never_compared_with_a_billed_one():
    """The bill says that b missed, the simulator that it hit: what does not change saves nothing."""
    calls = [CACHED[0], call("b", system(1000), query(10, "b"), output(5), session="s", at=60)]
    work = workload(*calls, *CACHED[2:])
    unchanged = made("x", drop("nobody"), rewrites=True)
    assert run(work, unchanged).saved == 0
    gone = run(work, made("x", drop("b"), rewrites=True))
    assert gone.saved == 1000 * 100 + 10 * 100 + 5 * 400


def test_batching_comes_after_caching_is_settled():
    spied = []
    late = made("x", lambda w: spied.append(w.parts["billing_class"].to_list()) or w, "batching")
    run(workload(*CACHED), made("y", lambda w: w, rewrites=True), late)
    assert all("cache_read" in classes for classes in spied)


@pytest.mark.parametrize(("hours", "factor"), [(23, None), (24, 30), (48, 15)])
def test_a_month_is_extrapolated_from_a_day_at_least(hours, factor):
    found = run(workload(plain("a"), plain("b", at=hours * 3_600)), made("x", drop("a")))
    expected = None if factor is None else 1_000 * factor
    assert (found.monthly_saved, found.levers[0].monthly_saved) == (expected, expected)
    said = " ".join(found.assumptions)
    assert ("no monthly figure" in said) is (factor is None)


def test_a_log_without_times_has_no_month():
    found = run(workload(plain("a", sent_at=None)), made("x", drop("a")))
    assert (found.monthly_saved, found.window_us) == (None, None)


def test_the_lever_speaks_in_the_assumptions():
    lever = made("x", drop("a"), notes=lambda self, before, after: ["It may rain."])
    assert "x: It may rain." in run(workload(plain("a")), lever).assumptions


def test_a_router_says_how_many_calls_may_be_asked_again():
    retried = {0.0: made("x", drop("a", "b")), 1.0: made("x", drop("a"))}
    lever = made(
        "x", drop("a", "b"), with_retries=lambda self, share: retried[share],
        misroute_limit=lambda self, none, every: f"From {none:,} to {every:,}.",
    )  # fmt: skip
    found = run(workload(plain("a"), plain("b"), plain("c")), lever)
    assert found.levers[0].caveats[-1] == "From 2,000 to 1,000."


def test_one_lever_twice_is_refused():
    levers = [made("x", drop("a")), made("x", drop("b"))]
    with pytest.raises(SettingsError, match="the same lever was asked for twice"):
        run(workload(plain("a")), *levers)


LOG = workload(*(plain(i) for i in "abcdefghij"))


def test_idle_levers_are_in_no_coalition_and_have_no_share():
    idle = [made(f"idle{n}", lambda w: w) for n in range(9)]
    found = run(LOG, made("x", drop("a")), made("y", drop("a", "b")), *idle)
    shares = {lever.name: lever.saved_share for lever in found.levers}
    assert shares == {"x": 500, "y": 1_500} | {f"idle{n}": 0 for n in range(9)}
    assert not any("orders" in text for text in found.assumptions)


def test_of_many_levers_the_shares_are_means_over_some_orders_and_add_up():
    levers = [made(f"l{n}", drop(*"abcdefghij"[n : n + 3])) for n in range(8)]
    found = run(LOG, *levers)
    assert sum(lever.saved_share for lever in found.levers) == found.saved == 10_000
    assert sum(lever.saved for lever in found.levers) == found.saved
    assert {lever.saved_alone for lever in found.levers} == {3_000}
    assert any("means over 8 orders" in text for text in found.assumptions)
    assert run(LOG, *reversed(levers)) == found


def test_of_many_levers_that_do_not_overlap_each_has_its_own():
    levers = [made(f"l{n}", drop("abcdefgh"[n])) for n in range(8)]
    assert {lever.saved_share for lever in run(LOG, *levers).levers} == {1_000}


def test_nothing_asked_and_nothing_logged():
    found = run(workload(plain("a")))
    assert (found.cost, found.saved, list(found.levers)) == (1_000, 0, [])
    empty = run(workload(), made("x", drop("a")), made("y", shrink(2), rewrites=True))
    assert (empty.calls, empty.cost, empty.saved) == (0, 0, 0)


IDS = "abcdef"
STAGES = ("waste", "response_cache", "truncation", "routing", "prompt_cache", "batching")
changes = st.one_of(
    st.lists(st.sampled_from(IDS), max_size=4).map(lambda ids: drop(*ids)),
    st.tuples(st.integers(2, 9), st.sampled_from(IDS)).map(lambda x: shrink(*x)),
    st.tuples(st.sampled_from(["half", "tenth", "unknown"]), st.sampled_from(IDS)).map(
        lambda x: move("model", *x)
    ),
    st.just(move("tier", "batch")),
    st.just(adding("gpt-4o", 3)),
)
stacks = st.lists(st.tuples(changes, st.sampled_from(STAGES), st.booleans()), max_size=4).map(
    lambda rows: [made(f"l{n}", c, s, rewrites=r) for n, (c, s, r) in enumerate(rows)]
)
logs = st.lists(
    st.tuples(st.sampled_from(IDS), st.integers(0, 50), st.integers(0, 2), st.booleans()),
    max_size=6, unique_by=lambda row: row[0],
).map(lambda rows: workload(*(
    call(i, system(10, read=10 * r), query(n, i), session=f"s{s}", at=n) for i, n, s, r in rows
)))  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(logs, stacks, st.integers(0, 99))
def test_what_holds_for_every_stack(work, levers, seed):
    before = work.with_(calls=work.calls.clone(), parts=work.parts.clone())
    found = run(work, *levers)
    assert same(work, before)
    assert sum(x.saved_share for x in found.levers) == found.saved
    assert sum(x.saved for x in found.levers) == found.saved
    assert found.saved <= found.cost
    assert found.interval.low <= found.interval.high <= found.cost
    for lever in found.levers:
        assert lever.interval.low <= lever.saved_alone <= found.cost
    assert run(shuffled(work, seed), *reversed(levers)) == found


@settings(deadline=None, max_examples=40)
@given(logs, stacks)
def test_in_the_billed_world_the_combined_saving_is_the_difference_of_two_bills(work, levers):
    levers = [x for x in levers if not x.rewrites_prompts]
    found = run(work, *levers)
    after = work
    for lever in sorted(levers, key=lambda x: (STAGES.index(x.stage), x.name)):
        after = lever.apply(after)
    if not found.left_out:
        bills = [BOOK.cost(w)["pd"].sum() or 0 for w in (work, after)]
        assert found.cost == bills[0]
        assert found.saved == bills[0] - bills[1]
