"""Self-hosting: which calls go, how many GPUs the busiest minutes take, what they cost, and no less."""

from decimal import Decimal

import polars as pl
import pytest

from costscope import plugins
from costscope.advise import recommend, simulate
from costscope.errors import SettingsError
from costscope.levers.self_hosting import plan
from costscope.model import PICO, Trait
from costscope.prices.book import PriceBook
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
)  # fmt: skip

SelfHosting = plugins.load("levers", "self_hosting")
DAY = 86_400
SMALL = {
    "engine_gpus": 1, "prefill_tokens_s": 1_000, "decode_tokens_s": 100, "slot_s": 60,
    "max_utilisation": 0.5, "gpu_hour_usd": 2.0, "people": 0.0, "retry_share": 0.0,
}  # fmt: skip
"""A call of 1,000 tokens in and 100 out takes 1 + 1 seconds of a GPU; a minute has 30 to give."""


def one(call_id, at=0.0, **columns):
    return call(call_id, system(900), query(100), output(100), at=at, **columns)


def two_days(*calls):
    """A log of exactly two days: its first and last call are never moved."""
    hard = {"traits": Trait.CODE}
    return workload(one("first", **hard), *calls, one("last", at=2 * DAY, **hard))


def moved(work, lever):
    after = lever.apply(work)
    return sorted(set(work.calls["call_id"]) - set(after.calls.filter(~pl.col("added"))["call_id"]))


def burst(number):
    """So many calls within one minute of the epoch."""
    return two_days(*(one(f"c{n}", at=600 + n * 60 / number) for n in range(number)))


@pytest.mark.parametrize(("calls", "gpus"), [(1, 1), (15, 1), (16, 2), (30, 2), (100, 7)])
def test_gpus_for_the_busiest_minute(calls, gpus):
    # 2 seconds a call; 30 of a minute's 60 are planned for: 15 calls an engine.
    work, lever = burst(calls), SelfHosting(**SMALL)
    after = lever.apply(work)
    hours = 48 * gpus
    assert after.fees["picodollars"].to_list() == [hours * 2 * PICO]
    assert after.calls.height == 2
    assert f"on {gpus} GPU{'s' * (gpus > 1)} of your own" in lever.action(work, after)


def test_whole_engines_are_rented():
    lever = SelfHosting(**SMALL | {"engine_gpus": 4})
    assert lever.engine.needed(plan(burst(16), lever).load) == 4
    assert lever.engine.needed(plan(burst(61), lever).load) == 8  # one engine: 4 x 30 seconds


