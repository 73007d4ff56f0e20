"""What two questions must share so that one answer can be right for both, however alike they sound:
numbers, units, dates, negation, names, code, and no word put in another's place. Not a measure of likeness.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import normalize

import numpy as np
import xxhash

from costscope.levers._similar import words as known

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)+|[^\W_]*_\w+|\w+(?:(?:\.|::|@)\w+|['’]\w+)*")
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_SYMBOLS = re.compile("[%$€£¥₹°]")
_NUMBER = re.compile(r"(\d+(?:[.,:/-]\d+)*)(\D*)")
_CODE = re.compile(r"_|[^\W\d][.@:]+\w|[^\W\d]\d|\d[^\W\d]|[a-z][A-Z]")
_NO_SPACES = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts that put no space between words: Thai, Lao, kana, Han. Each character counts as a word."""
_OPENS = re.compile(r"(?:^|[.!?:;\n\"“*•>)]\s*|[-–]\s+)$")
"""What stands before a word that is capitalised because something begins with it."""
_CODE_MARK = re.compile(r"[`/\\$@#=<{\[(]|--")
_BEFORE_CODE, _BEHIND_CODE = frozenset("`/\\$@#=<{["), frozenset("`/\\(=<{[")
_SUFFIXES = ("ings", "ing", "ies", "ied", "ed", "es", "ly", "s", "e", "y")
_SHIFT = np.uint64(32)
_PAIRS = 200_000
"""Pairs compared at a time, so that memory stays bounded."""


class Marked(NamedTuple):
    """One text: `key` is equal where numbers, units, dates, negation and code blocks are. The rest are
    hashes of words: all of it, those that the other text must have, those that it must not have."""

    key: int
    words: frozenset[int]
    content: frozenset[int]
    musts: frozenset[int]
    against: frozenset[int]


class _Word(NamedTuple):
    """What one token says by itself, whatever stands around it."""

    stem: int
    plain: bool
    is_code: bool
    facts: tuple[str, ...]
    against: tuple[int, ...]


def marked(text: str) -> Marked:
    """What a text says that must not differ."""
    text = text if text.isascii() else normalize("NFKC", text)
    facts = {f"code {''.join(block.split())}" for block in _FENCE.findall(text)}
    facts.update(known.UNITS[symbol] for symbol in _SYMBOLS.findall(text))
    words, content, musts, against = set[int](), set[int](), set[int](), set[int]()
    has_code = _CODE_MARK.search(text) is not None
    for token, start in _tokens(text):
        word = _word(token)
        words.add(word.stem)
        if word.facts:
            facts.update(word.facts)
        if word.against:
            against.update(word.against)
        if word.plain:
            content.add(word.stem)
            named = token[0].isupper() and _is_named(text, token, start)
            if named or word.is_code or (has_code and _is_code(text, start, start + len(token))):
                musts.add(word.stem)
    return Marked(
        _long_hash("\n".join(sorted(facts))),
        frozenset(words),
        frozenset(content),
        frozenset(musts),
        frozenset(against - words),
    )


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """(token, where it starts) in order."""
    spaced = text.isascii() or not _NO_SPACES.search(text)
    for found in _TOKEN.finditer(text):
        token = found[0]
        if spaced or not _NO_SPACES.search(token):
            yield token, found.start()
        else:
            yield from ((letter, found.start() + i) for i, letter in enumerate(token))


@lru_cache(maxsize=100_000)
def _word(token: str) -> _Word:
    folded = token.casefold().replace("’", "'")
    number = _NUMBER.fullmatch(folded)
    unit = number[2] if number else ""
    if number and (not unit or unit in known.UNITS or unit in known.SHORT_UNITS):
        counted = f"number {_plain_number(number[1])}"
        of = "" if unit in known.ORDINALS else unit
        named = (known.SHORT_UNITS.get(of) or known.UNITS[of],) if of else ()
        return _Word(_hash(folded), False, False, (counted, *named), ())
    is_code = bool(_CODE.search(token)) and "'" not in token
    stem = folded if is_code else _stem(folded)
    facts = tuple(_facts(folded))
    # What is a fact is compared as one, whatever its word: km and kilometres.
    plain = folded not in known.STOP_WORDS and not facts
    return _Word(_hash(stem), plain, is_code, facts, _AGAINST.get(stem, ()))


def _facts(folded: str) -> Iterator[str]:
    """What a word means wherever it stands: a number, a unit, a date, a no."""
    if folded in known.NEGATIONS or folded.endswith("n't"):
        yield "negated"
    for names, kind in ((known.NUMBERS, "number "), (known.UNITS, ""), (known.DATES, "date ")):
        if folded in names:
            yield f"{kind}{names[folded]}"


