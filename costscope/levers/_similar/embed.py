"""Texts as vectors of length 1, offline: by a small model's word vectors where the extra `semantic` is
installed, else by the groups of three letters that they are made of. Knows no log and no threshold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costscope.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

AT_ONCE = 4_000
"""Texts that are made into vectors together."""
LETTERS = 3
LETTER_DIMENSIONS = 384
MODEL_DIMENSIONS = 128
"""Of 256: the model was trained so that the first ones do by themselves (Matryoshka). With half of them
the products take half the time, and no pair of the benchmark is told apart worse."""
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_APART = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Embedder:
    """A way to make vectors, and what similarities of its vectors mean.

    The figures are from the 999 sentences of GPTCache's documentation benchmark and a paraphrase of
    each, of November 2026; see `tests/bench/semantic.py`.
    """

    name: str
    vectors: Callable[[Sequence[str]], Vectors]
    """Texts → an array (texts, dimensions); a text without a word is a row of zeros."""
    grid: tuple[float, ...]
    """Thresholds worth trying, the strictest first."""
    same: float
    """From here on two answers count as one: nine in ten paraphrases are above it, and of the pairs that
    have only their subject in common two in a thousand."""


def embedder(name: str = "") -> Embedder:
    """ "wordllama", "letters", or the better one that is installed. Raises SettingsError."""
    if name not in ("", "wordllama", "letters"):
        raise SettingsError(f"local is {name!r}; it can be: wordllama, letters")
    if name == "wordllama" and not has_model():
        raise SettingsError(
            "local is 'wordllama', which needs: pip install 'costscope-cli[semantic]'"
        )
    return WORDLLAMA if name != "letters" and has_model() else LETTERS_ALONE


@cache
def has_model() -> bool:
    """Whether the extra `semantic` is installed, with the files that are read from it."""
    folder = _folder()
    return (
        find_spec("tokenizers") is not None
        and folder is not None
        and (folder / _WEIGHTS).is_file()
        and (folder / _TOKENIZER).is_file()
    )


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts, some at a time."""
    left = iter(texts)
    while some := list(islice(left, AT_ONCE)):
        yield some


def by_letters(texts: Sequence[str]) -> Vectors:
    """Counts of three letters in a row, damped by the logarithm, hashed into 384 signed places."""
    plain = [f" {' '.join(plain_words(text))} " for text in texts]
    sizes = np.array([len(text) for text in plain], np.int64)
    letters = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), np.uint32)
    text = np.repeat(np.arange(len(plain)), sizes)
    count = max(len(letters) - LETTERS + 1, 0)
    found = np.zeros(count, np.uint64)
    for i in range(LETTERS):
        found = (found ^ letters[i : count + i]) * _ODD
        found ^= found >> _SHIFT
    whole = text[:count] == text[LETTERS - 1 :]
    sums = _hashed(text[:count][whole], found[whole], len(plain))
    return _of_length_one(sums.astype(np.float32))


def plain_words(text: str) -> list[str]:
    """Runs of letters and digits, in lower case."""
    return _APART.sub(" ", text.casefold()).split()


def _hashed(text: NDArray[np.int64], what: NDArray[np.uint64], texts: int) -> NDArray[np.float64]:
    """1 + log of how often each thing is in a text, added up with its sign in its place."""
    # One sort of a text's number and the first bits of what it has, which takes half as long as two.
    bits = np.uint64(texts.bit_length())
    order = np.argsort((text.astype(np.uint64) << (64 - bits)) | (what >> bits), kind="stable")
    text, what = text[order], what[order]
    new = np.ones(len(text), bool)
    new[1:] = (text[1:] != text[:-1]) | (what[1:] != what[:-1])
    at = np.flatnonzero(new)
    weight = 1 + np.log(np.diff(np.append(at, len(text))))
    text, what = text[at], what[at]
    place = (what % np.uint64(LETTER_DIMENSIONS)).astype(np.int64)
    sign = np.where((what >> np.uint64(40)) & np.uint64(1), 1.0, -1.0)
    cells = text * LETTER_DIMENSIONS + place
    sums = np.bincount(cells, weight * sign, texts * LETTER_DIMENSIONS)
    return np.asarray(sums.reshape(texts, LETTER_DIMENSIONS), np.float64)


def by_wordllama(texts: Sequence[str]) -> Vectors:
    """The mean of a text's word vectors, which is all that this model does at run time."""
    tokenizer, weights = _model()
    encoded = tokenizer.encode_batch([_clean(text) for text in texts], add_special_tokens=False)
    ids = [one.ids for one in encoded]
    by_size: dict[int, list[int]] = {}
    for at, one in enumerate(ids):
        by_size.setdefault(len(one), []).append(at)
    sums = np.zeros((len(texts), weights.shape[1]), np.float32)
    for size, places in by_size.items():
        if size:
            sums[places] = weights[np.array([ids[at] for at in places])].sum(axis=1)
    return _of_length_one(sums)


def _clean(text: str) -> str:
    """Lone surrogates replaced: the tokenizer takes none."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


@cache
def _model() -> tuple[Any, Vectors]:
    """The tokenizer and the word vectors out of the package's own files. The package itself is not
    imported: it sets up logging, and asks the network where it does not find what it looks for."""
    from tokenizers import Tokenizer

    folder = _folder()
    assert folder is not None
    tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    weights = _tensor((folder / _WEIGHTS).read_bytes())
    return tokenizer, np.ascontiguousarray(weights[:, :MODEL_DIMENSIONS])


def _folder() -> Path | None:
    found = find_spec("wordllama")
    places = found.submodule_search_locations if found else None
    return Path(places[0]) if places else None


def _tensor(raw: bytes) -> Vectors:
    """The one tensor of a safetensors file: a length, a JSON header, the numbers."""
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    (about,) = (value for name, value in header.items() if name != "__metadata__")
    start, stop = about["data_offsets"]
    kind = {"F16": np.float16, "F32": np.float32}[about["dtype"]]
    numbers = np.frombuffer(raw[8 + size + start : 8 + size + stop], kind)
    return numbers.reshape(about["shape"]).astype(np.float32)


def _of_length_one(rows: Vectors) -> Vectors:
    length = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.where(length > 0, length, 1), np.float32)


WORDLLAMA = Embedder(
    "wordllama",
    by_wordllama,
    (0.98, 0.95, 0.92, 0.9, 0.87, 0.85, 0.82, 0.8, 0.75, 0.7),
    0.75,
)
"""The first 128 dimensions of WordLlama's word vectors, shipped in its wheel (MIT): on one slow core it makes some
35,000 short questions a second, a MiniLM by ONNX some 230, so that only this one is done with 100,000
in a minute. It is a bag of words: it cannot tell who did what to whom. The guards have to."""

LETTERS_ALONE = Embedder(
    "letters",
    by_letters,
    (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.67, 0.65, 0.6, 0.55),
    0.6,
)
"""Without the extra: likeness of spelling. It finds the same words in another order or form, and no
synonyms."""
