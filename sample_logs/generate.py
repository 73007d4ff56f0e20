"""Writes the sample logs: `python sample_logs/generate.py [FOLDER]`, the same bytes each time.

Everything in them is made up; see README.md for what is planted where. It is no part of costscope.
"""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from _story.agent import code_agent
from _story.campaign import campaign_chat
from _story.chat import records
from _story.repository import compact
from _story.rows import labels, summaries
from _story.support import help_widget, support_chat
from _story.transcripts import transcripts
from _story.triage import triage


def main(folder: Path) -> None:
    """Write every file below `folder`."""
    _packed(
        folder / "openai_chat.jsonl.gz",
        records([*support_chat(), *help_widget(), *campaign_chat()]),
    )
    _packed(folder / "openai_responses.jsonl.gz", triage())
    _packed(folder / "anthropic_messages.jsonl.gz", code_agent())
    for name, lines in transcripts().items():
        _write(folder / "claude_code" / name, _lines(lines))
    _write(folder / "rows.jsonl", _lines(labels()))
    table = pa.Table.from_pylist(summaries())
    pq.write_table(table, folder / "rows.parquet", compression="zstd")


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return "".join(f"{compact(row)}\n" for row in rows).encode()


def _packed(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """JSON lines in gzip, without a name and a time in its head, so that it is always the same."""
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, packed, mtime=0) as file:
        file.write(_lines(rows))
    _write(path, packed.getvalue())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
