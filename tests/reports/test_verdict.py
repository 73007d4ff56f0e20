"""The verdict as JSON, key by key, and as sentences that a person would write."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest

from costscope.errors import ExitCode
from costscope.gate import Baseline, Rule, check, from_flags
from costscope.reports.verdict import (
    Driver,
    RuleResult,
    Verdict,
    money,
    percent,
    quantity,
    report,
    signed_percent,
    written,
)
from tests.gate.frames import planted, traffic

DRIVERS = (
    Driver("tokens per call", "chat: context tokens per call 812 → 1,630", 1_600_000_000),
    Driver("cache hit rate", "chat: cache reads 62 % → 25 % of input", 600_000_000),
    Driver("price", "chat: output price of large", -100_000_000),
)


def result(verdict="fail", **changes):
    keys = {
        "id": "unit-cost", "metric": "cost_per_unit", "segment": "overall",
        "label": "cost per call", "kind": "usd", "limit": "+10%", "verdict": verdict,
        "baseline": 14_800_000_000, "current": 16_900_000_000, "relative": 0.1418918,
        "interval": (0.0912, 0.2041), "p": 0.000123456789, "mde": 0.081, "n": 400,
        "clusters": 90, "baseline_n": 380, "baseline_clusters": 80, "drivers": DRIVERS,
    }  # fmt: skip
    return RuleResult(**keys | changes)


def sentence(made, verdict=None):
    [text] = report(Verdict(verdict or made.verdict, [made])).summary
    return text


def test_a_failure_in_one_sentence():
    assert sentence(result()) == (
        "Cost per call +14.2 % (+$0.0021, 95 % interval +9 % to +20 %), over the +10 % limit."
        " 76 % of it: chat: context tokens per call 812 → 1,630 (+$0.0016 per call)."
        " 29 % of it: chat: cache reads 62 % → 25 % of input (+$0.00060 per call)."
    )


def test_a_feature_is_named():
    assert sentence(result(segment="chat")).startswith("Cost per call of chat +14.2 %")


def test_a_warning_says_so():
    assert ", over the +5 % warning limit." in sentence(result("warn", limit="+5%"))


def test_a_weak_pass_says_what_it_could_see():
    text = sentence(result("pass", note="could only see +19 % or more"))
    assert text.endswith("): pass (could only see +19 % or more).")


def test_inconclusive_gives_its_reason():
    assert sentence(result("inconclusive", note="12 conversations")).endswith(
        ": inconclusive, 12 conversations."
    )


def test_a_fallen_share_is_below_its_limit():
    made = result(metric="cache_hit_rate", label="cache hit rate", kind="share", limit="-10%",
                  baseline=0.62, current=0.25, relative=-0.597, interval=(-0.7, -0.5),
                  drivers=())  # fmt: skip
    assert sentence(made) == (
        "Cache hit rate -59.7 % (-37.0 points, 95 % interval -70 % to -50 %),"
        " below the -10 % limit."
    )


def test_an_absolute_limit():
    made = result(metric="cost_total", label="total cost", limit=">$10", baseline=None,
                  current=12_340_000_000_000, relative=None, interval=None, drivers=())  # fmt: skip
    assert sentence(made) == "Total cost $12.34, over the $10 limit."


def test_nothing_to_compare():
    made = result("inconclusive", baseline=None, current=None, relative=None, interval=None,
                  drivers=(), note="no feature is on both sides")  # fmt: skip
    assert sentence(made) == "Cost per call unknown: inconclusive, no feature is on both sides."


def test_tokens_are_counted_not_paid():
    made = result(kind="tokens", label="tokens per call", baseline=1000.0, current=1500.0,
                  relative=0.5, interval=None, drivers=())  # fmt: skip
    assert sentence(made) == "Tokens per call +50.0 % (+500), over the +10 % limit."


def test_features_that_pass_need_no_sentence():
    made = report(Verdict("pass", [result("pass", segment="chat")]))
    assert made.summary == ["1 checks: pass."]
    assert [table.title for table in made.tables] == ["Cost per call"]


def test_the_worst_comes_first():
    made = [result("pass"), result("warn", segment="a"), result("fail", segment="b")]
    texts = report(Verdict("fail", made)).summary
    assert [text[:21] for text in texts] == [
        "Cost per call of b +1", "Cost per call of a +1", "Cost per call +14.2 %",
    ]  # fmt: skip


def test_tables_hold_raw_values():
    rules, why = report(Verdict("fail", [result()])).tables
    assert [column.kind for column in rules.columns[2:5]] == ["usd", "usd", "change"]
    assert rules.rows[0][2:5] == (14_800_000_000, 16_900_000_000, 0.1418918)
    assert why.title == "Why: cost per call, overall"
    assert sum(row[2] for row in why.rows) == 2_100_000_000
    assert sum(row[3] for row in why.rows) == pytest.approx(1)


def test_the_json_document_is_as_published(golden):
    before = Baseline.from_units(planted(812, "v3", 1))
    rules = (
        Rule.parse({"id": "unit-cost", "metric": "cost_per_unit", "fail": "+10%", "warn": "+5%"}),
        *from_flags(["cost_total:>$1", "search/cache_hit_rate:-10%", "mix_effect:+5%"], []),
    )
    made = report(check(planted(1630, "v4", 2), before, rules))
    text = json.dumps(made.data, indent=1, ensure_ascii=False) + "\n"
    golden("check.json", text)
    assert "support-chat: template answer v3 → v4, context tokens per call" in made.summary[0]


def test_the_drivers_of_the_document_add_up():
    verdict = check(traffic(2, dearer=1.4), Baseline.from_units(traffic(1)))
    for rule in report(verdict).data["rules"]:
        amounts = [Decimal(driver["amount_usd"]) for driver in rule["drivers"]]
        assert amounts
        assert sum(amounts) == Decimal(rule["change"])
        assert Decimal(rule["current"]) - Decimal(rule["baseline"]) == Decimal(rule["change"])


@pytest.mark.parametrize(("verdict", "setting", "code"), [
    ("pass", "fail", ExitCode.OK), ("warn", "fail", ExitCode.OK),
    ("fail", "ignore", ExitCode.FAILED), ("inconclusive", "warn", ExitCode.OK),
    ("inconclusive", "fail", ExitCode.INCONCLUSIVE),
])  # fmt: skip
def test_exit_codes(verdict, setting, code):
    assert Verdict(verdict, (), on_inconclusive=setting).exit_code is code


def test_figures_for_people():
    assert [money(n) for n in (0, 5 * 10**12, 1_234_567 * 10**12, 2_140_000_000)] == [
        "$0.00", "$5.00", "$1,234,567.00", "$0.0021",
    ]  # fmt: skip
    assert [money(n, signed=True) for n in (0, 2_100_000_000, -70_000)] == [
        "$0.00", "+$0.0021", "-$0.000000070",
    ]  # fmt: skip
    assert [signed_percent(x, 0) for x in (0.001, -0.05, 12)] == ["0 %", "-5 %", "13 times"]
    assert [quantity(x) for x in (0, 1.25, Fraction(16301, 10))] == ["0", "1.2", "1,630"]
    assert percent(Fraction(31, 50)) == "62 %"


def test_a_written_baseline_says_where_and_of_what():
    made = written("book-1", ("2026-11-02", "2026-11-09"), 1234, "b.json")
    assert made.data["window"] == {"since": "2026-11-02", "until": "2026-11-09"}
    assert made.summary[0].startswith("b.json: the baseline of 1,234 calls.")
    assert written("", None, 1, "b.json").data["window"] == {"since": None, "until": None}
