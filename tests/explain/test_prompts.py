"""What prompts are made of: growth by turn, versions of a template, and what no two conversations share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from costscope import pipeline
from costscope.filters import Filters
from costscope.store import Store
from tests.explain.logs import MORE, RULES, chat, log, settings
from tests.ingest.logs import Record, call, read, write


def bill(folder: Path, **filters: Any) -> Mapping[str, Any]:
    found = settings(folder)
    with Store.open(found.db, create=False) as store:
        return pipeline.bill(store, found, Filters(**filters), by_segment=True).data


def test_history_grows_by_turn(tmp_path: Path) -> None:
    read(tmp_path / "store.duckdb", log(tmp_path / "a.jsonl", turns=5))
    data = bill(tmp_path)
    steps = data["growth"]["by_turn"]
    assert [(s["from"], s["to"], s["calls"]) for s in steps] == [
        (1, 1, 8), (2, 2, 8), (3, 4, 16), (5, 8, 8),
    ]  # fmt: skip
    each = [s["history_tokens"] / s["calls"] for s in steps]
    assert each[0] == 0
    assert each == sorted(each)
    assert [s["input_tokens"] // s["calls"] for s in steps] == [160, 200, 260, 320]
    assert data["growth"]["by_call"] == steps


def test_sums_over_turns_are_those_of_the_bill(tmp_path: Path) -> None:
    read(tmp_path / "store.duckdb", log(tmp_path / "a.jsonl"))
    data = bill(tmp_path)
    for rows in (data["growth"]["by_turn"], data["growth"]["over_time"], data["templates"]):
        assert sum(r["calls"] for r in rows) == data["totals"]["calls"]
        assert sum(r["input_tokens"] for r in rows) == data["totals"]["tokens"]["fresh"]
        money = sum(float(r["cost_usd"]) for r in rows)
        assert abs(money - float(data["totals"]["cost_usd"])) < 1e-9


def test_a_line_that_changes_each_time_makes_no_new_version_but_a_new_line_does(
    tmp_path: Path,
) -> None:
    read(tmp_path / "store.duckdb", log(tmp_path / "a.jsonl"))
    first, second = bill(tmp_path)["templates"]
    assert (first["version"], first["calls"], first["since"][:10]) == ("v1", 12, "2026-11-01")
    assert (second["version"], second["calls"], second["since"][:10]) == ("v2", 12, "2026-11-05")
    assert first["template"] != second["template"]
    assert first["template"].startswith("system:")
    assert len(first["template"]) == len("system:ab12cd34")
    assert first["system_tokens"] < second["system_tokens"]
    assert first["declared"] is False


def test_lines_that_few_of_many_conversations_share_make_no_version(tmp_path: Path) -> None:
    records = []
    for n in range(400):
        record = chat(n, 1)
        record["timestamp"] = f"2026-11-{1 + n // 24:02}T{n % 24:02}:00:00.5Z"
        record["request"]["messages"][0]["content"] = (
            f"{RULES}You speak with customer {n // 2}.\n{MORE}"
        )
        records.append(record)
    read(tmp_path / "store.duckdb", write(tmp_path / "a.jsonl", records))
    (only,) = bill(tmp_path)["templates"]
    assert (only["version"], only["calls"]) == ("v1", 400)


def test_what_the_log_names_is_the_template(tmp_path: Path) -> None:
    named: list[Record] = []
    for s in range(6):
        record = chat(s, 1)
        record["metadata"] |= {"template": "answer", "template_version": f"r{1 + s // 3}"}
        named.append(record)
    read(tmp_path / "store.duckdb", write(tmp_path / "a.jsonl", named))
    assert [(t["template"], t["version"], t["declared"]) for t in bill(tmp_path)["templates"]] == [
        ("answer", "r1", True), ("answer", "r2", True),
    ]  # fmt: skip


def test_a_system_text_that_is_always_another_one_is_no_chain_of_versions(tmp_path: Path) -> None:
    records = []
    for n in range(60):
        record = call(n)
        record["request"]["messages"][0]["content"] = f"Number {n}."
        records.append(record)
    read(tmp_path / "store.duckdb", write(tmp_path / "a.jsonl", records))
    (only,) = bill(tmp_path)["templates"]
    assert (only["template"], only["version"], only["calls"]) == ("system", "changes", 60)


def test_the_part_that_no_two_conversations_share_and_what_stands_behind_it(tmp_path: Path) -> None:
    read(tmp_path / "store.duckdb", log(tmp_path / "a.jsonl"))
    (part,) = bill(tmp_path)["volatile"]
    assert (part["feature"], part["block"], part["span"]) == ("chat", 1, 1)
    assert (part["calls"], part["share_of_calls"], part["conversations"]) == (24, 1.0, 8)
    assert part["tokens"] > 5
    # Prompts have 200 tokens on average; what precedes the part is what no text explains.
    assert part["position_tokens"] + part["tokens"] + part["tokens_after"] in (199, 200, 201)


def test_what_recurs_or_is_seen_too_seldom_is_not_volatile(tmp_path: Path) -> None:
    read(tmp_path / "few.duckdb", log(tmp_path / "a.jsonl", sessions=4))
    same = [chat(s, 1) for s in range(8)]
    for record in same:
        record["request"]["messages"][0]["content"] = RULES + MORE
    read(tmp_path / "store.duckdb", write(tmp_path / "b.jsonl", same))
    assert bill(tmp_path)["volatile"] == []
    (tmp_path / "few.duckdb").rename(tmp_path / "store.duckdb")
    assert bill(tmp_path)["volatile"] == []


def test_prompts_over_time_are_told_by_day_or_by_week(tmp_path: Path) -> None:
    read(tmp_path / "store.duckdb", log(tmp_path / "a.jsonl"))
    days = bill(tmp_path)["growth"]["over_time"]
    assert [(d["period"], d["start"]) for d in days] == [
        ("day", f"2026-11-{n:02}") for n in range(1, 9)
    ]
    east = bill(tmp_path, timezone="Pacific/Kiritimati")["growth"]["over_time"]
    assert [d["start"] for d in east] == [f"2026-11-{n:02}" for n in range(1, 9)]
    far = [
        call(n, timestamp=f"2026-{1 + n // 28:02}-{1 + n % 28:02}T00:00:00.5Z") for n in range(60)
    ]
    read(tmp_path / "far.duckdb", write(tmp_path / "far.jsonl", far))
    (tmp_path / "far.duckdb").rename(tmp_path / "store.duckdb")
    assert {d["period"] for d in bill(tmp_path)["growth"]["over_time"]} == {"week"}


def test_without_the_flag_the_bill_has_none_of_this(tmp_path: Path) -> None:
    read(tmp_path / "store.duckdb", log(tmp_path / "a.jsonl"))
    found = settings(tmp_path)
    with Store.open(found.db, create=False) as store:
        data = pipeline.bill(store, found, Filters()).data
    assert not {"growth", "templates", "volatile"} & data.keys()


def test_the_same_logs_give_the_same_names_of_templates(tmp_path: Path) -> None:
    file, found = log(tmp_path / "a.jsonl"), settings(tmp_path)
    names = []
    for _ in range(2):
        with pipeline.opened(found.db, [str(file)]) as store:
            data = pipeline.bill(store, found, Filters(), by_segment=True).data
            names.append([t["template"] for t in data["templates"]])
    assert names[0] == names[1]
