"""A batch of calls on its way to the parts table: ids of messages are gathered call by call, and the
whole batch is then cut into segments, reconciled with the bill and split by billing class at once."""

from __future__ import annotations

from array import array
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa

from costscope import tokens
from costscope.attribute import fit, reconcile, segments
from costscope.attribute.interner import Interner
from costscope.attribute.stated import Stated
from costscope.model import (
    CLASSES,
    KINDS,
    ROLES,
    RULES,
    SEGMENTS,
    BlockParser,
    Call,
    Slot,
    Trait,
    Usage,
)

MARKS = ("", "5m", "1h")


class Tables(NamedTuple):
    """`parts` as Workload.parts with `call` (the call's place in the batch) for call_no; and a value a
    call: traits, request hash (0: unknown), hash of the settings that invalidate a cache (0: none),
    content hash of prompt and reply, estimated usage."""

    parts: pa.Table
    traits: np.ndarray
    request_hash: np.ndarray
    params_hash: np.ndarray
    content_hash: np.ndarray
    usage: np.ndarray
    """Columns of model.Usage, int64; estimated where the log has none."""


class Batch:
    """Gathers calls; `finish` gives their parts. Holds numbers, never text."""

    def __init__(self, interner: Interner, stated: Stated | None = None) -> None:
        self._interner, self._stated = interner, stated or Stated()
        self._messages = array("q")
        self._counts = array("q")
        self._replies = array("q")
        self._usage: list[Usage | None] = []
        self._ratio: list[tuple[int, int, int, int]] = []
        self._params: list[str] = []
        self._cache_params = array("Q")
        self._flags = array("q")

    def __len__(self) -> int:
        return len(self._usage)

    @property
    def messages(self) -> int:
        """How many messages wait; the size that decides when to finish."""
        return len(self._messages)

    def add(self, call: Call) -> None:
        """Take over one call's texts and usage."""
        encoding, top, bottom = _family(call.model)
        before = len(self._messages)
        replies = 0 if call.dialect is None else self._add_texts(call, call.dialect, encoding)
        self._counts.append(len(self._messages) - before)
        self._replies.append(replies)
        self._usage.append(call.usage)
        self._ratio.append((top, bottom, *fit.framing(call.provider, call.model)))
        self._params.append(f"{call.model}\0{call.temperature}\0{call.params}")
        self._cache_params.append(self._interner.keyed(call.cache_params))
        self._flags.append(Trait.JSON_REPLY if call.json_reply else 0)

    def _add_texts(self, call: Call, dialect: BlockParser, encoding: str) -> int:
        """Note the call's messages in order of the prompt; how many of them are its reply."""
        ids, messages, rules = self._interner.ids, self._messages, self._stated.of(call.feature)
        for slot, raw in (("tools", call.tools), ("system", call.system)):
            if memoryview(raw).nbytes:
                messages.extend(ids(cast(Slot, slot), dialect, encoding, [raw], rules))
        if call.messages:
            messages.extend(ids("message", dialect, encoding, call.messages, rules))
        if memoryview(call.reply).nbytes:
            messages.extend(ids("reply", dialect, encoding, [call.reply]))
            return 1
        return 0

    def finish(self) -> Tables:
        """The batch's parts and per-call values, in order of the calls."""
        counts, replies = np.array(self._counts, np.int64), np.array(self._replies, np.int64)
        last = np.cumsum(counts) - 1
        is_reply = np.zeros(len(self._messages), bool)
        is_reply[last[replies > 0]] = True
        laid = segments.lay_out(
            self._interner.tables(),
            np.array(self._messages, np.int64),
            np.repeat(np.arange(len(self)), counts),
            is_reply,
            len(self),
        )
        ratio = np.array(self._ratio, np.int64).reshape(len(self), 4)
        rows = reconcile.reconcile(laid, reconcile.Bill.of(self._usage), ratio)
        ends = segments.call_hashes(laid, len(self))
        return Tables(
            parts=_arrow(rows),
            traits=(segments.call_traits(laid, len(self)) | np.array(self._flags, np.int64)),
            request_hash=segments.request_hashes(ends.prompt, self._params),
            params_hash=np.array(self._cache_params, np.uint64),
            content_hash=ends.whole,
            usage=rows.usage,
        )


@lru_cache(4096)
def _family(model: str) -> tuple[str, int, int]:
    """A model's vocabulary, and its tokens for each counted one as numerator and denominator."""
    return tokens.encoding_for(model), *tokens.family_ratio(model)


def _arrow(rows: reconcile.Rows) -> pa.Table:
    def named(codes: np.ndarray, names: tuple[str, ...]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8)), pa.array(names))

    return pa.table({
        "call": rows.call, "seq": rows.seq.astype(np.int32),
        "segment": named(rows.segment, SEGMENTS), "role": named(rows.role, ROLES),
        "kind": named(rows.kind, KINDS), "billing_class": named(rows.billing_class, CLASSES),
        "rule": named(rows.rule, RULES), "turn": rows.turn.astype(np.int32), "tokens": rows.tokens,
        "content": rows.content, "prefix": rows.prefix, "breakpoint": named(rows.mark, MARKS),
    })  # fmt: skip
