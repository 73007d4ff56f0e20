"""Fine-tuning: which features have a template worth training, what is left of it, what training costs."""

from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest

from costscope import plugins
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers._prefix import rehash
from costscope.levers.fine_tuning import plan
from costscope.model import PICO, Trait
from costscope.prices.book import PriceBook
from costscope.tokens import family_ratio
from tests.workloads import call, output, query, same, shuffled, system, tokens, workload

FineTuning = plugins.load("levers", "fine_tuning")
MINI = "ft:gpt-4.1-mini-2025-04-14"
DAY = 86_400
FEW = {"model": MINI, "min_calls": 4, "retry_share": 0.0, "examples": 2}


def ask(call_id, *more, template=1_000, **columns):
    """A call with a template of 1,000 tokens, a question of 50 and an answer of 20."""
    blocks = [system(template, "rules"), *more, query(50, f"about {call_id}"), output(20)]
    return call(call_id, *blocks, **{"feature": "triage", **columns})


def asks(number=4, **columns):
    return [ask(f"c{n}", at=n, **columns) for n in range(number)]


def moved(work, lever):
    after = lever.apply(work).calls
    return sorted(after.filter(pl.col("model") != "gpt-4o", ~pl.col("added"))["call_id"])


def test_a_fifth_of_the_template_goes_to_the_tuned_model():
    after = FineTuning(**FEW).apply(workload(*asks()))
    assert after.calls["model"].to_list() == [MINI] * 4
    assert tokens(after, "c0") == {"fresh": 250, "output": 20}
    assert after.calls.select("provider", "channel", "tier").unique().rows() == [
        ("openai", "direct", "standard")
    ]


@pytest.mark.parametrize(("kept", "prompt"), [(0.0, 50), (0.1, 150), (0.5, 550), (1.0, 1_050)])
def test_what_is_kept_is_a_setting(kept, prompt):
    after = FineTuning(**FEW, kept=kept).apply(workload(*asks()))
    assert tokens(after, "c1") == {"fresh": prompt, "output": 20}


def test_the_rest_of_the_template_is_rounded_up():
    after = FineTuning(**FEW, kept=0.3, min_template_tokens=1).apply(workload(*asks(template=11)))
    assert tokens(after, "c0") == {"fresh": 54, "output": 20}  # 3.3 of 11


def test_training_reads_the_examples_as_they_will_be_sent():
    # 200 + 50 + 20 tokens, two examples, three epochs: 1,620 tokens at $5 a million.
    fees = FineTuning(**FEW).apply(workload(*asks())).fees
    assert fees.rows() == [
        (
            "fine_tuning", 1_620 * 5 * PICO // 1_000_000, "training for triage",
            "1,620 tokens at $5 a million, paid once", True,
        )
    ]  # fmt: skip


def test_no_more_examples_than_calls():
    assert (
        "3,240 tokens"
        in FineTuning(**FEW | {"examples": 100}).apply(workload(*asks())).fees["assumption"].item()
    )  # 4 calls of 270, three times


def test_training_again_every_so_often_is_paid_by_the_day():
    log = [*asks(), ask("late", at=3 * DAY)]
    lever = FineTuning(**FEW, retrain_days=30)
    fee = lever.apply(workload(*log)).fees.row(0, named=True)
    assert fee["picodollars"] == 1_620 * 5 * PICO // 1_000_000 // 10  # 3 of 30 days
    assert fee["assumption"] == "1,620 tokens at $5 a million, every 30 days; recurs"
    assert fee["once"] is False
    short = lever.apply(workload(*asks())).fees.row(0, named=True)
    assert (short["once"], short["picodollars"]) == (True, fee["picodollars"] * 10)


def test_each_feature_trains_a_model_and_needs_calls_and_template_enough():
    log = [
        *asks(5), *(ask(f"f{n}", feature="faq") for n in range(4)),
        *(ask(f"r{n}", feature="rare") for n in range(3)),
        *(ask(f"s{n}", feature="short", template=999) for n in range(4)),
        *(ask(f"n{n}", feature=None) for n in range(4)),
        *(ask(f"t{n}", feature=None, template_version="1") for n in range(4)),
    ]  # fmt: skip
    lever = FineTuning(**FEW)
    after = lever.apply(workload(*log))
    assert after.fees["reason"].to_list() == ["training for triage", "training for faq"]
    assert after.calls.filter(pl.col("model") == MINI)["feature"].unique().sort().to_list() == [
        "faq", "triage",
    ]  # fmt: skip


