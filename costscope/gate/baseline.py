"""The committed baseline: one log's sums as reviewable JSON, written and read.

It holds counts and sums by feature, template and model; no prompts, no user or conversation ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from costscope import __version__
from costscope.errors import InputError
from costscope.gate.statistics import Moments
from costscope.gate.sums import (
    CLASSES,
    MEASURES,
    PARTS,
    PRODUCTS,
    RATIOS,
    TOKEN_CLASSES,
    Cell,
    Key,
    Reprice,
    Sums,
    measure,
)
from costscope.gate.tables import dump, rows_of, table_text, value_of
from costscope.model import usd

if TYPE_CHECKING:
    import polars as pl

SCHEMA_VERSION = 1
AGAIN = "write it again with `costscope baseline write`"

_FEATURE = {
    "feature": "text", "clusters": "count",
    **dict.fromkeys(MEASURES, "count"), "cost": "money", **dict.fromkeys(PRODUCTS, "number"),
}  # fmt: skip
_CELL = {
    **dict.fromkeys(Key._fields, "text"), "calls": "count",
    **dict.fromkeys(TOKEN_CLASSES, "count"), **dict.fromkeys(PARTS, "count"),
    **{f"cost_{name}": "money" for name in TOKEN_CLASSES}, "cost_other": "amount",
    **{f"listed_{name}": "money or null" for name in TOKEN_CLASSES},
}  # fmt: skip
_PAIR = {"feature": "text", "with": "text", **{f"{a}/{b}": "signed" for a, b in RATIOS}}
_TOP = {
    "currency": "text", "dropped_calls": "count", "git_sha": "text or null",
    "price_book_id": "text", "schema_version": "count", "tokens": "count",
    "tool_version": "text", "top_share": "number", "unpriced_tokens": "count",
}  # fmt: skip
_TABLES = {"cells": _CELL, "features": _FEATURE, "overall": _FEATURE, "pairs": _PAIR}


@dataclass(frozen=True)
class Baseline:
    """One side of a comparison, with where it came from. `window`: first and last time, as text."""

    sums: Sums
    price_book_id: str = ""
    window: tuple[str, str] | None = None
    git_sha: str | None = None
    tool_version: str = __version__

    @classmethod
    def from_units(
        cls,
        units: pl.DataFrame,
        price_book_id: str = "",
        window: tuple[str, str] | None = None,
        git_sha: str | None = None,
        reprice: Reprice | None = None,
    ) -> Baseline:
        """The baseline of a frame (see sums.measure for its columns). With `reprice`, the book of
        `price_book_id`, list prices are kept too, and it can be repriced with a later book."""
        return cls(measure(units, reprice), price_book_id, window, git_sha)


def write(path: Path | str, baseline: Baseline) -> None:
    """Write the baseline, and its folder if there is none; the same baseline gives the same bytes.
    Raises InputError if it cannot."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(_text(baseline), encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"{path}: cannot write the baseline: {error.strerror}") from error


def _text(baseline: Baseline) -> str:
    """JSON with sorted keys and one line a row, so that a review shows which segment moved."""
    entries = {name: dump(value) for name, value in _top(baseline).items()}
    for name, rows in _table_rows(baseline.sums).items():
        entries[name] = table_text(_TABLES[name], rows)
    lines = ",\n".join(f"  {dump(name)}: {text}" for name, text in sorted(entries.items()))
    return f"{{\n{lines}\n}}\n"


def _top(baseline: Baseline) -> dict[str, Any]:
    sums, window = baseline.sums, baseline.window
    return {
        "currency": "USD",
        "dropped_calls": sums.dropped_calls,
        "git_sha": baseline.git_sha,
        "price_book_id": baseline.price_book_id,
        "schema_version": SCHEMA_VERSION,
        "tokens": sums.tokens,
        "tool_version": baseline.tool_version,
        "top_share": sums.top_share,
        "unpriced_tokens": sums.unpriced_tokens,
        "window": {"since": window[0], "until": window[1]} if window else None,
    }


def _table_rows(sums: Sums) -> dict[str, list[list[Any]]]:
    return {
        "cells": [_cell_row(cell) for cell in sums.cells],
        "features": [_feature_row(name, m) for name, m in sorted(sums.features.items())],
        "overall": [_feature_row("", sums.overall)],
        "pairs": [[*key, *products] for key, products in sorted(sums.pairs.items())],
    }


def _feature_row(name: str, moments: Moments) -> list[Any]:
    sums = {**moments.sums, "cost": usd(moments.sums["cost"])}
    return [name, *({**sums, **moments.products}[column] for column in [*_FEATURE][1:])]


