"""Values of a path in a JSON text are found where they stand."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope import places
from costscope.attribute import json_spans

TEXT = '{ "q": "Why?", "docs" : [{"t":"one"}, {"t": "two \\"x\\""}, 3], "e": {}, "l": [] }'


def values(text: str, path: str) -> list[str]:
    return [text[a:b] for a, b in json_spans.found(text, places.parse(path).steps)]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("q", ['"Why?"']),
        ("docs[*].t", ['"one"', '"two \\"x\\""']),
        ("docs[-1]", ["3"]),
        ("docs[0]", ['{"t":"one"}']),
        ("docs", ['[{"t":"one"}, {"t": "two \\"x\\""}, 3]']),
        ("e.x", []),
        ("l[*]", []),
        ("l[0]", []),
        ("docs.t", []),
        ("q.x", []),
        ("[0]", []),
    ],
)
def test_paths(path: str, found: list[str]) -> None:
    assert values(TEXT, path) == found


def test_a_fence_around_it_is_no_matter() -> None:
    assert values(f"```json\n{TEXT}\n```\n", "q") == ['"Why?"']
    assert values(f"  \n{TEXT}  ", "q") == ['"Why?"']


@pytest.mark.parametrize(
    "text", ["", "x", '{"q": 1', '{"q": 1} and more', 'See {"q": 1}', '"q"', "[" * 100_000]
)
def test_what_is_no_json_has_none(text: str) -> None:
    assert values(text, "q") == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=12,
)


def reached(value: Any, path: tuple[str | int, ...]) -> list[Any]:
    if not path:
        return [value]
    step, rest = path[0], path[1:]
    if isinstance(value, dict) and step in value:
        return reached(value[step], rest)
    if isinstance(value, list) and step == places.ANY:
        return [v for item in value for v in reached(item, rest)]
    return []


@given(JSON, st.lists(st.sampled_from(["a", "b", places.ANY]), max_size=3).map(tuple))
def test_the_same_as_in_the_parsed_value(value: Any, path: tuple[str | int, ...]) -> None:
    for indent in (None, 2):
        text = json.dumps(value, indent=indent)
        wanted = reached(value, path) if text[0] in "[{" else []
        assert [json.loads(text[a:b]) for a, b in json_spans.found(text, path)] == wanted
