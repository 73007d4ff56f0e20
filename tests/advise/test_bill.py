"""What a what-if changes call by call, and which calls it touches."""

from __future__ import annotations

from weakref import ref

import numpy as np
import polars as pl

from costscope.advise.bill import NOTHING, Bill, Changes, Costs
from costscope.advise.touched import touched
from costscope.levers._rows import added
from tests.advise.pulling import PriceList, drop, move, shrink
from tests.workloads import call, part, workload

BOOK = PriceList()


def log():
    """Three calls of 1,000, 2,000 and (no price) 30 tokens."""
    return workload(
        call("a", part("query", 10, "a"), session="s"),
        call("b", part("query", 20, "b"), session="s"),
        call("c", part("query", 30, "c"), model="unheard-of"),
    )


def costs(work):
    return Costs.of(*BOOK.paid(work))


def bill(work):
    return Bill(work.calls, costs(work), costs(work))


def changes(work, after):
    found = bill(work).changes(after.calls, costs(after))
    return dict(zip(found.rows.tolist(), found.more.tolist(), strict=True)), found.unknown.tolist()


def adding(**columns):
    """A call of 7 tokens for the call "a"."""

    def change(work):
        rows = work.calls.filter(pl.col("call_id") == "a").select(
            "call_no", "model", input_tokens=pl.lit(7), output_tokens=pl.lit(0)
        )
        after = added(work, rows, "x")
        new = [pl.when("added").then(pl.lit(v)).otherwise(k).alias(k) for k, v in columns.items()]
        return after.with_(calls=after.calls.with_columns(new))

    return change


def test_only_what_costs_something_else_is_told():
    assert changes(log(), shrink(2, "a")(log())) == ({0: -500}, [])
    assert changes(log(), log()) == ({}, [])


def test_a_call_that_is_gone_saves_its_bill_and_one_without_a_price_is_unknown():
    assert changes(log(), drop("a", "c")(log())) == ({0: -1_000}, [])
    assert changes(log(), move("model", "unheard-of", "b")(log())) == ({}, [1])


def test_an_added_call_belongs_to_the_first_that_has_its_id():
    work = log()
    assert changes(work, adding()(work)) == ({0: 700}, [])
    twice = work.with_(calls=work.calls.with_columns(call_id=pl.lit("a")))
    assert bill(twice).added(adding()(work).calls, costs(adding()(work))).rows.tolist() == [0]
    assert changes(work, adding(model="unheard-of")(work)) == ({}, [0])
    assert changes(work, drop("a")(adding()(work))) == ({0: -1_000}, [])


def test_a_bill_is_gone_with_its_last_use():
    work = log()
    grown, found = adding()(work), bill(work)
    assert found.changes(grown.calls, costs(grown)).rows.tolist() == [0]
    left = ref(found)
    del found
    assert left() is None


def test_an_added_call_that_belongs_to_none_is_on_a_row_of_its_own():
    work = log()
    assert changes(work, adding(call_id="stranger")(work)) == ({3: 700}, [])
    assert bill(work).clusters.tolist() == [1, 1, 0, 2]


def test_models_without_a_price_are_counted_but_for_calls_that_had_none_before():
    work = log()
    after = move("model", "new", "b", "c")(work)
    assert bill(work).unpriced(after.calls, costs(after)) == {"new": 1}
    assert bill(work).unpriced(work.calls, costs(work)) == {}


def test_amounts_of_any_size():
    large = 10**30
    found = Costs.of(np.array([large, 7, 5], object), np.array([0, 3, 0]))
    assert found.picodollars.tolist() == [large, 0, 5]
    assert found.known.tolist() == [True, False, True]


def test_the_dearest_are_those_that_cost_most_then_by_id_each_once():
    sizes = [1, 9, 9, 3, 2] + [1] * 40
    ids = [*"edcba", *["f"] * 40]
    calls = [
        call(name, part("query", size, str(n)))
        for n, (name, size) in enumerate(zip(ids, sizes, strict=True))
    ]
    many = bill(workload(*calls))
    assert many.dearest(np.arange(45), 2) == ["c", "d"]
    assert many.dearest(np.arange(45), 6) == ["c", "d", "b", "a", "e", "f"]
    assert many.dearest(np.arange(5, 45), 3) == ["f"]
    assert many.dearest(np.arange(0), 3) == []


def test_rows_are_left_out():
    some = Changes(np.array([1, 4, 6]), np.array([10, 40, 60]), np.array([2]))
    assert some.without(np.array([4, 5])).more.tolist() == [10, 60]
    assert some.without(np.array([], np.int64)) is some
    assert NOTHING.without(np.array([1])).more.tolist() == []


def names(work, found):
    return work.calls.filter(pl.col("call_no").is_in(found.tolist()))["call_id"].to_list()


def test_what_is_touched():
    work = log()
    for change, expected in (
        (shrink(2, "b"), ["b"]), (drop("a"), ["a"]), (move("tier", "batch", "c"), ["c"]),
        (move("region", "eu", "a", "b"), ["a", "b"]), (adding(), ["a"]), (move("status", "x"), []),
        (lambda w: adding()(drop("b")(shrink(3, "c")(w))), ["a", "b", "c"]),
        (lambda w: w.with_(calls=w.calls.reverse()), []),
    ):  # fmt: skip
        assert names(work, touched(work, change(work))) == expected
    assert touched(work, work).tolist() == []


def test_a_call_that_moved_is_touched_though_the_column_reads_the_same():
    # "a" goes, "b" is answered by the model of "a", and a call to the old model of "b" is added.
    work = workload(call("a", part("query", 10)), call("b", part("query", 20), model="half"))
    moved = work.with_(calls=work.calls.with_columns(model=pl.lit("gpt-4o")))
    after = drop("a")(adding(model="half", call_id="b")(moved))
    assert after.calls["model"].to_list() == work.calls["model"].to_list()
    assert names(work, touched(work, after)) == ["a", "b"]
    after = after.with_(calls=after.calls.with_columns(call_id=pl.lit("nobody's")))
    assert names(work, touched(work, after)) == ["a", "b"]
