"""Rules of the user on the way into the store: in every process, kept apart by file, and read again on demand."""

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from costscope.config.segment_rules import parsed
from costscope.explain.suggest import suggestions
from costscope.filters import Reading, SegmentRule
from costscope.ingest import load
from costscope.ingest.load import Ingested
from costscope.ingest.passing import passing
from costscope.reports.attribution import toml
from costscope.store import Store
from tests.ingest.logs import call, write
from tests.ingest.test_learn import asked

RULE = SegmentRule("chat", "context", regex="Question ([0-9]+)", role="user")
OTHER = SegmentRule("chat", "system", regex="Question ([0-9]+)", role="user")


def read(store: Path, *logs: Path, **how: Any) -> Ingested:
    with Store.open(store, create=True) as opened:
        return load.ingest(opened, [str(log) for log in logs], **how)


def decided(store: Path) -> Counter[tuple[str, str]]:
    """Tokens by segment and rule."""
    with Store.open(store, create=False) as opened:
        opened.scope("true", [], {})
        return counted(opened)


def counted(opened: Store) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for row in opened.table("attribution").to_pylist():
        found[row["segment"], row["rule"]] += row["tokens"]
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "a.jsonl", [call(n) for n in range(12)])


def test_processes_have_the_rules(store: Path, log: Path) -> None:
    other = write(log.with_name("b.jsonl"), [call(n) for n in range(12, 24)])
    read(store, log, other, rules=(RULE,), processes=2)
    here = store.with_name("here.duckdb")
    read(here, log, other, rules=(RULE,), processes=1)
    assert decided(store)["context", "user"] == decided(here)["context", "user"] > 0


def test_the_bill_is_the_same_with_rules_and_without(store: Path, log: Path) -> None:
    read(store, log, rules=(RULE,))
    plain = store.with_name("plain.duckdb")
    read(plain, log)
    assert sum(decided(store).values()) == sum(decided(plain).values()) == 12 * 47 + 66
    assert ("context", "user") not in decided(plain)


def test_other_rules_are_noted_until_the_files_are_read_again(store: Path, log: Path) -> None:
    assert read(store, log, rules=(RULE,)).other_rules == 0
    assert read(store, log, rules=(RULE,)).other_rules == 0
    before = decided(store)
    changed = read(store, log, rules=(OTHER,))
    assert (changed.other_rules, changed.unchanged, changed.added.new) == (1, 1, 0)
    assert decided(store) == before
    again = read(store, log, rules=(OTHER,), again=True)
    assert (again.other_rules, again.unchanged, again.added.new) == (0, 0, 12)
    assert decided(store)["context", "user"] == 0 < decided(store)["system", "user"]
    assert sum(decided(store).values()) == sum(before.values())
    assert read(store, log).other_rules == 1


def test_files_are_known_one_by_one(store: Path, log: Path) -> None:
    read(store, log)
    other = write(log.with_name("b.jsonl"), [call(n) for n in range(12, 24)])
    assert read(store, other, rules=(RULE,)).other_rules == 1
    assert read(store, other).other_rules == 1
    assert read(store, log, rules=(RULE,), again=True).other_rules == 0


def test_what_grew_under_other_rules_is_still_of_the_old_ones(store: Path, log: Path) -> None:
    read(store, log)
    with log.open("a") as file:
        file.write(json.dumps(call(50)) + "\n")
    grown = read(store, log, rules=(RULE,))
    assert (grown.added.new, grown.other_rules) == (1, 1)


def test_again_without_rules_changes_nothing(store: Path, log: Path) -> None:
    read(store, log)
    before = decided(store)
    found = read(store, log, again=True)
    assert (found.added.new, found.added.duplicates) == (12, 0)
    assert decided(store) == before
    with Store.open(store, create=False) as opened:
        assert opened.count() == 12


def test_logs_that_are_only_passed_through_are_cut_too(log: Path) -> None:
    with passing([str(log)], Reading(rules=(RULE,)), None) as opened:
        opened.scope("true", [], {})
        assert counted(opened)["context", "user"] > 0


def test_suggested_rules_give_what_was_learned(store: Path, tmp_path: Path) -> None:
    log = write(tmp_path / "b.jsonl", [asked(n) for n in range(30)])
    read(store, log)
    learned = decided(store)
    with Store.open(store, create=False) as opened:
        (found,) = suggestions(opened, "cha?")
    assert (found.feature, found.role, found.texts, found.looked) == ("chat", "user", 30, 30)
    assert found.agreement > 0.99
    rows = tomllib.loads(toml("chat", [found]))["attribute"]["rules"]
    read(store, log, rules=parsed(rows, "x"), again=True)
    stated = decided(store)
    for segment in ("context", "query"):
        share = stated[segment, "user"] / learned[segment, "learned"]
        assert 0.9 < share < 1.1
    assert ("context", "learned") not in stated


def test_nothing_is_suggested_where_nothing_was_learned(store: Path, log: Path) -> None:
    read(store, log)
    with Store.open(store, create=False) as opened:
        assert suggestions(opened, "chat") == []
        assert suggestions(opened, "else") == []
