"""What reading ends with: the parts of prompts are told apart by what the traffic teaches."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from costscope.ingest.learn import groups, lesson_of
from costscope.store import Store
from tests.ingest.logs import call, read, write

DOCUMENTS = [
    f"Document {i} tells of valve {i}. It opens at {i + 3} bar. Nobody saw it closed in {1900 + i}."
    for i in range(12)
]


def asked(n: int, **more: Any) -> dict[str, Any]:
    """A call whose prompt holds three documents and a question, without any marks."""
    picked = random.Random(n).sample(DOCUMENTS, 3)
    text = "\n\n".join([*picked, f"What happened to house {n}, and who paid for it?"])
    record = call(n, **more)
    record["request"]["messages"] = [{"role": "user", "content": text}]
    record["response"]["usage"] = {"prompt_tokens": 200, "completion_tokens": 7}
    return record


def parts(path: Path) -> Counter[tuple[str, str]]:
    """Tokens by segment and rule."""
    with Store.open(path, create=False) as store:
        store.scope("true", [], {})
        rows = store.table("scope_parts").to_pylist()
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        found[row["segment"], row["rule"]] += row["tokens"]
    return found


def test_context_is_told_from_the_query_and_nothing_is_lost(tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", [asked(n) for n in range(30)])
    read(tmp_path / "s.duckdb", log)
    found = parts(tmp_path / "s.duckdb")
    assert found["context", "learned"] > 4 * found["query", "learned"] > 0
    assert ("query", "turn") not in found
    assert sum(found.values()) == 30 * 207


def test_too_few_calls_teach_nothing(tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", [asked(n) for n in range(5)])
    read(tmp_path / "s.duckdb", log)
    assert not any(rule == "learned" for _, rule in parts(tmp_path / "s.duckdb"))


def test_in_two_goes_as_in_one_and_again_as_before(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", [asked(n) for n in range(6)])
    second = write(tmp_path / "b.jsonl", [asked(n) for n in range(6, 30)])
    read(tmp_path / "one.duckdb", first, second)
    for log in (first, second, second):
        read(tmp_path / "two.duckdb", log)
    assert parts(tmp_path / "one.duckdb") == parts(tmp_path / "two.duckdb")


def test_what_is_no_longer_so_is_taken_back(tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", [asked(n) for n in range(10)])
    read(tmp_path / "s.duckdb", log)
    assert ("context", "learned") in parts(tmp_path / "s.duckdb")
    others = [call(n, metadata={"feature": "chat"}) for n in range(100, 160)]
    for n, record in enumerate(others):
        record["request"]["messages"] = [
            {"role": "user", "content": f"Why is house {n} dark? " * 9}
        ]
    read(tmp_path / "s.duckdb", write(tmp_path / "b.jsonl", others))
    assert ("context", "learned") not in parts(tmp_path / "s.duckdb")


def test_features_are_learned_apart(tmp_path: Path) -> None:
    records = [asked(n, metadata={"feature": f"f{n % 6}"}) for n in range(30)]
    read(tmp_path / "s.duckdb", write(tmp_path / "a.jsonl", records))
    assert not any(rule == "learned" for _, rule in parts(tmp_path / "s.duckdb"))


def test_features_that_are_learned_together_are_learned_as_each_alone(tmp_path: Path) -> None:
    logs = [
        write(tmp_path / f"{i}.jsonl", [asked(n + 40 * i, metadata=about) for n in range(12 + i)])
        for i, about in enumerate([{"feature": "a"}, {"feature": "b"}, {}])
    ]
    alone: Counter[tuple[str, str]] = Counter()
    for i, log in enumerate(logs):
        read(tmp_path / f"{i}.duckdb", log)
        alone += parts(tmp_path / f"{i}.duckdb")
    read(tmp_path / "all.duckdb", *logs)
    assert parts(tmp_path / "all.duckdb") == alone
    with Store.open(tmp_path / "all.duckdb", create=False) as store:
        assert groups(store) == [(None, "user"), ("a", "user"), ("b", "user")]
        for feature, role in groups(store):
            lesson, texts = lesson_of(store, feature, role)
            assert len(texts) >= 12
            assert lesson.shapes


@pytest.mark.parametrize("cached", [0, 1, 64, 99, 128, 199, 200])
def test_billing_classes_stay_as_they_were_billed(tmp_path: Path, cached: int) -> None:
    records = [asked(n) for n in range(20)]
    for record in records:
        record["response"]["usage"]["prompt_tokens_details"] = {"cached_tokens": cached}
    read(tmp_path / "s.duckdb", write(tmp_path / "a.jsonl", records))
    with Store.open(tmp_path / "s.duckdb", create=False) as store:
        store.scope("true", [], {})
        rows = store.table("scope_parts").to_pylist()
    assert any(row["rule"] == "learned" for row in rows)
    billed: Counter[tuple[int, str]] = Counter()
    for row in rows:
        assert row["tokens"] > 0
        billed[row["call_no"], row["billing_class"]] += row["tokens"]
    for call_no in {row["call_no"] for row in rows}:
        assert billed[call_no, "cache_read"] == cached
        assert billed[call_no, "fresh"] == 200 - cached
        assert billed[call_no, "output"] == 7
