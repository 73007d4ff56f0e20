"""Which calls a log shows to be able to wait, and which its user names."""

import polars as pl

from costscope.levers.batching import Batching
from costscope.model import Trait
from tests.levers.batch_logs import DAY, HOUR, NIGHT, batched, chat, every, job, nights, people, why
from tests.workloads import call, history, output, query, same, workload


def test_a_nightly_job_is_found_beside_people():
    assert batched(Batching(), *chat(), *job(30)) == {"nightly": 30}


def test_a_small_burst_is_no_job():
    assert batched(Batching(), *chat(), *job(19)) == {}
    assert batched(Batching(burst_calls=19), *chat(), *job(19)) == {"nightly": 19}


def test_calls_that_trickle_are_no_burst():
    assert batched(Batching(), *chat(), *job(30, step=61)) == {}
    assert batched(Batching(burst_gap_s=61), *chat(), *job(30, step=61)) == {"nightly": 30}


def test_a_feature_that_is_always_busy_is_a_service():
    calls = [*chat(), *job(400, start=0, step=60)]
    assert batched(Batching(), *calls) == {}
    assert batched(Batching(busy_share=0.5), *calls) == {"nightly": 400}


def test_a_feature_with_some_bursts_is_not_a_job():
    spread = job(30, start=0, step=900)
    assert batched(Batching(), *chat(), *spread, *job(30, start=DAY * 0.9)) == {}


def test_a_log_of_one_moment_tells_nothing():
    work = workload(*job(30, step=0))
    assert same(Batching().apply(work), work)


def test_what_comes_at_the_same_minute_of_the_hour_can_wait():
    # Hourly, up to 200 seconds late: never two within a minute, so no burst.
    assert why(*chat(), *every(HOUR, 24, jitter=200)) == [
        ["cron", "the same minutes of the hour", 24]
    ]
    assert why(*chat(), *every(HOUR, 19, jitter=200)) == []


def test_what_comes_every_quarter_of_an_hour_can_wait():
    assert why(*chat(), *every(900, 40, jitter=70)) == [
        ["cron", "the same minute of every quarter of an hour", 40]
    ]


def test_lateness_beyond_the_window_is_no_habit():
    # 0 to 900 seconds late, evenly: five minutes of the hour hold a third.
    assert why(*chat(), *every(HOUR, 24, jitter=900)) == []


def test_twice_is_no_habit():
    calls = [*every(300, 12, jitter=1), *every(300, 12, start=DAY / 2, jitter=1, feature="b")]
    assert why(*chat(), *calls) == []


def test_a_nights_work_can_wait():
    # 3.5 hours are 30 calls of seven minutes.
    assert why(*people(4), *nights(3)) == [["digest", NIGHT, 90]]
    assert why(*people(4), *nights(2)) == []


def test_it_is_no_night_where_people_are_awake():
    assert why(*people(4, start=-9 * HOUR), *nights(3)) == []


def test_a_service_has_longer_hours_than_a_night():
    # Eight hours of every day: four of them hold half.
    assert why(*people(4), *nights(3, hours=(9.0, 17.0), feature="api")) == []


def test_calls_that_carry_on_are_of_a_conversation_that_the_log_does_not_name():
    def loop(n, step):
        return [
            call(f"l{n:02}a", query(9, f"{n}"), output(5), at=n * step, feature="agent",
                 traits=Trait.TOOL_CALLED),
            call(f"l{n:02}b", history(9, 1, f"{n}"), query(9), output(5), at=n * step + 2,
                 feature="agent"),
        ]  # fmt: skip

    assert why(*chat(), *(c for n in range(30) for c in loop(n, 10))) == []


def test_a_forced_tool_is_an_answer_where_nothing_carries_on():
    assert batched(Batching(), *chat(), *job(30, traits=Trait.TOOL_CALLED)) == {"nightly": 30}


def test_what_can_wait_is_judged_on_the_log_as_it_was():
    work = workload(*chat(), *job(30))
    few = work.calls.filter(~pl.col("call_id").str.contains("nightly00"))
    less = work.with_(calls=few, parts=work.parts)
    assert Batching(burst_calls=30).apply(less).calls["tier"].value_counts(sort=True).rows() == [
        ("standard", 21), ("batch", 20),
    ]  # fmt: skip


def test_tags_name_what_can_wait():
    tagged = [
        call("a", query(1), output(1), tags='{"priority": "low", "job.name": "x"}'),
        call("b", query(1), output(1), tags='{"priority": "high"}', feature="f"),
        call("c", query(1), output(1), tags='{"job.name": "nightly-2"}'),
        call("d", query(1), output(1)),
    ]  # fmt: skip

    def moved(**settings):
        after = Batching(**settings).apply(workload(*tagged)).calls
        return after.filter(pl.col("tier") == "batch")["call_id"].to_list()

    assert moved(tags=("priority=low",)) == ["a"]
    assert moved(tags=("job.name=nightly-*", "priority=hi*")) == ["b", "c"]
    assert moved(tags=("priority=low",), features=("f",)) == ["a", "b"]
    assert moved(tags=("none=*",)) == []


def test_some_features_never_wait():
    calls = [*chat(), *job(30), *job(30, start=DAY / 4, feature="alerts")]
    assert batched(Batching(never=("al*",)), *calls) == {"nightly": 30}
    assert batched(Batching(never=("*",)), *calls) == {}
