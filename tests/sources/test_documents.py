"""Documents that are cut off, not strict, or too large."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.errors import InputError
from costscope.sources import documents, head_records, identify, loose, records

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=5)


def items(tmp_path: Path, content: bytes) -> tuple[list[Any], str]:
    """The records before a break, and what is said of it."""
    path = tmp_path / "x.json"
    path.write_bytes(content)
    found: list[Any] = []
    try:
        for record in records(identify(str(path))):
            found.append(json.loads(record.raw))  # type: ignore[union-attr]  # noqa: PERF401
    except InputError as error:
        return found, str(error).removeprefix(f"{path}: ")
    return found, ""


def test_an_array_that_was_never_closed_keeps_its_whole_records(tmp_path: Path) -> None:
    found, reason = items(tmp_path, b'[{"a": 1},\n{"a": 2},\n{"a": ')
    assert found == [{"a": 1}, {"a": 2}]
    assert reason.startswith("not valid JSON after record 2 (Expecting value")


def test_a_torn_document_is_refused_in_a_sentence(tmp_path: Path) -> None:
    found, reason = items(tmp_path, b'{"data": [\n{"a": 1},\n{"a": 2')
    assert found == []
    assert reason.startswith("not valid JSON (")
    assert "\n" not in reason


@pytest.mark.parametrize("text", ['[{"a": NaN}]', '[{"a": -Infinity}]', '[{"a":\n1e999}]'])
def test_numbers_that_json_does_not_have_lose_no_other_record(tmp_path: Path, text: str) -> None:
    found, reason = items(tmp_path, text.replace("}]", '}, {"b": "\\ud800"}]').encode())
    assert len(found) == 2
    assert not reason


def test_deep_nesting_is_no_crash(tmp_path: Path) -> None:
    assert items(tmp_path, b"[" * 100_000)[0] == []
    assert items(tmp_path, b'[{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]")[1]
    assert items(tmp_path, b'{"a":\n' + b"[" * 100_000)[1]


def test_too_large_a_document_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_DOCUMENT_BYTES", 1 << 20)
    found, reason = items(tmp_path, b"[" + b" " * (1 << 20) + b"{}]")
    assert (found, reason) == ([], "one JSON document over 1 MiB; write it as JSON lines")


@given(OBJECTS, st.data())
def test_any_beginning_of_an_object_can_be_closed(
    value: dict[str, Any], data: st.DataObject
) -> None:
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(1, len(text)))]
    found = loose.closed(cut)
    assert isinstance(found, dict)
    assert found.keys() <= value.keys()
    whole = list(found)[:-1]  # the last may be cut short
    assert [found[k] for k in whole] == [value[k] for k in whole]


def test_json_text_that_is_cut_off_in_a_string_is_closed_too() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": 'a "b" é'}]})
    text = json.dumps({"timestamp": 1, "request": body})
    for cut in range(text.index("messages") + 20, len(text) - 3):
        (record,) = head_records(text[:cut].encode())
        assert json.loads(record["request"])["model"] == "m"


@given(st.lists(OBJECTS, min_size=2, max_size=4), st.sampled_from(["\n", "", " ,", "\x1e"]))
def test_values_one_after_another_are_found(values: list[Any], between: str) -> None:
    text = between.join(json.dumps(v, indent=1) for v in values)
    assert [value for value, _ in loose.values(text)] == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, 2.5, "\\u00e9"]}', {"a": [1, 2.5, "\u00e9"]}),
        ('["\u00e9"]', ["\u00e9"]),
        (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": None}),
        (b'["\\ud800"]', ["\ud800"]),
        (b'["\xff"]', ["\ufffd"]),
        (b'{"a": 1', loose.NOTHING),
        (b"", loose.NOTHING),
        (b"null", None),
    ],
)
def test_a_value_is_read_leniently_where_it_is_not_strict(text: bytes | str, value: Any) -> None:
    assert loose.parsed(text) == value


@given(st.binary(max_size=200))
def test_no_head_is_a_crash(start: bytes) -> None:
    for container in ("jsonl", "json"):
        assert all(isinstance(r, dict) for r in head_records(start, container))


@pytest.mark.parametrize("document", [
    {"log": {"version": "1.2", "pages": [{"id": "p"}], "entries": [{"request": {}}, {"request": {}}]}},
    {"version": 1, "interactions": [{"request": {}}, {"request": {}}]},
])  # fmt: skip
def test_recorded_traffic_is_its_exchanges(document: dict[str, Any]) -> None:
    whole = json.dumps(document)
    assert [json.loads(raw) for raw in documents.split(whole.encode())] == [{"request": {}}] * 2
    loose = whole.replace("{}", '{"a": NaN}')
    assert len(list(documents.split(loose.encode()))) == 2
    for other in ({"log": 5}, {"log": {"data": [{"a": 1}]}}):
        assert documents.holder(other) is None
        assert list(documents.split(json.dumps(other).encode())) == [json.dumps(other).encode()]
