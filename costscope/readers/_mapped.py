"""House formats: records read as their map says. Not found by looking, only by `--map`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Raw

from costscope.model import Call, Ignored, Skipped, Usage
from costscope.readers import (
    _chat,
    _fields,
    _house_values,
    _json,
    _messages,
    _places,
    _provider,
    _usage,
)
from costscope.readers._house import Field, HouseMap
from costscope.readers.interface import Reader
from costscope.sources import Record

_NAMES = {
    "session": "session", "trace": "trace", "task": "task",
    "region": "region", "finish_reason": "finish_reason", "feature": "feature", "team": "team",
    "user_id": "user", "tenant": "tenant", "template": "template",
    "template_version": "template_version", "retry_of": "retry_of",
}  # fmt: skip
"""Field of Call → key of the map, for plain names."""
_ROLES = {"human": "user", "customer": "user", "ai": "assistant", "bot": "assistant",
          "gpt": "assistant", "model": "assistant", "agent": "assistant"}  # fmt: skip
_WRITES = ("cache_write_5m", "cache_write_30m", "cache_write_1h", "cache_write_12h")


class Mapped(Reader):
    """Records of a house format, by its map. A record is a call, or holds a list of them."""

    about = "any other format, as a map says that its records are to be read"

    def __init__(self, house: HouseMap) -> None:
        self.name = house.id
        self._map = house

    def score(self, record: dict[str, Any]) -> float:
        """A map is asked for by name; what its records hold decides nothing."""
        return 1.0

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """The calls of each record; what the map's conditions leave out is ignored."""
        for record in records:
            try:
                found = list(self._calls(_json.loads(record.raw)))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                yield Skipped(source, record.line, str(error) or type(error).__name__)
                continue
            for item in found or [Ignored()]:
                if isinstance(item, str):
                    yield Skipped(source, record.line, item)
                    continue
                if isinstance(item, Call):
                    item.offset, item.line = record.offset, record.line
                yield item

    def _calls(self, outer: Any) -> Iterator[Call | Ignored | str]:
        """Each call of a record, or why one is none."""
        if not isinstance(outer, dict):
            raise ValueError("the record is no JSON object")
        places = self._map.records
        for inner in [outer] if places is None else _inner(outer, places.steps):
            row = _Row(self._map, inner, outer)
            try:
                yield row.call() if row.wanted() else Ignored()
            except (ValueError, TypeError, ArithmeticError) as error:
                yield str(error)


def _inner(outer: Any, steps: tuple[_places.Step, ...]) -> Iterator[Any]:
    """The records at a path, which may be lists without saying so."""
    for found in _places.every(outer, steps):
        value = _json.inside(found) if isinstance(found, str) else found
        yield from value if isinstance(value, list) else [value]


