"""After reading: what billing adds to text is fitted by provider and model, and the parts of the calls are made
again with it, so that what stays unattributed is what nobody logged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from costscope.attribute import charged, fit, measure, rewrite, unsent
from costscope.attribute.fit import Coefficients, Floats, Pairs
from costscope.attribute.segments import Ints
from costscope.ingest.chunks import Chunk, Chunks
from costscope.store import Store

ROWS = 1_000_000
"""About so many parts are in memory at once; a session is never taken apart."""
AGAIN = 1.2
"""A model is fitted again when it has so many times the calls of its last fit."""
MATERIAL = 0.005
"""A fit that changes estimates by less than this share leaves parts as they are."""
_HOW = ("none", "touched", "all")
_FITS = pa.schema([
    ("provider", pa.string()), ("model", pa.string()), ("calls", pa.int64()),
    ("coefficients", pa.string()), ("error_median", pa.float64()), ("error_p90", pa.float64()),
    ("default_median", pa.float64()), ("default_p90", pa.float64()),
])  # fmt: skip


class _Group(NamedTuple):
    provider: str
    model: str
    calls: int
    old: Coefficients | None
    coarse: int
    """Reasoning is reported in multiples of this; as it was at the last fit."""
    whole: bool
    """Whether it is to be fitted again, on all of its calls."""
    default: Coefficients
    unsent: unsent.Unsent
    """As it was at the last fit."""


@dataclass
class _Decision:
    """What holds for a group from now on."""

    used: Coefficients
    fitted: bool
    how: str
    """Whose parts are made again, see _HOW: those that new calls touched, or all."""
    coarse: int
    tolerance: float
    unsent: unsent.Unsent
    errors: list[Floats] = field(default_factory=list)
    defaults: list[Floats] = field(default_factory=list)


def refine(store: Store) -> None:
    """Fit, and make parts again where a fit changes them. Inside the running transaction. The same calls
    give the same parts; where nothing is new, nothing is done."""
    rows = store.table("refine_groups", {"first_new": store.first_new}).to_pylist()
    groups = [g for g in map(_group, rows) if g.whole or g.old]
    if not groups:
        return
    store.plan_refining(_wanted(groups), ROWS)
    chunks = Chunks(store)
    evidence = _Evidence(groups)
    for chunk in chunks:
        evidence.add(chunk)
    decided = [evidence.decision(i) for i in range(len(groups))]
    for chunk in chunks:
        _apply(store, chunk, groups, decided)
    told = [_told(g, d) for g, d in zip(groups, decided, strict=True) if g.whole and d.errors]
    store.save_fits(pa.Table.from_pylist(told, _FITS))


def _group(row: dict[str, Any]) -> _Group:
    default = fit.default(row["provider"], row["model"])
    old, coarse, gone = None, 0, {}
    if row["coefficients"]:
        kept = msgspec.json.decode(row["coefficients"])
        # A group that older fits do not tell apart was text.
        ratio, framing = (tuple(kept[w].get(n, kept[w]["text"]) for n in fit.GROUPS)
                          for w in ("ratio", "framing"))  # fmt: skip
        old = default._replace(ratio=ratio, framing=framing, carried=kept["carried"])
        coarse = kept["coarse"]
        gone = {int(lead): messages for lead, messages in kept.get("unsent", {}).items()}
    whole = row["fitted_calls"] is None or row["calls"] >= AGAIN * row["fitted_calls"]
    return _Group(row["provider"], row["model"], row["calls"], old, coarse, whole, default, gone)


def _wanted(groups: list[_Group]) -> pa.Table:
    names = ("provider", "model", "whole")
    columns = {name: [getattr(g, name) for g in groups] for name in names}
    return pa.table({"grp": np.arange(len(groups)), **columns})


class _Evidence:
    """Pairs of calls, of conversations and of what has none, as many as fits use."""

    def __init__(self, groups: list[_Group]) -> None:
        self._groups = groups
        self._defaults = [g.default for g in groups]
        self._pairs, self._levels = Pairs.none(), Pairs.none()
        self._coarse = np.zeros(len(groups), np.int64)
        self._votes: unsent.Votes = Counter()
        self._likely = measure.Likely.of([d.exact for d in self._defaults])

    def add(self, chunk: Chunk) -> None:
        """Take in what a chunk's calls tell."""
        prompts, bill, found = chunk.stored.prompts, chunk.bill, chunk.found
        estimate = measure.estimates(prompts, bill.group, self._defaults)
        cost = measure.costs(found, estimate)
        self._pairs = _fewer(self._pairs.plus(measure.pairs(prompts, found, bill, cost)))
        self._levels = _fewer(self._levels.plus(measure.levels(prompts, found, bill)))
        np.gcd.at(self._coarse, bill.group, bill.reasoning)
        self._votes.update(_votes(chunk, estimate, self._likely))

    def decision(self, nth: int) -> _Decision:
        """Which coefficients a group has from now on, and whose parts are made again."""
        group, pairs = self._groups[nth], self._pairs.only(self._pairs.group == nth)
        before = group.old or group.default
        new, how = self._fit(group, nth, pairs), "all"
        if new is None:
            new, how = before, "touched" if group.old else "none"
        gone = group.unsent
        if group.whole and len(pairs.billed) >= fit.ENOUGH:
            gone = unsent.decided(self._votes, nth)
        if gone != group.unsent:
            how = "all"
        coarse = int(self._coarse[nth]) if group.whole else group.coarse
        likely = measure.tolerance(pairs, new)
        return _Decision(new, how != "none", how, coarse, likely, gone)

    def _fit(self, group: _Group, nth: int, pairs: Pairs) -> Coefficients | None:
        """New coefficients; None where they are not to be looked for, or change too little."""
        if not group.whole:
            return None
        if len(pairs.billed) < fit.ENOUGH:
            pairs = self._levels.only(self._levels.group == nth)
        new, before = fit.fit(pairs, group.default), group.old or group.default
        if new is None or (
            new.carried == before.carried and fit.moves(pairs, before, new) < MATERIAL
        ):
            return None
        return new


