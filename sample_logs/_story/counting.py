"""What a text is billed as. OpenAI models by their vocabulary, Claude by a fixed factor on it."""

from collections.abc import Sequence

from costscope.tokens import count

CLAUDE = 1.2
"""Claude's tokens for an o200k token of English."""
FRAME = 3
"""Tokens around each message of a chat, and once more before the reply."""

_known: dict[str, int] = {}


def tokens(text: str) -> int:
    """o200k tokens of one text."""
    return many([text])[0]


def many(texts: Sequence[str]) -> list[int]:
    """o200k tokens of each text; a text is counted once however often it comes."""
    new = list(dict.fromkeys(text for text in texts if text not in _known))
    _known.update(zip(new, count(new), strict=True))
    return [_known[text] for text in texts]


def claude(text: str) -> int:
    """Tokens that Claude is taken to bill for a text."""
    return round(tokens(text) * CLAUDE)
