"""What decided the segments of a feature, and which rules would say the same without having to learn it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costscope.filters import SegmentRule
from costscope.model import Column, Report, Table
from costscope.text import safe

NONE = "(none)"
WHY = {
    "usage": "billed, without any text in the log",
    "structure": "the shape of the request: roles, fields, blocks",
    "turn": "the place in the conversation",
    "marker": "marks in the text",
    "learned": "what the traffic of the feature has in common",
    "user": "[[attribute.rules]] in the settings",
}
"""What each rule goes by."""
AGREE = 0.9
"""Rules that agree less than this with what was learned are to be read with care."""

_WHERE = "# for costscope.toml; in pyproject.toml a rule begins with [[tool.costscope.attribute.rules]]\n"


@dataclass(frozen=True)
class Suggested:
    """A rule, in how many of the texts looked at it finds something, and an example of that."""

    rule: SegmentRule
    texts: int
    example: str


@dataclass(frozen=True)
class Suggestion:
    """The rules for what one feature says in one role."""

    feature: str
    role: str
    texts: int
    """Different texts of which something was learned."""
    looked: int
    """So many of them were read again."""
    confidence: float
    """0 to 1: how much of what is called context was seen in other texts too."""
    agreement: float
    """Share of the characters that these rules give the segment that was learned."""
    rules: Sequence[Suggested]


def decided(rows: Sequence[Mapping[str, Any]]) -> Report:
    """The report of `attribute FEATURE`; rows are feature, segment, rule, calls and tokens."""
    whole: Counter[str] = Counter()
    for row in rows:
        whole[row["feature"]] += row["tokens"]
    found = [{**row, "share": row["tokens"] / whole[row["feature"]]} for row in rows]
    columns = (
        Column("feature"), Column("segment"), Column("decided by"), Column("calls", "count"),
        Column("tokens", "tokens"), Column("share", "share"),
    )  # fmt: skip
    cells = [
        (r["feature"] or NONE, r["segment"], r["rule"], r["calls"], r["tokens"], r["share"])
        for r in found
    ]
    used = [name for name in WHY if any(row["rule"] == name for row in rows)]
    data = {
        "schema_version": 1,
        "parts": [{**row, "share": round(row["share"], 6)} for row in found],
    }
    return Report(
        "attribute", "What decided the segments", data, tables=[Table("", columns, cells)],
        notes=[f"{name}: {WHY[name]}" for name in used],
    )  # fmt: skip


def suggested(wanted: str, found: Sequence[Suggestion]) -> Report:
    """The report of `attribute FEATURE --suggest`, but for the table format; see `toml`."""
    data = {"schema_version": 1, "suggestions": [_document(s) for s in found]}
    columns = (
        Column("feature"), Column("role"), Column("segment"), Column("regex"), Column("texts", "count"),
        Column("example"),
    )  # fmt: skip
    cells = [
        (s.feature or NONE, s.role, r.rule.segment, r.rule.regex, r.texts, r.example)
        for s in found for r in s.rules
    ]  # fmt: skip
    tables = [Table("Rules", columns, cells)] if cells else []
    notes = [line for s in found for line in _heading(s)] or [_nothing(wanted)]
    return Report("attribute", "Suggested rules", data, tables=tables, notes=notes)


def _document(found: Suggestion) -> dict[str, Any]:
    rules = [
        {"feature": s.rule.feature, "role": s.rule.role, "segment": s.rule.segment,
         "regex": s.rule.regex, "texts": s.texts, "example": s.example}
        for s in found.rules
    ]  # fmt: skip
    return {
        "feature": found.feature, "role": found.role, "texts": found.texts, "looked_at": found.looked,
        "confidence": round(found.confidence, 4), "agreement": round(found.agreement, 4),
        "rules": rules,
    }  # fmt: skip


def toml(wanted: str, found: Sequence[Suggestion]) -> str:
    """The suggestions as TOML for costscope.toml, ready to paste, with what speaks for them in comments."""
    if not found:
        return f"# {_nothing(wanted)}\n"
    return "\n".join([_WHERE, *(block for suggestion in found for block in _blocks(suggestion))])


def _blocks(found: Suggestion) -> Iterator[str]:
    yield "".join(f"# {line}\n" for line in _heading(found))
    for one in found.rules:
        rule = one.rule
        keys = {"feature": rule.feature, "role": rule.role, "segment": rule.segment}
        told = "".join(f"{key} = {_quoted(value)}\n" for key, value in keys.items())
        share = f"# in {one.texts} of {found.looked} texts, such as: {safe(one.example)}\n"
        yield f"[[attribute.rules]]\n{told}regex = {_quoted(rule.regex)}\n{share}"


def _heading(found: Suggestion) -> list[str]:
    name = f"feature {_quoted(found.feature)}" if found.feature else "calls without a feature"
    head = (
        f"{name}, {found.role} messages: {found.texts:,} different texts, {found.looked} read again"
    )
    lines = [safe(head)]
    if any(s.rule.segment == "context" for s in found.rules):
        lines.append(
            f"confidence {found.confidence:.2f}: so much of what is called context was seen in other texts too; "
            "the rest was told by where it stands"
        )
    care = "; read them with care" if found.agreement < AGREE else ""
    lines.append(
        f"these rules agree with what was learned on {found.agreement:.1%} of the text{care}"
    )
    return lines


def _nothing(wanted: str) -> str:
    return safe(
        f"nothing was learned of {_quoted(wanted)} that a rule could say: too few different texts, or "
        "structure, marks or your own rules decide it already (see `costscope attribute` without --suggest)"
    )


def _quoted(text: str) -> str:
    """A TOML string of one line."""
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    if c.isprintable():
        return c
    code = ord(c)
    if 0xD800 <= code < 0xE000:
        return "\\uFFFD"  # TOML knows no half of a pair
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