def test_a_template_counts_as_a_feature_where_there_is_none():
    work = workload(*(call(
        f"c{n}", system(1_000, "rules"), query(50, str(n)), output(20), template="greeting"
    ) for n in range(4)))  # fmt: skip
    assert FineTuning(**FEW).apply(work).fees["reason"].to_list() == ["training for greeting"]


def test_what_is_not_shared_is_not_template():
    own = [ask(f"c{n}", system(600, f"profile {n}")) for n in range(4)]
    after = FineTuning(**FEW).apply(workload(*own))
    assert tokens(after, "c0") == {"fresh": 200 + 600 + 50, "output": 20}
    halves = [ask(f"c{n}", system(600, f"half {n % 2}")) for n in range(4)]
    after = FineTuning(**FEW).apply(workload(*halves))
    assert tokens(after, "c0") == {"fresh": 200 + 120 + 50, "output": 20}
    after = FineTuning(**FEW, shared=0.6).apply(workload(*halves))
    assert tokens(after, "c0") == {"fresh": 200 + 600 + 50, "output": 20}


def test_tokens_without_text_are_no_template():
    work = workload(*(ask(f"c{n}", template=0) for n in range(4)))
    assert FineTuning(**FEW, min_template_tokens=0).apply(work) is work
    silent = workload(*(call(
        f"c{n}", system(1_000, ""), query(50, ""), output(20, ""), feature="triage"
    ) for n in range(4)))  # fmt: skip
    assert FineTuning(**FEW).apply(silent) is silent


def test_the_old_models_cache_is_not_the_new_ones():
    work = workload(*(call(
        f"c{n}", system(1_000, "rules", read=990), query(50, str(n)), output(20), feature="triage"
    ) for n in range(4)))  # fmt: skip
    assert tokens(FineTuning(**FEW).apply(work), "c0") == {"fresh": 250, "output": 20}


def test_prefixes_change_with_the_template_and_stay_shared():
    work = workload(*asks())
    before, after = work.parts, FineTuning(**FEW).apply(work).parts
    assert after.filter(pl.col("seq") == 0)["prefix"].n_unique() == 1
    assert not set(after["prefix"]) & set(before["prefix"])
    assert after.filter(pl.col("seq") > 0)["content"].equals(
        before.filter(pl.col("seq") > 0)["content"]
    )


def test_calls_that_are_worked_on_a_few_at_a_time_come_out_the_same(monkeypatch):
    log = [*asks(5, model="claude-x"), *asks(4, feature="faq"), *asks(2, feature="rare")]
    lever = FineTuning(**FEW | {"kept": 0.3})
    whole = lever.apply(workload(*log))
    monkeypatch.setattr("costscope.levers._runs.SOME", 4)
    assert lever.apply(workload(*log)).parts.equals(whole.parts)
    made = rehash(whole.parts.drop("prefix").with_columns(prefix=pl.lit(0, pl.UInt64)))
    assert made["prefix"].to_list() == whole.parts["prefix"].to_list()


def test_tokens_are_those_of_the_new_model():
    # Between cl100k and o200k the sizes differ by the families' ratio.
    work = workload(*asks(model="gpt-4"))
    after = FineTuning(**FEW).apply(work)
    ratio = Fraction(*family_ratio(MINI)) / Fraction(*family_ratio("gpt-4"))
    assert tokens(after, "c0")["output"] == round(20 * ratio)
    assert tokens(after, "c0")["fresh"] == round(250 * ratio)


@pytest.mark.parametrize(
    ("columns", "goes"),
    [
        ({}, True),
        ({"traits": Trait.TOOLS_OFFERED}, False),
        ({"traits": Trait.IMAGE}, False),
        ({"traits": Trait.CODE}, True),
        ({"status": "error"}, False),
        ({"model": MINI}, False),
        ({"tier": "scale"}, False),
        ({"channel": "self-hosted"}, False),
        ({"sent_at": None}, True),
    ],
)
def test_calls_that_can_move(columns, goes):
    work = workload(*asks(), ask("x", **columns))
    assert (
        "x" in plan(work, FineTuning(**FEW)).calls.join(work.calls, on="call_no")["call_id"]
    ) == goes


