"""What makes a call the same call when it is met again: in the same file, a copy, or another log."""

from __future__ import annotations

import re
from hashlib import blake2b
from operator import attrgetter
from typing import Any

from costscope.model import Call, Usage

_GLOBAL_ID = re.compile(
    r"(?:chatcmpl|cmpl|resp|msg|gen|req|batch_req)[-_](?=[\w-]*[A-Za-z])(?=[\w-]*\d)[\w-]{8,}"
    r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|(?=.*\d)(?=.*[a-fA-F])[0-9a-fA-F]{24,}"
)
"""Ids that are made to be unique everywhere. Any other may be a row number, or a name."""
_FACTS = attrgetter(
    "model",
    "session",
    "trace",
    "task",
    "user_id",
    "feature",
    "latency_us",
    "finish_reason",
    "status",
)
_NUMBERS = attrgetter(*Usage.__struct_fields__)
_SECOND = 10**6


def identity(call: Call, content_hash: int, origin: int) -> bytes:
    """16 bytes that are equal for equal calls.

    An id of the provider decides alone. Else a call is known by its time, what was said and billed,
    and the id it has, if any. Where there is no time, or only a whole second and no id, two calls may
    well be equal in all of that: such a call is known by its file and place, too. `origin` is the
    number of the source that these records were first seen in.
    """
    if call.call_id and (call.revision or _GLOBAL_ID.fullmatch(call.call_id)):
        what: tuple[Any, ...] = ("id", call.call_id, call.request_id)
    else:
        numbers = () if call.usage is None else _NUMBERS(call.usage)
        known = (call.call_id, call.request_id, call.sent_at, content_hash, *_FACTS(call), *numbers)
        if call.sent_at is not None and (call.call_id or call.sent_at % _SECOND):
            what = ("content", *known)
        elif call.call_id:
            what = ("named", origin, *known)
        else:
            what = ("place", origin, call.offset, *known)
    return blake2b("\0".join(map(str, what)).encode("utf-8", "replace"), digest_size=16).digest()
