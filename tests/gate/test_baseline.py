"""The committed file: the same bytes each time, nothing private in it, and every defect an error."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.errors import ExitCode, InputError
from costscope.gate.baseline import Baseline, read, write
from tests.gate.frames import call, frame, traffic

rows = st.builds(
    call,
    st.sampled_from(["user-7", "user-8", "user-9"]),
    feature=st.sampled_from(["chat", "søk", 'a "quoted" one']),
    model=st.sampled_from(["large", "small"]),
    template_version=st.sampled_from(["v3", "v4", None]),
    fresh=st.integers(0, 10**6),
    cache_read=st.integers(0, 10**6),
    output=st.integers(0, 10**5),
    status=st.sampled_from(["ok", "error"]),
)


def book(items):
    return [sum(tokens.values()) * 10**6 for *_, tokens in items]


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=12), st.booleans())
def test_written_read_and_written_again_is_the_same(tmp_path_factory, calls, priced):
    path = tmp_path_factory.mktemp("b") / "baseline.json"
    window = ("2026-11-02T09:00:00Z", "2026-11-09T09:00:00Z") if priced else None
    made = Baseline.from_units(frame(calls), "book-1", window, "abc123", book if priced else None)
    write(path, made)
    first = path.read_bytes()
    assert read(path) == made
    write(path, read(path))
    assert path.read_bytes() == first


def test_it_is_sorted_small_and_free_of_conversation_ids(tmp_path):
    path = tmp_path / "baseline.json"
    write(path, Baseline.from_units(traffic(1, 300, [f"feature-{i}" for i in range(20)])))
    text = path.read_text(encoding="utf-8")
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert len(text) / 20 < 1000
    assert "feature-3-3" not in text


def test_a_changed_feature_changes_its_lines_only(tmp_path):
    texts = []
    for search in (500, 600):
        units = frame([call("a", fresh=10), call("b", feature="search", fresh=search)])
        write(tmp_path / "b.json", Baseline.from_units(units))
        texts.append((tmp_path / "b.json").read_text().splitlines())
    changed = [a for a, b in zip(*texts, strict=True) if a != b]
    assert not [line for line in changed if '"chat"' in line]
    assert [line for line in changed if '"search"' in line]


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "baseline.json"
    units = frame([call("a", fresh=10), call("a", feature="search", fresh=7), call("b", fresh=9)])
    write(path, Baseline.from_units(units, reprice=book))
    return path, json.loads(path.read_text())


def put(table, row, column, value):
    """A breakage: another value in a table."""

    def breaking(document):
        place = document[table]["columns"].index(column)
        document[table]["rows"][row][place] = value

    return breaking


def drop(key):
    return lambda document: document.pop(key)


def top(key, value):
    return lambda document: document.update({key: value})


def extra_row(document):
    document["features"]["rows"].append(document["features"]["rows"][0])


BREAKAGES = [
    (drop("cells"), "the file lacks 'cells'"),
    (drop("git_sha"), "the file lacks 'git_sha'"),
    (top("users", []), "has an unknown 'users'"),
    (top("schema_version", 2), "schema_version is 2, this costscope reads 1"),
    (top("schema_version", True), "schema_version should be a count"),
    (top("currency", "EUR"), "'EUR', not in USD"),
    (top("tokens", -1), "tokens should be a count"),
    (top("tokens", 10**30), "tokens should be a count"),
    (top("price_book_id", None), "price_book_id should be a text"),
    (top("window", "2026"), "window is not {since, until}"),
    (top("window", {"since": 1, "until": "x"}), "since should be a text"),
    (top("features", {"columns": [], "rows": []}), "features has other columns"),
    (top("features", []), "features is not a table"),
    (lambda d: d["features"]["rows"].clear(), "it holds no features"),
    (lambda d: d["cells"]["rows"][0].pop(), "cells, row 1 has not"),
    (lambda d: d["pairs"]["columns"].reverse(), "pairs has other columns"),
    (extra_row, "features has a feature twice"),
    (put("features", 0, "calls", 1.5), "features, row 1, calls should be a count"),
    (put("features", 0, "calls", True), "features, row 1, calls should be a count"),
    (put("features", 0, "cost", "-1.00"), "cost should be a money"),
    (put("features", 0, "cost", 1.0), "cost should be a money"),
    (put("features", 0, "cost", "NaN"), "cost should be a money"),
    (put("features", 0, "cost*cost", None), "cost*cost should be a number"),
    (put("features", 0, "cost*cost", -1.0), "cost*cost should be a number"),
    (put("features", 0, "clusters", 9), "more clusters than calls"),
    (put("cells", 0, "calls", 99), "cells do not add up to features"),
    (put("cells", 0, "listed_fresh", "x"), "listed_fresh should be a money or null"),
    (put("cells", 0, "feature", "other"), "cells do not add up to features"),
    (put("overall", 0, "cost", "5.00"), "features do not add up to overall"),
]


@pytest.mark.parametrize(("breaking", "message"), BREAKAGES, ids=[m for _, m in BREAKAGES])
def test_a_broken_baseline_is_one_line_and_exit_2(document, breaking, message):
    path, content = document
    breaking(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        read(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code is ExitCode.UNABLE


@pytest.mark.parametrize("text", [
    "", "<<<<<<< HEAD\n{}", '{"a": NaN}', '{"a": 1e999}', "\ufeff{}", "[1, 2]", '"x"',
    "[" * 100_000,
])  # fmt: skip
def test_what_is_no_baseline_at_all(tmp_path, text):
    path = tmp_path / "baseline.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"baseline\.json: "):
        read(path)


def test_bytes_that_are_not_text(tmp_path):
    (tmp_path / "b.json").write_bytes(b'{"a": "\xff\xfe"}')
    with pytest.raises(InputError, match="is not JSON"):
        read(tmp_path / "b.json")


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="cannot read the baseline"):
            read(path)


def test_folders_are_made_and_a_place_that_cannot_be_written_is_an_error(tmp_path):
    made = Baseline.from_units(traffic(1, 2))
    write(tmp_path / "new" / "folder.json", made)
    assert read(tmp_path / "new" / "folder.json") == made
    for path in (tmp_path, tmp_path / "new" / "folder.json" / "b.json"):
        with pytest.raises(InputError, match="cannot write the baseline"):
            write(path, made)
