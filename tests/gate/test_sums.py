"""Frames become sums: whatever the order, with what is missing left out and said."""

import polars as pl
import pytest

from costscope.errors import InputError
from costscope.gate.sums import listed, measure
from tests.gate.frames import RATES, bare, call, frame, traffic


def test_moments_by_feature_and_overall():
    sums = measure(frame([
        call("a", fresh=10, output=1), call("a", fresh=20, output=2, status="error"),
        call("b", fresh=40, cache_read=60, feature="search"),
    ]))  # fmt: skip
    chat = sums.features["chat"].sums
    assert (chat["clusters"], chat["calls"], chat["failed"], chat["tokens"]) == (1, 2, 1, 33)
    assert chat["cost"] == 30 * RATES["fresh"] + 3 * RATES["output"]
    assert sums.features["search"].sums["cache_read"] == 60
    assert sums.overall.sums["clusters"] == 2
    assert sums.features["chat"].products["tokens*calls"] == 66


def test_the_order_of_rows_does_not_matter():
    units = traffic(1)
    assert measure(units) == measure(units.sample(fraction=1, shuffle=True, seed=4))


def test_a_conversation_in_two_features_is_a_pair_with_residuals_that_cancel_nothing():
    rows = [call("a", fresh=100), call("b", fresh=300)]
    rows += [call("a", fresh=10, feature="x"), call("b", fresh=30, feature="x")]
    sums = measure(frame(rows))
    assert list(sums.pairs) == [("chat", "x")]
    # Residuals of cost per call: -100 and +100 tokens, -10 and +10 tokens.
    assert sums.pairs["chat", "x"][0] == pytest.approx(2000 * RATES["fresh"] ** 2)
    assert sums.overall.sums["clusters"] == 2


def test_calls_without_a_price_are_left_out_and_counted():
    sums = measure(frame([
        call(fresh=100), call(fresh=300, pd=None, unpriced_tokens=300), call(fresh=50, pd=None),
    ]))  # fmt: skip
    assert (sums.overall.sums["calls"], sums.dropped_calls) == (1, 2)
    assert (sums.tokens, sums.unpriced_tokens) == (450, 350)


def test_nothing_priced_is_an_error():
    with pytest.raises(InputError, match="no call of this log has a price"):
        measure(frame([call(fresh=10, pd=None)]))


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="lack the columns pd, status"):
        measure(traffic(1, 2).drop("pd", "status"))


def test_cells_hold_tokens_and_money_by_class():
    [cell] = measure(frame([call(fresh=10, cache_read=5, output=2, seg_query=4)])).cells
    assert cell.tokens == {"fresh": 10, "cache_read": 5, "cache_write": 0, "output": 2}
    assert cell.cost["cache_read"] == 5 * RATES["cache_read"]
    assert (cell.parts["query"], cell.parts["unattributed"], cell.cost["other"]) == (4, 11, 0)


def test_what_is_not_for_tokens_is_other():
    row = call(fresh=10, cache_write=0)
    [cell] = measure(frame([{**row, "pd": row["pd"] + 77}])).cells
    assert cell.cost["other"] == 77
    [cell] = measure(bare(frame([call(pd=500)]))).cells
    assert cell.cost["other"] == 500


def book(items, rates=RATES):
    return [sum(n * rates[c] for c, n in item[4].items()) for item in items]


def test_a_book_splits_the_cost_where_the_frame_does_not():
    units = traffic(2, 10)
    assert measure(bare(units), book).cells[0].cost == measure(units).cells[0].cost


def test_without_either_the_cost_is_split_by_tokens():
    [cell] = measure(bare(frame([call(fresh=30, output=10)]))).cells
    assert cell.cost["fresh"] == 3 * cell.cost["output"]


def test_segments_above_the_input_are_scaled_down():
    [cell] = measure(frame([{**call(fresh=10), "seg_query": 30, "seg_unattributed": 0}])).cells
    assert sum(v for k, v in cell.parts.items() if k != "reasoning") == 10


def test_a_book_is_asked_only_for_what_was_spent():
    asked = []

    def nothing(items):
        asked.extend(items)
        return [None for _ in items]

    [cell] = listed(measure(frame([call(fresh=10, output=3)])).cells, nothing)
    assert [(item[0], item[1], item[4]) for item in asked] == [
        ("large", "acme", {"fresh": 10}), ("large", "acme", {"output": 3}),
    ]  # fmt: skip
    assert cell.listed is None


@pytest.mark.parametrize("name", [None, ""])
def test_empty_names_are_none(name):
    units = frame([call(fresh=1)]).with_columns(template=pl.lit(name, pl.String))
    assert measure(units).cells[0].key.template == "(none)"


def test_the_share_of_the_dearest_clusters():
    sums = measure(frame([call(str(i), fresh=1 if i else 901) for i in range(100)]))
    assert sums.top_share == 0.901
