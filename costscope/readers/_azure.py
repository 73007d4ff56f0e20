"""Rows of Azure's resource logs: those of Azure OpenAI and of API Management in front of it, as Event
Hubs and storage have them (`properties`), or as tables of Log Analytics (columns in Pascal case)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _blocks, _bodies, _dialects, _fields, _json, _provider, _usage
from costscope.readers._columns import canonical
from costscope.readers._json import NONE

Row = dict[str, Raw]
"""A row's columns by their canonical names, still raw; those of `properties` among them."""
LLM, GATEWAY, SERVICE, OTHER = "llm", "gateway", "service", "other"
_KINDS = {
    "gatewayllmlogs": LLM, "apimanagementgatewayllmlog": LLM, "gatewaylogs": GATEWAY,
    "apimanagementgatewaylogs": GATEWAY, "requestresponse": SERVICE,
}  # fmt: skip
_REQUESTS = ("backendrequestbody", "requestbody")
_RESPONSES = ("backendresponsebody", "responsebody")
_TICKS_TO_1970 = 621_355_968_000_000_000
"""Ticks of 100 ns from the year 1 to 1970, in which the service tells its times."""
_TAGS = {
    "deploymentname": "deployment", "modeldeploymentname": "deployment", "modelversion": "model_version",
    "apiid": "api", "productid": "product", "apimsubscriptionid": "subscription",
    "operationname": "operation", "operationid": "operation",
}  # fmt: skip


def rows(fields: Mapping[str, Raw]) -> Iterator[Row]:
    """The rows of a record: itself, or those that an Event Hubs message holds under `records`."""
    listed = fields.get("records", NONE)
    if _json.first(listed) == b"[":
        for item in _json.array(listed):
            yield from rows(_json.members(item))
        return
    found = {canonical(name): raw for name, raw in fields.items()}
    for name in ("propertiess", "properties"):
        inner = _json.members(_json.unquoted(found.get(name, NONE)))
        found |= {canonical(k): v for k, v in inner.items()}
    yield found


def kind(row: Row) -> str:
    """Of which log a row is; "" where it is of none of Azure's."""
    for name in ("category", "type"):
        if found := _KINDS.get(text(row, name).lower()):
            return found
    if "category" in row and ("resourceid" in row or "correlationid" in row):
        return OTHER
    if "correlationid" in row and ("prompttokens" in row or "requestmessages" in row):
        return LLM
    return GATEWAY if "backendresponsebody" in row and "correlationid" in row else ""


def text(row: Row, name: str) -> str:
    """A text column; "" where there is none."""
    return _json.text(row.get(name, NONE)) or ""


def service(row: Row) -> Call | None:
    """A row of the service's own log, which knows model, time and status, and neither texts nor usage;
    None where no model was asked."""
    model = text(row, "modelname") or text(row, "modeldeploymentname")
    if not model:
        return None
    call = Call(
        model=model, call_id=text(row, "correlationid"), user_id=text(row, "objectid") or None
    )
    _place(call, row)
    call.sent_at = _ticks(row.get("requesttime", NONE)) or call.sent_at
    call.usage = Usage() if call.status == "error" else None
    return call


def gateway(row: Row) -> Call | None:
    """A gateway's row with the bodies that went through it; None where they are no model's, or were not
    logged."""
    pair = {"request": _body(row, _REQUESTS), "response": _body(row, _RESPONSES)}
    call = _spoken(pair, row)
    if call is not None:
        call.call_id = call.call_id or call.request_id
    return call


def _body(row: Row, names: Sequence[str]) -> Raw:
    found = next((row[n] for n in names if len(memoryview(row.get(n, NONE))) > 2), Raw(b"{}"))
    return _json.unquoted(found)


def _spoken(pair: Mapping[str, Raw], row: Row) -> Call | None:
    envelope = _bodies.unwrap(msgspec.json.encode(pair))
    envelope.url = text(row, "backendurl") or text(row, "url")
    reader = _dialects.best(envelope)
    if reader is None:
        return None
    call = reader._of(envelope)
    _place(call, row)
    if call.status == "error" and call.usage is None:
        call.usage = Usage()
    return call


