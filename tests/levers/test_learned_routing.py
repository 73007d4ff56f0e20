"""Learned routing: what is evidence, what is learned from it, how good that is, and when nothing is."""

import csv
import json
from functools import cache

import polars as pl
import pytest

from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers._route.evidence import evidence, threshold
from costscope.levers.learned_routing import LearnedRouting
from tests.bench.routing import RESPONSES, STRONG, WEAK, measured
from tests.levers.test_routing import Prices, easy, extra, models
from tests.workloads import call, hashed, output, query, shuffled, workload


def lever(**settings):
    LearnedRouting.name = "learned_routing"
    return LearnedRouting(**settings)


class Texts:
    """The texts of queries by content hash."""

    def __init__(self, *texts):
        self.texts = {hashed(text): text for text in texts}

    def read(self, wanted):
        return ((content, text) for content, text in self.texts.items() if content in set(wanted))


@pytest.mark.parametrize(
    ("ends", "from_"),
    [((0, 1), 0.5), ((-1, 1), 1e-9), ((1, 5), 4), ((0, 10), None), ((None, None), None)],
)
def test_what_is_good_depends_on_the_scale(ends, from_):
    assert threshold(*ends)[0] == from_


def goods(*tags, **settings):
    work = workload(*(easy(f"{i}", tags=json.dumps(tag)) for i, tag in enumerate(tags)))
    found = evidence(work, **settings)
    return found.calls.sort("call_no")["good"].to_list(), found.unread


def test_scores_are_numbers_and_words_under_several_names():
    assert goods({"score": "0.7"}, {"correct": "false"}, {"thumbs": "Up"}, {"x": "1"}) == (
        [1, 0, 1],
        0,
    )
    assert goods({"rating": 5}, {"rating": 3}, {"rating": "dunno"}) == ([1, 0], 1)
    assert goods({"score": 9}, {"score": 2}) == ([], 2)
    assert goods({"score": 9}, {"score": 2}, good_from=7) == ([1, 0], 0)
    assert goods({"eval.grade": "pass"}, {"score": 0}, score_tag="eval.grade") == ([1], 0)


def test_without_scores_what_was_asked_again_is_poor():
    calls = [easy("a"), easy("b", retry_of="a", at=4), easy("c", status="error", at=5)]
    found = evidence(workload(*calls))
    assert (found.kind, found.calls["good"].to_list()) == ("retries", [0, 1])


def test_a_log_without_evidence_changes_nothing_and_says_so():
    work = workload(easy("a"), easy("b", model="gpt-4o-mini"))
    assert lever().apply(work) is work
    assert lever().action(work, work).endswith("none was found.")
    assert lever().notes(work, work) == [
        "Too little data: the log has no scores, retries or escalations, so nothing is learned about "
        "1 pair of models."
    ]
    assert lever().backtest(work) is None
    assert lever().details(work, work) == []
    assert lever().apply(workload()) is not None


def answers(n=240, fails=lambda size: size > 100, **more):
    """`n` calls of each model on short and long questions; the cheap one fails on some. The strong
    one fails on every eighth."""
    sizes = [(10, 20, 30, 40, 50, 150, 160, 170, 180, 190)[i * 7 % 10] for i in range(n)]
    calls = []
    for i, size in enumerate(sizes):
        for model, good in (("gpt-4o", i % 8 != 3), ("gpt-4o-mini", not fails(size))):
            parts = (query(size, f"{model} {i} of {size}"), output(50))
            columns = {
                "session": f"{model} {i}",
                "feature": "chat",
                "tags": f'{{"score": {int(good)}}}',
            }
            calls.append(call(f"{model} {i}", *parts, model=model, at=i, **columns | more))
    return calls


@cache
def log():
    return workload(*answers())


def test_calls_go_where_the_cheap_model_was_as_good():
    """The cheap model is right on all of 10 to 50 tokens, and on none above: half of the calls go."""
    work = log()
    after = lever(retry_share=0.0).apply(work)
    gone = {
        i for i, model in models(after).items() if i.startswith("gpt-4o ") and model != "gpt-4o"
    }
    small = {c for c, p in work.calls.join(work.parts, on="call_no").filter(
        pl.col("segment") == "query", pl.col("tokens") <= 100, pl.col("model") == "gpt-4o"
    ).select("call_id", "tokens").iter_rows()}  # fmt: skip
    assert gone == small
    assert len(gone) == 120
    tested = lever().backtest(work)
    assert tested["routed_share"] == 0.5
    assert tested["good_share_lost"] <= 0.01
    assert tested["apgr"] > 0.8
    assert tested["apgr_low"] > 0.5


def test_its_words_and_its_curve():
    work = log()
    after = lever().apply(work)
    assert lever().action(work, after) == (
        "Let a router learned from this log's scores send 120 calls to a cheaper model: 120 from gpt-4o "
        "to gpt-4o-mini."
    )
    notes = lever().notes(work, after)
    assert notes[0] == "480 calls are judged by scores (0.5 of 1 or more is good)."
    assert notes[1].startswith(
        "gpt-4o or gpt-4o-mini: learned from 240 and 240 judged calls; out of"
    )
    (table,) = lever().details(work, after)
    assert table.rows[0][0] == 0
    assert table.rows[-1][:2] == (1, 1)


def test_what_the_scores_do_not_support_is_not_routed():
    """The cheap model fails on every third question, whatever its length: a coin."""
    calls = answers(fails=lambda size: False)
    for number, (row, _) in enumerate(calls):
        if row["model"] == "gpt-4o-mini":
            row["tags"] = f'{{"score": {int(number // 2 * 37 % 100 < 60)}}}'
    work = workload(*calls)
    assert lever().apply(work) is work
    assert "no better than chance" in " ".join(lever().notes(work, work))


