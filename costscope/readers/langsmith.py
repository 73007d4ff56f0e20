"""LangSmith: runs as its exports and its API give them, and requests to its batch endpoint. Runs of type
llm and embedding are calls; chains, tools and the rest are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Raw

from costscope.model import Call, Ignored, Skipped
from costscope.readers import _json, _runs
from costscope.readers._nest import Nest
from costscope.readers._waiting import gathered
from costscope.readers.interface import Reader
from costscope.sources import Record

_SIGNS = frozenset((
    "dotted_order", "parent_run_id", "parent_run_ids", "trace_id", "session_id", "session_name",
    "child_run_ids", "extra", "serialized", "start_time", "execution_order", "app_path", "events",
))  # fmt: skip
_BATCH = ("post", "patch")


class LangSmith(Reader):
    """Runs; one that was posted and then patched is one, and one within another of the same usage is
    the same call."""

    about = "LangSmith run exports (JSON, JSON lines, Parquet) and batch ingestion requests"
    whole_file = True

    def score(self, record: dict[str, Any]) -> float:
        """Sure for runs, and for a batch of posted and patched ones."""
        for name in _BATCH:
            runs = record.get(name)
            if isinstance(runs, list) and any(isinstance(r, dict) and _is_run(r) for r in runs):
                return 1.0
        return 1.0 if _is_run(record) else 0.0

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """Runs one by one; those of batches at the end, when they have been patched."""
        return gathered(_Reading(source), records, source)


def _is_run(record: Mapping[str, Any]) -> bool:
    typed = isinstance(record.get("run_type"), str) and "inputs" in record
    patched = "outputs" in record and "dotted_order" in record
    return (typed or patched) and len(_SIGNS & record.keys()) > 1


class _Reading:
    """The state of one file: which calls have been seen, and what waits for its end."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._nest = Nest()
        self._posted: dict[str, tuple[Record, dict[str, Raw]]] = {}
        self._waiting: list[tuple[Call, list[str]]] = []

    def take(self, record: Record) -> Iterator[Call | Skipped | Ignored]:
        """What one record gives at once. Raises what a broken record does."""
        fields = _json.raws(record.raw)
        batches = [fields[n] for n in _BATCH if _json.first(fields.get(n, _json.NONE)) == b"["]
        if batches:
            yield from self._batch([run for batch in batches for run in _json.array(batch)], record)
        elif "run_type" in fields:
            yield from self._run(fields, record)
        elif "dotted_order" in fields:
            yield from self._batch([Raw(bytes(record.raw))], record)
        else:
            yield Skipped(self._source, record.line, "not a record of the langsmith format")

    def rest(self) -> Iterator[Call | Skipped | Ignored]:
        """What had to wait: runs of batches, and calls that do not say what they cost."""
        for record, fields in self._posted.values():
            try:
                yield from self._run(fields, record)
            except (ValueError, TypeError, KeyError) as error:
                yield Skipped(self._source, record.line, str(error))
        for call, above in self._waiting:
            yield Ignored() if self._nest.is_wrapper(call.call_id, above) else call

    def _batch(self, runs: list[Raw], record: Record) -> Iterator[Ignored]:
        """Take in posted and patched runs; a record that only patches is accounted for at once."""
        count = len(self._posted)
        for run in (r for r in runs if _json.first(r) == b"{"):
            fields = {n: raw for n, raw in _json.raws(run).items() if bytes(raw) not in _NOTHING}
            own = _runs.own_id(fields) or f"{record.line}.{len(self._posted)}"
            self._posted.setdefault(own, (record, {}))[1].update(fields)
        if count == len(self._posted):
            yield Ignored()

    def _run(self, fields: Mapping[str, Raw], record: Record) -> Iterator[Call | Skipped | Ignored]:
        """A run; none at once where it has to wait for what lies within it."""
        above = _runs.above(fields)
        if not _runs.is_call(fields):
            yield Ignored()
            return
        call = _runs.call_of(fields)
        call.offset, call.line = record.offset, record.line
        if call.usage is None:
            self._nest.wait(above)
            self._waiting.append((call, above))
        else:
            yield Ignored() if self._nest.is_twin(call.call_id, above, call.usage) else call


_NOTHING = (b"null", b"{}", b"[]", b'""')
"""A post has empty outputs, which a patch fills in, and a patch may leave out what the post said."""