class _Row:
    """One call's place in a record: the call itself, and the record around it."""

    def __init__(self, house: HouseMap, inner: Any, outer: Any) -> None:
        self._map, self._inner, self._outer = house, inner, outer

    def _at(self, place: _places.Place) -> Any:
        return _places.first(self._outer if place.outer else self._inner, place.steps)

    def wanted(self) -> bool:
        """Whether every condition of the map holds."""
        for place, values in self._map.when:
            found = self._at(place)
            if (found is not None) != values if isinstance(values, bool) else found not in values:
                return False
        return True

    def _value(self, field: Field | None) -> Any:
        if field is None:
            return None
        found = (self._at(place) for place in field.places)
        return next((v for v in found if v is not None and v != ""), field.default)

    def _get(self, name: str) -> Any:
        return self._value(self._map.call.get(name))

    def call(self) -> Call:
        """The call. Raises ValueError with a message for the user where it is none."""
        model = _fields.label(self._get("model"))
        if not model:
            raise ValueError(f"no model at {self._shown('model')}")
        declared = _fields.label(self._get("provider"))
        provider, channel = _provider.identify(declared, model)
        texts, status = self._texts(), self._status()
        usage, ambiguous = self._usage(provider)
        if usage is None and status == "error":
            usage = Usage()
        if usage is None and not texts:
            raise ValueError("neither token counts nor texts where the map looks for them")
        sent_at, latency = self._times()
        return Call(
            call_id=_fields.label(self._get("call_id")),
            sent_at=sent_at,
            latency_us=latency,
            provider=provider,
            channel=_fields.label(self._get("channel")) or channel,
            model=model,
            tier=_provider.tier(self._get("tier")),
            status=status,
            tags=self._tags(),
            temperature=self._temperature(),
            usage=usage,
            ambiguous=ambiguous,
            reported_pd=self._cost(),
            request_id=_fields.label(self._get("request_id")),
            **self._named(),
            **texts,
        )

    def _named(self) -> dict[str, Any]:
        """What a call has by name, or None."""
        return {ours: _fields.label(self._get(theirs)) or None for ours, theirs in _NAMES.items()}

    def _shown(self, name: str) -> str:
        return " or ".join(_places.shown(p.steps) for p in self._map.call[name].places)

    def _status(self) -> str:
        code = self._get("code")
        number = int(code) if str(code).isdecimal() else 0
        failed = self._get("error") not in (None, "", False, {}, []) or number >= 400
        return _fields.status(self._get("status"), failed=failed)

    def _times(self) -> tuple[int | None, int | None]:
        """(sent_at, latency) in microseconds, one of them from the end where only that is known."""
        start, end = (
            _house_values.time(self._value(f), f)
            for f in map(self._map.call.get, ("sent_at", "ended_at"))
        )
        found = _house_values.number(self._get("latency"), "latency")
        latency = None if found is None else round(found * self._map.call["latency"].factor)
        if latency is None and start is not None and end is not None and end >= start:
            latency = end - start
        if start is None and end is not None:
            start = end - (latency or 0)
        return start, latency

    def _cost(self) -> int | None:
        value = self._get("cost")
        found = _house_values.number(
            value.strip().lstrip("$") if isinstance(value, str) else value, "cost"
        )
        return None if found is None else round(found * self._map.call["cost"].factor)

    def _temperature(self) -> float | None:
        found = _house_values.number(self._get("temperature"), "temperature")
        return None if found is None else float(found)

    def _tags(self) -> dict[str, str]:
        given = self._get("tags")
        found = _fields.facts({}, {"tags": given}, {}).tags if given is not None else {}
        own = {name: _fields.label(self._value(f)) for name, f in self._map.tags.items()}
        return dict(sorted({**found, **{n: v for n, v in own.items() if v}}.items()))

    def _count(self, name: str) -> int | None:
        field = self._map.usage.get(name)
        value = self._value(field)
        if field is None or value is None:
            return None
        shown = " or ".join(_places.shown(p.steps) for p in field.places) or name
        if field.factor == 1:
            return _usage.count(value, shown)
        number = _house_values.number(value, shown)
        return None if number is None else _usage.count(round(number * field.factor), shown)

    def _usage(self, maker: str) -> tuple[Usage | None, bool]:
        """Disjoint buckets, and whether only habit told if the input holds the cached tokens."""
        given, fresh, total = self._count("input"), self._count("fresh"), self._count("total")
        read, writes = self._count("cache_read") or 0, self._writes(maker)
        cached = read + sum(writes.values())
        if fresh is not None:
            given = fresh + cached
        given, output = _usage.from_total(given, self._count("output"), total)
        if given is None:
            return None, False
        reasoning = self._count("reasoning") or 0
        if self._map.reasoning_inside is None:
            output = _usage.with_reasoning(given, output, reasoning, total)
        elif not self._map.reasoning_inside:
            output += reasoning
        ambiguous = False
        if fresh is None:
            fresh, ambiguous = self._fresh(given, cached, output, total, maker)
        return Usage(
            fresh=fresh, cache_read=read, output=output, reasoning=min(reasoning, output), **writes
        ), ambiguous

    def _writes(self, maker: str) -> dict[str, int]:
        writes = {name: self._count(name) or 0 for name in _WRITES}
        named, total = sum(writes.values()), self._count("cache_write") or 0
        default = "cache_write_30m" if maker == "openai" else "cache_write_5m"
        writes[default] += total - named if total >= named else total
        return writes

    def _fresh(
        self, given: int, cached: int, output: int, total: int | None, maker: str
    ) -> tuple[int, bool]:
        """Input that was not cached, as the map says, else by the billing rule."""
        inside = self._map.cached_inside
        if inside is False:
            return given, False
        if inside:
            if cached > given:
                raise ValueError(f"cached tokens {cached} exceed the input of {given}, which the map says "
                                 "holds them")  # fmt: skip
            return given - cached, False
        decided = not cached or cached > given or total in (given + output, given + cached + output)
        fresh = _usage.uncached(given, cached, output, total, inside=maker != "anthropic")
        return fresh, not decided

    def _texts(self) -> dict[str, Any]:
        """The prompt and the reply as messages of the map's dialect, where there are any."""
        found = {name: _house_values.opened(self._value(f)) for name, f in self._map.text.items()}
        messages = self._messages(found.get("messages"))
        prompt, system, reply = (found.get(n) for n in ("prompt", "system", "reply"))
        if not messages and prompt is not None:
            messages = self._messages(prompt) or [
                {"role": "user", "content": _house_values.text(prompt)}
            ]
        if not messages and system is None and reply is None:
            return {}
        if self._map.dialect == "anthropic":
            return _anthropic(messages, found)
        if system is not None:
            messages.insert(0, {"role": "system", "content": _house_values.text(system)})
        texts: dict[str, Any] = {
            "dialect": _chat.blocks,
            "messages": list(map(_json.dumps, messages)),
        }
        if reply is not None:
            texts["reply"] = Raw(_json.dumps(_house_values.choices(reply)))
        if found.get("tools") is not None:
            texts["tools"] = Raw(_json.dumps(found["tools"]))
        return texts

    def _messages(self, found: Any) -> list[dict[str, Any]]:
        """Messages with the names of role and content that the dialects know."""
        items = found if isinstance(found, list) else []
        return [self._message(m) for m in items if isinstance(m, dict)]

    def _message(self, message: dict[str, Any]) -> dict[str, Any]:
        role, content = self._map.role, self._map.content
        said = str(message.get(role, "user")).lower()
        renamed = {k: v for k, v in message.items() if k not in (role, content)}
        known = self._map.roles.get(said) or _ROLES.get(said, said)
        return {**renamed, "role": known, "content": message.get(content)}


def _anthropic(messages: list[dict[str, Any]], found: Mapping[str, Any]) -> dict[str, Any]:
    texts: dict[str, Any] = {
        "dialect": _messages.blocks,
        "messages": list(map(_json.dumps, messages)),
    }
    for name in ("system", "reply", "tools"):
        if found.get(name) is not None:
            texts[name] = Raw(_json.dumps(found[name]))
    return texts
