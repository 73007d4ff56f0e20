"""Bedrock's model-invocation log, as it comes to S3 or CloudWatch: Converse and InvokeModel, whole and
streamed, with the bodies of every vendor."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import (
    _blocks,
    _bodies,
    _dialects,
    _fields,
    _invoke,
    _json,
    _provider,
    _streams,
    _usage,
)
from costscope.readers._json import NONE
from costscope.readers.interface import RecordReader

_SIGN = b'"ModelInvocationLog"'
_PROFILE = re.compile(r"^arn:[^/]*:(?:inference-profile|foundation-model)/(?P<name>.+)$")
_OWN_NAME = re.compile(r"^arn:[^/]*:[\w-]+/")
_COUNTS = (
    "inputTokenCount", "outputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount",
)  # fmt: skip
_TAGS = {"operation": "operation", "accountId": "account", "inferenceRegion": "inference_region",
         "errorCode": "error"}  # fmt: skip
_EMPTY = Raw(b"{}")
Fields = dict[str, Raw]


class BedrockInvocation(RecordReader):
    """Records of one invocation each; usage counts cached tokens beside `inputTokenCount`."""

    about = "Bedrock model-invocation logs, Converse and InvokeModel"

    def score(self, record: dict[str, Any]) -> float:
        """Sure by the schema's name, also inside a CloudWatch export; good by its members."""
        try:
            fields = _record(_json.members(Raw(_json.dumps(record))))
        except (ValueError, TypeError, RecursionError):
            return 0.0
        return 0.0 if fields is None else 1.0 if "schemaType" in fields else 0.8

    def call(self, raw: bytes | memoryview) -> Call | None:
        """One invocation; None where the record is of another kind."""
        try:
            fields = _record(_json.members(Raw(raw)))
            return None if fields is None else _call(fields)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None


def _record(fields: Fields) -> Fields | None:
    """The invocation in a record: itself, or the message of a CloudWatch event."""
    for name in ("message", "@message"):
        inner = fields.get(name, NONE)
        if _json.first(inner) in (b'"', b"{") and _SIGN in bytes(inner).replace(b"\\", b""):
            return _json.members(_json.unquoted(inner))
    schema = _json.text(fields.get("schemaType", NONE))
    if schema is not None:
        return fields if schema == "ModelInvocationLog" else None
    named = "modelId" in fields and "operation" in fields
    return fields if named and b"ContentType" in bytes(fields.get("input", NONE)) else None


def _call(fields: Fields) -> Call:
    """The bodies as their own dialect reads them, and around it what the log knows for sure."""
    given, made = (_json.members(fields.get(name, NONE)) for name in ("input", "output"))
    asked, region = _text(fields, "modelId"), _text(fields, "region")
    sent = _json.unquoted(given.get("inputBodyJson", NONE))
    got = _json.unquoted(made.get("outputBodyJson", NONE))
    url = f"https://bedrock-runtime.{region}.amazonaws.com/model/{asked}/invoke"
    counts = _counts({**made, **given})
    call = _spoken(sent, got, url, counted=bool(counts))
    call.request_id, call.call_id = call.call_id, _text(fields, "requestId")
    call.model = _model(asked, call.model)
    provider, call.channel = _provider.identify("bedrock", call.model, asked)
    call.provider = provider or call.provider
    call.region = region or None
    call.tier = "provisioned" if ":provisioned-model/" in asked else call.tier
    call.sent_at = _fields.facts({}, {"timestamp": _text(fields, "timestamp")}, {}).sent_at
    call.latency_us = call.latency_us or _latency(got)
    call.status = "error" if "errorCode" in fields else call.status
    if call.usage is None:
        # They are there also where bodies are not.
        counted = _usage.read(counts, call.provider).usage
        call.usage = Usage() if counted is None and call.status == "error" else counted
    _label(call, fields)
    return call


def _spoken(sent: Raw, got: Raw, url: str, *, counted: bool) -> Call:
    """A call of the two bodies alone. Large ones are kept elsewhere, then there are no texts."""
    try:
        return _paired(sent, got, url)
    except ValueError:
        if not counted:
            raise
        # The pieces of a stream may lack the one that counts the input; the log has counted it.
        stream = _streams.whole(got)
        body = _json.members(got if stream is None else stream.body)
        body.pop("usage", None)
        return _paired(sent, Raw(msgspec.json.encode(body)), url)


def _paired(sent: Raw, got: Raw, url: str) -> Call:
    pair = {
        "request": sent if _json.has(sent) else _EMPTY,
        "response": got if _json.has(got) else _EMPTY,
    }
    envelope = _bodies.unwrap(msgspec.json.encode(pair))
    envelope.url = url
    reader = _dialects.best(envelope)
    return Call() if reader is None else reader._of(envelope)


def _model(asked: str, answered: str) -> str:
    """The model's own id. A router or an account's own profile says nothing of it; the answer may."""
    opaque = _OWN_NAME.match(asked) and not _PROFILE.match(asked)
    name = (answered or asked) if opaque else asked
    found = _PROFILE.match(name)
    return found["name"] if found else name


def _counts(found: Fields) -> dict[str, Any]:
    """The log's own counts."""
    return {name: _json.loads(found[name]) for name in _COUNTS if _json.has(found.get(name, NONE))}


def _label(call: Call, fields: Fields) -> None:
    """Who called and what for: the request's metadata, else the identity's ARN."""
    facts = _fields.facts(_json.mapping(fields.get("requestMetadata")), {}, {})
    tags = {ours: _text(fields, theirs) for theirs, ours in _TAGS.items() if theirs in fields}
    call.tags = {**tags, **facts.tags}
    for name, value in facts.dimensions.items():
        if name not in ("provider", "region"):
            setattr(call, name, value)
    arn = str(_json.mapping(fields.get("identity")).get("arn") or "")
    call.user_id = call.user_id or arn.partition("/")[2] or arn or None


def _text(fields: Fields, name: str) -> str:
    return _json.text(fields.get(name, NONE)) or ""


def _latency(got: Raw) -> int | None:
    """Microseconds from the metrics at the end of a stream."""
    last = _json.objects(got)[-1:] if _json.first(got) == b"[" else [_json.mapping(got)]
    found = _blocks.inner(last[0].get(_invoke.METRICS)).get("invocationLatency") if last else None
    return round(found * 1000) if isinstance(found, (int, float)) and found >= 0 else None
