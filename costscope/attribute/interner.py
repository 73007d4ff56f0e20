"""Each distinct message once: raw JSON is hashed, and only new ones are decoded, cut and counted.

What a message holds becomes rows of small numbers; texts are forgotten as soon as they are counted.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import repeat
from struct import Struct
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa
import xxhash
from msgspec import Raw

from costscope import tokens
from costscope.attribute import markers
from costscope.attribute.span_rows import SpanRows
from costscope.attribute.stated import Ruled, RuleSet
from costscope.model import KINDS, ROLES, RULES, SEGMENTS, Block, BlockParser, Slot, Trait

NO_SEGMENT = 255
"""A piece whose segment its place in the prompt decides."""
MARKS = ("", "5m", "1h")
MAX_MESSAGES = 400_000
MAX_PIECES = 2_000_000
"""Past so many distinct messages or pieces the memory starts afresh, so that it is bounded."""
COUNT_BATCH = 8 * 1024 * 1024
"""So many characters wait to be counted together."""
STUMBLES = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip
"""What a dialect may raise over JSON that is not of its shape."""
_OWN_TRAIT = {
    "image": Trait.IMAGE,
    "tool_schema": Trait.TOOLS_OFFERED,
    "tool_call": Trait.TOOL_CALLED,
}

_CODE_WORDS = ("def", "class", "import", "function", "public", "const", "#include")
_CODE_LINE = re.compile(rf"(?:\A|\n)[ \t]*+(?:{'|'.join(_CODE_WORDS)})\b")
_CODE_END = re.compile(r"[;{}][ \t\r]*+$", re.MULTILINE)
_REASONS = (
    r"\b(prove|derive|step[- ]by[- ]step|why|explain|analy[sz]e|compare|trade-?offs?|design|debug|"
    r"root cause|plan|optimi[sz]e|reason)\b"
)
_REASONING, _REASONING_LOWER = re.compile(_REASONS, re.IGNORECASE), re.compile(_REASONS)
_REASONING_WORDS = (
    "prove", "derive", "step", "why", "explain", "analy", "compare", "trade", "design", "debug", "root",
    "plan", "optimi", "reason",
)  # fmt: skip
"""Without any of them `_REASONING` finds nothing; to look for words is many times as fast."""
_ODD = "İıſK"
"""Letters that `re` takes for others when it ignores case, and `str.lower` does not."""
_ROLE = {name: i for i, name in enumerate(ROLES)}
_KIND = {name: i for i, name in enumerate(KINDS)}
_SEGMENT = {name: i for i, name in enumerate(SEGMENTS)}
_RULE = {name: i for i, name in enumerate(RULES)}


HandOn = Callable[[int, str], None]


class Interner:
    """Raw messages → ids of messages → rows of pieces. One for each process; `secret` keys the hashes.
    `hand_on` is told each new text with its content hash."""

    def __init__(self, secret: bytes, *, hand_on: HandOn | None = None) -> None:
        self._hand_on = hand_on
        # Hashes of role and kind, to be gone on with: to set the key takes as long as a short text.
        self._heads = {
            (role, kind): blake2b(f"{role}\0{kind}\0".encode(), key=secret, digest_size=8)
            for role in ROLES
            for kind in KINDS
        }
        # Keyed like the stored hashes, so that nobody can prepare texts that collide.
        self._seed = int.from_bytes(blake2b(secret, digest_size=8).digest(), "little")
        self._names = blake2b(b"settings\0", key=secret, digest_size=8)
        self._clear()

    def _clear(self) -> None:
        self._ids: dict[tuple[Slot, BlockParser, str, RuleSet | None], dict[bytes, int]] = {}
        self._start, self._pieces, self._unread = array("q"), array("q"), array("b")
        self._rows, self._size = bytearray(), 0
        self._pending: dict[str, list[tuple[int, str]]] = {}
        self._pending_bytes = 0
        self._told = 0
        self._keyed: dict[str, int] = {"": 0}
        self._spans = SpanRows(self._seed)

    @property
    def full(self) -> bool:
        """Whether `reset` is due before the next batch."""
        return len(self._start) > MAX_MESSAGES or self._size > MAX_PIECES

    def reset(self) -> None:
        """Forget everything; ids handed out before are void."""
        self._clear()

    def keyed(self, text: str) -> int:
        """The stored hash of a short text that is no part of a prompt; 0 for none."""
        if text not in self._keyed:
            hashed = self._names.copy()
            hashed.update(text.encode("utf-8", "surrogatepass"))
            self._keyed[text] = int.from_bytes(hashed.digest(), "little") | 1
        return self._keyed[text]

    def ids(
        self, slot: Slot, dialect: BlockParser, encoding: str, raws: Sequence[Raw | bytes],
        rules: RuleSet | None = None,
    ) -> list[int]:  # fmt: skip
        """The ids of raw messages of one slot, dialect and encoding, cut by what a user says of their
        feature; new ones are decoded."""
        known = self._ids.setdefault((slot, dialect, encoding, rules), {})
        keys = list(map(xxhash.xxh3_128_digest, raws, repeat(self._seed)))
        found = list(map(known.get, keys))
        if None not in found:
            return cast(list[int], found)
        for key, raw in zip(keys, raws, strict=True):
            if key not in known:
                known[key] = self._add(slot, dialect, encoding, raw, rules)
        return [known[key] for key in keys]

    def _add(
        self, slot: Slot, dialect: BlockParser, encoding: str, raw: Raw | bytes,
        rules: RuleSet | None,
    ) -> int:  # fmt: skip
        blocks = _parsed(slot, dialect, raw)
        self._start.append(self._size)
        # A block without text is nothing that was sent: frameworks write "" where APIs write null.
        # A message of nothing else is still a message, which costs its framing.
        for block in [b for b in blocks or () if b.text or b.breakpoint] or (blocks or ())[:1]:
            self._add_block(block, encoding, _cuts(block, slot, rules))
        self._pieces.append(self._size - self._start[-1])
        self._unread.append(blocks is None)
        if self._pending_bytes > COUNT_BATCH:
            self._count()
        return len(self._start) - 1

    def _add_block(self, block: Block, encoding: str, cuts: Sequence[Ruled]) -> None:
        learnable = _is_cuttable(block) and not block.segment
        counted, last = block.kind != "image" and block.tokens < 0, len(cuts) - 1
        for i, (cut, rule) in enumerate(cuts):
            text = block.text[cut.start : cut.stop]
            mark = block.breakpoint if i == last else ""
            content = self._add_piece(block, text, cut.segment, mark, rule)
            if learnable and not cut.segment:
                self._spans.add(content, text, encoding)
            if text and counted:
                self._pending.setdefault(encoding, []).append((self._size - 1, text))
                self._pending_bytes += len(text)

    def _add_piece(self, block: Block, text: str, segment: str, mark: str, rule: str) -> int:
        """Put down a piece; its content hash."""
        content = self._hash(block, text) if text else 0
        if content and self._hand_on is not None:
            self._hand_on(content, text)
        self._rows += _PACK(
            _ROLE[block.role], _KIND[block.kind], _SEGMENT[segment] if segment else NO_SEGMENT,
            _RULE[rule], MARKS.index(mark), _traits(block, text), content, max(0, block.tokens),
        )  # fmt: skip
        self._size += 1
        return content

    def _hash(self, block: Block, text: str) -> int:
        """Keyed hash of a piece; role and kind count, so that a quoted reply is not a reply."""
        digest = self._heads[block.role, block.kind].copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(digest.digest(), "little") | 1

    def news(self) -> News:
        """What is known of the texts that are new since this was last asked."""
        self._count()
        rows, self._told = self._table()[self._told :], self._size
        content, counted = rows["content"], rows["tokens"]
        known = content != 0  # pyarrow's own filter costs an import
        texts = pa.table({"content": content[known], "counted": counted[known]})
        return News(texts, self._spans.taken())

    def _count(self) -> None:
        for encoding, pending in self._pending.items():
            counts = tokens.count([text for _, text in pending], encoding)
            self._table()["tokens"][[piece for piece, _ in pending]] = counts
        self._pending.clear()
        self._pending_bytes = 0

    def tables(self) -> Pieces:
        """All pieces so far, counted: views that must be let go before the next message is added."""
        self._count()
        rows = self._table()
        return Pieces(
            start=np.frombuffer(self._start, np.int64),
            pieces=np.frombuffer(self._pieces, np.int64),
            unread=np.frombuffer(self._unread, np.bool_),
            **{name: rows[name] for name in _ROW},
        )

    def _table(self) -> np.ndarray:
        """The pieces as rows of _ROW: a view, which must be let go before the next one is added."""
        return np.frombuffer(self._rows, _DTYPE)


class News(NamedTuple):
    """Of texts: content (hash) and `counted` tokens; and the spans of those that have several, see
    `span_rows`. A text may be told more than once."""

    texts: pa.Table
    spans: pa.Table


class Pieces(NamedTuple):
    """What is known of every distinct message: message i has pieces start[i] to start[i] + pieces[i],
    and was `unread` if it is of a shape that its dialect does not know. The other columns are rows of
    pieces."""

    start: np.ndarray
    pieces: np.ndarray
    unread: np.ndarray
    role: np.ndarray
    kind: np.ndarray
    segment: np.ndarray
    rule: np.ndarray
    mark: np.ndarray
    traits: np.ndarray
    content: np.ndarray
    tokens: np.ndarray


_ROW = {
    "role": "B", "kind": "B", "segment": "B", "rule": "B", "mark": "B", "traits": "H", "content": "Q",
    "tokens": "q",
}  # fmt: skip
"""A piece as it is packed: the columns of `Pieces` behind the first three."""
_PACK = Struct("@" + "".join(_ROW.values())).pack
_DTYPE = np.dtype(list(_ROW.items()), align=True)


def _parsed(slot: Slot, dialect: BlockParser, raw: Raw | bytes) -> Sequence[Block] | None:
    """A message's blocks. One that is of another shape has none: what it was billed for is then
    unattributed, which is true, and the call is kept."""
    try:
        return dialect(slot, bytes(raw))
    except STUMBLES:
        return None


def _is_cuttable(block: Block) -> bool:
    return block.kind == "text" and block.tokens < 0 and block.role in ("user", "system")


def _cuts(block: Block, slot: Slot, rules: RuleSet | None) -> Sequence[Ruled]:
    """The cuts of a block that cover it once: whole where the log itself names its segment, unless a
    user says otherwise."""
    whole, cuttable = markers.Cut(block.segment, 0, len(block.text)), _is_cuttable(block)
    if block.segment or not cuttable:
        found = [Ruled(whole, "structure" if block.segment else "turn")]
    else:
        cuts = markers.cut(block.text, block.role)
        rule = "marker" if cuts[0].segment or len(cuts) > 1 else "turn"
        found = [Ruled(cut, rule) for cut in cuts]
    if rules is None or not cuttable:
        return found
    return rules.cuts(block.text, block.role, slot, found)


def _traits(block: Block, text: str) -> int:
    """Trait bits of a piece; only the start is looked at, so that a huge text costs no more."""
    if block.kind in _OWN_TRAIT:
        return _OWN_TRAIT[block.kind]
    if block.role != "user":
        return 0  # only a query's words are asked for
    sample = text[:1000]
    found = int(Trait.CODE) if _is_code(sample) else 0
    return found | (Trait.REASONING if _reasons(sample) else 0)


def _is_code(text: str) -> bool:
    """Whether a text looks like code, or holds some."""
    return (
        "```" in text
        or ((";" in text or "{" in text or "}" in text) and _CODE_END.search(text) is not None)
        or (any(map(text.__contains__, _CODE_WORDS)) and _CODE_LINE.search(text) is not None)
    )


def _reasons(text: str) -> bool:
    """Whether a text asks for what takes thought."""
    lower = text.lower()
    odd = not text.isascii() and any(letter in text for letter in _ODD)
    if odd:
        return bool(_REASONING.search(text))
    # Matching lower case is several times as fast as ignoring case.
    return any(map(lower.__contains__, _REASONING_WORDS)) and bool(_REASONING_LOWER.search(lower))
