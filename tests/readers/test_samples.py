"""Every reader has a sample log of its own, is found by it, and reads it as its golden file says.

A sample is `samples/<reader>.<suffix>` (also `samples/<reader>.<quirk>.<suffix>`); there is no list to edit.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from costscope import plugins
from costscope.ingest.find import find_reader
from costscope.model import Call, Ignored, Skipped
from costscope.sources import identify, records
from tests.readers.reading import blocks, told

SAMPLES = Path(__file__).parent / "samples"
FILES = sorted(p for p in SAMPLES.iterdir() if p.is_file())


@pytest.mark.parametrize("name", plugins.names("readers"))
def test_every_reader_has_a_sample(name: str) -> None:
    assert any(p.name.partition(".")[0] == name for p in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_a_sample_is_read_as_written_down(path: Path, golden: Callable[[str, str], None]) -> None:
    source = identify(str(path))
    reader = find_reader(source, "")
    assert reader.name == path.name.partition(".")[0]
    items = list(reader.read(records(source), path.name))  # type: ignore[arg-type]
    shown = "\n".join(json.dumps(_plain(i), sort_keys=True) for i in items) + "\n"
    golden(f"readers/{path.name}.jsonl", shown)
    assert any(isinstance(i, Call) for i in items)


def _plain(item: Call | Skipped | Ignored) -> dict[str, Any]:
    """An item without bytes: a call's facts, and of its texts who speaks and how it begins."""
    if isinstance(item, Ignored):
        return {"ignored": item.count}
    if isinstance(item, Skipped):
        return {"skipped": item.reason, "line": item.line}
    texts = [] if item.dialect is None else blocks(item)
    shown = [[b.role, b.kind, b.text[:30], len(b.text), b.segment, b.breakpoint] for b in texts]
    return {"line": item.line, **told(item), "blocks": shown}
