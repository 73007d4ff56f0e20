"""What system prompts could do without: lines that they hold twice, and examples beyond the first few."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope import tokens
from costscope.attribute.markers.lines import Mark, labels, marks
from costscope.levers._cut.cut import SALT, cut, scaled
from costscope.levers._prefix import ORDER, ordered, starts
from costscope.levers._rows import IS_OUTPUT
from costscope.model import Workload
from costscope.once import once

MOST = 500
"""So many texts are read, those that are sent the most; a log with more puts its data into them."""
LINE_WORDS, PARAGRAPH_WORDS = 6, 4
"""Shorter lines and paragraphs recur by nature: headings, rules, "Answer: yes"."""

_IS_SYSTEM = (pl.col("segment") == "system") & ~IS_OUTPUT
_TAGGED = re.compile(
    r"<(example|sample|demonstration)\b[^<>]*>.*?</\1>[ \t]*\n?", re.DOTALL | re.IGNORECASE
)
_PARAGRAPH = re.compile(r"[^\n]*\S[^\n]*(?:\n[^\n]*\S[^\n]*)*\n*")
_CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_BULLET = re.compile(r"^(?:[-*+•#>]+|\(?\d{1,3}[.)])\s+")
_DIGITS = re.compile(r"\W*\d+\W*$")

Spans = list[tuple[int, int]]


class Wanted(NamedTuple):
    """What goes; the fields are those of the lever `system_prompt`."""

    repeated: bool = True
    examples: int = -1
    shorten: Fraction = Fraction(0)


def shorter(workload: Workload, wanted: Wanted) -> Workload:
    """The workload with shorter system prompts; the same object if there is nothing to take out."""
    texts = found(workload, wanted).filter(pl.col("kept") < pl.col("whole"))
    if texts.is_empty() and not wanted.shorten:
        return workload
    parts = ordered(workload.parts)
    if parts.is_empty():
        return workload
    known = texts.select("content", "kept", "whole", SALT)
    rows = parts.select("content", "tokens", _own=pl.Series(_pure(parts)), _any=_IS_SYSTEM)
    rows = rows.join(known, on="content", how="left", maintain_order="left")
    own = pl.col("_own") & pl.col("kept").is_not_null()
    top, bottom = (1 - wanted.shorten).as_integer_ratio()
    whole = pl.when(own).then("whole").otherwise(1) * bottom
    kept = pl.when(own).then("kept").otherwise(1) * top
    salt = pl.when(own).then(SALT).otherwise(0) ^ pl.lit(bottom - top, pl.UInt64)
    rows = rows.select(
        salt.alias(SALT), whole=whole,
        kept=pl.when(own | (pl.col("_any") & bool(wanted.shorten))).then(kept).otherwise(-1),
    )  # fmt: skip
    left = scaled(parts, rows["kept"].to_numpy(), rows["whole"].to_numpy())
    return cut(workload, parts.with_columns(left, rows[SALT]), everywhere=True)


@once
def found(workload: Workload, wanted: Wanted) -> pl.DataFrame:
    """A row for each text that is system prompt and nothing else: content, `sent` (tokens, over all calls),
    `read` (whether it could be), `kept` of `whole` counted tokens, `again` and `shown` (repeated lines
    and examples found) with `again_tokens` and `shown_tokens`, and a hash of what goes as `_salt`."""
    texts = _sent(workload).join(_texts(workload.log), on="content", how="left")
    first = max(wanted.examples, 0)
    beyond = pl.col("shown").list.slice(first).list.sum() if wanted.examples >= 0 else pl.lit(0)
    gone = pl.col("again_tokens") * int(wanted.repeated) + beyond
    rules = int(wanted.repeated) + 2 * (wanted.examples + 1)
    return texts.sort("sent", "content", descending=True).with_columns(
        pl.lit(rules, pl.UInt64).alias(SALT),
        read=pl.col("whole").is_not_null(),
        kept=(pl.col("whole") - gone).clip(0).fill_null(1),
        whole=pl.col("whole").fill_null(1),
        again=pl.col("again").fill_null(0),
        again_tokens=pl.col("again_tokens").fill_null(0),
        shown=pl.col("shown").list.len().fill_null(0).cast(pl.Int64),
        shown_tokens=pl.col("shown").list.sum().fill_null(0),
    )


@once
def _sent(workload: Workload) -> pl.DataFrame:
    """content and `sent` (tokens, over all calls) of the texts that are system prompt and nothing else."""
    parts = ordered(workload.parts)
    own = parts.filter(pl.Series(_pure(parts), dtype=pl.Boolean), pl.col("content") != 0)
    return own.group_by("content").agg(sent=pl.col("tokens").sum())


@once
def _texts(log: Workload) -> pl.DataFrame:
    """What could go of each text that can be read again, see `judged`."""
    numbers = dict.fromkeys(("whole", "again", "again_tokens"), pl.Int64)
    schema = {"content": pl.UInt64} | numbers | {"shown": pl.List(pl.Int64)}
    most = _sent(log).sort("sent", "content", descending=True).head(MOST)
    texts = log.texts.read(most["content"].to_list()) if log.texts is not None else ()
    rows = [(content, *judged(text)) for content, text in texts]
    return pl.DataFrame(rows, schema=schema, orient="row")


def judged(text: str) -> tuple[int, int, int, list[int]]:
    """Of one text: its tokens (1 where nothing could go), how many lines and paragraphs it repeats, the
    tokens that it would lose with them, and those of each of its examples."""
    shown = example_spans(text)
    again = repetitions(text, shown)
    if not (shown or again):
        return 1, 0, 0, []
    pieces = [text, without(text, again), *(text[start:stop] for start, stop in shown)]
    whole, rest, *examples = tokens.count(pieces)
    return max(whole, 1), len(again), max(whole - rest, 0), examples


def without(text: str, spans: Spans) -> str:
    """The text less some spans, which may overlap."""
    left, at = [], 0
    for start, stop in sorted(spans):
        left.append(text[at : max(start, at)])
        at = max(at, stop)
    return "".join([*left, text[at:]])


def example_spans(text: str) -> Spans:
    """Where the examples of a prompt are: in tags, or under two or more numbered labels ("Example 1:").

    The last of labelled ones has as many paragraphs as the one before it: what follows it is mostly
    the prompt's own again, and nothing marks where it begins.
    """
    tagged = [m.span() for m in _TAGGED.finditer(text)] if "<" in text else []
    if tagged:
        return tagged
    if sum(map(_is_numbered, labels(text))) < 2:
        return []
    begins = [m.start for m in marks(text) if _is_numbered(m)]
    if len(begins) < 2:
        return []
    spans = list(pairwise(begins))
    size = len(_PARAGRAPH.findall(text, *spans[-1]))
    last = [m.end() for m in _PARAGRAPH.finditer(text, begins[-1])][:size]
    return [*spans, (begins[-1], last[-1])] if last else spans


def _is_numbered(mark: Mark) -> bool:
    return mark.kind == "example" and bool(_DIGITS.search(mark.label))


def repetitions(text: str, examples: Spans) -> Spans:
    """Paragraphs, and lines of others, that the text has word for word before; none in code or examples."""
    code = (m.span() for m in _CODE.finditer(text)) if "```" in text else ()
    apart = [*examples, *code]
    seen: set[str] = set()
    spans: Spans = []
    for found in _PARAGRAPH.finditer(text):
        start, stop = found.span()
        if any(start < b and a < stop for a, b in apart):
            continue
        if _is_again(found[0], PARAGRAPH_WORDS, seen):
            spans.append((start, stop))
        else:
            spans += _lines(found[0], start, seen)
    return spans


def _lines(paragraph: str, start: int, seen: set[str]) -> Iterator[tuple[int, int]]:
    """Where its lines that were there before lie, if it has several; it begins at `start`."""
    lines = paragraph.splitlines(keepends=True)
    several = sum(not line.isspace() for line in lines) > 1
    for line in lines:
        if several and _is_again(line, LINE_WORDS, seen):
            yield start, start + len(line)
        start += len(line)


def _is_again(piece: str, least: int, seen: set[str]) -> bool:
    """Whether a piece of so many words was there before; it is remembered."""
    words, plain = _plain(piece)
    if words < least or plain not in seen:
        seen.add(plain)
        return False
    return True


@lru_cache(maxsize=10_000)
def _plain(piece: str) -> tuple[int, str]:
    """A piece's words, how many and in small letters, without a bullet before them. Prompts of one template
    have most of their pieces in common."""
    words = _BULLET.sub("", piece.strip()).casefold().split()
    return len(words), " ".join(words)


def _pure(parts: pl.DataFrame) -> np.ndarray:
    """For each row of sorted parts whether its whole block is system prompt."""
    own = parts.select(_IS_SYSTEM).to_series().to_numpy()
    if not own.any():
        return own
    at = np.flatnonzero(parts.select(starts(*ORDER)).to_series().to_numpy())
    return np.repeat(np.logical_and.reduceat(own, at), np.diff(np.append(at, len(own))))
