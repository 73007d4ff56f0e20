"""Task logs of Cline, Roo Code and Kilo Code (ui_messages.json): each request with its tokens and cost, but
with only a part of what was sent. What cannot be explained by text stays unattributed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costscope.model import Call, Usage
from costscope.readers import _columns, _json, _provider
from costscope.readers._counts import Normalised
from costscope.readers._session import Line, Session, SessionReader, cost, part, string, when

SAYS = frozenset(("api_req_started", "deleted_api_reqs", "api_req_retried", "api_req_finished"))
COUNTS = ("tokensIn", "tokensOut", "cacheReads", "cacheWrites")


class Cline(SessionReader):
    """The messages of one task, as its user saw them."""

    about = (
        "Cline, Roo Code and Kilo Code task logs: requests with tokens and cost, without their text"
    )

    def score(self, record: dict[str, Any]) -> float:
        """Sure for a request that was announced, fair for anything else that was said or asked."""
        if type(record.get("ts")) is not int or record.get("type") not in ("say", "ask"):
            return 0.0
        return 1.0 if record.get("say") in SAYS else 0.8

    def begin(self, lines: Sequence[Line]) -> Session:
        """A task."""
        return _Task()


class _Task(Session):
    def __init__(self) -> None:
        super().__init__()
        self._model: dict[str, Any] = {}
        self._failed: str | None = None

    def take(self, line: Line) -> None:
        value = line.value
        self._model = part(value, "modelInfo") or self._model
        if value.get("say") not in ("api_req_started", "deleted_api_reqs"):
            return
        found = _json.inside(string(value.get("text")))
        if not isinstance(found, dict):
            raise ValueError("a request's text is no JSON object")
        if not any(found.get(name) for name in COUNTS) and not found.get("cancelReason"):
            # It has only been announced, or its end was never written.
            return
        self._call(found, line)

    def _call(self, found: dict[str, Any], line: Line) -> None:
        model = string(self._model.get("modelId"))
        provider, channel = _provider.identify(string(self._model.get("providerId")), model)
        # Cline leaves the cached tokens out of its input, whoever serves the model.
        billed = _billed(found)
        at = when(line.value.get("ts"))
        failed = found.get("cancelReason") == "streaming_failed"
        call = Call(
            call_id=str(line.value.get("ts")),
            sent_at=at,
            provider=provider,
            channel=channel,
            model=model,
            status="error" if failed else "aborted" if found.get("cancelReason") else "ok",
            feature=f"cline/{string(self._model.get('mode')) or 'task'}",
            retry_of=self._failed,
            usage=Usage() if failed and billed.usage is None else billed.usage,
            ambiguous=billed.ambiguous,
            reported_pd=cost(found.get("cost")),
        )
        self._failed = call.call_id if failed else None
        self.add(line, call)


def _billed(found: dict[str, Any]) -> Normalised:
    if found.get("tokensIn") is None and found.get("tokensOut") is None:
        return Normalised(None)
    row = {
        "input_tokens": found.get("tokensIn") or 0, "output_tokens": found.get("tokensOut") or 0,
        "cache_read_tokens": found.get("cacheReads"), "cache_write_tokens": found.get("cacheWrites"),
    }  # fmt: skip
    return _columns.read(row, "anthropic")
