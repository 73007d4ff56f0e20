"""Rules for a feature, made of what was learned and of texts that are read again from the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Any

from costscope import sources
from costscope.attribute.spans import spans
from costscope.attribute.texts import uncut
from costscope.errors import InputError
from costscope.explain.drafted import Labelled, draft
from costscope.explain.texts import calls_at
from costscope.ingest.find import find_reader
from costscope.ingest.learn import groups, lesson_of
from costscope.readers._house import HouseMap, is_map
from costscope.reports.attribution import Suggestion
from costscope.store import Store

SAMPLE = 60
"""So many texts of a feature and role are read again, from all over the log."""
_Place = Mapping[str, Any]


def suggestions(store: Store, wanted: str, house: HouseMap | None = None) -> list[Suggestion]:
    """For each feature that a glob matches and of which something was learned. The store's scope does
    not matter: what was learned was learned of all of a feature. Raises InputError where a log is gone,
    or was read by a map that is not given."""
    found = [
        _suggestion(store, feature, role, house)
        for feature, role in groups(store)
        if fnmatchcase(feature or "", wanted)
    ]
    return [one for one in found if one is not None]


def _suggestion(
    store: Store, feature: str | None, role: str, house: HouseMap | None
) -> Suggestion | None:
    """None where nothing was learned, or nothing that a rule could say."""
    lesson, texts = lesson_of(store, feature, role)
    named = {c: names for c, text in texts.items() if (names := lesson.segments(text)) is not None}
    if not named:
        return None
    places = store.table("suggest_places", {"feature": feature, "role": role}).to_pylist()
    places = [place for place in places if place["content"] in named]
    step = -(-len(places) // SAMPLE)
    again = dict(_read_again(places[::step], store.secret, house))
    labelled = [
        Labelled(text, named[content])
        for content, text in again.items()
        if len(spans(text)) == len(named[content])
    ]
    rules, agreement = draft(labelled, feature or "", role)
    if not rules:
        return None
    return Suggestion(
        feature or "", role, len(named), len(labelled), lesson.confidence, agreement, rules
    )


def _read_again(
    places: Sequence[_Place], secret: bytes, house: HouseMap | None
) -> Iterator[tuple[int, str]]:
    """(content hash, text) of whole blocks, from the files that they stand in. A block that marks cut
    was learned from in pieces, and is not among them."""
    for (path, name), inner in groupby(places, key=lambda p: (p["path"], p["reader"])):
        if not Path(path).is_file():
            raise InputError(f"{path}: the log is not there any more, so nothing can be made of it")
        if is_map(name) and (house is None or house.id != name):
            raise InputError(f"{path}: it was read by the map {name}; name that with --map")
        wanted = list(inner)
        contents = {place["content"] for place in wanted}
        source = sources.identify(path)
        reader = find_reader(source, name, house)
        for call in calls_at(source, reader, {place["byte_offset"] for place in wanted}):
            texts = uncut(call, secret)
            yield from ((c, texts[c]) for c in sorted(contents & texts.keys()))
