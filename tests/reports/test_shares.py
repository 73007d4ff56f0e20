"""Shares of tokens and cost by segment and group: what is unknown is no share of anything."""

from costscope.reports.bill import Totals
from costscope.reports.shares import TOP, tables

NAMES = {"system": "system prompt", "query": "query", "output": "reply"}


def group(system: int, query: int, *, priced: bool = True) -> Totals:
    found = Totals(calls=1)
    found.tokens["fresh"] = system + query
    found.segment_tokens |= {"system": system, "query": query}
    if priced:
        found.segment_priced |= {"system": system, "query": query}
        found.segment_cost |= {"system": 2 * system, "query": query}
        found.cost, found.priced_tokens = 2 * system + query, system + query
    return found


def test_each_group_is_a_row_of_shares_that_add_up() -> None:
    tokens, cost = tables(["feature", "day"], [(("chat", None), group(30, 10))], NAMES)
    assert tokens.title == "Tokens by part of the prompt and feature, day"
    assert [c.name for c in tokens.columns] == [
        "feature",
        "day",
        "tokens",
        "system prompt",
        "query",
    ]
    assert list(tokens.rows) == [("chat", "(none)", 40, 0.75, 0.25)]
    assert list(cost.rows) == [("chat", "(none)", 70, 60 / 70, 10 / 70)]


def test_without_a_price_there_is_no_share_of_cost() -> None:
    _, cost = tables(["feature"], [(("jobs",), group(3, 0, priced=False))], NAMES)
    assert list(cost.rows) == [("jobs", None, None)]


def test_many_groups_are_cut_and_said_so() -> None:
    many = [((f"f{n}",), group(1, 1)) for n in range(TOP + 4)]
    tokens, _ = tables(["feature"], many, NAMES)
    assert len(tokens.rows) == TOP
    assert tokens.note.startswith("4 more")
