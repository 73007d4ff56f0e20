"""Whatever stands in a log, no reader of single records raises, and no dialect raises unexpectedly."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope import plugins
from costscope.model import SLOTS, Call, Ignored, Skipped
from costscope.readers import _chat, _messages, claude_code, openai_responses
from costscope.readers.interface import RecordReader
from costscope.sources import Head, Record
from tests.readers.reading import every, reader
from tests.readers.test_anthropic_messages import FULL as MESSAGES
from tests.readers.test_openai_chat import FULL as CHAT
from tests.readers.test_openai_responses import FULL as RESPONSES
from tests.readers.test_rows import FULL as ROW

NAMES = plugins.names("readers")
SINGLE = [n for n in NAMES if issubclass(plugins.load("readers", n), RecordReader)]
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(["{", "[]", '{"a": 1}', '[{"type": 1}]', "NaN", "\ud800", "1e999", "2026-01-01", "-1"])
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
DIALECTS = (_chat.blocks, _messages.blocks, openai_responses.blocks, claude_code.blocks)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a value."""
    below = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [here, *(p for k, v in below for p in paths(v, (*here, k)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


RECORDS = (CHAT, RESPONSES, MESSAGES, ROW)
ALTERED = st.sampled_from([(r, p) for r in RECORDS for p in paths(r)])


@pytest.mark.parametrize("name", SINGLE)
@given(place=ALTERED, new=JSON)
@settings(max_examples=60, deadline=None)
def test_any_value_anywhere_is_a_call_or_a_skip(name: str, place: Any, new: Any) -> None:
    record = replaced(*place, new)
    found = reader(name)
    assert isinstance(found, RecordReader)
    item = found.one(Record(json.dumps(record).encode(), 7, 3), "log")
    assert isinstance(item, (Call, Skipped))
    if isinstance(item, Skipped):
        assert item.reason
        assert "\n" not in item.reason
    elif item.usage is not None:
        assert all(isinstance(v, int) and v >= 0 for v in _numbers(item.usage))
        assert item.usage.reasoning <= item.usage.output
    if isinstance(record, dict):
        assert 0 <= found.score(record) <= 1


def _numbers(usage: Any) -> list[int]:
    return [getattr(usage, f) for f in usage.__struct_fields__]


@pytest.mark.parametrize("name", NAMES)
@given(records=st.lists(JSON | st.sampled_from(RECORDS), max_size=4), raw=st.binary(max_size=30))
@settings(deadline=None)
def test_any_log_gives_items(name: str, records: list[Any], raw: bytes) -> None:
    items = every(name, [*records, raw])
    assert all(isinstance(item, (Call, Skipped, Ignored)) for item in items)
    heads = [r for r in records if isinstance(r, dict)]
    assert 0 <= reader(name).sniff(Head("log", heads)) <= 1


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"1", b'"x"', b"[]", b"\xff\xfe", b'{"a":1}}',
                                 b"[" * 5000, b'{"a":' * 5000, b'{"a": 1,}', b"{'a': 1}"])  # fmt: skip
def test_what_is_no_record_is_a_skip(name: str, raw: bytes) -> None:
    found = reader(name)
    assert isinstance(found, RecordReader)
    assert isinstance(found.one(Record(raw, 0, 1), "log"), Skipped)


@given(st.sampled_from(DIALECTS), st.sampled_from(SLOTS), ALTERED, JSON)
@settings(max_examples=100, deadline=None)
def test_a_dialect_reads_or_refuses(dialect: Any, slot: Any, place: Any, new: Any) -> None:
    record = replaced(*place, new)
    try:
        blocks = dialect(slot, json.dumps(record).encode())
    except (ValueError, TypeError, KeyError):
        return
    assert all(isinstance(b.text, str) and b.breakpoint in ("", "5m", "1h") for b in blocks)


@given(st.sampled_from(DIALECTS), st.sampled_from(RECORDS), st.data())
@settings(max_examples=80, deadline=None)
def test_a_dialect_reads_or_refuses_its_own_parts(dialect: Any, record: Any, data: Any) -> None:
    part = data.draw(st.sampled_from(paths(record)))
    value = record
    for step in part:
        value = value[step]
    altered = replaced(value, data.draw(st.sampled_from(paths(value))), data.draw(JSON))
    for slot in SLOTS:
        try:
            dialect(slot, json.dumps(altered).encode())
        except (ValueError, TypeError, KeyError):
            continue
