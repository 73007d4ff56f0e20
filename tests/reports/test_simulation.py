"""The report of simulate and recommend: the JSON contract, and what a stranger reads."""

from dataclasses import replace

import msgspec

from costscope.model import BreakEven, Column, Interval, Recommendation, Table
from costscope.reports.simulation import DAY_US, Front, HeldOut, Simulation, report

DOLLAR = 10**12

LEVER = Recommendation(
    name="routing", title="Send easy calls elsewhere",
    settings={"sticky": True, "keep": ("code",)}, calls=120, cost=8 * DOLLAR,
    saved=2 * DOLLAR, saved_alone=5 * DOLLAR, saved_share=3 * DOLLAR + 1,
    interval=Interval(-DOLLAR // 2, 6 * DOLLAR), monthly_saved=4 * DOLLAR, effort="medium",
    risk="medium", action="Send 120 easy calls to gpt-4o-mini.", prerequisites=("An evaluation.",),
    caveats=("Quality is not measured.",), evidence=("call-1", "call-2"),
)  # fmt: skip
CACHE = replace(
    LEVER, name="response_cache", title="Reuse answers", saved_share=4 * DOLLAR - 1, saved=5 * DOLLAR, risk="low",
    action="Answer 9 repeated requests from a cache.", backtest={"hits": 9, "same_answer": 8},
)  # fmt: skip
FOUND = Simulation(
    calls=400, cost=20 * DOLLAR, levers=(LEVER, CACHE), saved=7 * DOLLAR,
    interval=Interval(6 * DOLLAR, 8 * DOLLAR), monthly_saved=14 * DOLLAR, world="billed",
    window_us=15 * DAY_US, left_out=3, left_out_tokens=99, assumptions=("It stays like this.",),
)  # fmt: skip


def test_the_document_has_exactly_the_keys_of_the_contract():
    data = report(FOUND, "simulate").data
    assert list(data) == [
        "schema_version", "baseline", "levers", "combined", "fronts", "assumptions",
    ]  # fmt: skip
    assert data["baseline"] == {"calls": 400, "cost_usd": "20.00"}
    assert data["combined"] == {
        "cost_usd": "13.00", "saved_usd": "7.00",
        "interval": {"low_usd": "6.00", "high_usd": "8.00"}, "cumulative_usd": [],
        "held_out": None,
    }  # fmt: skip
    assert data["assumptions"] == ["It stays like this."]


def test_a_lever_in_the_document():
    assert report(FOUND, "simulate").data["levers"][0] == {
        "name": "routing", "action": "Send 120 easy calls to gpt-4o-mini.",
        "settings": {"sticky": True, "keep": ("code",)},
        "applies_to": {"calls": 120, "cost_usd": "8.00"}, "saved_usd": "2.00",
        "saved_alone_usd": "5.00", "saved_share_usd": "3.000000000001",
        "interval": {"low_usd": "-0.50", "high_usd": "6.00"}, "monthly_saved_usd": "4.00",
        "effort": "medium", "risk": "medium", "prerequisites": ["An evaluation."],
        "caveats": ["Quality is not measured."], "evidence": ["call-1", "call-2"], "backtest": {},
        "break_even": None, "breakdown": {}, "details": [],
    }  # fmt: skip


def test_what_a_lever_found_out_stands_in_the_document_and_under_simulate():
    curve = Table("Hits by hour", (Column("hour", "count"), Column("hits", "share")), [(9, 0.5)])
    found = replace(FOUND, levers=[replace(LEVER, details=(curve,)), CACHE])
    assert report(found, "simulate").data["levers"][0]["details"] == [
        {
            "title": "Hits by hour", "rows": [[9, 0.5]],
            "columns": [{"name": "hour", "kind": "count"}, {"name": "hits", "kind": "share"}],
        }
    ]  # fmt: skip
    assert report(found, "simulate").tables[-1] is curve
    assert curve not in report(found, "recommend").tables


def test_what_shorter_prompts_save_and_what_they_break():
    parts = {"fewer_tokens": 8 * DOLLAR, "added_calls": -DOLLAR, "broken_cache": -2 * DOLLAR}
    cut = replace(LEVER, breakdown=parts)
    found = report(replace(FOUND, levers=[cut]), "simulate")
    assert found.data["levers"][0]["breakdown"] == {
        "fewer_tokens_usd": "8.00", "added_calls_usd": "-1.00", "broken_cache_usd": "-2.00",
    }  # fmt: skip
    assert (
        "1. Of this, fewer tokens save $8.00, the calls it adds cost $1.00, and the cache it breaks "
        "costs $2.00: $5.00 by itself."
    ) in found.notes
    better = replace(LEVER, breakdown={**parts, "added_calls": 0, "broken_cache": DOLLAR})
    (said,) = [
        text
        for text in report(replace(FOUND, levers=[better]), "simulate").notes
        if "Of this" in text
    ]
    assert "more of what is left is cached, which saves $1.00" in said


IDLE = replace(
    LEVER, name="batching", title="Batch", calls=0, saved=0, saved_alone=0, saved_share=0,
    caveats=("It may be late.",),
)  # fmt: skip


def test_what_found_nothing_is_one_line_for_people_and_whole_in_the_document():
    found = report(replace(FOUND, levers=(LEVER, IDLE, CACHE)), "simulate")
    assert [row[1] for row in found.tables[0].rows] == [
        "Reuse answers",
        "Send easy calls elsewhere",
    ]
    assert "Nothing found to change: Batch." in found.notes
    assert not any("It may be late." in text for text in found.notes)
    assert found.summary[0].startswith("Together these 2 changes")
    assert [x["name"] for x in found.data["levers"]] == ["routing", "batching", "response_cache"]
    alone = report(replace(FOUND, levers=(IDLE,)), "simulate")
    assert [row[1] for row in alone.tables[0].rows] == ["Batch"]


def test_several_changes_that_find_nothing_have_no_rank():
    found = report(replace(FOUND, levers=(IDLE, replace(IDLE, title="Pack")), saved=0), "simulate")
    assert found.summary == ["None of these changes would save anything of $20.00."]
    assert found.tables == ()
    assert found.notes == ("Nothing found to change: Batch; Pack.", "It stays like this.")


def test_without_a_price_a_saving_is_unknown_and_not_nothing():
    found = replace(FOUND, calls=0, cost=0, saved=0, levers=(IDLE, IDLE))
    assert report(found, "recommend").summary == [
        "No call has a known price, so what these changes would save is unknown."
    ]


def test_a_last_third_without_a_bill_checks_nothing():
    found = report(replace(RANKED, held_out=HeldOut(0, 0)), "recommend")
    assert found.notes[0].endswith("in the last third nothing was paid, so nothing checks them.")


def test_a_short_log_is_not_told_in_tenths_of_an_hour():
    said = [
        report(replace(FOUND, window_us=span), "simulate").summary[0].split("; the range")[0]
        for span in (0, 90 * 1_000_000, DAY_US // 12)
    ]
    assert [text.partition("(35%)")[2] for text in said] == [
        "", " in 1.5 minutes of traffic", " in 2.0 hours of traffic",
    ]  # fmt: skip


def test_what_rounds_to_all_of_it_is_nearly_all_of_it():
    most = replace(RANKED, cumulative=(7 * DOLLAR - 1, 7 * DOLLAR))
    assert report(most, "recommend").summary[0].endswith("The first one gives nearly all of it.")


def test_when_a_change_pays_for_its_fees():
    hosted = replace(LEVER, break_even=BreakEven(1_200, None))
    trained = replace(LEVER, break_even=BreakEven(None, 5_000))
    never = replace(LEVER, break_even=BreakEven(None, None))
    said = [report(replace(FOUND, levers=[x]), "simulate").notes for x in (hosted, trained, never)]
    assert "1. It pays from 1,200 calls a month on." in said[0]
    assert "1. What is paid once has been earned after 5,000 calls." in said[1]
    assert any(
        text.startswith("1. No number of calls that it could answer pays") for text in said[2]
    )
    document = report(replace(FOUND, levers=[hosted]), "simulate").data["levers"][0]
    assert document["break_even"] == {"calls_a_month": 1_200, "calls_in_all": None}


def test_the_document_is_json_and_unknown_is_null():
    brief = replace(FOUND, levers=[replace(CACHE, monthly_saved=None)], monthly_saved=None)
    lever = msgspec.json.decode(msgspec.json.encode(report(brief, "recommend").data))["levers"][0]
    assert lever["monthly_saved_usd"] is None
    assert lever["backtest"] == {"hits": 9, "same_answer": 8}


def test_the_summary_is_one_sentence_a_stranger_understands():
    assert report(FOUND, "recommend").summary == [
        "Together these 2 changes would save $7.00 of $20.00 (35%) in 15.0 days of traffic; the "
        "range is $6.00 to $8.00. At this pace that is $14.00 in 30 days."
    ]


RANKED = replace(
    FOUND, levers=(CACHE, LEVER), cumulative=(6 * DOLLAR, 7 * DOLLAR),
    held_out=HeldOut(8 * DOLLAR, 2 * DOLLAR),
    fronts=(Front("low", "medium", ["response_cache"], 5 * DOLLAR),
            Front("medium", "medium", ["response_cache", "routing"], 7 * DOLLAR)),
)  # fmt: skip


def test_recommendations_say_what_the_best_give_and_what_more_risk_buys():
    found = report(RANKED, "recommend")
    assert found.data["combined"]["cumulative_usd"] == ["6.00", "7.00"]
    assert found.data["combined"]["held_out"] == {"cost_usd": "8.00", "saved_usd": "2.00"}
    assert found.data["fronts"][0] == {
        "risk": "low", "effort": "medium", "levers": ["response_cache"], "saved_usd": "5.00",
    }  # fmt: skip
    assert found.summary[0].endswith("in 30 days. The first one gives 86% of it.")
    assert "these changes save $2.00 of $8.00 (25%). What a change reads off" in found.notes[0]
    _, adding_up, mixes = found.tables
    assert [row[-1] for row in adding_up.rows] == [6 / 7, 1.0, None]
    assert mixes.rows[1] == [
        "medium",
        "medium",
        7 * DOLLAR,
        0.35,
        "Reuse answers; Send easy calls elsewhere",
    ]


def test_the_summary_of_one_of_a_loss_of_little_and_of_nothing():
    one = replace(
        FOUND, levers=[LEVER], saved=-DOLLAR // 100, interval=Interval(-DOLLAR, 0),
        window_us=DAY_US // 12, monthly_saved=None,
    )  # fmt: skip
    assert report(one, "simulate").summary == [
        "This change would cost $0.0100 more, on top of $20.00 (0%) in 2.0 hours of traffic; the "
        "range is -$1.00 to $0.0000."
    ]
    nothing = report(replace(FOUND, levers=[], saved=0), "recommend")
    assert nothing.summary == ["None of these changes would save anything of $20.00."]
    assert nothing.tables == ()


def test_the_ranking_shows_the_best_first_with_its_range_effort_and_risk():
    ranking = report(FOUND, "recommend").tables[0]
    assert [column.name for column in ranking.columns] == [
        "", "what to do", "saves", "of the bill", "low", "high", "effort", "risk", "calls",
    ]  # fmt: skip
    assert ranking.rows[0] == [
        1, "Reuse answers", 5 * DOLLAR, 0.25, -DOLLAR // 2, 6 * DOLLAR,
        "medium", "low", 120,
    ]  # fmt: skip
    assert ranking.rows[1][:2] == [2, "Send easy calls elsewhere"]


def test_the_second_table_adds_up():
    adding = report(FOUND, "simulate").tables[1]
    *levers, total = adding.rows
    assert levers[1][:4] == ["Send easy calls elsewhere", 5 * DOLLAR, 2 * DOLLAR, 3 * DOLLAR + 1]
    assert total == ["All together", 7 * DOLLAR, 7 * DOLLAR, 7 * DOLLAR, 1.0]
    assert [sum(row[i] for row in levers) for i in (2, 3)] == total[2:4]
    assert len(report(replace(FOUND, levers=[LEVER]), "simulate").tables) == 1


def test_a_loss_has_no_shares():
    loss = report(replace(FOUND, saved=-DOLLAR), "simulate").tables[1]
    assert {row[4] for row in loss.rows} == {None}


def test_what_to_do_and_to_mind_is_told_by_rank_and_assumptions_come_last():
    assert report(FOUND, "simulate").notes == (
        "1. Answer 9 repeated requests from a cache.", "1. Needs: An evaluation.",
        "1. Mind: Quality is not measured.", "1. Checked on this log: hits 9, same answer 8.",
        "2. Send 120 easy calls to gpt-4o-mini.", "2. Needs: An evaluation.",
        "2. Mind: Quality is not measured.", "It stays like this.",
    )  # fmt: skip


def test_a_backtest_shows_shares_in_per_cent_and_counts_with_separators():
    checked = replace(LEVER, backtest={"calls": 2349, "error": -0.00012})
    notes = report(replace(FOUND, levers=[checked]), "simulate").notes
    assert "1. Checked on this log: calls 2,349, error -0.01 %." in notes
