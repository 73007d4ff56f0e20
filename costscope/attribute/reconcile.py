"""The bill is the truth: estimated rows become whole billed tokens that add up to it exactly.

A tokenizer only decides the split. What is billed beyond the text is `unattributed` and stands first,
where providers put what is not logged (tool schemas, hidden prompts).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from costscope.attribute.segments import KIND, ROLE, RULE, SEGMENT, Codes, Flags, Ints, Laid
from costscope.model import CLASSES, INPUT_CLASSES, Usage

_NAMES = (*INPUT_CLASSES, "output", "reasoning")
_COUNTS = attrgetter(*_NAMES)
_FRESH = INPUT_CLASSES.index("fresh")
_OUTPUT = CLASSES.index("output")


class Bill(NamedTuple):
    """What was billed, a row a call. `classes` has a column for each of INPUT_CLASSES."""

    known: Flags
    classes: Ints
    output: Ints
    reasoning: Ints

    @classmethod
    def of(cls, usages: Sequence[Usage | None]) -> Self:
        """From usages; None is a call whose bill the log does not tell."""
        none = Usage()
        rows = np.array([_COUNTS(u or none) for u in usages], np.int64).reshape(-1, len(_NAMES))
        known = np.array([u is not None for u in usages], bool)
        output = rows[:, _NAMES.index("output")]
        # Reasoning is a part of output: a log that says more is not believed.
        reasoning = np.minimum(rows[:, _NAMES.index("reasoning")], output)
        return cls(known, rows[:, : len(INPUT_CLASSES)], output, reasoning)


class Rows(NamedTuple):
    """The parts of a batch, sorted by (call, seq, billing class), and each call's usage as columns of
    model.Usage (estimated where the log has none)."""

    call: Ints
    seq: Ints
    segment: Codes
    role: Codes
    kind: Codes
    rule: Codes
    mark: Codes
    turn: Ints
    tokens: Ints
    billing_class: Ints
    content: NDArray[np.uint64]
    prefix: NDArray[np.uint64]
    usage: Ints


def reconcile(laid: Laid, bill: Bill, ratio: Ints) -> Rows:
    """Rows of text and a bill → parts. `ratio` is a row a call: numerator and denominator of tokens of
    the model's family per counted token, framing tokens a message, and those a tool call or result."""
    calls = len(bill.known)
    estimate = _estimate(laid, ratio, bill.reasoning > 0)
    text_in = _per_call(estimate, laid.call, ~laid.is_reply, calls)
    text_out = _per_call(estimate, laid.call, laid.is_reply, calls)
    billed_in = np.where(bill.known, bill.classes.sum(axis=1), text_in)
    output = np.where(bill.known, bill.output, text_out)
    # Text that costs more than the bill is scaled down; a reply is scaled both ways, for all of it
    # was written by the model, and only its reasoning is not shown.
    target_in = np.minimum(text_in, billed_in)
    visible = output - bill.reasoning
    tokens = _scaled(estimate, laid, np.where(laid.is_reply, visible[laid.call], target_in[laid.call]),
                     np.where(laid.is_reply, text_out[laid.call], text_in[laid.call]))  # fmt: skip
    extra = _extra_rows(billed_in - target_in, np.where(text_out > 0, 0, visible), bill.reasoning)
    rows = _merged(laid, tokens, extra)
    rows = _only(rows, (billed_in + output)[rows["call"]] > 0)
    classes = np.where(bill.known[:, None], bill.classes, 0)
    classes[:, _FRESH] += np.where(bill.known, 0, text_in)
    usage = np.column_stack(
        [*(classes[:, INPUT_CLASSES.index(n)] for n in _BUCKETS), output, bill.reasoning]
    )
    return _by_class(rows, classes, usage)


_BUCKETS = tuple(n for n in Usage.__struct_fields__ if n in INPUT_CLASSES)


