"""Whatever stands anywhere in a platform's record: an item for it, and no exception."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope import plugins
from costscope.ingest.rows import checked
from costscope.model import Call, Ignored, Skipped
from costscope.readers import _names
from costscope.sources import Head, identify, records
from tests.readers.reading import every, reader
from tests.readers.test_anything import JSON, paths, replaced

SAMPLES = Path(__file__).parent / "samples"
NAMES = ("helicone", "langfuse", "langsmith", "litellm", "litellm_spend", "managed_agents")


def rows(name: str) -> list[Any]:
    files = [p for p in sorted(SAMPLES.iterdir()) if p.name.partition(".")[0] == name]
    found = (record for p in files for record in records(identify(str(p))))
    return [json.loads(bytes(record.raw)) for record in found if not isinstance(record, Skipped)]  # type: ignore[union-attr]


PLACES = {name: [(row, p) for row in rows(name) for p in paths(row)] for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), new=JSON)
@settings(max_examples=80, deadline=None)
def test_any_value_anywhere_gives_an_item(name: str, data: st.DataObject, new: Any) -> None:
    record = replaced(*data.draw(st.sampled_from(PLACES[name])), new)
    items = every(name, [record])
    assert items
    for item in items:
        assert isinstance(item, (Call, Skipped, Ignored))
        if isinstance(item, Call):
            assert isinstance(checked(item, "log"), (Call, Skipped))
        elif isinstance(item, Skipped):
            assert item.reason
            assert "\n" not in item.reason
    if isinstance(record, dict):
        assert 0 <= reader(name).score(record) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_lost_field_loses_no_call(name: str) -> None:
    """A field that is gone costs what it told, and never the call, but for those that name the format."""
    found = [row for row in rows(name) if isinstance(row, dict) and _calls(name, row)]
    for row in found:
        for key in row.keys() - NAMING:
            without = {k: v for k, v in row.items() if k != key}
            assert _calls(name, without) == _calls(name, row), key


EVERYTHING = {name: f"my-{name}" for names in _names.DIMENSIONS.values() for name in names}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("helicone", ("request_properties",)), ("langfuse", ("metadata",)),
        ("langsmith", ("extra", "metadata")), ("litellm", ("metadata", "requester_metadata")),
        ("litellm_spend", ("metadata",)),
    ],
)  # fmt: skip
def test_metadata_may_have_every_name_that_a_dimension_has(
    name: str, path: tuple[str, ...]
) -> None:
    row = next(r for r in rows(name) if path[0] in r and _calls(name, r) == 1)
    row = {key: value for key, value in row.items() if key != "properties"}
    sent: Any = EVERYTHING if name != "litellm_spend" else {"spend_logs_metadata": EVERYTHING}
    (found,) = every(name, [replaced(row, path, sent)])
    assert isinstance(found, Call), found
    assert (found.feature, found.team, found.task) == ("my-feature", "my-team", "my-task_id")


NAMING = {
    "type", "run_type", "call_type", "response_cost", "spend", "request_id", "request_created_at", "batch",
    "observations", "post", "patch",
}  # fmt: skip


def _calls(name: str, row: Any) -> int:
    return sum(isinstance(item, Call) for item in every(name, [row]))


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_surely_of_its_own_format_and_of_no_other(name: str) -> None:
    for row in (r for r in rows(name) if isinstance(r, dict) and _calls(name, r)):
        scores = {
            other: reader(other).sniff(Head("x", [row])) for other in plugins.names("readers")
        }
        assert scores.pop(name) == 1.0
        assert max(scores.values()) <= 0.9, scores
