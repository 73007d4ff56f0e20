"""The prose of the story, read from the files in `texts/`. It holds no numbers of its own."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"


@cache
def prose(name: str) -> str:
    """A whole text, for example a system prompt, without its last newline."""
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")


@cache
def sections(name: str) -> dict[str, list[str]]:
    """A text of `[head]` lines and what follows each; text behind a `]` is the first of it."""
    found: dict[str, list[str]] = {}
    for line in prose(name).split("\n"):
        if line.startswith("["):
            head, _, rest = line[1:].partition("]")
            lines = found.setdefault(head, [rest.strip()] if rest.strip() else [])
        else:
            lines.append(line)
    return found


@cache
def products() -> list[dict[str, str]]:
    """The six devices: a mapping from the name of a fact to the fact, each."""
    names, *rows = (line.split("|") for line in prose("products").split("\n"))
    return [dict(zip(names, row, strict=True)) for row in rows]
