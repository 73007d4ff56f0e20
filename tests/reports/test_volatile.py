"""Parts of system prompts that no two conversations share: means, places, and what is too rare."""

from typing import Any

from costscope.reports.volatile import document, tables


def row(nth: int, calls: int, **more: Any) -> dict[str, Any]:
    said = {"feature": "chat", "block": 1, "nth": nth, "last": nth, "calls": calls,
            "conversations": calls // 2, "of_calls": 100, "of_conversations": 50,
            "position": 7 * calls, "tokens": 12 * calls, "after": 900 * calls}  # fmt: skip
    return {**said, **more}


def test_means_are_over_the_calls_that_have_it() -> None:
    (said,) = document([row(0, 40)])
    assert said == {
        "feature": "chat", "block": 1, "span": 1, "calls": 40, "share_of_calls": 0.4,
        "conversations": 20, "position_tokens": 7, "tokens": 12, "tokens_after": 900,
    }  # fmt: skip
    assert document([row(-1, 40, feature="")])[0]["feature"] is None
    assert document([row(-1, 40)])[0]["span"] is None


def test_places_are_told_in_words_and_the_gravest_comes_first() -> None:
    (table,) = tables([row(4, 20), row(0, 40, last=2), row(-1, 30, block=2)])
    assert [r[1] for r in table.rows] == [
        "block 1, line 1 to 3 at most", "block 2, all of it", "block 1, line 5",
    ]  # fmt: skip
    assert table.rows[0][4:] == (40, 0.4, 2.0, 900)


def test_what_few_calls_have_is_for_the_json_alone() -> None:
    assert tables([row(0, 9)]) == []
    assert len(document([row(0, 9)])) == 1
