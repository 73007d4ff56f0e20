"""Helicone: request exports (its export tool, its query API) and rows of its ClickHouse table. The bodies
are those of the provider's API, and read as those; everything else stands in columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw

from costscope import plugins
from costscope.model import Call, Usage
from costscope.readers import _bodies, _fields, _json, _platform, _provider, _usage
from costscope.readers._counts import Normalised, first, known
from costscope.readers._envelope import PairReader

_BODIES = frozenset(("request_body", "response_body"))
_SIGNS = frozenset((
    "response_id", "response_status", "response_created_at", "request_path", "request_properties",
    "delay_ms", "cache_reference_id", "helicone_user", "proxy_key_id", "time_to_first_token",
))  # fmt: skip
_NO_UUID = "00000000-0000-0000-0000-000000000000"
_NANODOLLARS = 10**9
"""Costs in the table are whole billionths of a dollar (packages/cost/costCalc.ts in Helicone's
repository, COST_PRECISION_MULTIPLIER); the API divides them."""
_STATES = {0: "pending", -1: "timeout", -2: "timeout", -3: "cancelled", -4: "blocked"}
"""Helicone's own codes where a response's HTTP status should be (getStatus in its worker's
HeliconeProxyRequest handler, statusBadge.tsx); any other below 0 is an error."""
_NO_MODEL = frozenset(("tool", "vector_db", "data"))
"""What its manual logger records beside calls of models, by `_type` of the request."""
_HELICONE = re.compile(r"^helicone-(property-)?", re.IGNORECASE)


class Helicone(_platform.PlatformReader):
    """Helicone's requests. Its columns count cached tokens beside `prompt_tokens`, whatever the provider;
    what its own cache answered (`cache_reference_id`) billed nothing."""

    about = "Helicone request exports (export tool, query API) and rows of its ClickHouse table"

    def score(self, record: dict[str, Any]) -> float:
        """Sure where a request's id and time stand beside Helicone's other columns."""
        known = {"request_id", "request_created_at"} <= record.keys()
        return 1.0 if known and len(_SIGNS & record.keys()) > 1 else 0.0

    def made(self, fields: dict[str, Raw]) -> Call | None:
        """One request as a call."""
        if "request_id" not in fields or "request_created_at" not in fields:
            return None
        row = _platform.values(fields, _BODIES)
        if (kind := _json.mapping(fields.get("request_body")).get("_type")) in _NO_MODEL:
            raise ValueError(f"a {kind} record is no call of a model")
        call = _spoken(fields) or Call()
        asked = _platform.named(row, "model_override", "request_model") or ""
        call.model = call.model or _platform.named(row, "response_model", "model") or asked
        _place(call, row, asked)
        _bill(call, row, fields)
        return call


def _spoken(fields: Mapping[str, Raw]) -> Call | None:
    """The call that the bodies tell of, by whichever reader speaks their API; None without bodies."""
    bodies = {n: _json.unquoted(fields[n]) for n in _BODIES if n in fields}
    bodies = {n: raw for n, raw in bodies.items() if b'"helicone_message"' not in bytes(raw)[:200]}
    if not any(_json.mapping(raw) for raw in bodies.values()):
        return None
    record = msgspec.json.encode(bodies)
    try:
        envelope = _bodies.unwrap(record)
        rated = max(((reader.rate(envelope), reader) for reader in _speakers()), key=lambda r: r[0])
        return rated[1].call(record)
    except (ValueError, TypeError, KeyError):
        # The columns tell what was billed where a body cannot be read.
        return None


@lru_cache(1)
def _speakers() -> tuple[PairReader, ...]:
    """The readers of request and response pairs, one for each API."""
    classes = plugins.all_of("readers").values()
    return tuple(c() for c in classes if issubclass(c, PairReader))


def _place(call: Call, row: Mapping[str, Any], asked: str) -> None:
    """Who, when and what for, by the columns and the custom properties."""
    properties = {
        **_platform.opened(row.get("properties")), **_platform.opened(row.get("request_properties")),
    }  # fmt: skip
    outer = {
        "user_id": row.get("request_user_id", row.get("user_id")), "prompt_id": row.get("prompt_id"),
        "prompt_version": row.get("prompt_version"), "start_time": row.get("request_created_at"),
        "latency_ms": row.get("delay_ms", row.get("latency")),
        "end_time": row.get("response_created_at"), "country": row.get("country_code"),
    }  # fmt: skip
    named = {_HELICONE.sub("", name): value for name, value in properties.items()}
    facts = _fields.facts(named, {n: v for n, v in outer.items() if v not in (None, "")}, {})
    declared = (_platform.named(row, "provider") or "").lower()
    facts.dimensions.pop("provider", None)
    call.provider, call.channel = _provider.identify(
        "" if declared == "custom" else declared, call.model, asked
    )
    call.call_id, call.request_id = _platform.named(row, "request_id") or "", ""
    call.sent_at, call.latency_us = facts.sent_at, facts.latency_us
    call.tags = dict(sorted(facts.tags.items()))
    for name, text in facts.dimensions.items():
        setattr(call, name, text)


def _bill(call: Call, row: Mapping[str, Any], fields: Mapping[str, Raw]) -> None:
    """What was billed: by the response, else by the columns; nothing for what a cache answered."""
    reference = _platform.named(row, "cache_reference_id") or _NO_UUID
    cached = reference != _NO_UUID
    code = _platform.number(row.get("response_status", row.get("status")))
    failed = code is not None and (code >= 400 or (code < 0 and code not in _STATES))
    if code is not None:
        call.status = "error" if failed else _STATES.get(int(code), "ok")
    mapped = _mapped(_json.mapping(fields.get("response_body")), call.provider)
    found = mapped or (
        Normalised(call.usage, call.ambiguous, call.units) if call.usage else Normalised(None)
    )
    if found.usage is None or (failed and found.usage == Usage()):
        found = _columns_of(row, call.provider)
    bill = _platform.billing(found, failed=failed, cached=cached)
    call.usage, call.units = bill["usage"], bill.get("units", {})
    call.ambiguous = bill.get("ambiguous", False)
    call.reported_pd = _cost(row)
    if cached:
        call.tags = dict(sorted((call.tags | _platform.CACHE_TAG).items()))


def _mapped(answer: Mapping[str, Any], maker: str) -> Normalised | None:
    """The usage of an answer that Helicone's gateway put into OpenAI's words: its input holds what was
    read from the cache but not what was written to it (packages/cost/usage/mapModelUsageToOpenAI.ts
    there). None for any other answer."""
    usage = _platform.opened(answer.get("usage"))
    detail = _platform.opened(usage.get("prompt_tokens_details"))
    if "modality_tokens" not in usage and "cache_write_details" not in detail:
        return None
    read, given = known(detail, "cached_tokens") or 0, first(usage, "prompt_tokens") or 0
    split = _platform.opened(detail.get("cache_write_details"))
    hour = known(split, "write_1h_tokens") or 0
    writes = max(
        known(detail, "cache_write_tokens") or 0, hour + (known(split, "write_5m_tokens") or 0)
    )
    made = _platform.opened(usage.get("completion_tokens_details"))
    found = {
        "prompt_tokens": given + writes, "completion_tokens": first(usage, "completion_tokens") or 0,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": writes,
                                  "cache_creation": {"ephemeral_1h_input_tokens": hour}},
        "completion_tokens_details": made, "server_tool_use": usage.get("server_tool_use"),
    }  # fmt: skip
    return _usage.read(found, maker)


def _columns_of(row: Mapping[str, Any], maker: str) -> Normalised:
    """The counts in the columns. Audio and cached tokens stand beside the prompt's and the completion's,
    and the total is no more than the sum of these two; a count below 0 is one that failed."""
    counts = {
        n: v for n, v in row.items() if n.endswith("_tokens") and (_platform.number(v) or 0) >= 0
    }
    if counts.get("prompt_tokens") is None:
        return Normalised(None)
    heard, said = (first(counts, f"{side}_audio_tokens") or 0 for side in ("prompt", "completion"))
    output = (first(counts, "completion_tokens") or 0) + said
    write = "cache_write_30m" if maker == "openai" else "cache_write_5m"
    usage = Usage(
        fresh=(first(counts, "prompt_tokens") or 0) + heard,
        cache_read=first(counts, "prompt_cache_read_tokens") or 0,
        output=output,
        reasoning=min(first(counts, "reasoning_tokens") or 0, output),
        **{write: first(counts, "prompt_cache_write_tokens") or 0},
    )
    units = {"input_audio": heard, "output_audio": said}
    return Normalised(usage, units={name: n for name, n in units.items() if n})


def _cost(row: Mapping[str, Any]) -> int | None:
    """What Helicone says that it cost. Rows of the table have whole billionths of a dollar: they are told
    by their columns `status` and `latency`, which the API calls response_status and delay_ms."""
    try:
        for name in ("costUSD", "cost_usd", "cost"):
            if (cost := _fields.picodollars(row.get(name))) is not None:
                table = name == "cost" and "response_status" not in row and "latency" in row
                return cost // _NANODOLLARS if table else cost
    except ValueError:
        return None
    return None