def _stem(word: str) -> str:
    """An English word without its ending, so that its forms are one; of others only an s or an e goes."""
    word = word.removesuffix("'s").removesuffix("'")
    for suffix in _SUFFIXES:
        if len(word) - len(suffix) >= 3 and word.endswith(suffix) and not word.endswith("ss"):
            return word.removesuffix(suffix)
    return word


def _plain_number(number: str) -> str:
    if re.fullmatch(r"\d{1,3}(,\d{3})+", number):
        return number.replace(",", "")
    return number.lstrip("0") or "0" if number.isdigit() else number


def _is_named(text: str, token: str, start: int) -> bool:
    """Whether a capitalised word is so for itself, and not because a sentence begins."""
    return (len(token) > 1 and token.isupper()) or not _OPENS.search(text, max(start - 4, 0), start)


def _is_code(text: str, start: int, stop: int) -> bool:
    """Whether a mark of code stands right at it: a backtick, a slash, `--`, an opening bracket."""
    before, behind = text[max(start - 2, 0) : start], text[stop : stop + 1]
    return before[-1:] in _BEFORE_CODE or before == "--" or behind in _BEHIND_CODE


def _long_hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def _hash(word: str) -> int:
    return xxhash.xxh32_intdigest(word.encode("utf-8", "surrogatepass"))


_AGAINST = {
    _stem(word): tuple(sorted(_hash(_stem(mate)) for mate in mates))
    for word, mates in known.EXCLUSIVE.items()
}


class _Sets:
    """A set of word hashes for each of many texts, end to end."""

    def __init__(self, sets: Iterable[frozenset[int]]) -> None:
        values, sizes = array("Q"), array("q")
        for one in sets:
            values.extend(sorted(one))
            sizes.append(len(one))
        self.values = np.frombuffer(values, np.uint64) if values else np.zeros(0, np.uint64)
        self.sizes: Ints = np.frombuffer(sizes, np.int64) if sizes else np.zeros(0, np.int64)
        self.starts: Ints = np.cumsum(self.sizes) - self.sizes

    def keyed(self) -> Keys:
        """text << 32 | hash, ascending."""
        text = np.repeat(np.arange(len(self.sizes), dtype=np.uint64), self.sizes)
        return (text << _SHIFT) | self.values

    def held(self, one: Ints, by: Ints, words: Keys) -> Ints:
        """For each pair how many of `one`'s words are among those of `by`, of all `words`, keyed."""
        sizes = self.sizes[one]
        pair = np.repeat(np.arange(len(one)), sizes)
        place = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        wanted = self.values[self.starts[one][pair] + place]
        wanted |= by[pair].astype(np.uint64) << _SHIFT
        at = np.minimum(np.searchsorted(words, wanted), max(len(words) - 1, 0))
        found = words[at] == wanted if len(words) else np.zeros(len(wanted), bool)
        return np.bincount(pair[found], minlength=len(one)).astype(np.int64)


class Guards:
    """The guards of many texts, by their places in the order given."""

    def __init__(self, texts: Iterable[Marked]) -> None:
        texts = list(texts)
        self.key: Keys = np.array([text.key for text in texts], np.uint64)
        """Only texts of one key can share an answer."""
        self._words = _Sets(text.words for text in texts).keyed()
        self._content = _Sets(text.content for text in texts)
        self._musts = _Sets(text.musts for text in texts)
        self._against = _Sets(text.against for text in texts)

    def agree(self, one: Ints, other: Ints) -> Flags:
        """For each pair of places whether one answer may do for both."""
        pieces = range(0, len(one), _PAIRS)
        done = [self._agree(one[at : at + _PAIRS], other[at : at + _PAIRS]) for at in pieces]
        return np.concatenate(done) if done else np.zeros(0, bool)

    def _agree(self, one: Ints, other: Ints) -> Flags:
        fine: Flags = self.key[one] == self.key[other]
        apart = np.zeros((2, len(one)), np.int64)
        for side, (this, that) in enumerate(((one, other), (other, one))):
            fine &= self._musts.held(this, that, self._words) == self._musts.sizes[this]
            fine &= self._against.held(this, that, self._words) == 0
            shared = self._content.held(this, that, self._words)
            apart[side] = self._content.sizes[this] - shared
        swapped: Flags = (apart == 1).all(axis=0)
        return np.asarray(fine & ~swapped, np.bool_)
