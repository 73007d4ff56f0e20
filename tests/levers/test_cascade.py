"""Cascades: who is asked first, which share is asked again, and what both cost."""

import polars as pl
import pytest

from costscope.advise import Limits, simulate
from costscope.errors import SettingsError
from costscope.levers._route.even import break_even
from costscope.levers._route.signals import share_of, signalled
from costscope.levers.cascade import Cascade
from costscope.model import Trait
from tests.levers.test_routing import Prices, easy, extra, models
from tests.workloads import call, output, query, same, shuffled, system, tokens, workload

SIGNALS = ("error", "refusal", "cut", "score", "retry")


def cascade(**settings):
    Cascade.name = "cascade"
    return Cascade(**settings)


def test_all_calls_go_to_the_cheap_model_and_a_share_is_paid_twice():
    """A quarter of 1,000 input and 80 output tokens, on the model before, uncached."""
    work = workload(call("a", system(980, read=900), query(20), output(80)), easy("b", asked=900))
    after = cascade(escalate_share=0.25).apply(work)
    assert models(after) == {"a": "gpt-4o-mini", "b": "gpt-4o-mini"}
    assert tokens(after.with_(calls=after.calls.filter(~pl.col("added"))), "a") == {
        "fresh": 1000, "output": 80,
    }  # fmt: skip
    assert extra(after)[:2] == [("a", "gpt-4o", "fresh", 250), ("a", "gpt-4o", "output", 20)]


def test_without_evidence_the_share_is_assumed_and_said_to_be():
    work = workload(easy("a", prompt=980, asked=20, reply=50))
    lever = cascade()
    assert extra(lever.apply(work))[0] == ("a", "gpt-4o", "fresh", 300)
    low, high = (case.apply(work) for case in lever.scenarios())
    assert [extra(after)[0][3] for after in (low, high)] == [500, 150]
    (said, *_) = lever.notes(work, lever.apply(work))
    assert said == (
        "30% of the calls asked of gpt-4o-mini first are asked again: an assumption, since the log "
        "judges fewer than 50 of its calls on these features."
    )


def test_it_is_grounded_only_where_the_share_is_stated_or_measured():
    work = workload(easy("a", prompt=980, asked=20, reply=50))
    assert not cascade().grounded(work)
    assert cascade(escalate_share=0.2).grounded(work)
    known = workload(easy("a", feature="chat"), *judged(5, 60))
    assert cascade().grounded(known)


def judged(poor, of, model="gpt-4o-mini", feature="chat", **more):
    """Calls with a score, of which some are poor."""
    return [
        easy(
            f"{feature}-{model}-{i}",
            model=model,
            feature=feature,
            tags=f'{{"score": {int(i >= poor)}}}',
            **more,
        )
        for i in range(of)
    ]


def test_the_share_is_that_of_the_poor_among_the_judged_on_the_same_features():
    """12 of 60 are poor; the 40 unscored ones and those of another feature tell nothing."""
    calls = [
        *judged(12, 60), *judged(50, 50, feature="other"),
        *(easy(f"u{i}", model="gpt-4o-mini", feature="chat") for i in range(40)),
        easy("x", feature="chat", prompt=980, asked=20),
    ]  # fmt: skip
    work = workload(*calls)
    lever = cascade()
    assert ("x", "gpt-4o", "fresh", 200) in extra(lever.apply(work))
    (said, *_) = lever.notes(work, lever.apply(work))
    assert said.startswith(
        "20.0% of the calls asked of gpt-4o-mini first are asked again: in this log 12 of its 60 judged"
    )
    (table,) = lever.details(work, lever.apply(work))
    assert table.rows == [("gpt-4o-mini", 150, 110, 0, 0, 0, 62, 0, 62)]


def test_the_ends_of_a_measured_share_are_those_of_its_interval():
    """Wilson's interval of 12 in 60: 11.8 % to 31.8 %."""
    counts = signalled(workload(*judged(12, 60)), SIGNALS, 5, 0)
    found = share_of(counts, "gpt-4o-mini", ["chat"], 50)
    assert (found.base, found.hits, found.calls) == (0.2, 12, 60)
    assert (found.low, found.high) == (
        pytest.approx(0.3178, abs=1e-4),
        pytest.approx(0.1183, abs=1e-4),
    )
    assert share_of(counts, "gpt-4o-mini", ["chat"], 61) is None
    assert share_of(counts, "gpt-4o-mini", [None], 50) is None


def counted(signal, *calls, short=5, slow=0):
    (row,) = signalled(workload(*calls), (signal,), short, slow).iter_rows(named=True)
    return row[signal]


@pytest.mark.parametrize(
    ("signal", "poor"),
    [
        ("error", {"status": "error"}), ("refusal", {"finish_reason": "content_filter"}),
        ("cut", {"finish_reason": "length"}), ("short", {"reply": 4}),
        ("slow", {"latency": 3.5}), ("score", {"tags": '{"thumbs": "down"}'}),
    ],
)  # fmt: skip
def test_every_signal_is_seen(signal, poor):
    calls = [
        easy("good", finish_reason="stop", latency=2.0, tags='{"thumbs": "up"}'),
        easy("poor", **poor),
    ]
    assert counted(signal, *calls, slow=3_000_000) == 1


