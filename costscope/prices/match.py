"""Which entry of the price library a name means: the library's own clauses, read strictly.

The library matches many entries by a loose prefix ("claude-sonnet-4-5…") and would give an unknown
release its sibling's price. Here a loose match only counts where all that is left of the name is a
region and vendor in front and a date, a version or -latest, -preview and the like behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from genai_prices import types

from costscope.prices import facts, names
from costscope.prices.facts import Row
from costscope.prices.names import Place

LIBRARY_IDS = {"bedrock": "aws", "xai": "x-ai"}
"""Where the library calls a platform otherwise than we do."""

_PASSED_ON = ("caching", "batch", "tier", "long_context")


@dataclass(frozen=True, eq=False)
class Listing:
    """A model as the library lists it. `own`: by the platform itself, not by a maker it resells
    (the library's batch and service-tier variants hold only for a provider's own entries)."""

    provider: str
    model: types.ModelInfo
    own: bool


@cache
def providers() -> dict[str, types.Provider]:
    """The library's providers by id: the snapshot inside the package, never a downloaded one."""
    from genai_prices.data import providers as bundled

    return {provider.id: provider for provider in bundled}


@lru_cache(maxsize=65536)
def find(place: Place) -> Listing | None:
    """The listing of a place's model, or None: an unknown model has no price, never a sibling's."""
    provider = providers().get(LIBRARY_IDS.get(place.platform, place.platform))
    if provider is None:
        return None
    model = _lookup(provider, place) or _twin(provider, place)
    if model is not None:
        return Listing(provider.id, model, own=True)
    for other in _resold(provider, place):
        if (model := _lookup(other, place)) is not None:
            return Listing(other.id, model, own=False)
    return None


def base_of(place: Place) -> tuple[str, ...]:
    """The names by which data rows may call the place's model: as the library calls it where it
    lists it, else as the log does, without date and version; the library's in full; the log's."""
    listing = find(place)
    name = listing.model.id.lower() if listing else place.name
    return (names.base(name), name.rpartition("/")[2], place.name.rpartition("/")[2])


@lru_cache(maxsize=65536)
def rows_about(kind: str, place: Place) -> tuple[Row, ...]:
    """All data rows of a kind about a place's model, whatever their dates; the first counts first.
    OpenRouter passes its upstreams' rules on, so a maker's file answers after its own."""
    platforms = [place.platform]
    if place.platform == "openrouter" and kind in _PASSED_ON:
        maker = names.maker(names.base(place.name))
        platforms += [maker] if maker in names.CLOSED else []
    known = base_of(place)
    return tuple(
        row for platform in platforms for row in facts.rows(kind, platform)
        if row.is_about(known, place.channel, place.scope)
    )  # fmt: skip


def stated_names() -> list[str]:
    """Every model name that the library states in full, sorted."""
    return sorted({name for provider in providers() for name in _stated(provider)})


def _resold(provider: types.Provider, place: Place) -> Iterator[types.Provider]:
    """Whose list prices a platform passes on: as the library says, and OpenRouter its makers'."""
    ids = list(provider.fallback_model_providers or ())
    if place.platform == "openrouter":
        maker = names.maker(names.base(place.name))
        ids.append(LIBRARY_IDS.get(maker, maker))
    return (providers()[i] for i in ids if i in providers())


def _lookup(provider: types.Provider, place: Place) -> types.ModelInfo | None:
    for given in (*place.refs, *_dashed(place.name)):
        ref = facts.alias(place.platform, given)
        found = _stated(provider.id).get(ref)
        if found is None:
            found = next((m for m in provider.models if _is_evidence(m.match, ref)), None)
        if found is not None:
            return found
    return None


@cache
def _stated(provider: str) -> dict[str, types.ModelInfo]:
    """A provider's models by the names that they state in full; ids come first."""
    models = providers()[provider].models
    found = {model.id.lower(): model for model in reversed(models)}
    for model in models:
        for clause in _leaves(model.match):
            if isinstance(clause, types.ClauseEquals):
                found.setdefault(clause.equals.lower(), model)
    return found


def _leaves(clause: types.MatchLogic) -> Iterator[types.MatchLogic]:
    if isinstance(clause, types.ClauseOr):
        for inner in clause.or_:
            yield from _leaves(inner)
    else:
        yield clause


def _is_evidence(clause: types.MatchLogic, ref: str) -> bool:
    """Whether a clause says that `ref` is this very model."""
    if isinstance(clause, types.ClauseOr):
        return any(_is_evidence(inner, ref) for inner in clause.or_)
    if not clause.is_match(ref):
        return False
    if isinstance(clause, types.ClauseAnd):
        return any(_is_evidence(inner, ref) for inner in clause.and_)
    if isinstance(clause, types.ClauseRegex):
        return not clause.regex.startswith("^(?!")  # a mere exclusion proves nothing
    return _is_whole(clause, ref)


def _is_whole(clause: types.MatchLogic, ref: str) -> bool:
    if isinstance(clause, types.ClauseStartsWith):
        head, literal = "", clause.starts_with.lower()
    elif isinstance(clause, types.ClauseContains):
        literal = clause.contains.lower()
        head = ref.partition(literal)[0]
    elif isinstance(clause, types.ClauseEndsWith):
        literal = clause.ends_with.lower()
        head = ref.removesuffix(literal)
    else:
        return isinstance(clause, types.ClauseEquals)
    return names.is_head(head) and names.is_tail(literal, ref[len(head) + len(literal) :])


def _dashed(name: str) -> tuple[str, ...]:
    """Gateways write 20251211 for what the makers call 2025-12-11."""
    dashed = re.sub(r"-(20\d\d)(\d\d)(\d\d)(?=$|:)", r"-\1-\2-\3", name)
    return (dashed,) if dashed != name else ()


def _twin(provider: types.Provider, place: Place) -> types.ModelInfo | None:
    """The provider's only entry of that name, listed with a path or version: "us.openai.gpt-5.4" is
    Bedrock's "openai.gpt-5.4", "gpt-oss-20b" is Groq's "openai/gpt-oss-20b"."""
    if place.platform == "bedrock":
        same = [m for m in provider.models if _is_same_on_bedrock(m.id.lower(), place)]
    elif place.platform in names.HOSTS and len(place.refs) == 1:
        same = [m for m in provider.models if m.id.lower().rpartition("/")[2] == place.name]
    else:
        same = []
    return same[0] if same and all(m.prices == same[0].prices for m in same) else None


def _is_same_on_bedrock(model_id: str, place: Place) -> bool:
    """The same name and kind of inference profile, and not another date's release."""
    there = names.place("bedrock", "", model_id)
    if (names.base(model_id), there.scope) != (names.base(place.name), place.scope):
        return False
    dates = {date for name in (model_id, place.name) if (date := names.date_in(name))}
    return len(dates) < 2
