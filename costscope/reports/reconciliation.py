"""How well estimates from text agree with what was billed, by provider and model: the error of what decides
how a bill is split among the parts of a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costscope import tokens

LARGE = 0.05
"""An error that people are told of."""
_KEPT = ("provider", "model", "calls", "error_median", "error_p90")
_SHARES = ("error_median", "error_p90", "default_median", "default_p90")


def document(fits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The entry `reconciliation`, from rows of the query `scope_fits`. Errors are shares of a call's
    billed prompt tokens; `fitted` says whether they are those of a fit, else of the defaults, whose own
    stand beside them. `exact`: the vocabulary is the model's own."""
    return {"reconciliation": [_entry(row) for row in fits]}


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    rounded = {name: round(row[name], 6) for name in _SHARES}
    return {
        **{name: row[name] for name in _KEPT},
        **rounded,
        "fitted": row["coefficients"] is not None,
        "tokenizer": tokens.encoding_for(row["model"]),
        "exact": tokens.is_exact(row["model"]),
    }


def notes(fits: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each model where a fit was used or the error is large."""
    return [_note(r) for r in fits if r["coefficients"] or r["error_median"] > LARGE]


def _note(row: Mapping[str, Any]) -> str:
    how = (
        "fitted to the bill"
        if row["coefficients"]
        else "not fitted: too few calls go on from others"
    )
    name, exact = tokens.encoding_for(row["model"]), tokens.is_exact(row["model"])
    return (
        f"Parts of {row['model']} prompts are counted with {name}"
        f"{'' if exact else ', not its own vocabulary'}, and {how}; beside what a conversation is "
        f"always billed without text, the estimate is {100 * row['error_median']:.1f} % of the bill "
        f"off at the median call, {100 * row['error_p90']:.1f} % at one in ten (on the same calls)."
    )