def test_a_call_that_another_repeats_was_not_good_enough():
    calls = [easy("a"), easy("b", retry_of="a", at=5), easy("c", at=9)]
    assert counted("retry", *calls) == 1


def test_a_question_asked_of_another_model_soon_after_was_escalated():
    """a is escalated to b; d asks again a day later, and e is another conversation."""
    asked = (query(9, "why"), output(20))
    calls = [
        call("a", *asked, model="gpt-4o-mini", session="s"),
        call("b", *asked, session="s", at=30),
        call("d", *asked, model="gpt-4o-mini", session="s", at=86_400),
        call("e", *asked, session="t", at=40),
    ]
    rows = signalled(workload(*calls), ("retry",), 5, 0)
    assert dict(rows.select("base", "retry").iter_rows()) == {"gpt-4o": 0, "gpt-4o-mini": 1}


def test_traits_and_features_keep_whole_conversations_away():
    calls = [
        easy("a", session="s", traits=Trait.TOOL_CALLED), easy("b", session="s"), easy("c"),
        easy("d", feature="rag"),
    ]  # fmt: skip
    work = workload(*calls)
    gone = {"a": "gpt-4o", "b": "gpt-4o", "c": "gpt-4o-mini", "d": "gpt-4o-mini"}
    assert models(cascade().apply(work)) == gone
    assert models(cascade(sticky=False).apply(work)) == gone | {"b": "gpt-4o-mini"}
    only = models(cascade(features=("r*",)).apply(work))
    assert only == dict.fromkeys("abc", "gpt-4o") | {"d": "gpt-4o-mini"}


def test_a_judge_reads_prompt_and_reply_of_every_cheap_answer():
    work = workload(easy("a", prompt=400, asked=20, reply=30))
    after = cascade(judge_model="gpt-4.1-nano", escalate_share=0.0).apply(work)
    assert extra(after) == [
        ("a", "gpt-4.1-nano", "fresh", 450),
        ("a", "gpt-4.1-nano", "output", 10),
    ]


def test_what_it_leaves_alone_stays_the_same_object():
    for work in (workload(), workload(easy("a", model="gpt-4o-mini"))):
        lever = cascade()
        assert lever.apply(work) is work
        assert (
            lever.action(work, work) == "Ask a cheaper model first; no call was found that could."
        )
        assert lever.notes(work, work) == [
            "No call of this log could be asked of a cheaper model first."
        ]
        assert lever.details(work, work) == []
    moved = cascade().apply(workload(easy("a", model="gpt-6-astra")))
    assert cascade().apply(moved) is moved


def test_missing_columns_cost_nothing_and_break_nothing():
    work = workload(
        easy("a", sent_at=None, latency_us=None, finish_reason=None, tags=None), call("b")
    )
    assert models(cascade().apply(work)) == {"a": "gpt-4o-mini", "b": "gpt-4o"}


def test_the_order_of_rows_does_not_matter():
    work = workload(*judged(20, 60), *(easy(f"x{i}", feature="chat", at=i) for i in range(9)))
    one, other = cascade().apply(work), cascade().apply(shuffled(work, 5))
    assert sorted(extra(one)) == sorted(extra(other))
    assert same(cascade().apply(work), one)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"signals": ("mood",)}, "signals has 'mood'; it can have: error, refusal"),
        ({"signals": ()}, "signals is empty"),
        ({"keep": ("colour",)}, "keep has 'colour'"),
        ({"escalate_share": 1.2}, "escalate_share is 1.2"),
        ({"output_ratio": -1.0}, "output_ratio is -1.0"),
        ({"case": "best"}, "case is 'best'"),
    ],
)
def test_impossible_settings_are_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        Cascade(**wrong)


def test_the_planted_saving_is_found_and_gone_at_break_even():
    """100 calls of 1,000 tokens at 10, and 60 judged ones of the cheap model, of which 12 are poor: 100 *
    1,000 * (10 - 4) less a fifth of 100 * 10,000."""
    calls = [easy(f"x{i}", feature="chat", prompt=900, asked=20, reply=80) for i in range(100)]
    work = workload(*calls, *judged(12, 60, reply=80, prompt=900))
    lever = cascade()
    saved = simulate(work, [lever], Prices()).saved
    assert saved == 100 * 1_000 * 6 - 100 * 2_000
    ends = [simulate(work, [lever.with_retries(x)], Prices()).saved for x in (0.0, 1.0)]
    assert float(break_even(*ends)) == 0.6
    assert "60.0%" in lever.misroute_limit(*ends)


def test_who_allows_no_delay_gets_no_cascade():
    assert not Limits(delay_s=0).allow(Cascade())
    assert Limits(delay_s=60).allow(Cascade())
