"""What every lever keeps, whatever it does: on logs of many kinds, at many settings, with clear names.

A new lever is tested because it is there; it only has to say in `pulled` whether a second time
changes anything.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from costscope import plugins
from costscope.advise import recommend, simulate
from costscope.advise.bench import in_order
from costscope.levers._prefix import ordered, rehash
from costscope.levers._rows import FIRST_ADDED
from costscope.levers.interface import Lever
from costscope.model import Table, Workload
from costscope.prices.book import PriceBook
from costscope.reports.simulation import report
from tests.levers.made_logs import LOGS
from tests.levers.pulled import AGAIN, NOT_AGAIN, UNTRIED, anew, applied, eager, made, settings
from tests.workloads import FEES, same, shuffled, workload

LEVERS = plugins.names("levers")
LOG_COLUMNS = ("call_id", "session", "sent_at", "feature", "user_id", "status")
"""What a lever has no reason to change in a call that stays."""

every_lever = pytest.mark.parametrize("name", LEVERS)


@pytest.mark.parametrize("name", sorted(set(LEVERS) - UNTRIED.keys()))
def test_these_logs_have_something_for_it(name: str) -> None:
    touched = any(after is not before for _, _, before, after in applied(name))
    assert touched, f"no log has anything for {name}: add to made_logs.py, or a setting to EAGER"


@every_lever
def test_tables_keep_their_columns_types_and_order(name: str) -> None:
    for what, _, before, after in applied(name):
        for table in ("calls", "parts", "fees"):
            old, new = getattr(before, table).schema, getattr(after, table).schema
            assert list(old.items()) == list(new.items()), f"{what}: {table}"


@every_lever
def test_calls_have_numbers_of_their_own_and_parts_have_calls(name: str) -> None:
    for what, _, _, after in applied(name):
        assert after.calls["call_no"].is_unique().all(), what
        assert not after.calls["call_no"].has_nulls(), what
        lost = after.parts.join(after.calls, on="call_no", how="anti")
        assert lost.is_empty(), f"{what}: parts of calls that are gone: {lost}"


@every_lever
def test_parts_are_sorted_whole_and_never_negative(name: str) -> None:
    for what, _, _, after in applied(name):
        assert ordered(after.parts) is after.parts, f"{what}: not sorted by call_no, seq"
        assert after.parts["tokens"].null_count() == 0, what
        assert (after.parts["tokens"].min() or 0) >= 0, f"{what}: negative tokens"
        assert after.parts["billing_class"].null_count() == 0, what


@every_lever
def test_replies_are_billed_as_output_and_prompts_are_not(name: str) -> None:
    reply = pl.col("segment").cast(pl.String).is_in(["output", "reasoning"])
    for what, _, _, after in applied(name):
        wrong = after.parts.filter(reply != (pl.col("billing_class") == "output"))
        assert wrong.is_empty(), f"{what}: {wrong}"


@every_lever
def test_fees_are_whole_and_named_and_never_negative(name: str) -> None:
    for what, _, before, after in applied(name):
        assert dict(after.fees.schema) == FEES, what
        assert (after.fees["picodollars"].min() or 0) >= 0, what
        added = after.fees.join(before.fees, on=list(FEES), how="anti")
        assert set(added["lever"]) <= {name}, what
        assert added.null_count().sum_horizontal().sum() == 0, what
        assert all(text.strip() for text in (*added["reason"], *added["assumption"])), what


@every_lever
def test_added_calls_are_marked_and_on_a_call_s_account(name: str) -> None:
    for what, _, before, after in applied(name):
        new = after.calls.join(before.calls, on="call_no", how="anti")
        assert new["added"].all(), f"{what}: calls appeared that are not marked as added"
        assert set(new["lever"]) <= {name}, what
        assert (new["call_no"] >= FIRST_ADDED).all(), what
        assert new.join(before.calls, on="call_id", how="anti").is_empty(), f"{what}: nobody's call"


@every_lever
def test_what_the_log_says_of_a_call_that_stays_is_left_as_it_is(name: str) -> None:
    for what, _, before, after in applied(name):
        columns = ["call_no", *LOG_COLUMNS]
        stay = after.calls.filter(~pl.col("added")).select(columns)
        changed = stay.join(before.calls, on=columns, how="anti", nulls_equal=True)
        assert changed.is_empty(), f"{what}: {changed}"


@every_lever
def test_prefixes_are_those_of_what_is_left(name: str) -> None:
    for what, _, _, after in applied(name):
        own = after.parts.filter(pl.col("call_no") < FIRST_ADDED)
        anew = rehash(own)
        wrong = own.filter(own["prefix"] != anew["prefix"])
        assert wrong.is_empty(), f"{what}: prefixes were not made anew: {wrong}"


@every_lever
def test_the_same_in_makes_the_same_out_and_leaves_it_alone(name: str) -> None:
    for log, (what, lever, before, after) in zip(LOGS, applied(name), strict=False):
        fresh = anew(log)
        again = lever.apply(fresh)
        assert same(fresh, before), f"{what}: its argument was changed"
        assert same(again, after), f"{what}: another result for an equal log"
        kept = again is fresh or (again.log is fresh and again.texts is fresh.texts)
        assert kept, f"{what}: the what-if forgot its log or its texts"


def content(work: Workload) -> Counter[Any]:
    """What a workload holds, without numbers and order."""
    calls = work.calls.drop("call_no").rows()
    blocks = work.parts.drop("call_no").rows()
    by_call: dict[int, list[Any]] = {}
    for number, row in zip(work.parts["call_no"], blocks, strict=True):
        by_call.setdefault(number, []).append(row)
    numbers = work.calls["call_no"]
    found = [(row, tuple(by_call.get(n, ()))) for n, row in zip(numbers, calls, strict=True)]
    return Counter(found) + Counter(work.fees.rows())


@every_lever
def test_order_and_numbers_of_rows_do_not_matter(name: str) -> None:
    lever = eager(name)
    for log in ("slips", "oddities", "a mixture"):
        mixed = replace(shuffled(made(log), seed=len(log)), origin=None)
        one, other = content(lever.apply(made(log))), content(lever.apply(mixed))
        apart = [str(row)[:400] for row in (one - other) + (other - one)]
        assert not apart, f"{name} on {log} goes by the order or number of rows: {apart[:4]}"


@every_lever
def test_what_changes_nothing_returns_the_same_object(name: str) -> None:
    for what, _, before, after in applied(name):
        copied = after is not before and same(before, after)
        assert not copied, f"{what}: an equal copy was made"


def test_every_lever_says_whether_a_second_time_changes_anything() -> None:
    assert not AGAIN.keys() & NOT_AGAIN.keys()
    missing = set(LEVERS) - AGAIN.keys() - NOT_AGAIN.keys()
    assert not missing, f"put {sorted(missing)} into AGAIN or NOT_AGAIN, with the reason"


@pytest.mark.parametrize("name", [name for name in LEVERS if name in AGAIN])
def test_a_second_time_changes_nothing(name: str) -> None:
    for what, lever, _, after in applied(name)[: len(LOGS)]:
        twice = lever.apply(after)
        assert same(twice, after), f"{what}: a second time finds more"


@every_lever
def test_texts_are_read_at_most_twice_however_often_it_is_used(name: str) -> None:
    work, lever = anew("a mixture"), eager(name)
    for number in range(3):
        after = lever.apply(work)
        lever.notes(work, after)
        lever.details(work, after)
        reads = work.texts.reads
        assert reads <= 2, f"{name} read the log {reads} times after {number + 1} uses"


@every_lever
def test_its_other_settings_are_of_its_kind(name: str) -> None:
    lever = plugins.load("levers", name)()
    assert len(lever.scenarios()) == 2
    offered = (*lever.scenarios(), *getattr(lever, "variants", tuple)())
    assert all(type(other) is type(lever) for other in offered)
    assert all(hash(other) is not None for other in offered if not _has_tables(other))


def _has_tables(lever: Lever) -> bool:
    return any(isinstance(value, dict) for value in vars(lever).values())


def is_sentence(text: Any) -> bool:
    return (
        isinstance(text, str) and text.isprintable() and text == text.strip() and text[-1:] == "."
    )


@every_lever
def test_its_words_are_sentences(name: str) -> None:
    for what, lever, before, after in applied(name):
        action, notes = lever.action(before, after), lever.notes(before, after)
        assert is_sentence(action), f"{what}: {action!r}"
        assert not isinstance(notes, str), what
        for note in notes:
            assert is_sentence(note), f"{what}: {note!r}"


KINDS = {
    "text": str, "count": int, "tokens": int, "share": (int, float), "change": (int, float),
    "number": (int, float),
}  # fmt: skip


@every_lever
def test_its_details_are_tables_of_plain_values_without_money(name: str) -> None:
    for what, lever, before, after in applied(name):
        for table in lever.details(before, after):
            assert isinstance(table, Table), what
            assert table.title.isprintable(), what
            assert all(column.kind in KINDS for column in table.columns), f"{what}: {table.columns}"
            for row in table.rows:
                assert len(row) == len(table.columns), f"{what}: {row}"
                for cell, column in zip(row, table.columns, strict=True):
                    fits = cell is None or isinstance(cell, KINDS[column.kind])
                    assert fits, f"{what}: {cell!r} is no {column.kind}"
                    assert not isinstance(cell, str) or cell.isprintable(), f"{what}: {cell!r}"


@every_lever
def test_its_back_test_is_plain_figures(name: str) -> None:
    for log in LOGS:
        found = eager(name).backtest(made(log))
        for key, value in (found or {}).items():
            assert isinstance(key, str), log
            assert value is None or isinstance(value, (int, float, str, bool)), (
                f"{name}: {key} {value!r}"
            )


@every_lever
def test_nothing_to_do_in_an_empty_log(name: str) -> None:
    bare = workload()
    silent = bare.with_(calls=made("chats").calls)
    for lever in settings(name)[:2]:
        for work in (bare, silent):
            after = lever.apply(work)
            assert same(after, work) == (after is work), lever
            assert is_sentence(lever.action(work, after))
            assert not isinstance(lever.notes(work, after), str)
            assert all(isinstance(table, Table) for table in lever.details(work, after))
        idle = lever.apply(bare) is bare
        assert idle, f"{lever} changes a log without calls"
        assert not lever.backtest(bare), lever


@every_lever
def test_a_dearer_log_is_told_as_a_loss_and_never_recommended(name: str) -> None:
    lever, book = eager(name), PriceBook()
    for log in ("chats", "slips"):
        found = simulate(made(log), [lever], book)
        whole = found.levers[0]
        assert found.saved <= found.cost, f"{name} on {log} saves more than was spent"
        assert whole.interval.low <= whole.saved_alone <= whole.interval.high, f"{name} on {log}"
        if whole.saved_alone < 0:
            told = report(found, "simulate")
            assert told.data["levers"][0]["saved_alone_usd"].startswith("-"), f"{name} on {log}"
            assert "would cost" in told.summary[0], f"{name} on {log}: {told.summary[0]}"
            assert not recommend(made(log), [lever], book).levers, f"{name} on {log}"


def test_all_levers_together_keep_the_contract() -> None:
    work = made("a mixture")
    after = work
    for lever in in_order([eager(name) for name in LEVERS]):
        after = lever.apply(after)
        assert ordered(after.parts) is after.parts, f"after {lever.name}"
        assert after.calls["call_no"].is_unique().all(), f"after {lever.name}"
        assert after.parts.join(after.calls, on="call_no", how="anti").is_empty(), lever.name
        assert (after.parts["tokens"].min() or 0) >= 0, f"after {lever.name}"
        assert after.parts.schema == work.parts.schema, f"after {lever.name}"
        assert after.log is work, f"after {lever.name}"
