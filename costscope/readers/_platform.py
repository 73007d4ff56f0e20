"""What the readers of gateways and observability platforms share: fields of a record by name, request
settings as canonical text, and calls that a cache of the platform itself answered."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _blocks, _json
from costscope.readers._counts import Normalised, known
from costscope.readers.interface import RecordReader

CACHE_TAG = {"cache_hit": "true"}
"""Marks a call that the platform answered from its own cache: no provider was asked, none billed."""
_SETTINGS = (
    "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "max_tokens",
    "max_output_tokens", "max_completion_tokens", "n", "stop", "stop_sequences", "logit_bias",
    "tool_choice", "response_format", "text", "reasoning", "reasoning_effort", "verbosity", "thinking",
)  # fmt: skip


class PlatformReader(RecordReader):
    """A platform whose records stand alone, each an object with a call's facts."""

    @abstractmethod
    def made(self, fields: dict[str, Raw]) -> Call | None:
        """The call of a record, or None where it is not of this format. Raises ValueError, TypeError or
        KeyError with a message for the user where it is, but is broken."""

    def call(self, raw: bytes | memoryview) -> Call | None:
        """One record as a call."""
        try:
            return self.made(_json.raws(raw))
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None


def values(fields: Mapping[str, Raw], texts: Collection[str]) -> dict[str, Any]:
    """The fields decoded, without those that hold texts; JSON text in them stays text."""
    return {name: _json.loads(raw) for name, raw in fields.items() if name not in texts}


def opened(value: Any) -> dict[str, Any]:
    """An object, also where a table holds it as JSON text; empty where there is none."""
    found = _json.inside(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def named(found: Mapping[str, Any], *names: str) -> str | None:
    """The first text or number under any of the names that is not empty, as text."""
    for name in names:
        value = found.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            # A table makes a whole number a float where the column has gaps.
            return str(int(value) if float(value).is_integer() else value)
    return None


def number(value: Any) -> float | None:
    """A finite number, also as text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def settings(found: Mapping[str, Any]) -> dict[str, Any]:
    """`temperature`, `params` and `json_reply` of a call, from its request's settings."""
    shape = found.get("response_format", found.get("text"))
    params = (
        f"{name}={_blocks.text_of(found[name])}"
        for name in _SETTINGS
        if found.get(name) not in (None, "", [], {})
    )
    return {
        "temperature": number(found.get("temperature")),
        "params": ";".join(params),
        "json_reply": isinstance(shape, dict) and "json" in _blocks.text_of(shape),
    }


def billing(found: Normalised, *, failed: bool, cached: bool) -> dict[str, Any]:
    """`usage`, `units` and `ambiguous` of a call. A platform logs the counts of the answer that its
    cache gave once more, and what a failed call would have used: neither was billed."""
    if cached:
        return {"usage": Usage()}
    if found.usage is None:
        # A refused request is not billed unless the log says so.
        return {"usage": Usage() if failed else None}
    return {"usage": found.usage, "units": found.units, "ambiguous": found.ambiguous}


def settled(found: dict[str, Any]) -> dict[str, Any]:
    """A usage object without a total that only repeats its mistake: LangSmith's first wrapper of Anthropic's
    client, and LiteLLM for some types of calls (its pull request 23342), leave the cached tokens out of
    the input and of the total."""
    detail = {
        **opened(found.get("input_token_details")),
        **opened(found.get("prompt_tokens_details")),
    }
    read = max((known(place, *_READS) or 0) for place in (found, detail))
    writes = max((known(place, *_WRITES) or 0) for place in (found, detail))
    lives = sum(known(detail, name) or 0 for name in _LIVES)
    given = known(found, "input_tokens", "prompt_tokens") or 0
    if read + max(writes, lives) <= given:
        return found
    return {name: value for name, value in found.items() if name != "total_tokens"}


_READS = ("cache_read", "cached_tokens", "cache_read_input_tokens")
_WRITES = ("cache_creation", "cache_creation_tokens", "cache_creation_input_tokens")
_LIVES = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


def is_true(value: Any) -> bool:
    """Whether a flag is set, as a boolean or as the text of one."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def labels(**found: Any) -> dict[str, str]:
    """Tags of those values that are short texts."""
    return {n: str(v) for n, v in found.items() if isinstance(v, str) and 0 < len(v) <= 200}
