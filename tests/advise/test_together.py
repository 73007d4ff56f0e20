"""The real levers with the real price book and the real cache simulator, on logs with planted waste."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from costscope import plugins
from costscope.advise import recommend, simulate
from costscope.prices.book import PriceBook
from tests.workloads import call, history, output, query, shuffled, system, workload

MICRO = 10**6
"""A dollar per million tokens, in picodollars a token."""


@cache
def book():
    return PriceBook.load()


def lever(name, **chosen):
    return plugins.load("levers", name)(**chosen)


def test_planted_repeats_are_found_to_the_picodollar():
    """gpt-4o: $2.50 in, $10 out. Ten questions, each asked five times within an hour."""
    calls = [
        call(f"{q}-{n}", query(1000, f"q{q}"), output(100), at=q + 600 * n, request=f"q{q}",
             temperature=0.0)
        for q in range(10) for n in range(5)
    ]  # fmt: skip
    found = simulate(workload(*calls), [lever("response_cache")], book())
    each = 1000 * 5 * MICRO // 2 + 100 * 10 * MICRO
    assert (found.cost, found.saved) == (50 * each, 40 * each)


def test_a_planted_job_is_halved():
    """gpt-4o-mini: $0.15 in, $0.60 out; half of that in a batch."""
    people = [
        call(f"p{n}", query(10, f"p{n}"), output(10), at=n * 3_600, user_id=f"u{n}", feature="chat")
        for n in range(25)
    ]  # fmt: skip
    job = [
        call(f"j{n:02}", query(2000, f"j{n}"), output(500), at=40_000 + n, feature="job",
             model="gpt-4o-mini")
        for n in range(40)
    ]  # fmt: skip
    found = simulate(workload(*people, *job), [lever("batching")], book())
    assert found.saved == 40 * (2000 * 150_000 + 500 * 600_000) // 2
    assert found.monthly_saved == found.saved * 30


def test_planted_easy_calls_cost_what_they_would_elsewhere():
    """gpt-4o to gpt-4o-mini, of one tokenizer: $2.50 and $10 become $0.15 and $0.60."""
    calls = [
        call(f"c{n}", system(100), query(100, f"c{n}"), output(100), feature="tag")
        for n in range(20)
    ]
    found = simulate(workload(*calls), [lever("routing", retry_share=0.1)], book())
    strong, cheap = 200 * 2_500_000 + 100 * 10_000_000, 200 * 150_000 + 100 * 600_000
    assert found.saved == 20 * (strong - cheap - strong // 10)
    assert found.interval.low == 20 * (strong - 200 * 150_000 - 130 * 600_000 - strong * 3 // 10)
    assert found.interval.high == 20 * (strong - 200 * 150_000 - 80 * 600_000)


def test_a_route_to_a_model_without_a_price_is_unknown_and_not_nothing():
    calls = [call(f"c{n}", query(200, f"c{n}"), output(100), feature="tag") for n in range(3)]
    route = lever("routing", map={"tag": "gpt-99-imaginary"})
    found = simulate(workload(*calls), [route], book())
    assert (found.calls, found.left_out, found.levers[0].calls) == (0, 3, 0)
    assert any("gpt-99-imaginary has no price" in text for text in found.levers[0].caveats)


def conversation(name, turns, model="claude-sonnet-4-5", asked=30):
    """A cached conversation as Claude bills it: all but the last two blocks read, those written."""
    calls = []
    for n in range(turns):
        old = [
            history(size, t, f"{name} {word} {t}", read=size if t < n - 1 else 0,
                    write=0 if t < n - 1 else size)
            for t in range(n) for word, size in (("asked", 30), ("answered", 400))
        ]  # fmt: skip
        first = system(3000, "the manual", read=3000 if n else 0, write=0 if n else 3000)
        now = query(asked, f"{name} asked {n}", turn=n, write=asked, more=None)
        now.more = {"breakpoint": "5m"}
        calls.append(call(
            f"{name}{n:02}", first, *old, now, output(400, f"{name} answered {n}", turn=n),
            session=name, at=n * 60 + 7 * len(name), model=model, provider="anthropic",
            feature="chat", user_id=name,
        ))  # fmt: skip
    return calls


def test_a_window_over_a_cached_conversation_loses_money():
    calls = [c for name in ("ann", "bob") for c in conversation(name, 14)]
    found = simulate(workload(*calls), [lever("history", turns=4)], book())
    assert found.world == "simulated"
    assert found.saved < 0


def test_one_call_of_a_cached_conversation_sent_elsewhere_saves_less_than_its_tokens():
    """The other model starts cold: it is charged for writing the whole prompt once more."""
    easy = conversation("ann", 12)
    easy[6:7] = [conversation("ann", 12, asked=29)[6]]
    route = lever("routing", max_query_tokens=29, max_input_tokens=4_000, sticky=False, retry_share=0.0,
                  max_output_tokens=400)  # fmt: skip
    found = simulate(workload(*easy), [route], book())
    assert found.levers[0].calls == 1
    assert found.world == "simulated"
    assert found.saved < found.levers[0].cost * 2 // 3 // 2


NAMES = ("batching", "history", "prompt_cache", "response_cache", "routing")
kinds = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "eve", "dan"]), st.integers(1, 4),
        st.sampled_from(["claude-sonnet-4-5", "gpt-5", "gpt-4o-mini", "nobody-knows"]),
    ),
    max_size=4, unique_by=lambda row: row[0],
)  # fmt: skip


@settings(deadline=None, max_examples=8)
@given(kinds, st.integers(0, 9))
def test_all_levers_on_any_log_add_up_and_do_not_depend_on_order(rows, seed):
    work = workload(*(c for name, turns, model in rows for c in conversation(name, turns, model)))
    levers = [lever(name) for name in NAMES]
    found = simulate(work, levers, book())
    assert sum(x.saved_share for x in found.levers) == found.saved <= found.cost
    assert simulate(shuffled(work, seed), levers[::-1], book()) == found


def test_the_recommendations_of_a_mixed_log():
    easy = [
        call(f"e{n:02}", system(400, "tag it"), query(100, f"text {n % 4}"), output(20),
             at=n * 3_000, request=f"text {n % 4}", temperature=0.0, feature="tag", user_id="u")
        for n in range(60)
    ]  # fmt: skip
    found = recommend(workload(*easy, *conversation("ann", 9)), [lever(n) for n in NAMES], book())
    routing, cache = found.levers
    assert (routing.name, cache.name) == ("routing", "response_cache")
    assert cache.backtest is not None
    assert (cache.backtest["hits"], cache.backtest["same_answer_share"]) == (52, 1.0)
    assert cache.saved == cache.saved_alone > cache.saved_share
    assert routing.saved < routing.saved_share < routing.saved_alone
