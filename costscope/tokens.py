"""Text to token counts, offline. Knows vocabularies and model families, not logs, segments or money.

tiktoken does the counting, with vocabularies that are bundled (it would fetch them from the web).
Where the extra `fast` is installed, toktok counts in its place: the same numbers, about six times
as fast; a test holds them equal.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding

ENCODINGS = ("o200k_base", "cl100k_base")
PATTERNS = {
    "cl100k_base": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "o200k_base": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}
"""How tiktoken cuts text before it merges bytes, from tiktoken_ext/openai_public.py (0.14.0)."""

RUN = 128 * 1024
"""White space longer than this is counted in pieces of this length. A multiple of 128, the longest
token of spaces, so that a run of one character counts the same in pieces as whole."""
_LONG_RUN = re.compile(rf"(?<!\s)\s{{{RUN},}}")

_CL100K = re.compile(
    r"gpt-3\.?5|gpt-4(?![.\do])|text-embedding-(3|ada-002)|(davinci|babbage)-002"
)  # fmt: skip
_O200K = re.compile(r"gpt-(4[.o]|[5-9]|oss)|chatgpt|o\d+(-|$)|codex|computer-use")
_PATH = re.compile(r"^(ft:|.*/|openai\.)")
_VERSION = re.compile(r"(?<!\d)(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")

RATIOS = (
    ("llama", 100),
    ("qwen|qwq|qvq", 106),
    ("mistral|ministral|magistral|mixtral|codestral|pixtral|devstral", 112),
    ("deepseek", 103),
    ("gemma|gemini", 116),
)
"""Tokens of a family for 100 tokens of o200k on the same text: the mean over English, code, JSON and
a multilingual mix at 24 : 24 : 18 : 6, with the open tokenizers llama 3, Qwen 3, Mistral v3,
DeepSeek v3 and Gemma 3, measured in November 2026. Gemini is taken to be like Gemma. One kind of
content can be 10 points off: JSON is 119 with Mistral, Chinese 91 with DeepSeek."""
CLAUDE_OLD, CLAUDE_NEW = 121, 153
"""The same for Claude 3 to 4.6, and from 4.7 on, by ctok 1.3.0: a reconstruction, since the
tokenizer is not public. Anthropic itself says "about 30 % more" of the newer one."""
CL100K = 100
"""The same for cl100k: 99.5 on 25 MB of Python, 101 on English, 99 on JSON."""

Counter = Callable[[Sequence[str], str], list[int] | None]
"""Who has a vocabulary loaded: texts, each once, and an encoding → tokens, or None where it cannot tell."""
_elsewhere: Counter | None = None


def count_elsewhere(counter: Counter | None) -> None:
    """Have `counter` count for this process, which then need not load a vocabulary, for as long as it can;
    None: count here."""
    global _elsewhere
    _elsewhere = counter


def count(texts: Sequence[str], encoding: str = "o200k_base") -> list[int]:
    """How many tokens each text is, in order; a text that recurs is counted once.

    Marks such as <|endoftext|> are text. A lone surrogate counts as the replacement character.
    Raises ValueError for an encoding that is not one of ENCODINGS.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"no vocabulary is called {encoding!r}; there are: {', '.join(ENCODINGS)}")
    distinct = list(dict.fromkeys(texts))
    counts = _counted_elsewhere(distinct, encoding) or _counted_here(distinct, encoding)
    if len(distinct) == len(texts):
        return counts
    known = dict(zip(distinct, counts, strict=True))
    return [known[text] for text in texts]


def _counted_elsewhere(texts: list[str], encoding: str) -> list[int] | None:
    if _elsewhere is None or not texts:
        return None
    counts = _elsewhere(texts, encoding)
    if counts is None:
        count_elsewhere(None)
    return counts


def _counted_here(texts: list[str], encoding: str) -> list[int]:
    return _count_fast(texts, encoding) if has_fast() else _count_plain(texts, encoding)


@cache
def has_fast() -> bool:
    """Whether the accelerator of the extra `fast` is installed."""
    return find_spec("toktok") is not None


def _count_fast(texts: list[str], encoding: str) -> list[int]:
    import toktok

    # One thread: files are already spread over processes.
    try:
        counts: list[int] = toktok.batch_count(texts, encoding, threads=1)
    except UnicodeEncodeError:
        counts = toktok.batch_count([_replaced(text) for text in texts], encoding, threads=1)
    return counts


def _count_plain(texts: list[str], encoding: str) -> list[int]:
    encode = _encoding(encoding).encode_ordinary
    return [sum(len(encode(piece)) for piece in _pieces(text)) for text in texts]


def _replaced(text: str) -> str:
    """Surrogate pairs joined and lone ones replaced, as tiktoken does it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _pieces(text: str) -> Iterator[str]:
    """The text, cut inside white space that is too long for tiktoken: it panics at 10**6 of it."""
    start = 0
    if len(text) > RUN:
        for run in _LONG_RUN.finditer(text):
            for cut in range(run.start() + RUN, run.end(), RUN):
                yield text[start:cut]
                start = cut
    yield text[start:]


@cache
def _encoding(name: str) -> Encoding:
    from tiktoken import Encoding

    return Encoding(name, pat_str=PATTERNS[name], mergeable_ranks=ranks(name), special_tokens={})


def ranks(name: str) -> dict[bytes, int]:
    """A bundled vocabulary: token → rank, in order of rank."""
    packed = lzma.decompress(resources.files("costscope.vocab").joinpath(f"{name}.xz").read_bytes())
    found: dict[bytes, int] = {}
    at = 0
    while at < len(packed):
        end = at + 1 + packed[at]
        found[packed[at + 1 : end]] = len(found)
        at = end
    return found


def encoding_for(model: str) -> str:
    """The vocabulary of a model, or o200k_base, the nearest, where its own is not bundled."""
    return "cl100k_base" if _CL100K.match(_bare(model)) else "o200k_base"


def is_exact(model: str) -> bool:
    """Whether `encoding_for` is the model's own vocabulary and not only the nearest."""
    name = _bare(model)
    return bool(_CL100K.match(name) or _O200K.match(name))


def family_ratio(model: str) -> tuple[int, int]:
    """Tokens that a model makes of a text, for each token that o200k makes of it: (numerator,
    denominator). For what-ifs across models; (100, 100) where nothing is known of the family."""
    name = _bare(model)
    if "claude" in name:
        return _claude(name), 100
    if _CL100K.match(name):
        return CL100K, 100
    found = (ratio for words, ratio in RATIOS if re.search(words, name))
    return next(found, 100), 100


def _claude(name: str) -> int:
    """By version; a name without one ("claude-latest") is taken to be new."""
    version = _VERSION.search(name.partition("claude")[2])
    if version is None:
        return CLAUDE_NEW
    return CLAUDE_NEW if (int(version[1]), int(version[2] or 0)) >= (4, 7) else CLAUDE_OLD


def _bare(model: str) -> str:
    """A model's name in small letters, without the route to it or the mark of a fine-tune."""
    name, before = model.lower(), ""
    while name != before:
        before, name = name, _PATH.sub("", name)
    return name
