"""Results of `vllm bench serve --save-result --save-detailed`: one record a run, its requests as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec import Raw

from costscope.model import Call, Ignored, Skipped, Usage
from costscope.readers import _chat, _fields, _json, _provider, _usage
from costscope.readers.interface import Reader
from costscope.sources import Record

DATE = "%Y%m%d-%H%M%S"
_SUMMARY = ("request_throughput", "total_input_tokens")
_MAX_S = 10**10


class VllmBench(Reader):
    """Requests of a benchmark run. Its one date is when the run was saved, on a clock without a zone,
    which is taken for UTC; its `start_times` have a zero of their own and give the gaps between requests.
    A request that failed is billed nothing; prompts are not in the file."""

    about = "results of vLLM's serving benchmark, with the requests of each run (--save-detailed)"

    def score(self, record: dict[str, Any]) -> float:
        """Sure, for a run with its requests and for a mere summary, which would look like a call."""
        if not all(name in record for name in _SUMMARY):
            return 0.0
        return 0.97 if isinstance(record.get("input_lens"), list) else 0.9

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """Every request of every run."""
        for record in records:
            try:
                run = _json.loads(record.raw)
                items = list(_calls(run)) if isinstance(run, dict) else ["no JSON object"]
            except (ValueError, TypeError, RecursionError) as error:
                items = [str(error) or type(error).__name__]
            for item in items or [Ignored()]:
                if isinstance(item, Call):
                    item.offset, item.line = record.offset, record.line
                yield Skipped(source, record.line, item) if isinstance(item, str) else item


def _calls(run: Mapping[str, Any]) -> Iterator[Call | Ignored | str]:
    """The requests of a run, or why one is none."""
    if not isinstance(run.get("input_lens"), list):
        yield "a summary without its requests; run the benchmark with --save-detailed"
        return
    model = run.get("model_id")
    name = model if isinstance(model, str) else ""
    labels = {
        n: text
        for n in ("backend", "label", "endpoint_type")
        if (text := _fields.label(run.get(n)))
    }
    begin = _begin(run)
    for n, _ in enumerate(run["input_lens"]):
        try:
            yield _call(run, n, name, labels, begin)
        except ValueError as error:
            yield f"request {n + 1}: {error}"


def _call(
    run: Mapping[str, Any], n: int, model: str, labels: dict[str, str], begin: int | None
) -> Call:
    failed = bool(_item(run, "errors", n))
    given = _usage.count(_item(run, "input_lens", n), "input_lens")
    output = _usage.count(_item(run, "output_lens", n) or 0, "output_lens")
    text = _item(run, "generated_texts", n)
    said = isinstance(text, str) and text != ""
    return Call(
        call_id=f"request {n + 1}",
        sent_at=None if begin is None else begin + _offset(run, n),
        latency_us=None if failed else _latency(run, n),
        provider=_provider.identify("vllm", model)[0],
        channel="self-hosted",
        model=model,
        status="error" if failed else "ok",
        tags=labels,
        usage=Usage() if failed else Usage(fresh=given, output=output),
        dialect=_chat.blocks if said else None,
        reply=Raw(_json.dumps([{"message": {"content": text}}])) if said else Raw(b""),
    )


def _item(run: Mapping[str, Any], name: str, n: int) -> Any:
    """What an array says of a request; None where it is too short or no array."""
    values = run.get(name)
    return values[n] if isinstance(values, list) and n < len(values) else None


def _seconds(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if number and 0 <= value < _MAX_S else None


def _begin(run: Mapping[str, Any]) -> int | None:
    """When the run began: its date less its duration, in microseconds."""
    try:
        saved = _fields.micros(datetime.strptime(str(run.get("date")), DATE).isoformat())
    except ValueError:
        return None
    lasted = round((_seconds(run.get("duration")) or 0) * 10**6)
    return None if saved is None else max(0, saved - lasted)


def _offset(run: Mapping[str, Any], n: int) -> int:
    """Microseconds from the first request to this one; 0 where the run does not tell."""
    values = run.get("start_times")
    starts = [s for s in values if _seconds(s) is not None] if isinstance(values, list) else []
    own = _seconds(_item(run, "start_times", n))
    return round((own - min(starts)) * 10**6) if own is not None else 0


def _latency(run: Mapping[str, Any], n: int) -> int | None:
    """Time to the first token and between the others, in microseconds; None where that is not there."""
    first, gaps = _seconds(_item(run, "ttfts", n)), _item(run, "itls", n)
    known = [_seconds(g) for g in gaps] if isinstance(gaps, list) else []
    if first is None or None in known:
        return None
    return round((first + sum(g for g in known if g is not None)) * 10**6)
