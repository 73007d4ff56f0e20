"""Segments by place in the prompt: rules 1 and 2 of the design, for a whole batch at once.

The query is the last user message; earlier turns are history; in an agent loop everything after that
message and before the newest tool results is history, and the newest tool results are context.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costscope.attribute import prefix
from costscope.attribute.interner import NO_SEGMENT, Pieces
from costscope.model import KINDS, ROLES, RULES, SEGMENTS, Trait

Ints = NDArray[np.int64]
Codes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

SEGMENT = {name: i for i, name in enumerate(SEGMENTS)}
ROLE = {name: i for i, name in enumerate(ROLES)}
KIND = {name: i for i, name in enumerate(KINDS)}
RULE = {name: i for i, name in enumerate(RULES)}
_SAID = tuple(KIND[k] for k in ("text", "document", "image"))
_FROM_QUERY = Trait.CODE | Trait.REASONING


class Laid(NamedTuple):
    """Rows of pieces in order of (call, place in the prompt), replies last; not yet reconciled."""

    call: Ints
    message: Ints
    """Running number of the message over the whole batch."""
    first_of_message: Flags
    is_reply: Flags
    turn: Ints
    role: Codes
    kind: Codes
    segment: Codes
    rule: Codes
    mark: Codes
    traits: NDArray[np.uint16]
    content: NDArray[np.uint64]
    tokens: Ints
    prefix: NDArray[np.uint64]
    lost: Flags
    """For each call, not row: whether a message of its prompt could not be read."""


def lay_out(
    pieces: Pieces, messages: Ints, message_call: Ints, is_reply: Flags, calls: int
) -> Laid:
    """The rows of a batch. `messages` are ids of the interner, call by call, prompt before reply."""
    counts = pieces.pieces[messages]
    number = np.repeat(np.arange(len(messages)), counts)
    within = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = pieces.start[messages][number] + within
    call = message_call[number]
    lost = np.zeros(calls, bool)
    lost[message_call[pieces.unread[messages] & ~is_reply]] = True
    role, kind, reply = pieces.role[rows], pieces.kind[rows], is_reply[number]
    said = (role == ROLE["user"]) & np.isin(kind, _SAID) & ~reply
    place = _Place(call, number, reply, role, kind, said, calls)
    segment, rule = _decide(pieces.segment[rows], pieces.rule[rows], place)
    content = pieces.content[rows]
    return Laid(
        call=call, message=number, first_of_message=within == 0, is_reply=reply,
        turn=_turns(said, number, message_call), role=role, kind=kind, segment=segment, rule=rule,
        mark=pieces.mark[rows], traits=pieces.traits[rows], content=content,
        tokens=pieces.tokens[rows], lost=lost,
        prefix=prefix.chain(content, np.diff(call, prepend=-1) != 0),
    )  # fmt: skip


class _Place(NamedTuple):
    """Where each row stands, and what of it is said by the user."""

    call: Ints
    number: Ints
    reply: Flags
    role: Codes
    kind: Codes
    said: Flags
    calls: int

    def last(self, flags: Flags) -> Ints:
        """For each row the number of the last message of its call with a flagged row, else -1."""
        found = np.full(self.calls, -1, np.int64)
        found[self.call[flags]] = self.number[flags]  # in order, so the last assignment stays
        return found[self.call]


def _decide(hint: Codes, hint_rule: Codes, at: _Place) -> tuple[Codes, Codes]:
    """(segment, rule) of each row; what is said in an earlier turn is history whatever marks it."""
    # A prompt may end in the first words of the reply; they answer nothing yet.
    spoke = (at.role == ROLE["assistant"]) & ~at.reply & (at.number < at.last(~at.reply))
    query = _query(hint, spoke, at)
    # What was said since the reply before the query is one turn, though in several messages.
    before = at.last(spoke & (at.number < query))
    in_query = at.said & (at.number == query)
    system = at.role == ROLE["system"]
    newest = (at.role == ROLE["tool"]) & (at.number > at.last(spoke))
    segment = np.full(len(hint), SEGMENT["history"], np.uint8)
    rule = np.full(len(hint), RULE["turn"], np.uint8)
    schema = at.kind == KIND["tool_schema"]
    marked = (hint != NO_SEGMENT) & (system | in_query | (at.said & (at.number > before)))
    for where, name, why in (
        (system, "system", "structure"),
        (in_query, "query", "turn"),
        (newest, "context", "turn"),
        (schema, "tools", "structure"),
        (at.reply, "output", "structure"),
        (at.reply & (at.kind == KIND["thinking"]), "reasoning", "structure"),
    ):
        segment[where], rule[where] = SEGMENT[name], RULE[why]
    use = marked & ~schema & ~at.reply
    segment[use], rule[use] = hint[use], hint_rule[use]
    return segment, rule


def _query(hint: Codes, spoke: Flags, at: _Place) -> Ints:
    """For each row the number of its call's last user message, -1 where there is none. One that is
    retrieved context throughout asks nothing: the message that it was sent with is the query."""
    last = at.last(at.said)
    asking = at.last(at.said & (hint != SEGMENT["context"]))
    return np.where(asking > at.last(spoke & (at.number < last)), asking, last)


def _turns(said: Flags, number: Ints, message_call: Ints) -> Ints:
    """Which turn of its conversation each row is in, from 1; what stands before the first is 0."""
    speaks = np.zeros(len(message_call), bool)
    speaks[number[said]] = True
    starts = speaks.copy()
    starts[1:] &= ~(speaks[:-1] & (message_call[1:] == message_call[:-1]))
    total = np.cumsum(starts)
    first = np.diff(message_call, prepend=-1) != 0
    base = np.maximum.accumulate(np.where(first, total - starts, 0))
    return (total - base)[number]


def call_traits(laid: Laid, calls: int) -> Ints:
    """Trait bits of each call: of its query's text, of the tools it offers, of what its reply calls."""
    bits = laid.traits.astype(np.int64)
    query = laid.segment == SEGMENT["query"]
    keep = np.where(query, _FROM_QUERY, 0)
    keep |= np.where(laid.is_reply, Trait.TOOL_CALLED, Trait.TOOLS_OFFERED | Trait.IMAGE)
    found = np.zeros(calls, np.int64)
    np.bitwise_or.at(found, laid.call, bits & keep)
    return found


class Ends(NamedTuple):
    """The prefix hash at the end of each call's prompt, and of prompt and reply together."""

    prompt: NDArray[np.uint64]
    whole: NDArray[np.uint64]


def call_hashes(laid: Laid, calls: int) -> Ends:
    """Ends of every call; 0 where there is no text, and `prompt` 0 where some of it was not read."""
    prompt, whole = np.zeros(calls, np.uint64), np.zeros(calls, np.uint64)
    whole[laid.call] = laid.prefix
    asked = ~laid.is_reply
    prompt[laid.call[asked]] = laid.prefix[asked]
    prompt[laid.lost] = 0
    return Ends(prompt, whole)


def request_hashes(prompt: NDArray[np.uint64], params: Sequence[str]) -> NDArray[np.uint64]:
    """A hash of all that a request asks for, model and settings included; 0 where it is not known."""
    found = np.zeros(len(prompt), np.uint64)
    for i, (end, text) in enumerate(zip(prompt.tolist(), params, strict=True)):
        if end:
            digest = blake2b(
                f"{end}\0{text}".encode("utf-8", "surrogatepass"), digest_size=8
            ).digest()
            found[i] = int.from_bytes(digest, "little") | 1
    return found