def llm(found: Sequence[Row], beside: Sequence[Row], told: Call | None) -> Call:
    """The rows of one call in the log of language models: counts in one, messages in as many as they
    need. `beside`: the gateway's own rows of it, and the call that they tell, if they have bodies."""
    head = next(
        (row for row in found if "prompttokens" in row and text(row, "modelname")), found[0]
    )
    call = told or _written(found, head)
    call.model = call.model or text(head, "modelname") or text(head, "deploymentname")
    for row in (head, *beside[:1]) if told is None else ():
        _place(call, row)
    call.call_id = call.call_id or text(head, "requestid")
    call.usage = call.usage or _counted(head, call)
    return call


def _written(found: Sequence[Row], head: Row) -> Call:
    """A call of the messages that were logged; without any it is not known what was said."""
    replies = [{"message": m} for m in _blocks.dicts(_joined(found, "responsemessages"))]
    sent = {"messages": _joined(found, "requestmessages")}
    pair = {"request": sent, "response": {"choices": replies}}
    return _spoken({k: Raw(_json.dumps(v)) for k, v in pair.items()}, head) or Call()


def _counted(row: Row, call: Call) -> Usage | None:
    """The gateway's counts, which do not tell what was cached. They are 0 where it could not count."""
    found = {ours: _json.loads(row[theirs]) for ours, theirs in _COUNTS.items() if theirs in row}
    counted = _usage.of(found, call.provider) if any(found.values()) else None
    return Usage() if counted is None and call.status == "error" else counted


_COUNTS = {"prompt_tokens": "prompttokens", "completion_tokens": "completiontokens",
           "total_tokens": "totaltokens"}  # fmt: skip


def _joined(found: Sequence[Row], name: str) -> list[Any]:
    """Messages out of all rows of a call in their order. Long ones are cut into pieces of JSON text."""
    pieces = [row[name] for row in sorted(found, key=_number) if _json.has(row.get(name, NONE))]
    values = [_json.loads(piece) for piece in pieces]
    whole = _json.inside("".join(values)) if all(isinstance(v, str) for v in values) else None
    if whole is None:
        opened = (_json.inside(v) if isinstance(v, str) else v for v in values)
        whole = [item for value in opened for item in _blocks.parts(value)]
    return _blocks.parts(whole)


def _number(row: Row) -> int:
    value = _json.loads(row["sequencenumber"]) if "sequencenumber" in row else 0
    return value if isinstance(value, int) else 0


def _place(call: Call, row: Row) -> None:
    """What every row tells: where and when, how long it took, how it ended."""
    provider, _ = _provider.identify("azure", call.model or text(row, "modelname"))
    call.provider, call.channel = call.provider or provider or "openai", "azure"
    where = text(row, "location") or text(row, "region")
    call.region = where.replace(" ", "").lower() or call.region
    call.request_id = text(row, "correlationid")
    call.sent_at = moment(row, "time", "timegenerated", "timestamp") or call.sent_at
    call.latency_us = _span(_first(row, "durationms", "totaltime")) or call.latency_us
    code = _code(_first(row, "backendresponsecode", "responsecode", "resultsignature"))
    call.status = "error" if code >= 400 else call.status
    found = {ours: text(row, theirs) for theirs, ours in _TAGS.items() if text(row, theirs)}
    call.tags |= {k: v for k, v in found.items() if not v.startswith("Microsoft.ApiManagement/")}


def _first(row: Row, *names: str) -> Raw:
    return next((row[name] for name in names if _json.has(row.get(name, NONE))), NONE)


def _span(raw: Raw) -> int | None:
    """Milliseconds as microseconds; some rows have them below zero, which is no time."""
    value = _json.loads(raw) if _json.has(raw) else None
    return round(value * 1000) if isinstance(value, (int, float)) and value >= 0 else None


def _code(raw: Raw) -> int:
    """An HTTP status, which some rows hold as text; 0 where there is none."""
    value = str(_json.loads(raw)) if _json.has(raw) else ""
    return int(value) if value.isdecimal() else 0


def moment(row: Row, *names: str) -> int | None:
    """The first of these columns as a time, UTC microseconds; None where it is none."""
    found = _first(row, *names)
    try:
        return _fields.micros(_json.loads(found)) if _json.has(found) else None
    except ValueError:
        return None


def _ticks(raw: Raw) -> int | None:
    value = _json.loads(raw) if _json.has(raw) else None
    return (
        (value - _TICKS_TO_1970) // 10
        if isinstance(value, int) and value > _TICKS_TO_1970
        else None
    )