def _cell_row(cell: Cell) -> list[Any]:
    prices = cell.listed
    return [
        *cell.key,
        cell.calls,
        *(cell.tokens[name] for name in TOKEN_CLASSES),
        *(cell.parts[name] for name in PARTS),
        *(usd(cell.cost[name]) for name in CLASSES),
        *(None if prices is None else usd(prices[name]) for name in TOKEN_CLASSES),
    ]


def read(path: Path | str) -> Baseline:
    """Read a baseline. Raises InputError, on one line, for whatever is wrong with the file."""
    try:
        document = msgspec.json.decode(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot read the baseline: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: the baseline is not JSON: {error}; {AGAIN}") from error
    try:
        return _parsed(document)
    except ValueError as error:
        raise InputError(f"{path}: broken baseline: {error}; {AGAIN}") from error


def _parsed(document: Any) -> Baseline:
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")
    if document.get("schema_version") != SCHEMA_VERSION:
        found = document.get("schema_version")
        raise ValueError(f"schema_version is {found!r}, this costscope reads {SCHEMA_VERSION}")
    _same_names("the file", [*_TOP, *_TABLES, "window"], sorted(document))
    if document["currency"] != "USD":
        raise ValueError(f"it is in {document['currency']!r}, not in USD")
    top = {name: value_of(kind, document[name], name) for name, kind in _TOP.items()}
    tables = {name: [*rows_of(document[name], name, _TABLES[name])] for name in _TABLES}
    sums = _sums(top, tables)
    return Baseline(
        sums, top["price_book_id"], _window(document["window"]), top["git_sha"], top["tool_version"]
    )


def _same_names(where: str, expected: Sequence[str], found: Sequence[str]) -> None:
    for name in sorted(set(expected) ^ set(found)):
        raise ValueError(f"{where} {'lacks' if name in expected else 'has an unknown'} {name!r}")


def _window(value: Any) -> tuple[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"since", "until"}:
        raise ValueError("window is not {since, until}")
    return value_of("text", value["since"], "since"), value_of("text", value["until"], "until")


def _sums(top: Mapping[str, Any], tables: Mapping[str, list[dict[str, Any]]]) -> Sums:
    if len(tables["overall"]) != 1 or not tables["features"]:
        raise ValueError("it holds no features, or not one overall row")
    sums = Sums(
        overall=_moments(tables["overall"][0]),
        features={row["feature"]: _moments(row) for row in tables["features"]},
        cells=tuple(_cell(row) for row in tables["cells"]),
        pairs={
            (row["feature"], row["with"]): tuple(row[f"{a}/{b}"] for a, b in RATIOS)
            for row in tables["pairs"]
        },
        tokens=top["tokens"],
        unpriced_tokens=top["unpriced_tokens"],
        dropped_calls=top["dropped_calls"],
        top_share=top["top_share"],
    )
    _agree(sums, tables["features"])
    return sums


def _moments(row: Mapping[str, Any]) -> Moments:
    return Moments(
        {name: row[name] for name in ("clusters", *MEASURES)},
        {name: row[name] for name in PRODUCTS},
    )


def _cell(row: Mapping[str, Any]) -> Cell:
    prices = {name: row[f"listed_{name}"] for name in TOKEN_CLASSES}
    return Cell(
        key=Key._make(row[name] for name in Key._fields),
        calls=row["calls"],
        tokens={name: row[name] for name in TOKEN_CLASSES},
        parts={name: row[name] for name in PARTS},
        cost={name: row[f"cost_{name}"] for name in CLASSES},
        listed=None if None in prices.values() else prices,
    )


def _agree(sums: Sums, rows: Sequence[Mapping[str, Any]]) -> None:
    """A file merged by hand keeps rows of two logs; then its tables no longer add up."""
    if len(sums.features) < len(rows):
        raise ValueError("features has a feature twice")
    cells: dict[str, list[int]] = {name: [0, 0] for name in sums.features}
    for cell in sums.cells:
        held = cells.setdefault(cell.key.feature, [0, 0])
        held[:] = held[0] + cell.calls, held[1] + sum(cell.cost.values())
    if cells != {name: _calls_and_cost(m) for name, m in sums.features.items()}:
        raise ValueError("cells do not add up to features")
    if [sum(column) for column in zip(*cells.values(), strict=True)] != _calls_and_cost(
        sums.overall
    ):
        raise ValueError("features do not add up to overall")
    for moments in (sums.overall, *sums.features.values()):
        if not 1 <= moments.sums["clusters"] <= moments.sums["calls"]:
            raise ValueError("a feature has no calls, or more clusters than calls")


def _calls_and_cost(moments: Moments) -> list[int]:
    return [moments.sums["calls"], moments.sums["cost"]]
