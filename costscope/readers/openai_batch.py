"""Batches: the output and input lines of OpenAI's and Azure's Batch API, of those who copy it (Mistral,
Groq), and the results of Anthropic's Message Batches. What was answered is a call of tier batch."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _bodies, _dialects, _json
from costscope.readers._envelope import UNANSWERED
from costscope.readers._wire import Envelope
from costscope.readers.interface import RecordReader

_BODIES = ("response", "result", "body", "params")
_ENDS = {"batch_expired": "expired", "batch_cancelled": "cancelled", "canceled": "cancelled"}
"""Words for requests that were never run → ours."""


class OpenAIBatch(RecordReader):
    """Lines with a `custom_id`, whose bodies speak any dialect."""

    about = "batch output of OpenAI, Azure, Mistral and Groq, and Anthropic's message batch results"

    def score(self, record: dict[str, Any]) -> float:
        """1 for a custom_id beside a body of a batch."""
        listed = isinstance(record.get("custom_id"), (str, int))
        if not listed or not any(isinstance(record.get(n), dict) for n in (*_BODIES, "error")):
            return 0.0
        return 0.0 if "request" in record else 1.0

    def call(self, raw: bytes | memoryview) -> Call | None:
        """One line; None where it is of no batch. Raises ValueError where nobody has answered it."""
        try:
            line = _json.loads(raw)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None
        if not isinstance(line, dict) or not self.score(line):
            return None
        envelope = _bodies.unwrap(_answered(raw, line))
        reader = _dialects.best(envelope)
        if envelope.unanswered:
            raise ValueError(UNANSWERED)
        if reader is not None and not envelope.failed and not _is_refused(line):
            envelope.batch = True
            return reader._of(envelope)
        return _refused(line, envelope)


def _answered(raw: bytes | memoryview, line: dict[str, Any]) -> bytes | memoryview:
    """A line as OpenAI writes it: Anthropic's has the message in a result with a type."""
    result = line.get("result")
    if not isinstance(result, dict):
        return raw
    inner = msgspec.json.decode(raw, type=dict[str, Raw])["result"]
    fields = msgspec.json.decode(inner, type=dict[str, Raw])
    code = 200 if result.get("type") == "succeeded" else 500
    body = {"status_code": code, "body": fields.get("message", Raw(b"{}"))}
    return msgspec.json.encode({"custom_id": line["custom_id"], "response": body})


def _is_refused(line: dict[str, Any]) -> bool:
    result, response = line.get("result"), line.get("response")
    if isinstance(result, dict):
        return result.get("type") != "succeeded"
    return bool(line.get("error")) or not isinstance(response, dict)


def _refused(line: dict[str, Any], envelope: Envelope) -> Call:
    """A request that failed, expired or was cancelled, which is not billed (billing.md, section 3)."""
    own = line.get("id") or line["custom_id"]
    error, result = line.get("error"), line.get("result")
    code = error.get("code") if isinstance(error, dict) else None
    word = result.get("type") if isinstance(result, dict) else code
    status = _ENDS.get(str(word), str(word) if word in ("expired", "cancelled") else "error")
    provider = "anthropic" if result is not None else ""
    if str(own).startswith("batch_req_"):
        provider = "openai"
    return Call(
        call_id=str(own),
        provider=provider,
        model=envelope.answer.model or "",
        tier="batch",
        status=status,
        usage=Usage(),
    )
