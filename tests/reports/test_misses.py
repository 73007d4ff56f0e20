"""Why caches missed, as data and as people read it."""

from costscope.model import Report
from costscope.reports.misses import Finding, Misses, Unexplained, extended

BASE = Report("simulate", "What if", {"schema_version": 1}, notes=("Said before.",))
NOTHING = Unexplained(0, 0, 0)


def finding(**more):
    told = {
        "cause": "volatile", "title": "Volatile text", "feature": "desk", "template": "answer",
        "where": "system block 1, at token 0", "calls": 40, "tokens": 80_000, "cost": 72 * 10**10,
        "recoverable": 36 * 10**10, "fix": "Move it.", "evidence": ["c1", "c2", "c3"],
    }  # fmt: skip
    return Finding(**(told | more))


def test_a_finding_is_data_as_the_contract_names_it():
    data = extended(BASE, Misses([finding()], NOTHING)).data
    assert data["schema_version"] == 1
    assert data["misses"] == [{
        "cause": "volatile", "feature": "desk", "template": "answer",
        "where": "system block 1, at token 0", "calls": 40, "tokens": 80_000, "cost_usd": "0.72",
        "recoverable_usd": "0.36", "fix": "Move it.", "evidence": ["c1", "c2", "c3"],
    }]  # fmt: skip


def test_what_varies_and_the_gaps_are_told_where_they_are_known():
    found = finding(kind="timestamp", variants=("at 9:00", "at 9:01"), gaps=(("up to 5 min", 3),))
    report = extended(BASE, Misses([found], NOTHING))
    assert report.data["misses"][0]["kind"] == "timestamp"
    assert report.data["misses"][0]["variants"] == ["at 9:00", "at 9:01"]
    assert report.data["misses"][0]["gaps"] == [{"after": "up to 5 min", "calls": 3}]
    assert any("(timestamp): at 9:00 | at 9:01" in note for note in report.notes)
    assert any("up to 5 min 3" in note for note in report.notes)


def test_people_get_a_table_and_what_to_do():
    report = extended(BASE, Misses([finding(), finding(feature=None, template=None)], NOTHING))
    (table,) = report.tables
    assert table.title == "Why caches miss"
    assert [row[1] for row in table.rows] == ["desk / answer", "(none)"]
    assert table.rows[0][3:] == (40, 80_000, 72 * 10**10, 36 * 10**10)
    assert report.notes[0] == "Said before."
    assert report.notes[1] == "Volatile text, desk / answer: Move it. For example c1, c2."


def test_only_the_dearest_are_in_the_table_and_all_in_the_data():
    report = extended(BASE, Misses([finding()] * 15, NOTHING))
    assert len(report.tables[0].rows) == 12
    assert report.tables[0].note.endswith("3 more in --json")
    assert len(report.data["misses"]) == 15


def test_what_nothing_explains_is_told_apart():
    report = extended(BASE, Misses([], Unexplained(7, 9_000, 25 * 10**9)))
    assert report.tables == ()
    assert report.data["misses"] == []
    assert report.data["misses_unexplained"] == {"calls": 7, "tokens": 9_000, "cost_usd": "0.025"}
    assert report.notes[-1].startswith("Misses that nothing in the log explains")
    assert "7 calls, 9,000 tokens, $0.0250" in report.notes[-1]


def test_without_misses_nothing_is_added_for_people():
    report = extended(BASE, Misses([], NOTHING))
    assert (report.tables, tuple(report.notes)) == (BASE.tables, tuple(BASE.notes))


def test_how_many_calls_were_looked_at_is_told():
    report = extended(BASE, Misses([finding()], NOTHING, 40, 100))
    assert report.data["misses_looked_at"] == {"calls": 40, "of_calls": 100}
    assert report.notes[-1].startswith("Looked for misses in 40 of 100 calls")