def _estimate(laid: Laid, ratio: Ints, reasons: Flags) -> Ints:
    per_row = ratio[laid.call]
    scaled = (laid.tokens * per_row[:, 0] + per_row[:, 1] // 2) // per_row[:, 1]
    framed = laid.first_of_message & ~laid.is_reply & (laid.kind != KIND["tool_schema"])
    # Where the bill counts reasoning by itself, the text of a reply's thoughts explains nothing more.
    hidden = laid.is_reply & (laid.kind == KIND["thinking"]) & reasons[laid.call]
    tool = ~laid.is_reply & np.isin(laid.kind, (KIND["tool_call"], KIND["tool_result"]))
    beside = np.where(framed, per_row[:, 2], 0) + np.where(tool, per_row[:, 3], 0)
    return np.where(hidden, 0, scaled + beside)


def _per_call(values: Ints, call: Ints, where: Flags, calls: int) -> Ints:
    return np.bincount(call[where], weights=values[where], minlength=calls).astype(np.int64)


def _scaled(estimate: Ints, laid: Laid, target: Ints, total: Ints) -> Ints:
    """Estimates scaled to add up to `target` within each call's prompt and reply, by rounding their
    running sum, which keeps order and exactness; unchanged where they add up already."""
    group = laid.call * 2 + laid.is_reply
    running = np.cumsum(estimate)
    start = np.diff(group, prepend=-1) != 0
    before = np.maximum.accumulate(np.where(start, running - estimate, 0))
    upto = running - before
    safe = np.maximum(total, 1)
    return np.where(
        target == total, estimate, upto * target // safe - (upto - estimate) * target // safe
    )


def _extra_rows(hidden: Ints, plain: Ints, reasoning: Ints) -> dict[str, Ints]:
    """Rows for billed tokens without text: the hidden part of prompts (place 0), reasoning (place 1 of
    the reply), and replies that were not logged (place 2)."""
    found: dict[str, list[Ints]] = {"call": [], "place": [], "tokens": []}
    for place, amount in enumerate((hidden, reasoning, plain)):
        calls = np.flatnonzero(amount > 0)
        found["call"].append(calls)
        found["place"].append(np.full(len(calls), place))
        found["tokens"].append(amount[calls])
    return {name: np.concatenate(parts) for name, parts in found.items()}


_PLACES = (("unattributed", "hidden", "none"), ("reasoning", "thinking", "assistant"),
           ("output", "text", "assistant"))  # fmt: skip


def _merged(laid: Laid, tokens: Ints, extra: dict[str, Ints]) -> dict[str, np.ndarray]:
    """Both kinds of rows in one order: hidden, prompt, reasoning, reply."""
    place = extra["place"]
    none = np.zeros(len(place), np.int64)
    columns = {
        "call": np.concatenate([laid.call, extra["call"]]),
        "tokens": np.concatenate([tokens, extra["tokens"]]),
        "segment": np.concatenate([laid.segment, _codes(place, SEGMENT, 0)]),
        "kind": np.concatenate([laid.kind, _codes(place, KIND, 1)]),
        "role": np.concatenate([laid.role, _codes(place, ROLE, 2)]),
        "rule": np.concatenate([laid.rule, np.full(len(place), RULE["usage"], np.uint8)]),
        "mark": np.concatenate([laid.mark, none.astype(np.uint8)]),
        "turn": np.concatenate([laid.turn, none]),
        "content": np.concatenate([laid.content, none.astype(np.uint64)]),
        "is_reply": np.concatenate([laid.is_reply, place > 0]),
        "prefix": np.concatenate([laid.prefix, none.astype(np.uint64)]),
    }
    rank = np.concatenate([np.where(laid.is_reply, 3, 1), np.where(place == 0, 0, 2)])
    order = np.lexsort((rank, columns["call"]))
    merged = {name: column[order] for name, column in columns.items()}
    return _continued(merged)


def _codes(place: Ints, names: dict[str, int], which: int) -> Codes:
    return np.array([names[p[which]] for p in _PLACES], np.uint8)[place]


def _continued(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows without text take the prefix of what is before them in their call; places are numbered."""
    call, content = rows["call"], rows["content"]
    index = np.arange(len(call))
    first = np.diff(call, prepend=-1) != 0
    start = np.maximum.accumulate(np.where(first, index, 0))
    last_text = np.maximum.accumulate(np.where(content != 0, index, -1))
    known = last_text >= start
    rows["prefix"] = np.where(known, rows["prefix"][np.maximum(last_text, 0)], 0).astype(np.uint64)
    rows["seq"] = index - start
    return rows


def _only(rows: dict[str, np.ndarray], keep: Flags) -> dict[str, np.ndarray]:
    return rows if keep.all() else {name: column[keep] for name, column in rows.items()}


def _by_class(rows: dict[str, np.ndarray], classes: Ints, usage: Ints) -> Rows:
    row, billing_class, tokens = cut(rows["call"], rows["tokens"], ~rows["is_reply"], classes)
    taken = {name: column[row] for name, column in rows.items()}
    return Rows(
        call=taken["call"], seq=taken["seq"], segment=taken["segment"], role=taken["role"],
        kind=taken["kind"], rule=taken["rule"], mark=taken["mark"], turn=taken["turn"],
        tokens=tokens, billing_class=billing_class, content=taken["content"],
        prefix=taken["prefix"], usage=usage,
    )  # fmt: skip


def cut(call: Ints, tokens: Ints, asked: Flags, classes: Ints) -> tuple[Ints, Ints, Ints]:
    """Prompt rows (`asked`) cut where one billing class ends and the next begins along the prompt.

    Rows are in order of (call, place); `classes` has a row a call and a column for each of
    INPUT_CLASSES. Gives for each piece its row, billing class and tokens.
    """
    counted = np.where(asked, tokens, 0)
    running = np.cumsum(counted)
    first = np.diff(call, prepend=-1) != 0
    stop = running - np.maximum.accumulate(np.where(first, running - counted, 0))
    start = stop - counted
    ends = np.cumsum(classes, axis=1)
    billed = np.asarray(classes.any(axis=0), bool)
    billed[_FRESH] = True
    # A column for each class that anything is billed in: most logs know one or two.
    used = np.append(np.flatnonzero(billed), _OUTPUT)
    overlap = np.zeros((len(call), len(used)), np.int64)
    for nth, i in enumerate(used[:-1].tolist()):
        high = ends[:, i]
        low = high - classes[:, i]
        overlap[:, nth] = np.minimum(stop, high[call]) - np.maximum(start, low[call])
    overlap[~asked, :-1] = 0
    overlap[~asked, -1] = tokens[~asked]
    has = overlap > 0
    empty = np.flatnonzero(~has.any(axis=1))
    # An empty row is billed nothing; it stays, in the class of its place, to keep the prefix whole.
    place = np.minimum((start[empty, None] >= ends[call[empty]]).sum(axis=1), _FRESH)
    at = np.searchsorted(used, np.where(asked[empty], place, _OUTPUT))
    has[empty, at] = True
    row, column = np.nonzero(has)
    return row, used[column], np.maximum(overlap[row, column], 0)