def test_every_fee_by_hand():
    lever = SelfHosting(
        **SMALL | {"people": 0.5, "engineer_month_usd": 9_000.0, "gpu_watts": 1_000, "kwh_usd": 0.1}
    )
    fees = lever.apply(burst(20)).fees
    assert fees.select("reason", "picodollars", "once").rows() == [
        ("GPU hours", 192 * PICO, False),  # 2 GPUs, 48 hours, $2
        ("power", 96 * PICO // 10, False),  # 2 kW, 48 hours, $0.10
        ("people", 300 * PICO, False),  # half of $9,000, two of 30 days
    ]
    assert set(fees["lever"]) == {"self_hosting"}
    assert all(text.endswith("recurs") for text in fees["assumption"])


def test_use_and_room():
    lever = SelfHosting(**SMALL)
    load = plan(burst(20), lever).load  # 40 seconds of work, all in one minute, on 2 GPUs
    assert lever.engine.peak_use(load) * 120 == 40
    assert lever.engine.mean_use(load) * 2 * 2 * DAY == 40
    assert lever.engine.most_a_month(load) == 20 * 15 * 3 // 2  # 15 times the log, 60 for 40 s


def test_what_the_engine_holds_in_its_cache_takes_no_computing():
    cached = [
        call(f"c{n}", system(900, read=900), query(100), output(100), at=600) for n in range(20)
    ]
    warm, cold = SelfHosting(**SMALL), SelfHosting(**SMALL | {"prefix_cache": False})
    work = two_days(*cached)
    assert plan(work, warm).load.work * 20 == plan(work, cold).load.work * 11  # 1.1 s or 2 s a call
    assert (
        warm.engine.needed(plan(work, warm).load),
        cold.engine.needed(plan(work, cold).load),
    ) == (1, 2)


@pytest.mark.parametrize(
    ("columns", "goes"),
    [
        ({}, True),
        ({"traits": Trait.CODE}, False),
        ({"traits": Trait.TOOLS_OFFERED}, False),
        ({"traits": Trait.JSON_REPLY}, True),
        ({"status": "error"}, False),
        ({"channel": "self-hosted"}, False),
        ({"model": "ft:gpt-4.1-mini-2025-04-14"}, False),
        ({"tier": "provisioned"}, False),
        ({"tier": "batch"}, True),
        ({"sent_at": None}, False),
    ],
)
def test_calls_that_can_go(columns, goes):
    work = two_days(one("x", at=60, **columns))
    assert moved(work, SelfHosting(**SMALL)) == ["x"] * goes


@pytest.mark.parametrize(
    ("blocks", "goes"),
    [
        ([system(1_900), query(100), output(200)], True),
        ([system(1_901), query(100), output(200)], False),
        ([history(9_000, 0), system(1_900), query(100), output(200)], True),
        ([system(10), query(101), output(200)], False),
        ([system(10), query(100), output(201)], False),
        ([part("unattributed", 10), output(5)], False),
        ([query(10)], False),
    ],
)
def test_easy_calls(blocks, goes):
    work = two_days(call("x", *blocks, at=60))
    assert moved(work, SelfHosting(**SMALL)) == ["x"] * goes


def test_conversations_go_whole_or_not_at_all():
    work = two_days(
        one("a", session="s"), one("b", session="s", at=5, traits=Trait.CODE), one("c", session="t"),
        one("d", trace="u"), one("e", trace="u", at=9),
    )  # fmt: skip
    assert moved(work, SelfHosting(**SMALL)) == ["c", "d", "e"]


def test_named_calls_go_whatever_they_are_like():
    hard = {"traits": Trait.CODE}
    work = two_days(
        one("a", feature="faq", **hard), one("b", feature="faq", model="gpt-4o-2024-08-06"),
        one("c", feature="chat"), one("d", model="claude-opus-4-5", **hard),
    )  # fmt: skip
    assert moved(work, SelfHosting(features=("fa*",), **SMALL)) == ["a", "b"]
    assert moved(work, SelfHosting(models=("claude-*",), **SMALL)) == ["d"]
    assert moved(work, SelfHosting(features=("faq",), models=("gpt-4o",), **SMALL)) == ["a", "b"]
    assert moved(work, SelfHosting(features=("none",), **SMALL)) == []


def test_a_share_is_asked_again_of_the_model_before():
    work = two_days(one("a", at=60, model="gpt-4o"))
    after = SelfHosting(**SMALL | {"retry_share": 0.05}).apply(work)
    rows = after.calls.filter("added").select("call_id", "model", "lever", "channel").rows()
    assert rows == [("a", "gpt-4o", "self_hosting", "direct")]
    assert tokens(after, "a") == {"fresh": 50, "output": 5}


@pytest.mark.parametrize("last", [0, 3_600, DAY - 1])
def test_below_a_day_is_too_little_data(last):
    work, lever = workload(one("a"), one("b", at=last)), SelfHosting()
    assert lever.apply(work) is work
    assert "too little data" in lever.action(work, work)
    assert (lever.notes(work, work), lever.details(work, work)) == ((), ())


def test_a_day_is_enough_and_without_times_there_is_nothing():
    assert SelfHosting(**SMALL).apply(workload(one("a"), one("b", at=DAY))).calls.is_empty()
    for work in (workload(), workload(one("a", sent_at=None), one("b", sent_at=None))):
        assert SelfHosting().apply(work) is work


def test_calls_of_other_levers_stay():
    work = two_days(one("x", at=60, added=True))
    assert SelfHosting(**SMALL).apply(work) is work


def test_nothing_easy():
    work = two_days()
    assert SelfHosting().apply(work) is work
    assert SelfHosting().action(work, work) == "Host an open model for easy calls; none was found."


def test_the_order_of_rows_does_not_matter_and_a_second_time_changes_nothing():
    work, lever = burst(50), SelfHosting(people=0.1, retry_share=0.1)
    after, other = lever.apply(work), lever.apply(shuffled(work, 3))
    assert after.fees.equals(other.fees)
    assert after.calls["call_id"].sort().equals(other.calls["call_id"].sort())
    assert lever.apply(after) is after
    assert same(work, burst(50))


def test_its_words():
    work = two_days(*(one(f"c{n}", at=600, feature="faq") for n in range(20)))
    lever = SelfHosting(**SMALL | {"people": 0.5})
    after = lever.apply(work)
    assert lever.action(work, after) == (
        "Answer 20 easy calls of gpt-4o with llama-3.3-70b on 2 GPUs of your own."
    )
    said = lever.notes(work, after)
    assert said[0] == (
        "20 of 22 calls (91%) are taken to be easy by their length and traits; whether llama-3.3-70b "
        "answers them as well is not measured, and 0% are asked again."
    )
    assert said[1] == (
        "2 GPUs are busy 0.0% of the time on average and 33.3% in the busiest 1 minute; 50% is the most "
        "that is planned for."
    )
    assert said[2] == (
        "Charged: GPU hours $192.00 (2 GPUs at $2 an hour for 48.0 hours, used or not; recurs), "
        "people $573.33 (0.5 of an engineer at $17,200 a month; recurs)."
    )
    assert said[3] == (
        "A month of it costs $11,480.00 however few calls there are, and takes up to 450 calls like "
        "these."
    )
    (table,) = lever.details(work, after)
    assert table.rows == [
        (20, 20_000, 2_000, 2, pytest.approx(1 / 8640), pytest.approx(1 / 3), 450)
    ]


def test_its_ends():
    worst, best = SelfHosting().scenarios()
    assert (worst.gpu_hour_usd, worst.people, worst.max_utilisation) == (5.0, 0.5, 0.25)
    assert (best.gpu_hour_usd, best.people, best.max_utilisation) == (2.0, 0.125, 0.75)
    assert (worst.retry_share, best.retry_share, worst.prefix_cache) == (0.3, 0.0, False)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"keep": ("jokes",)}, "keep has 'jokes'"),
        ({"engine_gpus": 0}, "engine_gpus is 0"),
        ({"slot_s": 0}, "slot_s is 0"),
        ({"people": -1.0}, "people is -1"),
        ({"retry_share": 1.1}, "retry_share is 1.1"),
        ({"max_utilisation": 0.0}, "max_utilisation is 0.0"),
    ],
)
def test_settings(settings, said):
    with pytest.raises(SettingsError, match=said):
        SelfHosting(**settings)


def priced(tokens_in, tokens_out, usd_in, usd_out):
    return Decimal(tokens_in) * Decimal(usd_in) + Decimal(tokens_out) * Decimal(usd_out)


def test_what_it_saves_is_the_bill_less_the_fees():
    # gpt-4o: $2.50 and $10 a million. 1,000 calls of 1,000 in and 100 out are $3.50; two days of a
    # GPU at $0.01 an hour $0.48; a tenth is asked again.
    calls = [one(f"c{n}", at=3_600 + n * 100, feature="faq") for n in range(1_000)]
    lever = SelfHosting(**SMALL | {"gpu_hour_usd": 0.01, "retry_share": 0.1})
    found = simulate(two_days(*calls), [lever], PriceBook())
    bill = 1_000 * priced(1_000, 100, "2.5", "10") / 1_000_000
    truth = bill * Decimal("0.9") - Decimal("0.48")
    assert found.saved == truth * PICO
    assert found.levers[0].calls == 1_000


def test_at_real_prices_a_small_log_loses_and_is_not_recommended():
    work = burst(100)
    assert simulate(work, [SelfHosting()], PriceBook()).saved < 0
    assert recommend(work, [SelfHosting()], PriceBook()).levers == []
