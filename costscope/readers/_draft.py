"""Drafts the map of a house format from its records: what is likely where, with the evidence beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from costscope.errors import InputError
from costscope.model import Call, Ignored, Skipped
from costscope.readers import _json, _places
from costscope.readers._draft_guess import Guess, Guesses
from costscope.readers._draft_leaves import Leaf, is_messages, leaves, message_keys
from costscope.readers._house import CALL, COUNTS, TEXTS, UNITS, parsed
from costscope.readers._mapped import Mapped
from costscope.readers._places import Step
from costscope.sources import Record

MAX_RECORDS = 300
MAX_KINDS = 20
"""A field with more different values tells no kinds of records apart."""
MAX_SHOWN = 60
_OF_THE_WHOLE = frozenset((
    "call_id", "request_id", "ended_at", "latency", "cost", "status", "error", "code",
    "finish_reason", "retry_of",
))  # fmt: skip
"""What a record that holds many calls says of itself, not of each of them."""
_BLOCKS = frozenset(("tool_use", "tool_result", "thinking", "document", "search_result"))
"""Parts of messages that only the Anthropic API has."""


class _Layout(NamedTuple):
    """Where in each record calls are ((): it is one), and the calls there."""

    steps: tuple[Step, ...]
    calls: Sequence[Mapping[str, Any]]
    guesses: Guesses


def draft(records: Sequence[dict[str, Any]], shown: str, name: str = "house") -> str:
    """A map as TOML, for records of one log; `shown` names that in the text. It works at once where
    the guesses are right, and says what they rest on. Raises InputError where nothing in the records
    looks like a call of a model."""
    layout = _layout(records)
    if layout is None:
        raise InputError(f"{shown}: nothing in its records looks like token counts or messages")
    kind = _kind(layout)
    body = (
        "\n".join([*_header(layout, name), *_when(kind), *_sections(records, layout, kind)]) + "\n"
    )
    return f"# Drafted from {_plain(shown)}. {_tried(body, records)}\n{body}"


def _layout(records: Sequence[dict[str, Any]]) -> _Layout | None:
    """Records are calls, or hold lists of them: whatever has token counts, else texts."""
    own = _Layout((), records, Guesses(leaves(records)))
    inner = [_inner(records, steps) for steps in dict.fromkeys(_lists(records))]
    found = [own, *(i for i in inner if i.calls)]
    counted = [f for f in found if {"input", "fresh", "total"} & f.guesses.usage.keys()]
    said = [f for f in found if f.guesses.text]
    return next(iter(counted or said), None)


def _inner(records: Sequence[dict[str, Any]], steps: tuple[Step, ...]) -> _Layout:
    calls = [c for r in records for c in _places.every(r, steps) if isinstance(c, dict)][
        :MAX_RECORDS
    ]
    return _Layout(steps, calls, Guesses(leaves(calls)))


def _lists(records: Sequence[dict[str, Any]]) -> Iterator[tuple[Step, ...]]:
    """Paths of lists of objects, two lists deep, that are no conversations."""
    for leaf in leaves(records):
        for value in leaf.values.values():
            if not isinstance(value, list) or is_messages(value):
                continue
            items = [item for item in value if isinstance(item, dict)]
            if items and len(items) == len(value):
                here = (*leaf.steps, _places.ANY)
                yield here
                yield from ((*here, *deeper.steps, _places.ANY) for deeper in leaves(items[:20])
                            if _is_list(deeper))  # fmt: skip


def _is_list(leaf: Leaf) -> bool:
    values = leaf.values.values()
    return all(isinstance(v, list) and v and isinstance(v[0], dict) for v in values) and not any(
        map(is_messages, values)
    )


class _Kind(NamedTuple):
    """A field whose value tells which records are calls."""

    leaf: Leaf
    wanted: list[str]
    others: list[str]


def _kind(layout: _Layout) -> _Kind | None:
    """Where some records have neither counts nor texts: the field that tells them apart."""
    given = [*layout.guesses.usage.values(), *layout.guesses.text.values()]
    having = {n for guess in given for n in guess.leaf.values}
    if len(having) == len(layout.calls):
        return None
    found = []
    for leaf in layout.guesses.leaves:
        values = {
            n: v for n, v in leaf.values.items() if isinstance(v, str) and len(v) <= MAX_SHOWN
        }
        wanted = {v for n, v in values.items() if n in having}
        others = {v for n, v in values.items() if n not in having} - wanted
        if others and wanted and having <= values.keys() and len(wanted | others) <= MAX_KINDS:
            found.append(_Kind(leaf, sorted(wanted), sorted(others)))
    return min(found, key=lambda k: (len(k.wanted), -len(k.others)), default=None)


def _header(layout: _Layout, name: str) -> Iterator[str]:
    yield '# Our field = "their.path". Also ["first.choice", "second.choice"], or a table with path,'
    yield '# default, value (a constant), unit, format, timezone. "$.x" is a field of the whole record.'
    yield f"name = {_quoted(name)}"
    if layout.steps:
        yield f"records = {_quoted(_places.shown(layout.steps))}  # each of these is a call"
    yield ""


def _when(kind: _Kind | None) -> Iterator[str]:
    if kind is None:
        return
    yield "[when]  # only such records are calls; the others are ignored"
    wanted = ", ".join(map(_quoted, kind.wanted))
    others = ", ".join(map(_plain, kind.others[:5]))
    yield f"{_quoted(kind.leaf.path)} = [{wanted}]  # those without counts: {others}"
    yield ""


def _sections(
    records: Sequence[dict[str, Any]], layout: _Layout, kind: _Kind | None
) -> Iterator[str]:
    guesses = layout.guesses
    yield "[call]"
    outer = _outer(records, layout)
    if "model" not in {*guesses.call, *outer}:
        yield 'model = { value = "unknown" }  # nothing looks like the name of a model: say which'
    yield from _fields(CALL, guesses.call)
    yield from _fields(CALL, outer, "$.")
    yield from ("", "[usage]")
    yield from _fields(COUNTS, guesses.usage)
    yield from _cached(guesses)
    if guesses.text:
        yield from ("", "[text]")
        yield from _fields(TEXTS, guesses.text)
        yield from _speech(guesses.text)
    yield from _rest(records, layout, kind)


def _outer(records: Sequence[dict[str, Any]], layout: _Layout) -> dict[str, Guess]:
    """What the record around the calls says, where they do not say it themselves."""
    if not layout.steps:
        return {}
    found = Guesses(leaves(records)).call
    known = {*layout.guesses.call, *_OF_THE_WHOLE}
    return {name: guess for name, guess in found.items() if name not in known}


def _fields(order: Sequence[str], found: Mapping[str, Guess], root: str = "") -> Iterator[str]:
    for name in order:
        if name in found:
            guess = found[name]
            value = _value(name, root + guess.leaf.path, guess.more)
            yield f"{name} = {value}  # {guess.why}; such as {_example(guess.leaf)}"


def _value(name: str, path: str, more: str) -> str:
    kind = "unit" if name in UNITS else "format" if name in ("sent_at", "ended_at") else ""
    if not kind or not more or more == "iso":
        return _quoted(path)
    return f"{{ path = {_quoted(path)}, {kind} = {_quoted(more)} }}"


def _cached(guesses: Guesses) -> Iterator[str]:
    """Whether the input holds the cached tokens, where the numbers tell."""
    usage = guesses.usage
    cached = [usage[n].leaf.counts for n in usage if n.startswith("cache_")]
    if not cached or "input" not in usage:
        return
    inside, why = _inside(usage, [c for c in cached if any(c.values())])
    if inside is None:
        yield "# input_includes_cached = true  # the log does not tell; say it, or such calls are flagged"
    else:
        yield f"input_includes_cached = {str(inside).lower()}  # {why}"


def _inside(
    usage: Mapping[str, Guess], cached: Sequence[Mapping[int, int]]
) -> tuple[bool | None, str]:
    given = usage["input"].leaf.counts
    output = usage["output"].leaf.counts if "output" in usage else {}
    total = usage["total"].leaf.counts if "total" in usage else {}
    sums = {n: sum(c.get(n, 0) for c in cached) for n in given}
    known = [n for n in given if sums[n]]
    if any(sums[n] > given[n] for n in known):
        return False, "some calls have more cached tokens than input"
    totals = [n for n in known if n in total]
    if totals and all(total[n] == given[n] + output.get(n, 0) for n in totals):
        return True, "the total is input and output without them"
    if totals and all(total[n] == given[n] + sums[n] + output.get(n, 0) for n in totals):
        return False, "the total is input, output and them"
    return None, ""


def _speech(text: Mapping[str, Guess]) -> Iterator[str]:
    """What the conversation calls its speakers, and which API its parts are of."""
    if "messages" not in text:
        return
    talks = list(text["messages"].leaf.values.values())
    role, content = message_keys(talks[0])
    if (role, content) != ("role", "content"):
        yield f"role = {_quoted(role)}"
        yield f"content = {_quoted(content)}"
    parts = (p for talk in talks for m in talk for p in _parts(m.get(content)))
    if any(isinstance(p, dict) and p.get("type") in _BLOCKS for p in parts):
        yield 'dialect = "anthropic"  # its parts are those of that API'


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []


def _rest(records: Sequence[dict[str, Any]], layout: _Layout, kind: _Kind | None) -> Iterator[str]:
    """What stands for nothing of ours: short values could be tags."""
    left = [("", f) for f in layout.guesses.free if kind is None or f is not kind.leaf]
    if layout.steps:
        outer = Guesses(leaves(records)).free
        left += [("$.", f) for f in outer if f.steps != layout.steps[: len(f.steps)]]
    if not left:
        return
    yield from ("", "# Not used. What you want to group by can be a tag:", "[tags]")
    named = Counter(_last(leaf) for _, leaf in left)
    for root, leaf in left[:MAX_SHOWN]:
        name = _last(leaf) if named[_last(leaf)] == 1 else leaf.path
        yield f"# {_quoted(name)} = {_quoted(root + leaf.path)}  # {_distinct(leaf)}, such as {_example(leaf)}"
    if len(left) > MAX_SHOWN:
        yield f"# and {len(left) - MAX_SHOWN} more"


def _last(leaf: Leaf) -> str:
    """The last name on the way to a field."""
    return next((s for s in reversed(leaf.steps) if isinstance(s, str)), "")


def _distinct(leaf: Leaf) -> str:
    kinds = Counter(ascii(v) for v in leaf.values.values())
    return f"{len(kinds)} value{'s' if len(kinds) > 1 else ''} in {len(leaf.values)} records"


def _example(leaf: Leaf) -> str:
    value = next(iter(leaf.values.values()))
    return _plain(value if isinstance(value, (str, int, float)) else _json.dumps(value).decode())


def _plain(value: Any) -> str:
    """A value for a comment: one line, short, nothing that steers a terminal."""
    text = (
        ascii(value) if not isinstance(value, str) else json.dumps(value).replace("\x7f", "\\u007f")
    )
    text = text.strip('"') if isinstance(value, str) else text
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _quoted(text: str) -> str:
    """A TOML string. JSON's escapes are TOML's; halves of surrogate pairs have none, and are replaced."""
    clean = text.encode("utf-8", "replace").decode()
    return json.dumps(clean, ensure_ascii=False).replace("\x7f", "\\u007f")


def _tried(body: str, records: Sequence[dict[str, Any]]) -> str:
    """What the map makes of the records that it was drafted from."""
    raws = (Record(_json.dumps(record), n, n + 1) for n, record in enumerate(records))
    items = list(Mapped(parsed(body)).read(raws, ""))
    calls = sum(isinstance(i, Call) for i in items)
    skipped = [i for i in items if isinstance(i, Skipped)]
    why = f" ({_plain(skipped[0].reason)})" if skipped else ""
    ignored = sum(i.count for i in items if isinstance(i, Ignored))
    return (
        f"Of its first {len(records)} records it makes {calls} calls; "
        f"{ignored} ignored, {len(skipped)} skipped{why}."
    )
