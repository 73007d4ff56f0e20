"""Parts that are stored already, made again with other tokens for their blocks: what a part is stays, what
it is billed changes, and every call and billing class still adds up to the bill."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from costscope.attribute.measure import Measured, spread
from costscope.attribute.reconcile import cut
from costscope.attribute.segments import KIND, ROLE, RULE, SEGMENT, Flags, Ints
from costscope.attribute.threads import Prompts
from costscope.model import CLASSES, KINDS, ROLES, RULES, SEGMENTS

MARKS = ("", "5m", "1h")
ROWS = 128 * 1024
"""About so many parts are made at a time: what fits a processor's cache is not fetched from memory again."""
_NAMES = {"segment": SEGMENTS, "role": ROLES, "kind": KINDS, "billing_class": CLASSES,
          "rule": RULES, "breakpoint": MARKS}  # fmt: skip
_PLAIN = ("seq", "nth", "turn", "tokens", "content", "prefix")
_OUTPUT = CLASSES.index("output")
_KEPT = ("nth", "turn", "content", "prefix", "segment", "role", "kind", "rule", "breakpoint")
_REPLY = 1 << 34
"""Places from here on are the reply's."""
Columns = dict[str, np.ndarray]


class Stored(NamedTuple):
    """The parts of some calls, taken apart: `stretches` of prompts (a row for each (call, seq, nth)),
    `replies`, and the prompts' blocks. What only the bill knew is gone."""

    stretches: Columns
    replies: Columns
    block: Ints
    """Stretch → its block."""
    prompts: Prompts

    def said(self, calls: int) -> Ints:
        """Billed tokens of each call's reply, without what it thought."""
        thought = self.replies["kind"] == KIND["thinking"]
        tokens = np.where(thought, 0, self.replies["tokens"])
        return np.bincount(self.replies["call"], tokens, calls).astype(np.int64)


def taken_apart(columns: Columns) -> Stored:
    """From rows of parts in order of (call, seq, nth, billing class), with `counted` tokens. Columns
    are numbers; those with names hold places in the tuples of `model`."""
    output = columns["billing_class"] == _OUTPUT
    asked = np.flatnonzero(~output & (columns["rule"] != RULE["usage"]))
    call, seq, nth = (columns[name][asked] for name in ("call", "seq", "nth"))
    new_block = _starts(call, seq)
    at = np.flatnonzero(new_block | _starts(nth))
    tokens = columns["tokens"][asked]
    stretches = _only(columns, asked[at])
    stretches["tokens"] = np.add.reduceat(tokens, at) if len(at) else tokens
    block = np.cumsum(new_block[at]) - 1
    heads = asked[new_block]
    prompts = Prompts(*(columns[name][heads] for name in Prompts._fields))
    return Stored(stretches, _only(columns, np.flatnonzero(output)), block, prompts)