def test_too_few_judged_calls_are_too_little_data():
    work = workload(*answers(n=90))
    assert lever().apply(work) is work
    assert lever().notes(work, work)[1] == (
        "gpt-4o or gpt-4o-mini: too little data (90 judged calls of gpt-4o-mini on features that both "
        "models answer; 100 are needed)."
    )
    one_sided = workload(*answers(fails=lambda size: False))
    assert "0 of 240 answers of gpt-4o-mini are poor" in " ".join(
        lever().notes(one_sided, one_sided)
    )


def test_tasks_that_only_one_model_answers_tell_nothing():
    calls = answers()
    for row, _ in calls:
        row["feature"] = row["model"]
    work = workload(*calls)
    assert lever().apply(work) is work
    assert "0 judged calls of gpt-4o-mini" in lever().notes(work, work)[1]


def test_the_texts_of_queries_are_learned_from_where_they_can_be_read():
    """All questions have one length; the cheap model fails on those that speak of integrals."""
    words = ["find the integral of this", "say hello to my friend"]
    calls, texts = [], []
    for i in range(240):
        for model in ("gpt-4o", "gpt-4o-mini"):
            texts.append(f"{model} {i} {words[i % 2]}")
            good = int(model == "gpt-4o" and i % 8 != 3) or int(model != "gpt-4o" and i % 2)
            parts = (query(20, texts[-1]), output(50))
            tags = f'{{"score": {good}}}'
            calls.append(
                call(f"{model} {i}", *parts, model=model, tags=tags, session=f"{model} {i}")
            )
    blind = workload(*calls)
    assert lever().apply(blind) is blind
    seeing = workload(*calls)
    object.__setattr__(seeing, "texts", Texts(*texts))
    after = models(lever(retry_share=0.0).apply(seeing))
    gone = {
        int(i.split()[1]) % 2
        for i, model in after.items()
        if i[:7] == "gpt-4o " and model != "gpt-4o"
    }
    assert gone == {1}


def test_the_order_of_rows_does_not_matter():
    work = log()
    one, other = (lever().apply(w) for w in (work, shuffled(work, 4)))
    assert models(one) == models(other)
    assert sorted(extra(one)) == sorted(extra(other))


def test_the_first_question_of_a_conversation_decides_for_all():
    late = [
        call(
            f"late {i}",
            query(size, f"l{size}"),
            output(9),
            session="late",
            feature="chat",
            at=900 + i,
        )
        for i, size in enumerate((30, 190))
    ]
    work = workload(*answers(), *late)
    found = models(lever().apply(work))
    assert (found["late 0"], found["late 1"]) == ("gpt-4o-mini", "gpt-4o-mini")
    apart = models(lever(sticky=False).apply(work))
    assert (apart["late 0"], apart["late 1"]) == ("gpt-4o-mini", "gpt-4o")


def test_poor_answers_are_paid_twice_in_the_pessimistic_case():
    """On what goes, the cheap model is always right: none is asked again. A stated share is charged."""
    work = log()
    assert extra(lever().apply(work)) == []
    paid = extra(lever(retry_share=0.5).apply(work))
    assert len(paid) == 240
    assert {kind: n for _, _, kind, n in paid}["output"] == 25
    assert [x.case for x in lever().scenarios()] == ["low", "high"]


def test_the_planted_saving_is_found():
    """120 calls go, of 10, 20, 30, 40 and 50 query tokens, 24 each, with 50 of output: 10 - 4 a token."""
    work = log()
    truth = 24 * sum(size + 50 for size in (10, 20, 30, 40, 50)) * 6
    assert abs(simulate(work, [lever()], Prices()).saved - truth) <= 0.05 * truth


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_loss": 1.5}, "max_loss is 1.5"),
        ({"retry_share": -0.1}, "retry_share is -0.1"),
        ({"output_ratio": 0.0}, "output_ratio is 0.0"),
        ({"least": 5}, "least must be 20 or more"),
        ({"case": "x"}, "case is 'x'"),
    ],
)
def test_impossible_settings_are_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        LearnedRouting(**wrong)


def gsm8k():
    """Both models' answers as a workload; four letters are a token."""
    csv.field_size_limit(10**7)
    calls, texts = [], []
    with RESPONSES.open(newline="") as rows:
        for number, row in enumerate(csv.DictReader(rows)):
            texts.append(row["prompt"])
            for model in (STRONG, WEAK):
                parts = (
                    query(len(texts[-1]) // 4, texts[-1]),
                    output(len(row[f"{model}_response"]) // 4),
                )
                tags = json.dumps({"correct": row[model].lower()})
                columns = {"model": model, "tags": tags, "session": f"{number:04}", "at": number}
                calls.append(call(f"{number} {model}", *parts, **columns))
    work = workload(*calls)
    object.__setattr__(work, "texts", Texts(*texts))
    return work


def test_on_gsm8k_the_learned_router_beats_the_rules_and_they_a_coin(shared):
    results, study = measured(gsm8k())
    judged = study.router.judged
    assert len(judged.strong) == 1_319
    assert judged.strong_good.mean() == pytest.approx(0.8567, abs=1e-4)
    assert judged.cheap_good.mean() == pytest.approx(0.6384, abs=1e-4)
    found = {x.name: x for x in results}
    rules, router = found["default rules"], found["learned router"]
    assert found["code"].curve.apgr == 0.5
    assert rules.interval[0] > 0.5
    assert router.curve.apgr > rules.curve.apgr + 0.01
    assert router.curve.cpt(0.5) < rules.curve.cpt(0.5) < 0.5
    assert router.curve.cpt(0.8) < rules.curve.cpt(0.8) < 0.8
    assert study.useful
