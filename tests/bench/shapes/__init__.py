"""Prompt shapes filled with texts, so that the true segment of every character is known."""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
SHARED = HERE.parents[2].parent / "shared" / "data"
CALLS = 40
"""Of each shape."""
_HOLE = re.compile(r"«(context|query|history)»")
_FOREIGN_HOLE = re.compile(r"{(\w+)}")
_CONTEXT = {"context_str", "context_msg", "context_list", "context"}
_QUERY = {"query_str", "question", "query"}
_HISTORY = {"chat_history"}

Runs = list[tuple[str, str]]
"""(true segment, text), which joined are the text of a message."""


class Turn(NamedTuple):
    """What was asked and answered."""

    ask: str
    reply: str


class Task(NamedTuple):
    """What fills a shape once."""

    documents: list[str]
    query: str
    history: list[Turn]


class Message(NamedTuple):
    """A message of a prompt and the true segments of its text."""

    role: str
    runs: Runs

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(text for _, text in self.runs)


@dataclass(frozen=True)
class Shape:
    """A prompt with holes. `item` is how one document is written, `between` what parts two."""

    name: str
    kind: str
    """Marked, unmarked, plain or foreign."""
    user: str = "«query»"
    system: str = ""
    lang: str = "en"
    item: str = "{text}"
    between: str = "\n\n"
    history: str = ""
    """How a turn is written, or "messages"."""
    json: bool = False

    def fill(self, task: Task) -> list[Message]:
        """The messages of a call."""
        found = [Message("system", self._runs(self.system, task))] if self.system else []
        if self.history == "messages":
            for turn in task.history:
                found.append(Message("user", [("history", turn.ask)]))
                found.append(Message("assistant", [("history", turn.reply)]))
        return [*found, Message("user", self._runs(self.user, task))]

    def _runs(self, template: str, task: Task) -> Runs:
        parts = _HOLE.split(template.removeprefix("\n"))
        pairs = ((("system", p), (p, self._filling(p, task)))[i % 2] for i, p in enumerate(parts))
        return [(segment, text) for segment, text in pairs if text]

    def _filling(self, hole: str, task: Task) -> str:
        if self.json:
            return json.dumps(task.documents if hole == "context" else task.query)
        if hole == "context":
            items = enumerate(task.documents, 1)
            return self.between.join(
                self.item.replace("{n}", str(n)).replace("{text}", t) for n, t in items
            )
        turns = (
            self.history.replace("{ask}", t.ask).replace("{reply}", t.reply) for t in task.history
        )
        return task.query if hole == "query" else "\n".join(turns)


def shapes() -> Iterator[Shape]:
    """Our own shapes, and those of a framework's templates where the shared folder is at hand."""
    for kind in ("marked", "unmarked"):
        for fields in _toml(kind)["shape"]:
            yield Shape(kind=kind, **fields)
    templates = SHARED / "prompt_templates" / "llama_index.jsonl"
    if templates.is_file():
        yield from _foreign(templates.read_text(encoding="utf-8").splitlines())


def plain() -> list[Message]:
    """Messages of people: nothing in them was retrieved."""
    return [Message("user", [("query", text)]) for text in _toml("plain")["texts"]]


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))


def _foreign(lines: Sequence[str]) -> Iterator[Shape]:
    """Templates whose holes are all known; without a question they are a system message."""
    names = {**dict.fromkeys(_CONTEXT, "context"), **dict.fromkeys(_QUERY, "query"),
             **dict.fromkeys(_HISTORY, "history")}  # fmt: skip
    seen: dict[str, int] = {}
    for row in map(json.loads, lines):
        holes = set(_FOREIGN_HOLE.findall(row["template"]))
        if not holes & (_CONTEXT | _HISTORY) or holes - names.keys():
            continue
        text = _FOREIGN_HOLE.sub(lambda hole: f"«{names[hole[1]]}»", row["template"])
        name = f"{row['name'] or 'CHAT'}".removeprefix("DEFAULT_").lower()
        seen[name] = seen.get(name, 0) + 1
        user, system = (text, "") if holes & _QUERY else ("«query»", text)
        turn = "user: {ask}\nassistant: {reply}"
        yield Shape(f"llama {name} {seen[name]}", "foreign", user, system, history=turn)


def tasks(lang: str, *, own: bool) -> list[Task]:
    """What fills the shapes of a language; for English, human conversations where they are at hand."""
    real = SHARED / "mtrag" / "reference_half.jsonl"
    if lang == "en" and not own and real.is_file():
        rows = map(json.loads, real.read_text(encoding="utf-8").splitlines())
        return [_real(row) for row in rows if row["contexts"]]
    return list(_made(_toml("texts")[lang]))


def _real(row: Mapping[str, Any]) -> Task:
    said = [turn["text"] for turn in row["input"]]
    earlier = [Turn(*pair) for pair in zip(said[0:-1:2], said[1:-1:2], strict=False)]
    return Task([c["text"] for c in row["contexts"]], said[-1], earlier[-3:])


def _made(texts: Mapping[str, list[str]]) -> Iterator[Task]:
    rng = random.Random(7)
    gap = "" if max(map(len, texts["asks"])) < 8 else " "
    asks = [f"{a}{gap}{s}{gap}{c}".replace(" ,", ",") for a in texts["asks"]
            for s in texts["subjects"] for c in texts["cases"]]  # fmt: skip
    rng.shuffle(asks)
    for i, ask in enumerate(asks[:CALLS]):
        turns = [Turn(asks[i - 7], rng.choice(texts["documents"]).split("\n")[1])]
        yield Task(rng.sample(texts["documents"], 3), ask, turns)


def filled(shape: Shape, *, own: bool) -> list[list[Message]]:
    """Calls of a shape, spread evenly over its tasks."""
    found = [t for t in tasks(shape.lang, own=own) if t.history or not shape.history]
    step = max(1, len(found) // CALLS)
    return [shape.fill(task) for task in found[::step][:CALLS]]