def rewritten(stored: Stored, measured: Measured, classes: Ints, keep: Flags) -> Iterator[pa.Table]:
    """Parts of the calls to `keep`, with the column `call`, some calls after the other. `classes`: what was
    billed, a row a call and a column for each of model.INPUT_CLASSES."""
    sizes = [
        np.bincount(c["call"], minlength=len(keep)) for c in (stored.stretches, stored.replies)
    ]
    borders = np.flatnonzero(np.diff(np.cumsum(sizes[0] + sizes[1]) // ROWS)) + 1
    for start, stop in pairwise([0, *borders.tolist(), len(keep)]):
        calls = slice(start, stop)
        if keep[calls].any():
            some = _of_calls(stored, measured, calls)
            yield _rewritten(*some, classes[calls], keep[calls], start)


def _of_calls(stored: Stored, measured: Measured, calls: slice) -> tuple[Stored, Measured]:
    """What there is of some calls, which are counted from the first of them."""
    prompts = stored.prompts
    rows, replies, blocks = (
        slice(*np.searchsorted(call, [calls.start, calls.stop]))
        for call in (stored.stretches["call"], stored.replies["call"], prompts.call)
    )
    some = Stored(
        _from(calls.start, _only(stored.stretches, rows)),
        _from(calls.start, _only(stored.replies, replies)),
        stored.block[rows] - blocks.start,
        Prompts(**_from(calls.start, _only(prompts._asdict(), blocks))),
    )
    return some, Measured(measured.blocks[blocks], measured.carried[calls], measured.hidden[calls])


def _from(call: int, columns: Columns) -> Columns:
    """Columns of which `call` is counted from a call."""
    return columns | {"call": columns["call"] - call}


def _rewritten(
    stored: Stored, measured: Measured, classes: Ints, keep: Flags, start: int
) -> pa.Table:
    """Parts of calls that are counted from `start`."""
    sources = [
        _own(stored, measured),
        _replies(stored),
        _hidden(measured),
        _thoughts(stored, measured),
    ]
    call, place, tokens = (
        np.concatenate([s[n] for s in sources]) for n in ("call", "place", "tokens")
    )
    # Each source is in order already, so that a sort which knows runs has little to do.
    order = np.argsort(call * (2 * _REPLY) + place, kind="stable")
    order = order[keep[call[order]]]
    call, place, tokens = call[order], place[order], tokens[order]
    row, billing_class, pieces = cut(call, tokens, place < _REPLY, classes)
    done = {"call": start + call[row], "billing_class": billing_class, "tokens": pieces,
            "seq": _numbered(call, place)[row]}  # fmt: skip
    at = order[row]
    return _table(done | {n: np.concatenate([s[n] for s in sources])[at] for n in _KEPT})


def _numbered(call: Ints, place: Ints) -> Ints:
    """The number of each row's block in its call; rows of one block have one place."""
    number = np.cumsum(_starts(call, place))
    return np.asarray(number - np.maximum.accumulate(np.where(_starts(call), number, 0)), np.int64)


def _table(done: Columns) -> pa.Table:
    types = {"seq": np.int32, "nth": np.int16, "turn": np.int32}
    columns: dict[str, object] = {"call": done["call"]}
    columns |= {name: done[name].astype(types.get(name, done[name].dtype)) for name in _PLAIN}
    for name, values in _NAMES.items():
        codes = pa.array(done[name].astype(np.int8))
        columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array(values))
    return pa.table(columns)


def _own(stored: Stored, measured: Measured) -> Columns:
    """The prompts' stretches, each with its share of what its block costs."""
    blocks, block = len(stored.prompts.call), stored.block
    old = stored.stretches["tokens"]
    total = np.bincount(block, old, blocks).astype(np.int64)
    share = np.where(total[block] > 0, old, _starts(block))
    tokens = spread(share, block, measured.blocks, np.maximum(total, 1))
    return stored.stretches | {"tokens": tokens, "place": 2 * block + 2}


def _replies(stored: Stored) -> Columns:
    return stored.replies | {"place": _REPLY + stored.replies["seq"].astype(np.int64)}


def _hidden(measured: Measured) -> Columns:
    call = np.flatnonzero(measured.hidden > 0)
    what = (SEGMENT["unattributed"], ROLE["none"], KIND["hidden"])
    none = np.zeros(len(call), np.int64)
    return _bare(call, measured.hidden[call], what, none, none.astype(np.uint64), none)


def _thoughts(stored: Stored, measured: Measured) -> Columns:
    """Hidden reasoning of earlier replies, in front of the first reply in the prompt."""
    prompts = stored.prompts
    place = np.zeros(len(measured.carried), np.int64)
    spoken = np.flatnonzero(prompts.role == ROLE["assistant"])[::-1]
    place[prompts.call[spoken]] = spoken  # the last assignment, of the first reply, stays
    call = np.flatnonzero(measured.carried > 0)
    first = place[call]
    before = np.maximum(first - 1, 0)
    inside = (first > 0) & (prompts.call[before] == call)
    turn = stored.stretches["turn"][np.searchsorted(stored.block, first)]
    what = (SEGMENT["history"], ROLE["assistant"], KIND["thinking"])
    prefix = np.where(inside, prompts.prefix[before], 0).astype(np.uint64)
    return _bare(call, measured.carried[call], what, 2 * first + 1, prefix, turn)


def _bare(
    call: Ints,
    tokens: Ints,
    what: tuple[int, int, int],
    place: Ints,
    prefix: np.ndarray,
    turn: Ints,
) -> Columns:
    """Rows without text, that only the bill knows."""
    zero = np.zeros(len(call), np.uint8)
    segment, role, kind = (zero + np.uint8(code) for code in what)
    return {
        "call": call, "place": place, "tokens": tokens, "segment": segment, "role": role,
        "kind": kind, "rule": zero + np.uint8(RULE["usage"]), "breakpoint": zero,
        "turn": turn.astype(np.int32), "content": zero.astype(np.uint64), "prefix": prefix,
        "nth": zero.astype(np.int16),
    }  # fmt: skip


def _starts(*columns: np.ndarray) -> Flags:
    """Where a row differs from the one before it."""
    starts = np.zeros(len(columns[0]), bool)
    starts[:1] = True
    for column in columns:
        starts[1:] |= column[1:] != column[:-1]
    return starts


def _only(columns: Columns, which: np.ndarray | slice) -> Columns:
    return {name: column[which] for name, column in columns.items()}
