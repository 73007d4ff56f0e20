"""What an ingest says: the contract's keys, and skips with their places."""

from costscope.model import Skipped
from costscope.reports.bill import Totals
from costscope.reports.ingest import report

COUNTS = {
    "files": 3, "bytes": 900, "unchanged": 1, "lines": 12, "lines_with_calls": 7,
    "lines_skipped": 1, "calls": 8, "new_calls": 5,
    "updated_calls": 1, "duplicates": 2, "skipped": 1, "ignored": 4, "other_rules": 0,
}  # fmt: skip
SKIPS = [Skipped("a.jsonl", 7, "not valid JSON")]


def bill() -> Totals:
    found = Totals(calls=8, priced_tokens=90, cost=5 * 10**11)
    found.tokens["fresh"] = 100
    found.segment_tokens["unattributed"] = 25
    return found


def test_the_document_has_the_keys_of_the_contract() -> None:
    data = report(
        COUNTS, {"rows": 2, "claude_code": 1}, bill(), SKIPS, ["b.bin: a binary file"]
    ).data
    assert {**data, **COUNTS} == data
    assert (data["tokens"], data["cost_usd"]) == (100, "0.50")
    assert (data["priced_token_share"], data["unattributed_token_share"]) == (0.9, 0.25)
    assert list(data["readers"]) == ["claude_code", "rows"]
    assert data["skipped_examples"] == [
        {"source": "a.jsonl", "line": 7, "reason": "not valid JSON"}
    ]
    assert data["refused"] == ["b.bin: a binary file"]


def test_people_see_skips_and_refused_files() -> None:
    found = report(COUNTS, {"rows": 2}, bill(), SKIPS, ["b.bin: a binary file"])
    assert found.tables[1].rows == [("a.jsonl", 7, "not valid JSON")]
    assert "Not read: b.bin: a binary file" in found.notes
    assert "5 new calls, 1 updated, 2 known already, 1 record skipped" in found.summary[0]


def test_other_rules_are_told_with_the_way_out() -> None:
    assert not any("--again" in note for note in report(COUNTS, {}, bill(), [], []).notes)
    (note,) = report({**COUNTS, "other_rules": 3}, {}, bill(), [], []).notes[-1:]
    assert note.startswith("3 files were read with other [attribute] rules")
    assert "`costscope ingest --again LOGS`" in note


def test_without_prices_the_cost_is_unknown() -> None:
    found = bill()
    found.priced_tokens = found.cost = 0
    assert report(COUNTS, {}, found, [], []).data["cost_usd"] is None
