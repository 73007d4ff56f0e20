"""How the prompts of a log begin: how far tools and system prompt go, and with which text.

Facts of the `parts` table alone, a row a call. It knows no rule of a provider.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import Flags, Ints, Keys, changes, codes
from costscope.levers._cache.live import side_by_side
from costscope.levers._cache.sim import batches
from costscope.levers._prefix import OUTPUT, ordered
from costscope.model import CLASSES, KINDS, ROLES

SYSTEM, SCHEMA = ROLES.index("system"), KINDS.index("tool_schema")


class Beginnings(NamedTuple):
    """A row for each call that has parts, by call_no."""

    call_no: Ints
    head: Ints
    """Where tools and system end; -1 where there are none."""
    first: Keys
    """The prefix of the first block that has text; 0 where none has. Prompts that share any prefix share
    this one."""

    def take(self, which: Ints) -> Beginnings:
        """Some of the rows."""
        return Beginnings._make(column[which] for column in self)


def beginnings(parts: pl.DataFrame) -> Beginnings:
    """How each prompt begins."""
    found = list(side_by_side(some, batches(ordered(parts))))
    return Beginnings._make(map(np.concatenate, zip(*found, strict=True)))


def some(parts: pl.DataFrame) -> Beginnings:
    """The same of some whole calls."""
    number, tokens = (parts[name].to_numpy() for name in ("call_no", "tokens"))
    first = np.flatnonzero(changes(number))
    prompt = codes(parts["billing_class"], CLASSES) != OUTPUT
    head = codes(parts["role"], ROLES) == SYSTEM
    head |= codes(parts["kind"], KINDS) == SCHEMA
    sofar = np.cumsum(tokens)
    before = (sofar - tokens)[first]
    end = np.maximum.reduceat(np.where(head & prompt, sofar, -1), first) if len(first) else sofar
    return Beginnings(
        number[first], np.where(end < 0, -1, end - before), texts(parts, prompt, first)
    )


def texts(parts: pl.DataFrame, prompt: Flags, first: Ints) -> Keys:
    """The first prefix of each call in which there is text; `first`: where calls begin."""
    content, prefix = (parts[name].to_numpy() for name in ("content", "prefix"))
    told = np.flatnonzero(prompt & (content != 0) & (prefix != 0))
    row = np.append(told, len(prompt))[np.searchsorted(told, first)]
    inside = row < np.append(first[1:], len(prompt))[: len(first)]
    found: Keys = np.where(inside, np.append(prefix, np.uint64(0))[row], np.uint64(0))
    return found
