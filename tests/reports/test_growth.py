"""Growth of prompts from sums: means, what is shown of many features, and what is not known."""

from typing import Any

from costscope.reports.growth import FEATURES, cost_each, document, tables


def row(feature: str, to: int, history: int, **more: Any) -> dict[str, Any]:
    said = {"from": to, "to": to, "calls": 4, "input_tokens": 4000, "history_tokens": history,
            "system_tokens": 800, "priced_calls": 4, "picodollars": 8 * 10**9}  # fmt: skip
    return {"feature": feature, **said, **more}


def over(start: str, system: int, **more: Any) -> dict[str, Any]:
    known = {"template": "answer", "period": "day", "start": start, "system_tokens": system}
    return row("chat", 0, 0, **known, **more)


def test_turns_are_means_a_call() -> None:
    steps = [row("chat", 1, 0), row("chat", 8, 3000, **{"from": 5})]
    (table,) = tables(steps, [], [])
    assert list(table.rows) == [
        ("chat", "1", 4, 1000, 0, 0.0, 2 * 10**9), ("chat", "5 to 8", 4, 1000, 750, 0.75, 2 * 10**9),
    ]  # fmt: skip


def test_what_does_not_grow_is_no_table() -> None:
    flat = [row("chat", 1, 0), row("chat", 2, 0)]
    assert tables([row("chat", 1, 9)], flat, [over("2026-11-01", 10)]) == []
    said = document([row("chat", 1, 9)], flat, [over("2026-11-01", 10)])
    assert [len(said[name]) for name in ("by_turn", "by_call", "over_time")] == [1, 2, 1]


def test_calls_that_are_the_turns_are_not_shown_twice() -> None:
    steps = [row("chat", 1, 0), row("chat", 2, 8)]
    assert [t.title for t in tables(steps, steps, [])] == [
        "How prompts grow by turn of the conversation"
    ]
    agent = [row("agent", 1, 0), row("agent", 2, 80)]
    titles = [t.title for t in tables(steps, [*agent, *steps], [])]
    assert titles[1] == "How prompts grow by call of the conversation"
    assert {r[0] for r in tables(steps, [*agent, *steps], [])[1].rows} == {"agent"}


def test_only_the_largest_features_are_shown() -> None:
    steps = [row(f"f{n}", to, 5, input_tokens=n) for n in range(FEATURES + 2) for to in (1, 2)]
    (table,) = tables(steps, [], [])
    assert len({r[0] for r in table.rows}) == FEATURES
    assert table.note == "2 more features in --json"
    assert table.rows[0][0] == f"f{FEATURES + 1}"


def test_over_time_the_first_is_compared_with_the_last() -> None:
    days = [over("2026-11-01", 400), over("2026-11-02", 0), over("2026-11-03", 600, input_tokens=0)]
    (table,) = tables([], [], days)
    assert list(table.rows) == [
        ("chat", "answer", "2026-11-01", "2026-11-03", 100, 150, 0.5, 1000, 0, -1.0)
    ]
    assert "first and in the last day" in table.note


def test_unknown_cost_is_unknown() -> None:
    unpriced = row("chat", 1, 0, picodollars=None, priced_calls=0)
    assert cost_each(unpriced) is None
    assert document([unpriced], [], [])["by_turn"][0]["cost_usd"] is None