def _votes(chunk: Chunk, estimate: Ints, likely: measure.Likely) -> unsent.Votes:
    """What a chunk's conversations tell of system messages that were not sent."""
    prompts, bill, found = chunk.stored.prompts, chunk.bill, chunk.found
    leads = unsent.leads(prompts, len(bill.group))
    if not leads.lead.any():
        return Counter()
    # Hidden reasoning may be in the bill: counted as room for text, it never makes text seem not sent.
    none = np.zeros(len(found.first), np.int64)
    stretches = measure.stretched(prompts, found, estimate, bill, none, likely)
    over = charged.over(found, stretches, bill.prompt)
    begins = np.flatnonzero(found.parent < 0)
    return unsent.votes(prompts, leads, found.first[begins], estimate // measure.UNIT, over[begins],
                        bill.group)  # fmt: skip


def _fewer(pairs: Pairs) -> Pairs:
    """No more of each group than a fit uses."""
    if len(pairs.billed) <= fit.MOST:
        return pairs
    parts = [fit.ordered(pairs.only(pairs.group == g)) for g in np.unique(pairs.group).tolist()]
    return Pairs.none().plus(*parts)


def _apply(store: Store, chunk: Chunk, groups: list[_Group], decided: list[_Decision]) -> None:
    """Note how far off a chunk's calls are, and make their parts again where that was decided."""
    group = chunk.bill.group
    estimate, held = _estimated(chunk, [d.used for d in decided], decided)
    _note(chunk, estimate, held, [d.errors for d in decided])
    _note(chunk, *_estimated(chunk, [g.default for g in groups], decided),
          [d.defaults for d in decided])  # fmt: skip
    how = np.array([_HOW.index(d.how) for d in decided])[group]
    keep = (chunk.found.end >= 0) & ((how == 2) | ((how == 1) & chunk.touched))
    if keep.any():
        likely = measure.Likely.of([d.used.exact for d in decided], [d.tolerance for d in decided])
        prompts = chunk.stored.prompts
        measured = measure.measure(prompts, chunk.found, estimate, chunk.bill, held, likely)
        for parts in rewrite.rewritten(chunk.stored, measured, chunk.classes, keep):
            store.replace_parts(_numbered(chunk, parts))


def _estimated(
    chunk: Chunk, used: list[Coefficients], decided: list[_Decision]
) -> tuple[Ints, Ints]:
    """What each block costs (see `measure.estimates`), and the hidden reasoning at each anchor."""
    found, bill = chunk.found, chunk.bill
    prompts = chunk.stored.prompts
    estimate = measure.estimates(prompts, bill.group, used)
    gone = [d.unsent for d in decided]
    if any(gone):
        leads = unsent.leads(prompts, len(bill.group))
        estimate = unsent.without(estimate, prompts, leads, bill.group, gone)
    coarse = np.array([d.coarse for d in decided], np.int64)
    held = measure.carried(found, bill, measure.costs(found, estimate), coarse)
    does = np.array([c.carried for c in used])[bill.group[found.first]]
    return estimate, np.where(does, held, 0)


def _note(chunk: Chunk, estimate: Ints, held: Ints, lists: list[list[Floats]]) -> None:
    group, call = chunk.bill.group, chunk.stored.prompts.call
    cost = np.bincount(call, estimate, len(group)).astype(np.int64) // measure.UNIT
    off = measure.off(chunk.found, cost, chunk.bill, held)
    for nth, kept in enumerate(lists):
        known = off[(group == nth) & ~np.isnan(off)]
        if len(known):
            kept.append(known)


def _numbered(chunk: Chunk, parts: pa.Table) -> pa.Table:
    at = parts.schema.get_field_index("call")
    numbers = chunk.numbers[parts["call"].to_numpy()]
    return parts.set_column(at, "call_no", pa.array(numbers))


def _told(group: _Group, decided: _Decision) -> dict[str, Any]:
    """A row of the table `fits`."""
    errors, defaults = (np.concatenate(d) for d in (decided.errors, decided.defaults))
    middle, high = np.percentile(errors, [50, 90]).tolist()
    before, before_high = np.percentile(defaults, [50, 90]).tolist()
    return {
        "provider": group.provider, "model": group.model, "calls": group.calls,
        "coefficients": _json(decided) if decided.fitted else None, "error_median": middle,
        "error_p90": high, "default_median": before, "default_p90": before_high,
    }  # fmt: skip


def _json(decided: _Decision) -> str:
    used = decided.used
    named = {w: dict(zip(fit.GROUPS, getattr(used, w), strict=True)) for w in ("ratio", "framing")}
    told = {**named, "carried": used.carried, "coarse": decided.coarse,
            "unsent": {str(lead): messages for lead, messages in decided.unsent.items()}}  # fmt: skip
    return msgspec.json.encode(told).decode()
