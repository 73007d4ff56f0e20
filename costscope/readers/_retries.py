"""Which attempt of a request a record is, and which one it repeats, where a log says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costscope.readers import _fields
from costscope.readers._wire import Envelope

OF = (
    "retry_of", "retried_from", "retry_of_id", "retried_call_id", "previous_request_id",
    "previous_call_id", "parent_attempt_id", "original_request_id",
)  # fmt: skip
"""Fields that name the attempt before."""
FROM_ONE = ("attempt", "attempt_number", "attempt_no")
FROM_ZERO = ("retry_count", "retry_attempt", "retry_number", "retries")
"""Fields that count the attempts of one request, whose id each of them repeats."""
_NAMES = frozenset((*OF, *FROM_ONE, *FROM_ZERO))


def ids(own: str, envelope: Envelope) -> tuple[str, str | None]:
    """(the call's id, that of the attempt it repeats or None). `own` is the provider's id, "" where it
    gave none, as to a request that it refused: then the log's id of the request serves, with the
    attempt's number behind it from the second on."""
    if _NAMES.isdisjoint(envelope.outer) and _NAMES.isdisjoint(envelope.metadata):
        return own or _fields.identifier(envelope.outer), None
    fields = {**envelope.outer, **envelope.metadata}
    named = next((text for n in OF if (text := _fields.label(fields.get(n)))), None)
    shared = _fields.identifier(envelope.outer)
    number = _number(fields)
    earlier = numbered(shared, number - 1) if shared and number > 1 else None
    return own or numbered(shared, number), named or earlier


def numbered(shared: str, number: int) -> str:
    """The id of one of several attempts that share an id."""
    return shared if not shared or number < 2 else f"{shared}#{number}"


def without(tags: dict[str, str]) -> dict[str, str]:
    """Tags without these fields, which every call has of its own."""
    if _NAMES.isdisjoint(tags):
        return tags
    return {name: value for name, value in tags.items() if name not in _NAMES}


def _number(fields: Mapping[str, Any]) -> int:
    """Which attempt it is, from 1."""
    for names, first in ((FROM_ONE, 0), (FROM_ZERO, 1)):
        for name in names:
            value = fields.get(name)
            if type(value) is int and 0 <= value < 1000:
                return max(1, value + first)
    return 1
