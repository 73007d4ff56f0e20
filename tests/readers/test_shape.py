"""What one record teaches about the next changes nothing but speed."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from costscope.readers import _bodies
from costscope.readers._shape import MAX_KEYS, MAX_LESSONS, Shapes
from tests.sources.test_documents import JSON

REQUEST = st.fixed_dictionaries(
    {"model": st.sampled_from(["m", None, 3])},
    optional={"messages": st.just([{"role": "user"}]) | JSON, "temperature": JSON, "body": JSON,
              "metadata": JSON},
)  # fmt: skip
RESPONSE = st.fixed_dictionaries(
    {},
    optional={"choices": st.just([{"message": {}}]) | JSON, "usage": JSON, "error": JSON, "content": JSON,
              "body": JSON, "status": JSON},
)  # fmt: skip
NAMES = st.sampled_from(
    ["timestamp", "metadata", "tags", "feature", "custom_id", "x y", "é", "error"]
)
RECORD = st.builds(
    lambda sent, got, pair, beside: {**beside, pair[0]: sent, pair[1]: got},
    REQUEST | JSON, RESPONSE | JSON,
    st.sampled_from([("request", "response"), ("request_body", "response_body"), ("body", "response")]),
    st.dictionaries(NAMES, JSON, max_size=4),
)  # fmt: skip


def shown(raw: bytes) -> Any:
    try:
        return msgspec.to_builtins(_bodies.unwrap(raw), builtin_types=(msgspec.Raw,))
    except (ValueError, TypeError) as error:
        return type(error).__name__, str(error)


def unlearned(raw: bytes) -> Any:
    _bodies._shapes = Shapes(_bodies.Body, _bodies.Answer)
    return shown(raw)


def plain(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return bytes(value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


@given(st.lists(RECORD, min_size=1, max_size=8))
def test_a_log_reads_the_same_with_and_without_what_was_learned(records: list[Any]) -> None:
    raws = [json.dumps(r).encode() for r in records]
    _bodies._shapes = Shapes(_bodies.Body, _bodies.Answer)
    learned = [plain(shown(raw)) for raw in raws + raws]
    afresh = [plain(unlearned(raw)) for raw in raws]
    assert learned == afresh + afresh


class Body(msgspec.Struct):
    n: int | None = None


def test_a_known_shape_is_read_at_once() -> None:
    shapes = Shapes(Body, Body)
    raw = b'{"q": {"n": 1}, "a": {"n": 2}, "more": [3]}'
    assert shapes.read(raw) is None
    shapes.learn("q", "a", ["q", "a", "more", "seldom"])
    parts = shapes.read(raw)
    assert parts is not None
    assert (parts.request, parts.response) == (Body(1), Body(2))
    assert {k: bytes(v) for k, v in parts.fields.items()} == {"more": b"[3]"}


def test_what_does_not_fit_is_left_to_others() -> None:
    shapes = Shapes(Body, Body)
    shapes.learn("q", "a", ["q", "a"])
    for raw in (b'{"q": {}, "a": {}, "new": 1}', b'{"q": {}, "a": null}', b'{"q": {}}', b"[]", b'{"q": {',
                b'{"q": {"n": "x"}, "a": {}}', b"\xff"):  # fmt: skip
        assert shapes.read(raw) is None
    assert shapes.read(b'{"q": {}, "a": {}}') is not None


def test_ever_new_keys_are_not_learned_for_ever() -> None:
    shapes = Shapes(Body, Body)
    for i in range(MAX_KEYS + 2):
        shapes.learn("q", "a", [f"k{i}"])
    assert shapes.read(b'{"q": {}, "a": {}}') is None
    shapes = Shapes(Body, Body)
    for i in range(MAX_LESSONS + 2):
        shapes.learn("q", f"a{i % 2}", [])
    assert shapes.read(b'{"q": {}, "a1": {}}') is None


def test_a_key_that_cannot_be_matched_is_read_the_slow_way() -> None:
    shapes = Shapes(Body, Body)
    shapes.learn("q", "a", ['say "hi"'])
    assert shapes.read(b'{"q": {}, "a": {}}') is None