def test_features_and_models_can_be_named():
    work = workload(*asks(), *(ask(f"f{n}", feature="faq") for n in range(4)))
    assert moved(work, FineTuning(**FEW, features=("fa*",))) == ["f0", "f1", "f2", "f3"]
    assert moved(work, FineTuning(**FEW, models=("gpt-5",))) == []


def test_another_provider_serves_directly_at_its_standard_tier():
    log = asks(
        provider="anthropic", channel="bedrock", region="eu-1", tier="batch", model="claude-x"
    )
    after = FineTuning(**FEW | {"model": f"openai/{MINI}"}).apply(workload(*log))
    rows = after.calls.select("provider", "channel", "region", "tier", "model").unique().rows()
    assert rows == [("openai", "direct", None, "standard", MINI)]


def test_a_share_is_asked_again_with_the_whole_prompt():
    after = FineTuning(**FEW | {"retry_share": 0.1}).apply(workload(*asks()))
    again = after.calls.filter("added")
    assert again["model"].to_list() == ["gpt-4o"] * 4
    parts = after.parts.join(again, on="call_no", how="semi")
    assert parts["tokens"].to_list() == [105, 2] * 4  # a tenth of 1,050 and of 20


def test_without_a_model_nothing_moves_and_it_says_what_could():
    work, lever = workload(*asks()), FineTuning(min_calls=4)
    assert lever.apply(work) is work
    assert lever.action(work, work) == (
        "Fine-tune a small model for 4 calls of triage; what it would save is not known until "
        "fine_tuning.model names one that you can train."
    )
    (table,) = lever.details(work, work)
    assert table.rows == [("triage", 4, 1_000, 1_000 / 1_050)]
    assert lever.notes(work, work) == ()


def test_nothing_to_train():
    for work in (workload(), workload(*asks(3)), workload(*asks(feature=None))):
        lever = FineTuning(**FEW)
        assert lever.apply(work) is work
        assert lever.action(work, work) == (
            "Fine-tune a small model; no feature has many calls with a long template."
        )
        assert lever.details(work, work) == ()


def test_its_words():
    work, lever = workload(*asks()), FineTuning(**FEW)
    after = lever.apply(work)
    assert lever.action(work, after) == (
        f"Fine-tune {MINI} for 4 calls of triage, and send 20% of the template."
    )
    assert lever.notes(work, after)[1] == (
        "Charged: training for triage $0.01 (1,620 tokens at $5 a million, paid once)."
    )


def test_the_order_of_rows_does_not_matter_and_a_second_time_changes_nothing():
    work, lever = (
        workload(*asks(), *asks(4, feature="faq")),
        FineTuning(**FEW | {"retry_share": 0.1}),
    )
    after, other = lever.apply(work), lever.apply(shuffled(work, 5))
    assert after.fees.equals(other.fees)
    assert tokens(after, "c3") == tokens(other, "c3")
    assert lever.apply(after) is after
    assert same(work, workload(*asks(), *asks(4, feature="faq")))


def test_its_ends():
    low, high = FineTuning().scenarios()
    assert [(x.kept, x.retry_share) for x in (low, high)] == [(0.5, 0.3), (0.1, 0.0)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"keep": ("jokes",)}, "keep has 'jokes'"),
        ({"kept": 1.5}, "kept is 1.5"),
        ({"examples": 0}, "examples is 0"),
        ({"training_usd": -1.0}, "training_usd is -1.0"),
    ],
)
def test_settings(settings, said):
    with pytest.raises(SettingsError, match=said):
        FineTuning(**settings)


def test_what_it_saves_is_the_two_bills_apart_less_the_training():
    # gpt-4o at $2.50 and $10 a million against the tuned mini at $0.80 and $3.20; a tenth asked again.
    lever = FineTuning(model=MINI, retry_share=0.1, examples=100)
    found = simulate(workload(*asks(1_000)), [lever], PriceBook())
    bill = 1_050 * Decimal("2.5") + 20 * 10
    tuned = 250 * Decimal("0.8") + 20 * Decimal("3.2")
    trained = 100 * 3 * 270 * 5
    assert found.saved == 1_000_000 * (1_000 * (bill - tuned - bill / 10) - trained)
    assert found.left_out == 0


def test_a_model_without_a_price_saves_nothing_that_is_known():
    lever = FineTuning(**FEW | {"model": "ft:unheard-of"})
    found = simulate(workload(*asks()), [lever], PriceBook())
    assert found.left_out == 4
    assert "ft:unheard-of has no price" in " ".join(found.levers[0].caveats)
