"""The calls of several records of a file, whatever its reader needs to see before them."""

from pathlib import Path

import pytest

from costscope import sources
from costscope.explain.texts import calls_at
from costscope.ingest.find import find_reader
from costscope.model import Call
from costscope.readers.interface import RecordReader
from costscope.sources import Record

SAMPLES = Path(__file__).parent.parent / "readers" / "samples"


@pytest.mark.parametrize(
    ("name", "apart"), [("openai_chat.jsonl", True), ("claude_code.jsonl", False)]
)
def test_only_the_calls_of_these_places(name: str, apart: bool) -> None:
    source = sources.identify(str(SAMPLES / name))
    reader = find_reader(source, "")
    assert isinstance(reader, RecordReader) is apart
    records = (
        r._replace(raw=bytes(r.raw)) for r in sources.records(source) if isinstance(r, Record)
    )
    calls = [item for item in reader.read(records, source.shown) if isinstance(item, Call)]
    offsets = {call.offset for call in calls[1::2]}
    found = [call.call_id for call in calls_at(source, reader, offsets)]
    assert found == [call.call_id for call in calls if call.offset in offsets]
    assert 0 < len(found) < len(calls)
